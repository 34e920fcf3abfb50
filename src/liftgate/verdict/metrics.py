"""Every metric in one table, and the one that gates beside the primary: answers that parse as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liftgate.evaluation.result_rows import Ints
from liftgate.policy import JSON_VALID, Policy, exact
from liftgate.verdict import stats
from liftgate.verdict.pairs import PairedScores, bounds, flips
from liftgate.verdict.parts import Part, State, count, p_value, percent, plain_percent, points


@dataclass(frozen=True)
class MetricRow:
    """One metric over the cases scored on both sides, bounds one-sided at 1 - alpha."""

    metric: str
    n: int
    base: float | None
    candidate: float | None
    change: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def metric_row(scores: PairedScores, alpha: float, clusters: Ints | None) -> MetricRow:
    """One row of the table."""
    observed = scores.observed
    if not observed.n:
        return MetricRow(scores.metric, 0, None, None, None, None, None)
    found = bounds(observed, alpha, None if clusters is None else stats.numbered(clusters[scores.scored]))
    return MetricRow(
        metric=scores.metric,
        n=observed.n,
        base=scores.base_mean,
        candidate=scores.candidate_mean,
        change=observed.mean,
        low=found.low,
        high=found.high,
    )


def json_valid_part(scores: PairedScores | None, policy: Policy, clusters: Ints | None) -> Part:
    """Fails when exact McNemar proves fewer valid answers; a fall that is not proven is only shown."""
    limits = policy.json_valid
    below, least = plain_percent(limits.or_base_below), plain_percent(limits.and_candidate_at_least)
    gain = f"{points(limits.min_lift)}, or from below {below} to {least} or more"
    needs = "not proven to fall"
    if scores is None:
        return Part("json-valid", "not-measured", f"no answer has a {JSON_VALID} score", needs, gates=False)
    if not scores.observed.n:
        told = f"no case has a {JSON_VALID} score on both sides"
        return Part("json-valid", "unclear", told, needs)
    counted = flips(scores.optimistic, clusters)
    p = stats.mcnemar_worse(counted.fixes, counted.regressions)
    base, candidate = scores.base_mean, scores.candidate_mean
    told = f"{percent(base)} → {percent(candidate)} of {count(scores.observed.n, 'case')} parse as JSON"
    told += f", {points(candidate - base)}"
    state: State = "ok"
    if stats.worse_proven(counted.fixes, counted.regressions, exact(policy.alpha)):
        state, told = "fail", f"{told}, proven worse ({p_value(p)})"
    elif candidate < base:
        # Equal models differ by a case or two every other time, so this alone must not hold up a merge.
        state, told = "unclear", f"{told}, not proven worse ({p_value(p)})"
    else:
        gained = candidate - base >= limits.min_lift - 1e-12
        mended = base < limits.or_base_below and candidate >= limits.and_candidate_at_least
        if gained or mended:
            told += f", a gain by the policy ({gain})"
        elif candidate > base:
            told += f", too little to count as a gain ({gain})"
    return Part("json-valid", state, told, needs, gates=state != "unclear")
