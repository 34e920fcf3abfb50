"""Does the primary metric rise by enough, and how many cases fall on the way?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from liftgate.evaluation.result_rows import Ints
from liftgate.policy import JSON_VALID, Policy, exact
from liftgate.verdict import stats
from liftgate.verdict.pairs import PairedScores, Reading, bounds, flips
from liftgate.verdict.parts import (
    Part,
    State,
    confidence,
    count,
    percent,
    plain_percent,
    points,
    signed,
)
from liftgate.verdict.power import cases_needed, smallest_passable_lift

_ROUNDING = 1e-12  # means of graded scores are floats; counts are decided exactly


@dataclass(frozen=True)
class Lift:
    """Mean of candidate minus base over n cases; each bound holds one-sided at 1 - alpha.

    With unscored answers the bounds reach from the worst to the best they could have been.
    """

    metric: str
    n: int
    mean: float | None
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        return {"metric": self.metric, "n": self.n, "mean": self.mean, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Power:
    """What the golden set can show: the smallest true lift it passes, and the cases a given lift needs."""

    smallest_passable_lift: float | None
    cases_needed: int | None
    for_lift: float | None

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        return {
            "smallest_passable_lift": self.smallest_passable_lift,
            "cases_needed": self.cases_needed,
            "for_lift": self.for_lift,
        }


def measured_lift(scores: PairedScores, alpha: float, clusters: Ints | None) -> Lift:
    """The observed mean and the bounds that unscored answers allow."""
    observed = scores.observed
    return Lift(
        metric=scores.metric,
        n=observed.n,
        mean=observed.mean if observed.n else None,
        low=bounds(scores.pessimistic, alpha, clusters).low,
        high=bounds(scores.optimistic, alpha, clusters).high,
    )


def at_least(reading: Reading, ratio: float) -> bool:
    """Whether the mean difference reaches a threshold; on counts exactly."""
    if reading.binary:
        return Fraction(round(reading.total), reading.n) >= exact(ratio)
    return reading.mean >= ratio - _ROUNDING


def lift_state(lift: Lift, scores: PairedScores, policy: Policy, clusters: Ints | None) -> State:
    """ok, fail or unclear by the rule of the lift; what it must reach is the metric's own."""
    min_lift = policy.min_lift_of(scores.metric)
    if lift.n == 0 or few_clusters(clusters):
        return "unclear"
    if (at_least(scores.pessimistic, min_lift) or _mended(scores, policy)) and lift.low > 0:
        return "ok"
    return "fail" if lift.high < min_lift and not _may_be_mended(scores, policy) else "unclear"


def _mended(scores: PairedScores, policy: Policy) -> bool:
    """JSON that base often broke and the candidate hardly ever does, which few points may be the whole of."""
    limits = policy.json_valid
    return (
        scores.metric == JSON_VALID
        and scores.pessimistic is scores.optimistic
        and scores.base_mean < limits.or_base_below
        and scores.candidate_mean >= limits.and_candidate_at_least
    )


def _may_be_mended(scores: PairedScores, policy: Policy) -> bool:
    """Whether the data leave room for it."""
    limits = policy.json_valid
    if scores.metric != JSON_VALID or not scores.base_mean < limits.or_base_below:
        return False
    n = scores.observed.n
    likely = stats.share_high(scores.candidate_mean * n, n, policy.alpha)
    return scores.pessimistic is not scores.optimistic or likely >= limits.and_candidate_at_least


def needed_lift(metric: str, policy: Policy) -> str:
    """`+3.0 points`; for valid JSON also the other way to count as a gain."""
    asked = points(policy.min_lift_of(metric))
    if metric != JSON_VALID:
        return asked
    limits = policy.json_valid
    below, least = plain_percent(limits.or_base_below), plain_percent(limits.and_candidate_at_least)
    return f"{asked} (or from below {below} to {least} or more)"


def few_clusters(clusters: Ints | None) -> bool:
    """Fewer clusters than a cluster-robust bound can be trusted with."""
    return clusters is not None and int(np.unique(clusters).size) < stats.FEW_CLUSTERS


def lift_part(
    lift: Lift, scores: PairedScores, policy: Policy, clusters: Ints | None, *, name: str = "lift"
) -> Part:
    """The lift of the primary metric, told with what would settle it."""
    state = lift_state(lift, scores, policy, clusters)
    told = describe_lift(lift, scores, policy.alpha)
    power = power_of(scores, policy, clusters)
    if state == "fail":
        told += f"; even the upper bound is below the {needed_lift(scores.metric, policy)} asked for"
    elif state == "unclear" and lift.n:
        told += f"; {_why_unclear(lift, scores, policy, clusters)}"
        if power.cases_needed is not None and not few_clusters(clusters):
            shown = points(power.for_lift or 0.0)
            told += f"; {count(power.cases_needed, 'case')} would show a true lift of {shown}"
    return Part(
        name,
        state,
        told,
        f"at least {needed_lift(scores.metric, policy)}, lower {confidence(policy.alpha)} bound above 0",
    )


