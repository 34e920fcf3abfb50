"""`liftgate data cluster`: where it writes and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from liftgate.commands.data import run_action
from liftgate.files import sha256_file

LONG = "my card has still not arrived although it was sent two weeks ago by express mail from berlin"


def golden(path: Path) -> Path:
    cases = [("a", LONG, None), ("b", "Where?", None), ("c", f"{LONG} now", None), ("d", f"so {LONG}", "x")]
    lines = [
        {"id": name, "input": text, "expected": "e", **({"cluster_id": cluster} if cluster else {})}
        for name, text, cluster in cases
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_result_goes_beside_or_in_place_and_is_told_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = golden(tmp_path / "golden.jsonl"), tmp_path / "out.jsonl"
    assert run_action("cluster", [str(file), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "file": str(out),
        "sha256": sha256_file(out),
        "clusters": [{"size": 3, "lines": [1, 3, 4]}],
        "cases_given_an_id": 2,
        "across_clusters": [],
    }
    assert run_action("cluster", [str(file), "--write"]) == 0
    assert file.read_bytes() == out.read_bytes()
    assert run_action("cluster", [str(file), "--write"]) == 0
    assert capsys.readouterr().err == (
        f"{file}: 1 cluster of 3 cases, 2 cases given an id\n{file}: 1 cluster of 3 cases, 0 cases given an id\n"
    )
    assert file.read_bytes() == out.read_bytes()


def test_one_place_for_the_result_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run_action("cluster", [str(golden(tmp_path / "golden.jsonl"))])
