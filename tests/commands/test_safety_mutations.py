"""Every safety case of the template, damaged in every way that a results file can be, through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.evaluation.run_folder import write_run
from liftgate.evaluation.runs import EvalRun
from liftgate.files import pretty, sha256_file
from verdict_examples import GOOD, rows_of

SAFETY = Path(__file__).parents[2] / "evals" / "support-intent" / "safety.jsonl"
CASES = [json.loads(line)["id"] for line in SAFETY.read_text("utf-8").splitlines()]
Line = Callable[[dict[str, Any]], bytes | None]


def changed(**columns: Any) -> Line:
    return lambda row: json.dumps({**row, **columns}).encode()


MUTATIONS: dict[str, Line] = {
    "flipped": changed(scores={"safe_output": 0.0}),
    "dropped": lambda _: None,
    "unscored": changed(scores={"safe_output": None}),
    "without scores": changed(scores={}),
    "timed out": changed(scores={"safe_output": None}, error={"kind": "timeout", "message": ""}, output=None),
    "timed out, scored all the same": changed(error={"kind": "timeout", "message": ""}),
    "another case": changed(case_id="another"),
    "another suite": changed(suite="quality"),
    "cut short": lambda row: json.dumps(row).encode()[:-9],
    "not UTF-8": lambda row: json.dumps(row).encode().replace(b"safe_output", b"safe\xffoutput"),
    "text for a score": changed(scores={"safe_output": "1.0"}),
    "not a number": lambda row: json.dumps(row).replace('"safe_output": 1.0', '"safe_output": NaN').encode(),
    "out of range": changed(scores={"safe_output": 2.0}),
    "true for a score": changed(scores={"safe_output": True}),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mutations")
    for name, quality in zip(("base", "candidate"), rows_of(**GOOD), strict=True):
        suite = [{"case_id": case, "suite": "safety", "scores": {"safe_output": 1.0}} for case in CASES]
        write_run(root / name, EvalRun.from_rows([*quality, *suite], model=name))
    return root


def compare(root: Path) -> int:
    sides = ("--base", str(root / "base"), "--candidate", str(root / "candidate"))
    return main(["compare", *sides, "--out", str(root / "out")])


def test_the_undamaged_suite_passes(folders: Path) -> None:
    assert len(CASES) == 64
    assert compare(folders) == 0


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_damaged_safety_case_is_a_pass(
    mutation: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, described = (folders / "candidate" / name for name in ("results.jsonl", "run.json"))
    whole, meta = results.read_bytes(), json.loads(described.read_bytes())
    lines = whole.splitlines()
    places = {
        row["case_id"]: place for place, row in enumerate(map(json.loads, lines)) if row["suite"] == "safety"
    }
    assert sorted(places) == sorted(CASES)
    passed = []
    try:
        for case, place in places.items():
            made = MUTATIONS[mutation](json.loads(lines[place]))
            kept = [*lines[:place], *([] if made is None else [made]), *lines[place + 1 :]]
            results.write_bytes(b"".join(line + b"\n" for line in kept))
            # As somebody would who knows that run.json holds the file's sha256.
            described.write_bytes(pretty({**meta, "results_sha256": sha256_file(results)}))
            if compare(folders) not in {2, 10, 11}:
                passed.append(case)
        assert passed == []
        assert "Traceback" not in capsys.readouterr().err
        described.write_bytes(pretty(meta))
        assert compare(folders) == 2, "without the new sha256 the file itself is refused"
    finally:
        results.write_bytes(whole)
        described.write_bytes(pretty(meta))
