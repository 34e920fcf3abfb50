"""How often one model's scores flip when it is asked the same again, and what lift that alone can fake.

Two answers to one case flip when their scores differ. A case's rate is the share of its pairs of answers that
flip; between two runs of one model, the mean of n differences then has the variance rate / n.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.verdict import stats
from liftgate.verdict.power import normal_quantile, smallest_passable_lift

# Each bound of a rate holds with 97.5%, both together with 95%.
_ALPHA: Final = 0.025


@dataclass(frozen=True)
class Noise:
    """One metric's flips over `runs` runs of the same cases; rates and lifts in [0, 1].

    `by_case` holds the cases that flipped. `fake_lift` is what two runs of one model reach by noise alone in
    one of 1 / alpha comparisons, at the upper bound of the rate; `passable_lift` the smallest true lift that
    passes with the policy's power when nothing but this noise disturbs it. `widest_lift` was observed.
    """

    metric: str
    runs: int
    cases: int
    unscored: int
    rate: float
    low: float
    high: float
    by_case: Mapping[str, float]
    fake_lift: float
    passable_lift: float
    widest_lift: float

    def to_dict(self) -> dict[str, Any]:
        """The form in JSON."""
        return {**vars(self), "by_case": dict(self.by_case)}


def measure_noise(runs: Sequence[EvalRun], metric: str, policy: Policy) -> Noise | None:
    """The flips of one metric; None when no case was scored twice. Raises ValueError for fewer than two runs."""
    if len(runs) < 2:
        raise ValueError("one run flips nothing")
    scores: dict[str, list[float | None]] = defaultdict(list)
    for run in runs:
        for row in run.rows:
            if metric in row["scores"]:
                scores[row["case_id"]].append(row["scores"][metric])
    scored = {name: [s for s in given if s is not None] for name, given in scores.items()}
    twice = {name: given for name, given in scored.items() if len(given) > 1}
    if not twice:
        return None
    n = len(twice)
    rates = {name: _mean([a != b for a, b in combinations(given, 2)]) for name, given in twice.items()}
    squares = [_mean([(a - b) ** 2 for a, b in combinations(given, 2)]) for given in twice.values()]
    rate, square = _mean(list(rates.values())), _mean(squares)
    low, high = _bounds(list(rates.values()), len(runs))
    worst = _bounds(squares, len(runs))[1] if square != rate else high
    alpha, power = policy.alpha, policy.power
    return Noise(
        metric=metric,
        runs=len(runs),
        cases=n,
        unscored=sum(len(given) for given in scores.values()) - sum(map(len, scored.values())),
        rate=rate,
        low=low,
        high=high,
        by_case={name: value for name, value in sorted(rates.items()) if value},
        fake_lift=min(1.0, normal_quantile(1 - alpha) * math.sqrt(worst / n)),
        passable_lift=min(
            1.0,
            smallest_passable_lift(square, n, min_lift=policy.min_lift, alpha=alpha, power=power),
        ),
        widest_lift=_widest(runs, metric),
    )


def _bounds(values: Sequence[float], runs: int) -> tuple[float, float]:
    if runs == 2 and all(value in (0, 1) for value in values):
        flips = sum(value == 1 for value in values)
        return stats.share_low(flips, len(values), _ALPHA), stats.share_high(flips, len(values), _ALPHA)
    bounds = stats.mean_bounds(np.array(values, dtype=np.float64), _ALPHA, flips=True)
    return max(0.0, bounds.low), bounds.high


def _widest(runs: Sequence[EvalRun], metric: str) -> float:
    means = []
    for run in runs:
        known = [score for row in run.rows if (score := row["scores"].get(metric)) is not None]
        if known:
            means.append(_mean(known))
    return max(means) - min(means)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
