"""`liftgate validate`: the contract that outside scripts rely on, to the letter."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from liftgate.commands import validate
from liftgate.data.targets import TARGETS
from liftgate.errors import InputError

SHARED = Path(__file__).parents[3] / "shared/data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data folder is not here")


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    validate.add_arguments(parser)
    return parser.parse_args(words)


def row(prompt: str, answer: str = "billing", **metadata: object) -> dict[str, object]:
    said = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"messages": said, "metadata": {"id": prompt.replace(" ", "-"), "source": "human", **metadata}}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def test_json_is_one_object_with_exactly_the_keys_of_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "rows.jsonl", row("Where is it"), row("where is it!", id="b"))
    code = validate.run(arguments(str(file), "--json"))
    out, err = capsys.readouterr()
    assert code == 10
    assert err == ""
    assert json.loads(out) == {
        "schema_version": 1,
        "rows": 2,
        "tokens": 31,
        "encoding": "o200k_base",
        "findings": [
            {
                "rule": "duplicate-row",
                "severity": "error",
                "message": "repeats, but for case, punctuation and spaces, line 1",
                "path": str(file),
                "line": 2,
            },
            {
                "rule": "too-few-rows",
                "severity": "warning",
                "message": "2 usable rows; training needs at least 10",
                "path": str(file),
                "line": None,
            },
        ],
        "outcome": "block",
    }


def test_a_clean_file_passes_with_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "rows.jsonl", row("Where is it"), row("I was charged twice"))
    assert validate.run(arguments(str(file), "--json")) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "pass"


def test_people_read_places_and_one_sum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "rows.jsonl", *(row("Same words", id=f"r{n}") for n in range(14)))
    assert validate.run(arguments(str(file))) == 10
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == f"{file}:2: error: repeats line 1 [duplicate-row]"
    assert err.splitlines()[-3:] == [
        f"{file}: error: and 3 more [duplicate-row]",
        f"{file}: 14 rows, 196 tokens (o200k_base), 13 findings: block",
        "why, and how to fix it: liftgate validate --explain duplicate-row (all rules: docs/rules.md)",
    ]


@pytest.mark.parametrize("flag", ["--golden", "--card", "--policy"])
def test_an_unreadable_path_is_bad_input(tmp_path: Path, flag: str) -> None:
    file = write(tmp_path / "rows.jsonl", row("a"))
    with pytest.raises(InputError, match="no such"):
        validate.run(arguments(str(file), flag, str(tmp_path / "absent")))


def test_a_missing_dataset_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such dataset"):
        validate.run(arguments(str(tmp_path / "absent.jsonl")))


def test_several_golden_files_count(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", row("Where is it"), row("I was charged twice"))
    golden = write(tmp_path / "golden.jsonl", {"id": "g", "input": "WHERE IS IT?", "expected": "x"})
    safety = write(
        tmp_path / "safety.jsonl", {"id": "s", "input": "I was charged twice.", "expected": {"forbid": ["x"]}}
    )
    report = validate.validate_files(file, golden=[golden, safety])
    leaks = [(f["line"], f["message"]) for f in report["findings"] if f["rule"] == "golden-leak"]
    assert leaks == [
        (1, f"same prompt as golden case 'g' ({golden}:1)"),
        (2, f"same prompt as golden case 's' ({safety}:1)"),
    ]


def test_the_policy_sets_severities_and_thresholds(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", row("Where is it"), row("where is it!", id="b"))
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndata: {min_rows: 2}\nrules: {duplicate-row: notice}\n")
    report = validate.validate_files(file, policy=policy)
    assert [(f["rule"], f["severity"]) for f in report["findings"]] == [("duplicate-row", "notice")]
    assert report["outcome"] == "pass"


def test_rows_without_metadata_do_not_drown_and_weigh_more_with_a_card(tmp_path: Path) -> None:
    bare = [{"messages": row(f"question {n}")["messages"]} for n in range(30)]
    file = write(tmp_path / "rows.jsonl", *bare)
    card = tmp_path / "card.yaml"
    card.write_text(CARD)
    without, with_card = validate.validate_files(file), validate.validate_files(file, card=card)
    assert [(f["rule"], f["severity"], f["line"]) for f in without["findings"]] == [
        ("missing-provenance", "warning", None)
    ]
    assert ("missing-provenance", "error") in {(f["rule"], f["severity"]) for f in with_card["findings"]}


CARD = f"""version: 1
alias: support-intent
task: classification
description: tickets
owner: support
licence: CC0-1.0
releases:
  - version: 1.0.0
    train: {{file: v1.0.0.train.jsonl, sha256: {"a" * 64}}}
"""


@needs_shared
def test_banking77_holds_eleven_leaks_and_twelve_surplus_rows() -> None:
    bank = SHARED / "banking77"
    report = validate.validate_files(bank / "train.chat.jsonl", golden=[bank / "test.chat.jsonl"])
    rules = [finding["rule"] for finding in report["findings"]]
    assert report["rows"] == 10_003
    assert rules.count("golden-leak") == 11
    assert rules.count("duplicate-row") == 12
    assert len([f for f in report["findings"] if f["rule"] == "missing-provenance"]) == 1


def test_validating_imports_no_sdk() -> None:
    script = (
        "import sys, pathlib, liftgate.commands.validate as v\n"
        "v.validate_files(pathlib.Path(sys.argv[1]))\n"
        "sdks = ('torch', 'transformers', 'scipy', 'tiktoken', 'aiohttp')\n"
        "sys.stderr.write(' '.join(name for name in sdks if name in sys.modules))\n"
    )
    example = Path(__file__).parents[1] / "examples/schema/clean/train.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", script, str(example)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_target_brings_its_limits_and_is_checked(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", row("Where is it"), row("I was charged twice"))
    report = validate.validate_files(file, target="openai")
    assert [(f["rule"], f["severity"], f["message"]) for f in report["findings"]] == [
        ("too-few-rows", "error", "2 usable rows; training needs at least 10")
    ]
    with pytest.raises(InputError, match="not a target"):
        validate.validate_files(file, target="elsewhere")
    assert set(validate.TARGETS) == set(TARGETS)
