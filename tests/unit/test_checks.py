"""Every rule against its flagged and its clean examples, and what all findings have in common."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from liftgate.commands.validate import validate_files
from liftgate.data.checks import RULES

EXAMPLES = Path(__file__).parents[1] / "examples"
SECRET = "the heron sleeps on the third bollard"


def findings_in(folder: Path, rule: str, work: Path) -> list[dict[str, object]]:
    file = next(iter(sorted(folder.glob("*train.jsonl"))))
    golden, card, suite = folder / "golden.jsonl", folder / "card.yaml", folder / "suite.yaml"
    options = json.loads((folder / "options.json").read_text()) if (folder / "options.json").exists() else {}
    if times := options.pop("repeat", None):
        file = work / file.name
        file.write_bytes((folder / file.name).read_bytes() * times)
    report = validate_files(
        file,
        golden=[golden] if golden.exists() else [],
        card=card if card.exists() else None,
        suite=suite if suite.exists() else None,
        **options,
    )
    return [finding for finding in report["findings"] if finding["rule"] == rule]


def flagged_lines(folder: Path) -> list[int]:
    """Lines that must be named: of the rows whose id starts with `bad-`, unless lines.json says otherwise."""
    if (folder / "lines.json").exists():
        lines: list[int] = json.loads((folder / "lines.json").read_text())
        return lines
    file = next(iter(sorted(folder.glob("*train.jsonl"))))
    return [n for n, line in enumerate(file.read_bytes().split(b"\n"), 1) if b'"id": "bad-' in line]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_its_flagged_example(rule: str, tmp_path: Path) -> None:
    folder = EXAMPLES / rule / "flagged"
    found = findings_in(folder, rule, tmp_path)
    assert found
    if expected := flagged_lines(folder):
        assert sorted({finding["line"] for finding in found}, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_leaves_its_clean_example_alone(rule: str, tmp_path: Path) -> None:
    assert findings_in(EXAMPLES / rule / "clean", rule, tmp_path) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_what_why_and_how_to_fix(rule: str) -> None:
    text = RULES[rule].__doc__ or ""
    assert "Why: " in text
    assert "Fix: " in text


def test_every_example_folder_belongs_to_a_rule() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_no_finding_repeats_a_rows_text(rule: str, tmp_path: Path) -> None:
    source = EXAMPLES / rule / "flagged"
    for file in source.iterdir():
        text = file.read_bytes()
        if file.name.endswith("train.jsonl"):
            text = b"\n".join(planted(line) for line in text.split(b"\n"))
        (tmp_path / file.name).write_bytes(text)
    file = next(iter(sorted(tmp_path.glob("*train.jsonl"))))
    golden = [path for path in [tmp_path / "golden.jsonl"] if path.exists()]
    assert SECRET not in json.dumps(validate_files(file, golden=golden))


def planted(line: bytes) -> bytes:
    """The row with the secret sentence in every text it holds, keys of unknown objects included."""
    try:
        row = json.loads(line)
    except ValueError:
        return line + SECRET.encode() if line.strip() else line
    return json.dumps(_plant(row, "")).encode()


def _plant(value: object, key: str) -> object:
    if isinstance(value, dict):
        return {name: _plant(item, name) for name, item in value.items()} | (
            {SECRET: SECRET} if key in {"metadata", "function"} else {}
        )
    if isinstance(value, list):
        return [_plant(item, key) for item in value]
    kept = {"role", "source", "type", "outcome", "tool_call_id", "arguments"}
    return f"{value} {SECRET}" if isinstance(value, str) and key not in kept else value
