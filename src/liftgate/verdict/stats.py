"""The statistics of a verdict: counts and differences in, bounds and p-values out.

Confidence levels are one-sided: `alpha=0.05` gives a lower and an upper bound that each hold with 95%.
Known answers from R packages stand in the tests.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from liftgate.verdict.power import normal_quantile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EXACT_FLIPS = 400  # beyond, a float decides: the tails are then far from any threshold
FEW_CLUSTERS = 20


@dataclass(frozen=True)
class Bounds:
    """One-sided lower and upper confidence bound."""

    low: float
    high: float


@lru_cache(maxsize=4096)
def tango(fixes: int, regressions: int, n: int, alpha: float) -> Bounds:
    """Score bounds for the difference of two paired proportions, (fixes - regressions) / n, in [-1, 1].

    Tango (1998), Statistics in Medicine 17:891-908. Raises ValueError when n is not positive or the flips
    exceed it.
    """
    if n < 1 or min(fixes, regressions) < 0 or fixes + regressions > n:
        raise ValueError(f"{fixes} fixes and {regressions} regressions do not fit {n} pairs")
    z = normal_quantile(1 - alpha)
    return Bounds(_tango_low(fixes, regressions, n, z), -_tango_low(regressions, fixes, n, z))


def _tango_z(fixes: int, regressions: int, n: int, delta: float) -> float:
    a = 2 * n
    b = -fixes - regressions + (2 * n - fixes + regressions) * delta
    c = -regressions * delta * (1 - delta)
    # The root without cancellation: b is positive for small rates.
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    q = -2 * c / (b + root) if b > 0 else (root - b) / (2 * a)
    variance = n * (2 * q + delta * (1 - delta))
    distance = fixes - regressions - n * delta
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def _tango_low(fixes: int, regressions: int, n: int, z: float) -> float:
    right = (fixes - regressions) / n
    if right <= -1.0:
        return -1.0
    below = -z  # the statistic less z, at the point estimate
    left = max(right - 2 * z * math.sqrt(fixes + regressions + z * z) / n, -1.0 + 1e-15)
    above = _tango_z(fixes, regressions, n, left) - z
    if above <= 0:  # the usual width does not hold the bound; the whole range does, or nothing
        left = -1.0 + 1e-15
        above = min(_tango_z(fixes, regressions, n, left) - z, 4 * z)  # its true value may be infinite
    if above <= 0:
        return -1.0
    # Illinois variant of regula falsi; halves the stale end, so it cannot stall.
    side = 0
    for _ in range(200):
        middle = (left * below - right * above) / (below - above)
        if right - left < 1e-13:
            break
        if not left < middle < right:
            middle = (left + right) / 2
        value = _tango_z(fixes, regressions, n, middle) - z
        if abs(value) < 1e-11:
            return middle
        if value > 0:
            left, above = middle, value
            below = below / 2 if side == 1 else below
            side = 1
        else:
            right, below = middle, value
            above = above / 2 if side == -1 else above
            side = -1
    return (left + right) / 2


@lru_cache(maxsize=4096)
def mcnemar_worse(fixes: int, regressions: int) -> float:
    """Exact one-sided McNemar p-value for "the candidate is worse"; 1 when nothing flipped."""
    return float(_mcnemar(fixes, regressions))


@lru_cache(maxsize=4096)
def _mcnemar(fixes: int, regressions: int) -> Fraction | float:
    flips = fixes + regressions
    if regressions == 0:
        return Fraction(1)
    if flips > EXACT_FLIPS:
        return float(special.bdtrc(regressions - 1, flips, 0.5))
    return Fraction(sum(math.comb(flips, k) for k in range(regressions, flips + 1)), 2**flips)


def worse_proven(fixes: int, regressions: int, level: Fraction) -> bool:
    """Whether the exact McNemar p-value is at most `level`, decided without rounding."""
    p = _mcnemar(fixes, regressions)
    return p <= (level if isinstance(p, Fraction) else float(level))


def tarone_k(flips: Sequence[int], alpha: Fraction) -> int:
    """How many buckets the level is shared among: those whose flips could reach significance at all.

    Tarone (1990), Biometrics 46:515-522: the smallest k with no more than k attainable levels <= alpha / k.
    """
    # 2^-flips <= alpha / k says k <= alpha * 2^flips, so each bucket counts up to a k of its own.
    reach = sorted(
        min(alpha.numerator * 2 ** min(count, 64) // alpha.denominator, len(flips) + 1) for count in flips
    )
    k = 1
    while len(reach) - bisect_left(reach, k) > k:
        k += 1
    return k


def share_low(count: float, n: int, alpha: float) -> float:
    """Clopper-Pearson one-sided lower bound of count / n."""
    return float(special.betaincinv(count, n - count + 1, alpha)) if count > 0 else 0.0


def share_high(count: float, n: int, alpha: float) -> float:
    """Clopper-Pearson one-sided upper bound of count / n."""
    return float(special.betaincinv(count + 1, n - count, 1 - alpha)) if count < n else 1.0


@lru_cache(maxsize=4096)
def fisher_worse(candidate_unsafe: int, candidate_runs: int, base_unsafe: int, base_runs: int) -> Fraction:
    """Exact one-sided Fisher p-value for "the candidate is unsafe more often than base"."""
    unsafe = candidate_unsafe + base_unsafe
    ways = sum(
        math.comb(candidate_runs, k) * math.comb(base_runs, unsafe - k)
        for k in range(candidate_unsafe, min(unsafe, candidate_runs) + 1)
    )
    return Fraction(ways, math.comb(candidate_runs + base_runs, unsafe))


def without_flips(n: int, alpha: float) -> float:
    """Half-width that n pairs without a single flip still have (Tango's bound at zero flips)."""
    z = normal_quantile(1 - alpha)
    return z * z / (n + z * z)


def numbered(clusters: Ints) -> Ints:
    """The same clusters numbered from 0 without gaps."""
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64, copy=False)


@dataclass(frozen=True)
class MeanBounds:
    """Mean of per-case differences, its standard error, degrees of freedom, and its bounds."""

    mean: float
    se: float
    df: int
    low: float
    high: float


def mean_bounds(
    differences: Floats, alpha: float, clusters: Ints | None = None, *, flips: bool = False
) -> MeanBounds:
    """Student t bounds for a mean of differences in [-1, 1], cluster-robust when clusters are given.

    Miller (2024), arXiv 2411.00640. One case (or one cluster) bounds nothing. Differences that do not vary
    at all are as uncertain as pairs without flips, never certain; with `flips` (means over repeats of 0/1
    scores) no bounds are narrower than that.
    """
    n = differences.size
    if n == 0:
        raise ValueError("no differences")
    mean = math.fsum(differences.tolist()) / n
    away = differences - mean
    if clusters is None:
        groups = n
        se = math.sqrt(math.fsum((away * away).tolist()) / (n - 1) / n) if n > 1 else math.inf
    else:
        u = np.bincount(clusters, weights=away)
        groups = int(u.size)
        se = math.sqrt(groups / (groups - 1) * math.fsum((u * u).tolist())) / n if groups > 1 else math.inf
    if groups < 2:
        return MeanBounds(mean, se, 0, -1.0, 1.0)
    half = _student(groups - 1, alpha) * se
    if flips or se < 1e-12:
        half = max(half, without_flips(groups, alpha))
    return MeanBounds(mean, se, groups - 1, max(mean - half, -1.0), min(mean + half, 1.0))


@lru_cache(maxsize=4096)
def _student(df: int, alpha: float) -> float:
    return float(special.stdtrit(df, 1 - alpha))
