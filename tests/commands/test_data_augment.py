"""`liftgate data augment`: rows that validate, refusals by line, no golden case given away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from liftgate.commands.data import run_action
from liftgate.commands.validate import validate_files
from liftgate.errors import InputError
from liftgate.files import sha256_file

TEMPLATE = Path(__file__).parents[2] / "datasets/support-intent/v1.0.0.train.jsonl"
GOLDEN = Path(__file__).parents[2] / "evals/support-intent/golden.jsonl"


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def row(name: str, asked: str, answered: str) -> dict[str, Any]:
    turns = [("user", asked), ("assistant", answered)]
    return {
        "messages": [{"role": role, "content": content} for role, content in turns],
        "metadata": {"id": name, "source": "human", "reviewed": True, "label": "late"},
    }


def augment(file: Path, out: Path, *more: str) -> int:
    return run_action("augment", [str(file), "--out", str(out), *more])


def test_what_was_made_and_refused_is_told_by_line_and_without_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(
        tmp_path / "rows.jsonl",
        row("a", "Where is HH-48213?", "late"),
        row("b", "Where is my parcel?", "late"),
        row("c", "I paid 20 EUR twice", "That makes 40"),
    )
    assert augment(file, tmp_path / "out.jsonl", "--per-row", "2", "--json") == 0
    assert augment(file, tmp_path / "again.jsonl", "--per-row", "2") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "schema_version": 1,
        "file": str(tmp_path / "out.jsonl"),
        "rows": 2,
        "sha256": sha256_file(tmp_path / "again.jsonl"),
        "seed": 0,
        "refused": {"derived-value": [3], "nothing-to-swap": [2]},
        "left_out_as_leaks": 0,
        "synthetic_share_with_source": 0.4,
    }
    assert said.err == (
        f"{tmp_path}/again.jsonl: 2 new rows, synthetic and unreviewed; beside {file} "
        "40.0% of all rows would be synthetic\n"
        f"{file}: 1 refused: derived-value (lines 3)\n"
        f"{file}: 1 refused: nothing-to-swap (lines 2)\n"
    )


def test_variants_of_the_templates_tickets_pass_every_rule_but_those_about_synthetic_rows(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.jsonl"
    augment(TEMPLATE, out, "--per-row", "2", "--without", str(GOLDEN))
    report = validate_files(out, golden=[GOLDEN])
    errors = {finding["rule"] for finding in report["findings"] if finding["severity"] == "error"}
    assert report["rows"] > 50
    assert errors == {"unreviewed-synthetic", "synthetic-share"}


def test_a_variant_that_gives_a_golden_case_away_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(
        tmp_path / "rows.jsonl",
        row("a", "Please tell me now where the parcel HH-48213 is", "late"),
        row("b", "Has order HH-11111 been paid?", "late"),
    )
    golden = write(
        tmp_path / "golden.jsonl",
        {"id": "g", "input": "Please tell me now where the parcel HH-90001 is", "expected": "late"},
    )
    augment(file, tmp_path / "out.jsonl", "--without", str(golden), "--json")
    assert json.loads(capsys.readouterr().out)["left_out_as_leaks"] == 1
    (kept,) = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(kept)["metadata"]["augmented_from"] == "b"


def test_nothing_made_and_nothing_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", row("b", "Where is my parcel?", "late"))
    with pytest.raises(InputError, match="no row could be augmented"):
        augment(file, tmp_path / "out.jsonl")
    with pytest.raises(InputError, match="nothing is overwritten"):
        augment(file, file)
    with pytest.raises(SystemExit):
        augment(file, tmp_path / "out.jsonl", "--per-row", "0")
