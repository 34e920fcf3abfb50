"""A sentence is planted in every field of every rule's example; no output of `validate` may repeat it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.data.checks import RULES
from liftgate.findings import Finding
from liftgate.report.annotations import workflow_commands
from liftgate.report.validation import render_job_summary
from rule_examples import EXAMPLES, dataset_of, options_of
from toy_project import git, make_project

SECRET = "the heron sleeps on the third bollard"
Path_ = tuple[str, ...]
Change = Callable[[Any], Any]


def paths_of(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where text and objects stand in a row; items of a list share one place."""
    if isinstance(value, dict):
        yield path
        for key, item in value.items():
            yield from paths_of(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from paths_of(item, (*path, "[]"))
    elif isinstance(value, str):
        yield path


def planted(value: Any, at: Path_ | None, change: Change, path: Path_ = ()) -> Any:
    """A copy with `change` made at one place, or at every place when `at` is None."""
    here = at in {None, path}
    if isinstance(value, dict):
        inner = {key: planted(item, at, change, (*path, key)) for key, item in value.items()}
        return change(inner) if here else inner
    if isinstance(value, list):
        return [planted(item, at, change, (*path, "[]")) for item in value]
    return change(value) if here and isinstance(value, str) else value


def appended(value: Any) -> Any:
    return {**value, SECRET: SECRET} if isinstance(value, dict) else f"{value} {SECRET}"


def replaced(value: Any) -> Any:
    return {SECRET: list(value.values())} if isinstance(value, dict) else SECRET


def planted_lines(data: bytes, at: Path_ | None, change: Change) -> bytes:
    return b"\n".join(planted_line(line, at, change) for line in data.split(b"\n"))


def planted_line(line: bytes, at: Path_ | None, change: Change) -> bytes:
    try:
        row = json.loads(line)
    except ValueError:
        return line + SECRET.encode() if line.strip() and at is None else line
    return json.dumps(planted(copy.deepcopy(row), at, change)).encode()


def places_in(data: bytes) -> list[Path_]:
    found: dict[Path_, None] = {}
    for line in data.split(b"\n"):
        try:
            found.update(dict.fromkeys(paths_of(json.loads(line))))
        except ValueError:
            continue
    return list(found)


def command(file: Path, options: dict[str, Any]) -> list[str]:
    words = ["validate", str(file)]
    for name in ("card", "suite", "target", "encoding"):
        if options.get(name):
            words += [f"--{name}", str(options[name])]
    for golden in options["golden"]:
        words += ["--golden", str(golden)]
    return words


@pytest.mark.parametrize("rule", RULES)
def test_no_output_repeats_what_stands_in_a_row(
    rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = EXAMPLES / rule / "flagged"
    for file in folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    options, out = options_of(tmp_path), tmp_path / "out.json"
    target = dataset_of(tmp_path)
    words = command(target, options)
    for victim in [target, *(path for path in options["golden"])]:
        data = victim.read_bytes()
        for at in [None, *places_in(data)]:
            for change in (appended, replaced):
                written = planted_lines(data, at, change)
                if written == data:
                    continue
                victim.write_bytes(written)
                out.unlink(missing_ok=True)
                told = [*words, "--out", str(out), *(["--json"] if at is None else [])]
                assert main(told) in {0, 2, 10}
                said = "".join(capsys.readouterr())
                if out.exists():
                    said += out.read_text() + everything_rendered(json.loads(out.read_text()))
                assert SECRET not in said, (victim.name, at, change.__name__)
        victim.write_bytes(data)


def everything_rendered(report: dict[str, Any]) -> str:
    """Annotations and job summary of one file, every line taken as changed."""
    findings = [Finding.from_dict(finding) for finding in report["findings"]]
    every = {finding.path or "": [range(1, 10**9)] for finding in findings}
    counts = {"errors": 0, "warnings": 0, "notices": 0, "waived": 0}
    file = {**report, "alias": "toy", "path": "rows.jsonl", "waived": []}
    change = {"counts": counts, "outcome": report["outcome"], "findings": [], "files": [file]}
    return "\n".join(workflow_commands(findings, every)) + render_job_summary(change)


def test_a_pull_request_with_all_of_it_repeats_nothing_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(tmp_path / "toy", Path("/nowhere"))
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "base")
    git(root, "switch", "-q", "-c", "change")
    examples = [dataset_of(EXAMPLES / rule / "flagged").read_bytes() for rule in RULES]
    data = b"\n".join(planted_lines(example, None, appended) for example in examples)
    train = root / "datasets" / "toy" / "v1.1.0.train.jsonl"
    train.write_bytes(data)
    card = train.with_name("card.yaml")
    sha256 = hashlib.sha256(data).hexdigest()
    card.write_text(
        card.read_text() + f"  - version: 1.1.0\n    train: {{file: {train.name}, sha256: {sha256}}}\n"
    )
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "change")
    summary, out = tmp_path / "summary.md", tmp_path / "out.json"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    said = ""
    for more in ([], ["--json"]):
        assert main(["validate", "--root", str(root), "--base", "main", "--out", str(out), *more]) == 10
        said += "".join(capsys.readouterr())
    assert said.count("\n::error ") >= 10
    assert SECRET not in said + summary.read_text() + out.read_text()