def describe_lift(lift: Lift, scores: PairedScores, alpha: float) -> str:
    """Means, change, bounds, counts: `exact_match 80.0% → 86.0%: +6.0 points (...) over 200 cases`."""
    if not lift.n:
        return f"no case has a score for {lift.metric} on both sides"
    changed = flips(scores.observed)
    told = (
        f"{lift.metric} {percent(scores.base_mean)} → {percent(scores.candidate_mean)}: "
        f"{points(lift.mean or 0.0)} ({confidence(alpha)} bounds {signed(lift.low)} to {signed(lift.high)}) "
        f"over {count(lift.n, 'case')}, {count(changed.fixes, 'fix', 'fixes')}, "
        f"{count(changed.regressions, 'regression')}"
    )
    unscored = int(scores.unscored_base.sum() + scores.unscored_candidate.sum())
    return f"{told}, {count(unscored, 'unscored answer')} held against the candidate" if unscored else told


def _why_unclear(lift: Lift, scores: PairedScores, policy: Policy, clusters: Ints | None) -> str:
    if clusters is not None and few_clusters(clusters):
        return f"{count(int(np.unique(clusters).size), 'cluster')} of cases, fewer than 20 prove nothing"
    if not at_least(scores.pessimistic, policy.min_lift_of(scores.metric)):
        return f"less than the {needed_lift(scores.metric, policy)} asked for, which the data do not rule out"
    return "not proven to be above 0"


def disagreement(scores: PairedScores, clusters: Ints | None) -> float:
    """Variance of a case's difference, with one more disagreeing case than seen, inflated by clustering."""
    seen = scores.observed.differences
    spread = (math.fsum((seen * seen).tolist()) + 1) / (seen.size + 2)
    if clusters is None:
        return spread
    coded = stats.numbered(clusters[scores.scored])
    clustered = stats.mean_bounds(seen, 0.05, coded).se if seen.size > 1 else math.inf
    alone = stats.mean_bounds(seen, 0.05).se if seen.size > 1 else math.inf
    worse = (clustered / alone) ** 2 if 0 < alone < math.inf and clustered < math.inf else 1.0
    return spread * max(worse, 1.0)


def power_of(scores: PairedScores, policy: Policy, clusters: Ints | None) -> Power:
    """What this golden set can show, judged by how often the two runs disagree on it."""
    n = scores.observed.n
    if not n:
        return Power(None, None, None)
    spread = disagreement(scores, clusters)
    min_lift = policy.min_lift_of(scores.metric)
    limits = {"min_lift": min_lift, "alpha": policy.alpha, "power": policy.power}
    smallest = smallest_passable_lift(spread, n, **limits)
    mean = scores.observed.mean
    wanted = mean if mean > min_lift + _ROUNDING else max(2 * min_lift, 0.02)
    needed = cases_needed(spread, wanted, **limits)
    return Power(min(smallest, 1.0), math.ceil(needed) if needed < 1e9 else None, wanted)


def regression_share_part(scores: PairedScores, policy: Policy, clusters: Ints | None) -> Part:
    """The share of cases that fell; with repeats or graded scores, the mass that they lost."""
    limit, n = policy.max_regression_share, scores.pessimistic.n
    needs = f"below {plain_percent(limit)} of the cases"
    if not n:
        return Part("regression-share", "unclear", "no case was answered by both runs", needs)
    worst, best = scores.pessimistic.lost, scores.optimistic.lost
    low = stats.share_low(best, n, policy.alpha)
    if clusters is not None:
        losses = -np.minimum(scores.optimistic.differences, 0.0)
        low = min(low, stats.mean_bounds(losses, policy.alpha, clusters).low)
    under = (
        Fraction(round(worst), n) < exact(limit)
        if scores.pessimistic.binary
        else worst / n < limit - _ROUNDING
    )
    mass = worst if scores.pessimistic.binary else round(worst, 1)
    told = f"{count(mass, 'regression')} in {count(n, 'case')}, {percent(worst / n)}"
    proven = f"at least {percent(low)} with {confidence(policy.alpha)} confidence"
    if under:
        return Part("regression-share", "ok", told, needs)
    if low >= limit:
        return Part(
            "regression-share", "fail", f"{told}; {proven}, {plain_percent(limit)} is the limit", needs
        )
    return Part(
        "regression-share", "unclear", f"{told}; {proven}, which {plain_percent(limit)} may still hold", needs
    )
