"""Scores and latency of what callers get, against their baseline. Pure.

A score is held against its own mean in the days before the judged ones. Its standard error is the larger of two: that
of requests taken one by one, and that of whole days, which says how far one day is from another when nothing is
wrong. A drop counts when it is as large as the policy allows at most and its interval excludes no drop at all; it is an
error when the interval excludes any smaller drop than that.

The 95th percentile of each judged day is held against that of the default model on the same day, or of the variant
itself on the seven days before. Both ends are distribution-free bounds by order statistics; a day is too slow when
even its lower bound is beyond the policy's ratio to the upper one of the reference. All that is looked at divides
alpha (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

from liftgate.data.text import shown
from liftgate.findings import Finding, Severity
from liftgate.rollout_policy import WatchPolicy
from liftgate.watch.owners import DEFAULT, Owner
from liftgate.watch.tally import DAY, LEAST_MS, LOG_STEP, Counts, Floats, Tallies
from liftgate.watch.words import counted, day

SCORE_RULE = "score-drop"
SLOW_RULE = "slow-answers"
_P95 = 0.95
_FEWEST_DAYS = 3


def score_findings(tallies: Tallies, policy: WatchPolicy) -> Iterator[tuple[Owner, Finding]]:
    """Every score that fell, of every variant and default model."""
    first = tallies.days - policy.days
    looked = [
        (owner, metric, table)
        for owner, series in sorted(tallies.series.items())
        for metric, table in sorted(series.scores.items())
        if min(table[0, :first].sum(), table[0, first:].sum()) >= policy.min_requests
        and np.count_nonzero(table[0, :first]) >= _FEWEST_DAYS
    ]
    for owner, metric, table in looked:
        before, now = table[:, :first], table[:, first:]
        drop, half = _drop(before, now, policy.alpha / len(looked))
        if drop >= policy.max_score_drop and drop - half > 0:
            certain = drop - half > policy.max_score_drop
            name = shown(metric, "a score")
            message = (
                f"{name} fell by {drop:.3f} (at least {drop - half:.3f}) to {_mean(now):.3f} in the last "
                f"{counted(policy.days, 'day')}, n = {int(now[0].sum()):,}; before it was {_mean(before):.3f}, "
                f"n = {int(before[0].sum()):,}; the policy allows {policy.max_score_drop:g}"
            )
            yield owner, Finding(SCORE_RULE, Severity.ERROR if certain else Severity.WARNING, message)


def _drop(before: Floats, now: Floats, alpha: float) -> tuple[float, float]:
    """How far the mean fell, and the one-sided half-width of that."""
    drop = _mean(before) - _mean(now)
    requests = math.sqrt(_variance(before) / before[0].sum() + _variance(now) / now[0].sum())
    days = before[0] > 0
    means = before[1, days] / before[0, days]
    n_before, n_now = int(days.sum()), int(np.count_nonzero(now[0]))
    daily = math.sqrt(float(np.var(means, ddof=1)) * (1 / n_before + 1 / n_now))
    half = max(
        requests * -float(special.ndtri(alpha)), daily * float(special.stdtrit(n_before - 1, 1 - alpha))
    )
    return drop, half


def _mean(table: Floats) -> float:
    return float(table[1].sum() / table[0].sum())


def _variance(table: Floats) -> float:
    n, total, squares = (float(row.sum()) for row in table)
    # A score that never varied is as uncertain as one that differed once.
    return max((squares - total * total / n) / max(n - 1, 1), 1 / n)


def latency_findings(tallies: Tallies, policy: WatchPolicy) -> Iterator[tuple[Owner, Finding]]:
    """At most one finding a variant: its slowest day, and how many there were."""
    first = tallies.days - policy.days
    looked = []
    for owner, series in sorted(tallies.series.items()):
        default = tallies.series.get(Owner(owner.alias, DEFAULT))
        for at in range(first, tallies.days):
            ours = series.latency[at]
            theirs, beside = series.latency[max(at - 7, 0) : at].sum(axis=0), False
            same_day = None if default is None or owner.variant == DEFAULT else default.latency[at]
            if same_day is not None and same_day.sum() >= policy.min_requests:
                theirs, beside = same_day, True
            if min(ours.sum(), theirs.sum()) >= policy.min_requests:
                looked.append((owner, at, ours, theirs, beside))
    slow: dict[Owner, list[tuple[float, int, float, float, bool]]] = {}
    for owner, at, ours, theirs, beside in looked:
        low, high = (
            _p95_low(ours, policy.alpha / len(looked) / 2),
            _p95_high(theirs, policy.alpha / len(looked) / 2),
        )
        if low > policy.max_p95_ratio * high:
            slow.setdefault(owner, []).append((low / high, at, _p95(ours), _p95(theirs), beside))
    for owner, days in slow.items():
        _, at, ours_ms, theirs_ms, beside = max(days)
        reference = "the default model's on the same day" if beside else "its own on the seven days before"
        also = f"; {len(days)} such days" if len(days) > 1 else ""
        message = (
            f"the 95th percentile of the latency was {ours_ms:,.0f} ms on {day(tallies.first + at * DAY)} and "
            f"{reference} {theirs_ms:,.0f} ms; the policy allows {policy.max_p95_ratio:g} times that{also}"
        )
        yield owner, Finding(SLOW_RULE, Severity.ERROR, message)


def _p95(bins: Counts) -> float:
    rank = math.ceil(_P95 * int(bins.sum()))
    return _edge(int(np.searchsorted(np.cumsum(bins), rank)) + 0.5)


def _p95_low(bins: Counts, alpha: float) -> float:
    n = int(bins.sum())
    rank = math.floor(float(special.bdtrik(alpha, n, _P95)))
    return _edge(int(np.searchsorted(np.cumsum(bins), rank))) if rank >= 1 else 0.0


def _p95_high(bins: Counts, alpha: float) -> float:
    n = int(bins.sum())
    rank = math.ceil(float(special.bdtrik(1 - alpha, n, _P95))) + 1
    return _edge(int(np.searchsorted(np.cumsum(bins), rank)) + 1) if rank <= n else math.inf


def _edge(place: float) -> float:
    return float(LEAST_MS * math.exp(place * LOG_STEP))
