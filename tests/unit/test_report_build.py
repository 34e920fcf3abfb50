"""report.json: what it says of an arm's answers."""

from __future__ import annotations

from typing import Any

from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.report.build import Evidence, build_report
from liftgate.verdict.gate import ArmResult, decide


def p95_ms(*rows: dict[str, Any]) -> float | None:
    named = [{"case_id": f"c{n}", "scores": {"m": 1.0}, **row} for n, row in enumerate(rows)]
    run = EvalRun.from_rows(named, model="m")
    arm = ArmResult("base", run, None, kind="base", usd_per_1k=None, tokens_per_answer=None)
    decision = decide([], None, [arm], policy=Policy())
    report = build_report(Evidence("a", (), (), "working tree", None, decision, arms=[arm], policy=Policy()))
    shown: float | None = report["arms"][0]["p95_ms"]
    return shown


def test_the_p95_of_an_arm_is_that_of_its_fresh_answers() -> None:
    fresh = [{"latency_ms": float(n)} for n in range(1, 101)]
    stored = [{"latency_ms": 9999.0, "cached": True}]
    failed = [{"latency_ms": 9999.0, "error": {"kind": "truncated", "message": ""}, "scores": {"m": None}}]
    safety = [{"latency_ms": 9999.0, "suite": "safety"}]
    assert p95_ms(*fresh, *stored, *failed, *safety) == 95.05


def test_without_a_fresh_answer_there_is_none() -> None:
    assert p95_ms({"latency_ms": 5.0, "cached": True}, {"latency_ms": None}) is None
