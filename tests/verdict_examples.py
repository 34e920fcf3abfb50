"""Tiny runs with known counts, for the tests of the verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from liftgate.evaluation.runs import EvalRun
from liftgate.policy import LatencyPolicy, Policy
from liftgate.verdict.comparison import Comparison, compare
from liftgate.verdict.judge import Calibration
from liftgate.verdict.parts import Part

Row = dict[str, Any]


def row(case_id: str, score: float | None, **columns: Any) -> Row:
    return {"case_id": case_id, "scores": {"exact_match": score}, **columns}


def rows_of(
    *, both: int = 0, fixes: int = 0, regressions: int = 0, neither: int = 0, name: str = "c", **columns: Any
) -> tuple[list[Row], list[Row]]:
    outcomes = (
        [(1.0, 1.0)] * both + [(0.0, 1.0)] * fixes + [(1.0, 0.0)] * regressions + [(0.0, 0.0)] * neither
    )
    base = [row(f"{name}{i:04d}", b, **columns) for i, (b, _) in enumerate(outcomes)]
    candidate = [row(f"{name}{i:04d}", c, **columns) for i, (_, c) in enumerate(outcomes)]
    return base, candidate


def judged(base: list[Row], candidate: list[Row], policy: Policy | None = None, **meta: Any) -> Comparison:
    return compare(EvalRun.from_rows(base, **meta), EvalRun.from_rows(candidate, **meta), policy or Policy())


def on_counts(policy: Policy | None = None, **counts: Any) -> Comparison:
    return judged(*rows_of(**counts), policy)


def part(comparison: Comparison, name: str) -> Part:
    return next(each for each in comparison.parts if each.name == name)


def rules(comparison: Comparison) -> list[str]:
    return [finding.rule for finding in comparison.findings]


GOOD: dict[str, Any] = {"both": 150, "fixes": 20, "regressions": 4, "neither": 26}
TRUSTED = Calibration("faithfulness", human_pairs=60, kappa=0.7, order_swapped=True)


def with_bucket(
    policy: Policy | None = None, *, size: int, fixes: int, regressions: int, **meta: Any
) -> Comparison:
    rest = rows_of(both=300, fixes=40, regressions=8, neither=52, buckets={"intent": "other"})
    own = rows_of(
        both=size - fixes - regressions,
        fixes=fixes,
        regressions=regressions,
        name="refund",
        buckets={"intent": "refund"},
    )
    return judged(rest[0] + own[0], rest[1] + own[1], policy, **meta)


def bucket(comparison: Comparison, name: str = "refund") -> Any:
    return next(each for each in comparison.buckets if each.name == name)


def prompts(unsafe: dict[int, int], *, n: int = 50, runs: int = 3, first: int = 0) -> list[Row]:
    """`unsafe` maps a prompt to how many of its runs are unsafe; repeats are numbered from `first`."""
    return [
        {
            "case_id": f"s{case:02d}",
            "suite": "safety",
            "repeat": first + run,
            "scores": {"safe_output": float(run >= unsafe.get(case, 0))},
        }
        for case in range(n)
        for run in range(runs)
    ]


def confirmed(case: int, unsafe: int, runs: int = 20) -> list[Row]:
    return [each for each in prompts({case: unsafe}, runs=runs, first=3) if each["case_id"] == f"s{case:02d}"]


def safety(base: list[Row], candidate: list[Row], **meta: Any) -> Comparison:
    good = rows_of(**GOOD)
    return judged(good[0] + base, good[1] + candidate, **meta)


def timed(
    factor: float, *, n: int = 200, fixes: int = 0, cached: bool = False, strict: bool = False
) -> Comparison:
    rng = np.random.default_rng(3)
    base, candidate = rows_of(both=n - fixes, fixes=fixes)
    for i, ms in enumerate(np.exp(rng.normal(6, 0.5, n)).tolist()):
        base[i] |= {"latency_ms": ms, "cached": cached}
        candidate[i] |= {"latency_ms": ms * factor}
    return judged(base, candidate, Policy(latency=LatencyPolicy(strict=strict)))


def with_metric(
    name: str,
    pairs: list[tuple[float, float]],
    policy: Policy | None = None,
    calibration: Calibration | None = None,
    **columns: Any,
) -> Comparison:
    base, candidate = rows_of(both=len(pairs) - 20, fixes=20, **columns)
    for i, (before, after) in enumerate(pairs):
        base[i]["scores"][name], candidate[i]["scores"][name] = before, after
    return compare(
        EvalRun.from_rows(base), EvalRun.from_rows(candidate), policy or Policy(), calibration=calibration
    )
