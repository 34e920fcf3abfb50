"""How far two graders agree beyond chance: Cohen's kappa, plain or weighted, with a bootstrap interval. Pure.

kappa = 1 - Σ w·observed / Σ w·expected over the cells of the confusion matrix; w is 1 off the diagonal (Cohen 1960,
Educational and Psychological Measurement 20:37), or the squared distance for grades that have an order (Cohen
1968, Psychological Bulletin 70:213), where off by one is not off by four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]
DRAWS = 2_000


@dataclass(frozen=True)
class Agreement:
    """Kappa with the bounds of its 95% percentile interval, and the share of equal grades.

    The bounds are None where hardly any resample has a kappa: too few pairs, or one grade only.
    """

    kappa: float
    low: float | None
    high: float | None
    equal: float


def confusion(people: Sequence[int], judge: Sequence[int], categories: int) -> Counts:
    """How often people's category i met the judge's category j."""
    codes = np.asarray(people, dtype=np.int64) * categories + np.asarray(judge, dtype=np.int64)
    counted: Counts = np.bincount(codes, minlength=categories**2).astype(np.float64)
    return counted.reshape(categories, categories)


def kappa(counts: Counts, *, ordinal: bool) -> float | None:
    """Cohen's kappa, quadratically weighted for ordinal grades; None when chance alone explains everything."""
    total = counts.sum()
    if not total:
        return None
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    weights = _weights(len(counts), ordinal)
    by_chance = float((weights * expected).sum())
    return None if by_chance == 0 else 1 - float((weights * counts).sum()) / by_chance


def agreement(
    people: Sequence[int], judge: Sequence[int], categories: int, *, ordinal: bool, seed: int
) -> Agreement | None:
    """Kappa of two graders' categories (numbered in their order); None when it is not defined."""
    counts = confusion(people, judge, categories)
    found = kappa(counts, ordinal=ordinal)
    if found is None:
        return None
    drawn = _resampled(counts, ordinal, seed)
    low, high = (None, None) if len(drawn) < DRAWS // 2 else np.quantile(drawn, [0.025, 0.975]).tolist()
    return Agreement(found, low, high, float(np.trace(counts) / counts.sum()))


def _resampled(counts: Counts, ordinal: bool, seed: int) -> list[float]:
    # Drawing pairs with replacement is drawing cells of their table.
    total = int(counts.sum())
    draws = np.random.default_rng(seed).multinomial(total, counts.ravel() / total, size=DRAWS)
    size = len(counts)
    found = (kappa(draw.reshape(size, size).astype(np.float64), ordinal=ordinal) for draw in draws)
    return [value for value in found if value is not None]


def _weights(size: int, ordinal: bool) -> Counts:
    places = np.arange(size, dtype=np.float64)
    distance = np.abs(places[:, None] - places[None, :])
    weights: Counts = distance**2 if ordinal else (distance > 0).astype(np.float64)
    return weights
