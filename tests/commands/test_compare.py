"""`liftgate compare` on run folders that a person's script wrote."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from liftgate.commands import compare
from liftgate.config import schema
from liftgate.errors import InputError

Row = dict[str, Any]


def result(case_id: str, score: float, **changes: Any) -> Row:
    return {
        "case_id": case_id,
        "repeat": 0,
        "suite": "quality",
        "buckets": {"intent": "billing"},
        "scores": {"exact_match": score},
        "output": "{}",
        "latency_ms": None,
        "input_tokens": None,
        "output_tokens": None,
        "cached": False,
        "error": None,
        **changes,
    }


def write_folder(folder: Path, rows: list[Row], **meta: Any) -> Path:
    folder.mkdir(parents=True)
    described = {
        "schema_version": 1,
        "model": folder.name,
        "endpoint": "recorded",
        "golden_sha256": "0" * 64,
        "sampling": {"temperature": 0},
        "metrics": ["exact_match"],
        "primary_metric": "exact_match",
        **meta,
    }
    (folder / "run.json").write_text(json.dumps(described))
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def folders(tmp_path: Path, *, fixes: int, regressions: int = 0, both: int = 170) -> tuple[Path, Path]:
    scores = [(0.0, 1.0)] * fixes + [(1.0, 0.0)] * regressions + [(1.0, 1.0)] * both
    return tuple(  # type: ignore[return-value]
        write_folder(tmp_path / name, [result(f"c{i}", pair[side]) for i, pair in enumerate(scores)])
        for side, name in enumerate(("base", "candidate"))
    )


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.parametrize(
    ("counts", "verdict", "code"),
    [
        ({"fixes": 30}, "pass", 0),
        ({"fixes": 0, "regressions": 30}, "block", 10),
        ({"fixes": 6, "regressions": 3}, "insufficient-evidence", 11),
    ],
)
def test_the_exit_code_the_file_and_stdout_say_the_same(
    counts: dict[str, int], verdict: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, candidate = folders(tmp_path, **counts)
    assert run("--base", base, "--candidate", candidate, "--out", tmp_path / "out", "--json") == code
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((tmp_path / "out" / "comparison.json").read_bytes())
    assert list(printed) == ["schema_version", "verdict", "lift", "findings"]
    assert printed == {key: written[key] for key in printed}
    assert (printed["schema_version"], printed["verdict"]) == (1, verdict)
    assert list(printed["lift"]) == ["metric", "n", "mean", "low", "high"]
    jsonschema_rs.validator_for(dict(schema("comparison"))).validate(written)


def test_people_read_it_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, candidate = folders(tmp_path, fixes=30, regressions=2, both=168)
    run("--base", base, "--candidate", candidate, "--out", tmp_path / "out")
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == (
        "verdict: pass\n"
        "  lift              ok       exact_match 85.0% → 99.0%: +14.0 points (95% bounds +10.0 to +18.8) "
        "over 200 cases, 30 fixes, 2 regressions\n"
        "  regression-share  ok       2 regressions in 200 cases, 1.0%\n"
        "  buckets           ok       1 bucket, none down by more\n"
        "  safety            -        no safety case was answered\n"
        "  latency           -        no base and no candidate answer was timed "
        "(answers from the store are not)\n"
        "  cost              -        no price is known for an answer of base and the candidate\n"
        "  json-valid        -        no answer has a json_valid score\n"
        "  judge             -        no answer has a faithfulness score\n"
        "  completeness      ok       200 cases answered by both models, every answer scored\n"
        "  blind spot: no safety suite was answered, so nothing is known about new unsafe answers\n"
        "  blind spot: latency was not compared: no base and no candidate answer was timed "
        "(answers from the store are not)\n"
    )


def test_identical_folders_give_identical_bytes(tmp_path: Path) -> None:
    base, candidate = folders(tmp_path, fixes=12, regressions=5)
    for out in ("one", "two"):
        run("--base", base, "--candidate", candidate, "--out", tmp_path / out)
    assert (tmp_path / "one/comparison.json").read_bytes() == (tmp_path / "two/comparison.json").read_bytes()


def test_the_policy_file_decides(tmp_path: Path) -> None:
    base, candidate = folders(tmp_path, fixes=12)
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nmin_lift: 0.2\n")
    words = ("--base", base, "--candidate", candidate, "--out", tmp_path / "out")
    assert (run(*words), run(*words, "--policy", policy)) == (0, 10)
    policy.write_text("version: 1\nmin_lfit: 0.2\n")
    with pytest.raises(InputError, match=r"policy.yaml:2 \$.min_lfit: .* did you mean 'min_lift'"):
        run(*words, "--policy", policy)


def test_a_calibration_file_lets_the_judge_gate(tmp_path: Path) -> None:
    scores = [
        ({"exact_match": 0.0, "faithfulness": 0.9}, {"exact_match": 1.0, "faithfulness": 0.2 + i / 500})
        for i in range(60)
    ]
    base, candidate = (
        write_folder(
            tmp_path / name, [result(f"c{i}", 0.0, scores=pair[side]) for i, pair in enumerate(scores)]
        )
        for side, name in enumerate(("base", "candidate"))
    )
    calibration = tmp_path / "calibration.json"
    checked = {"metric": "faithfulness", "human_pairs": 80, "kappa": 0.8, "order_swapped": True}
    calibration.write_text(json.dumps({"schema_version": 1, **checked}))
    words = ("--base", base, "--candidate", candidate, "--out", tmp_path / "out")
    assert (run(*words), run(*words, "--calibration", calibration)) == (0, 10)


def test_bad_input_names_the_place_and_writes_nothing(tmp_path: Path) -> None:
    base, candidate = folders(tmp_path, fixes=12)
    results = candidate / "results.jsonl"
    good = results.read_text()
    words = ("--base", base, "--candidate", candidate, "--out", tmp_path / "out")
    for broken, message in [
        (good.replace('"exact_match": 1.0', '"exact_match": NaN', 1), r"results\.jsonl:1: NaN and Infinity"),
        (
            good.replace('"exact_match": 1.0', '"exact_match": "1.0"', 1),
            r"results\.jsonl:1: score 'exact_match'",
        ),
        (
            good.replace('"exact_match": 1.0', '"exact_match": 100', 1),
            r"results\.jsonl:1: score 'exact_match' is 100",
        ),
        (good + good.splitlines()[2] + "\n", r"results\.jsonl:3: case 'c2' repeat 0 stands also at .*:183"),
        (good[:-40], r"results\.jsonl:182: not JSON"),
    ]:
        results.write_text(broken)
        with pytest.raises(InputError, match=message):
            run(*words)
    assert not (tmp_path / "out").exists()


def test_an_empty_side_blocks(tmp_path: Path) -> None:
    base, _ = folders(tmp_path, fixes=12)
    empty = write_folder(tmp_path / "empty", [])
    assert run("--base", base, "--candidate", empty, "--out", tmp_path / "out") == 10
    assert run("--base", empty, "--candidate", base, "--out", tmp_path / "out") == 10
    assert run("--base", empty, "--candidate", empty, "--out", tmp_path / "out") == 10


def test_another_golden_set_is_refused(tmp_path: Path) -> None:
    rows = [result("a", 1.0)]
    base = write_folder(tmp_path / "base", rows)
    other = write_folder(tmp_path / "other", rows, golden_sha256="1" * 64)
    with pytest.raises(InputError, match="base and candidate answered different cases"):
        run("--base", base, "--candidate", other, "--out", tmp_path / "out")


def test_with_prices_the_cost_of_an_answer_can_gate(tmp_path: Path) -> None:
    policy, prices = tmp_path / "policy.yaml", tmp_path / "prices.yaml"
    policy.write_text("version: 1\ncost: {max_answer_ratio: 2}\n")
    prices.write_text(
        "version: 1\nprices:\n"
        '  - {provider: recorded, model: base, input_usd_per_mtok: "1", output_usd_per_mtok: "1", source: s, '
        'checked_on: "2026-11-25"}\n'
        '  - {provider: recorded, model: candidate, input_usd_per_mtok: "3", output_usd_per_mtok: "3", source: s, '
        'checked_on: "2026-11-25"}\n'
    )
    scores = [(0.0, 1.0)] * 30 + [(1.0, 1.0)] * 170
    base, candidate = (
        write_folder(
            tmp_path / name,
            [result(f"c{i}", pair[side], input_tokens=90, output_tokens=10) for i, pair in enumerate(scores)],
        )
        for side, name in enumerate(("base", "candidate"))
    )
    words = ("--base", base, "--candidate", candidate, "--policy", policy, "--out", tmp_path / "out")
    assert run(*words) == 11
    assert run(*words, "--prices", prices) == 10
    written = json.loads((tmp_path / "out" / "comparison.json").read_bytes())
    assert written["cost"] == {"base_usd_per_1k": "0.1", "candidate_usd_per_1k": "0.3", "ratio": 3.0}
    prices.write_text(prices.read_text().replace('"3"', '"2"'))
    assert run(*words, "--prices", prices) == 0


def test_a_policy_that_weighs_a_rule_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    base, candidate = folders(tmp_path, fixes=30)
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nrules: {lift-unprovn: warning}\n")
    with pytest.raises(InputError, match="did you mean 'lift-unproven'"):
        run("--base", base, "--candidate", candidate, "--policy", policy, "--out", tmp_path / "out")


def test_no_regression_is_zero_percent_without_a_sign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, candidate = folders(tmp_path, fixes=30)
    run("--base", base, "--candidate", candidate, "--out", tmp_path / "out")
    assert "0 regressions in 200 cases, 0.0%\n" in capsys.readouterr().err
