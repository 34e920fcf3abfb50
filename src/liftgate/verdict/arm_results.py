"""Every arm of a suite held against base: the one road by which `run`, `gate` and `registry verify` judge."""

from __future__ import annotations

from collections.abc import Mapping

from liftgate.evaluation.arms import ArmKind
from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.training.cost import TokenPrice
from liftgate.verdict.comparison import Comparison, compare
from liftgate.verdict.cost import AnswerCost, answer_usd_per_1k
from liftgate.verdict.decisions import Decisions
from liftgate.verdict.gate import ArmResult, beaten_by
from liftgate.verdict.judge import Calibration
from liftgate.verdict.review import review

_TRAINED = ("candidate", "promoted")


def arm_results(
    runs: Mapping[str, EvalRun],
    policy: Policy,
    *,
    kinds: Mapping[str, ArmKind],
    alias_of: Mapping[str, str | None],
    prices: Mapping[str, TokenPrice | None],
    calibration: Calibration | None = None,
    decisions: Decisions | None = None,
) -> list[ArmResult]:
    """Judge each arm, in the order of `runs`; nothing without base. Decisions concern the candidate alone."""
    if "base" not in runs:
        return []
    usd = {name: answer_usd_per_1k(run, prices.get(name), policy) for name, run in runs.items()}
    results = []
    for name, run in runs.items():
        comparison: Comparison | None = None
        if name != "base" and alias_of.get(name) != "base":
            cost = AnswerCost(usd["base"], usd[name])
            comparison = compare(runs["base"], run, policy, calibration=calibration, cost=cost)
            if name == "candidate" and decisions is not None:
                comparison = review(comparison, runs["base"], run, policy, decisions)
        beaten = None
        if comparison is not None and kinds[name] not in _TRAINED and "candidate" in runs:
            beaten = beaten_by(run, runs["candidate"], policy, calibration)
        results.append(
            ArmResult(
                name=name,
                run=run,
                comparison=comparison,
                kind=kinds[name],
                usd_per_1k=usd[name],
                tokens_per_answer=_tokens_per_answer(run),
                beaten_by=beaten,
                price=prices.get(name),
            )
        )
    return results


def _tokens_per_answer(run: EvalRun) -> float | None:
    counts = [
        row["input_tokens"] + row["output_tokens"]
        for row in run.rows
        if row.get("input_tokens") is not None and row.get("output_tokens") is not None
    ]
    return sum(counts) / len(counts) if counts else None
