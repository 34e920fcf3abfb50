"""How much slower is the slow end? The ratio of 95th percentiles, bounded by a bootstrap over cases.

A resampled percentile depends only on how often the cases near that percentile were drawn, so only those are
drawn one by one and all others as a few binomial counts: exact, and linear in the cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liftgate.evaluation.result_rows import Floats, Ints
from liftgate.evaluation.runs import SuiteTable
from liftgate.policy import Policy
from liftgate.verdict.pairs import Pairs
from liftgate.verdict.parts import Part, State, confidence

Counts = npt.NDArray[np.int32]

QUANTILE = 0.95
DRAWS = 2000
SEED = 20260115
FEW_CASES = 20  # fewer hold no 95th percentile at all
_BLOCK_CELLS = 1_000_000  # bounds the memory of one block of draws
_WINDOW_SD = 5.5


@dataclass(frozen=True)
class Latency:
    """95th percentiles in milliseconds and the bounds of candidate over base."""

    cases: int
    base_p95_ms: float
    candidate_p95_ms: float
    ratio: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        return {
            "cases": self.cases,
            "base_p95_ms": self.base_p95_ms,
            "candidate_p95_ms": self.candidate_p95_ms,
            "ratio": self.ratio,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True)
class _Timings:
    """Answers that were timed, as (case, milliseconds), cases numbered from 0 without gaps."""

    cases: Ints
    values: Floats


def measure_latency(pairs: Pairs, alpha: float) -> Latency | None:
    """Compare answers that were timed on both sides; answers from the store were not. None without any."""
    base, candidate, n = _timed_on_both(pairs)
    if not n:
        return None
    base_p95 = float(np.quantile(base.values, QUANTILE))
    candidate_p95 = float(np.quantile(candidate.values, QUANTILE))
    if base_p95 <= 0 or candidate_p95 <= 0:
        return None
    logs = _resampled(candidate, n, base)
    low, high = np.exp(np.quantile(logs, [alpha, 1 - alpha]))
    return Latency(n, base_p95, candidate_p95, candidate_p95 / base_p95, float(low), float(high))


def _timed_on_both(pairs: Pairs) -> tuple[_Timings, _Timings, int]:
    sides = []
    for table, cases in ((pairs.base, pairs.base_cases), (pairs.candidate, pairs.candidate_cases)):
        numbers = np.full(len(table.case_ids), -1, dtype=np.int64)
        numbers[cases] = np.arange(pairs.n)
        of_row = np.repeat(numbers, table.row_counts)
        timed = ~np.isnan(table.latency_ms) & (of_row >= 0)
        sides.append(_Timings(of_row[timed], table.latency_ms[timed]))
    base, candidate = sides
    both = np.intersect1d(base.cases, candidate.cases)
    # Cases in the order of what was measured: neither their ids nor the order of the rows may matter, and
    # exchanging the two models must draw the same cases.
    renumbered = np.full(pairs.n, -1, dtype=np.int64)
    totals = [np.bincount(side.cases, weights=side.values, minlength=pairs.n)[both] for side in sides]
    order = np.lexsort((np.abs(totals[0] - totals[1]), totals[0] + totals[1]))
    renumbered[both[order]] = np.arange(both.size)
    kept = []
    for side in sides:
        chosen = renumbered[side.cases] >= 0
        kept.append(_Timings(renumbered[side.cases][chosen], side.values[chosen]))
    return kept[0], kept[1], int(both.size)


@dataclass(frozen=True)
class _Window:
    """The sorted values around the percentile, whose they are, and what each case holds below them."""

    values: Floats
    cases: Ints
    below: Ints
    total: Ints


def _window(side: _Timings, n: int) -> _Window:
    m = side.values.size
    order = np.lexsort((side.cases, side.values))
    total = np.bincount(side.cases, minlength=n)
    half = int(_WINDOW_SD * total.max() * np.sqrt(n * QUANTILE * (1 - QUANTILE)) + 3 * total.max())
    centre = int(QUANTILE * (m - 1))
    first, last = max(centre - half, 0), min(centre + half + 2, m)
    below = np.bincount(side.cases[order[:first]], minlength=n)
    return _Window(side.values[order[first:last]], side.cases[order[first:last]], below, total)


def _resampled(candidate: _Timings, n: int, base: _Timings) -> Floats:
    windows = (_window(base, n), _window(candidate, n))
    near = np.zeros(n, dtype=np.bool_)
    for window in windows:
        near[window.cases] = True
    tracked = np.flatnonzero(near)
    place = np.cumsum(near) - 1
    # What a drawn case adds below the window and in all, on either side, for the cases outside both windows.
    profile = np.stack([part for window in windows for part in (window.below, window.total)], axis=1)
    kinds, sizes = np.unique(profile[~near], axis=0, return_counts=True)
    # Whole numbers: exact, and the floating-point product would start threads for a millisecond of work.
    added = profile[tracked].astype(np.int32)
    rng = np.random.default_rng(SEED)
    logs = np.empty(DRAWS)
    block = max(_BLOCK_CELLS // max(tracked.size, 1), 1)
    for start in range(0, DRAWS, block):
        draws = min(block, DRAWS - start)
        inside = rng.binomial(n, tracked.size / n, size=draws)
        picked = rng.integers(0, max(tracked.size, 1), size=int(inside.sum()))
        row = np.repeat(np.arange(draws), inside)
        drawn = np.bincount(row * tracked.size + picked, minlength=draws * tracked.size)
        times = drawn.reshape(draws, tracked.size).astype(np.int32)
        far = _far(rng, n - inside, kinds, sizes)
        sums = times @ added + far
        p95 = [
            _percentile(window, times[:, place[window.cases]], sums[:, 2 * side], sums[:, 2 * side + 1])
            for side, window in enumerate(windows)
        ]
        logs[start : start + draws] = np.log(np.maximum(p95[1], 1e-9)) - np.log(np.maximum(p95[0], 1e-9))
    return logs


def _far(rng: np.random.Generator, counts: Ints, kinds: Ints, sizes: Ints) -> Ints:
    if not sizes.size:
        return np.zeros((counts.size, 4), dtype=np.int64)
    drawn = rng.multinomial(counts, sizes / sizes.sum())
    counted: Ints = drawn @ kinds
    return counted


def _percentile(window: _Window, times: Counts, below: Ints, total: Ints) -> Floats:
    reached = np.cumsum(times, axis=1, dtype=np.int32)
    rank = QUANTILE * (total - 1)
    lower = np.floor(rank).astype(np.int64)
    share = rank - lower
    values: Floats = window.values[_first_above(reached, lower - below)] * (1 - share)
    values += window.values[_first_above(reached, lower + 1 - below)] * share
    return values


def _first_above(reached: Counts, rank: Ints) -> Ints:
    limit = rank.astype(np.int32)
    found: Ints = np.argmax(reached > limit[:, None], axis=1)
    # A draw whose percentile lies beyond the window (one in millions) takes the window's edge.
    found[reached[:, -1] <= limit] = reached.shape[1] - 1
    return found


def latency_part(latency: Latency | None, why_not: str, policy: Policy, *, lift_ok: bool) -> Part:
    """Slower is a reason to block only when proven and not paid for by a lift."""
    limits = policy.latency
    needs = f"P95 ratio below {limits.block_ratio:g}"
    if latency is None:
        return Part("latency", "not-measured", why_not, needs, gates=limits.strict)
    told = (
        f"P95 {latency.base_p95_ms:,.0f} ms → {latency.candidate_p95_ms:,.0f} ms, ratio {latency.ratio:.2f} "
        f"({confidence(policy.alpha)} bounds {latency.low:.2f} to {latency.high:.2f})"
    )
    state: State = "unclear"
    if latency.cases < FEW_CASES:
        told += f", but {latency.cases} timed cases hold no 95th percentile"
    elif latency.high < limits.block_ratio:
        state = "ok"
    elif latency.low > limits.accept_ratio and latency.ratio > limits.block_ratio:
        if lift_ok:
            told += ", slower, but the lift is proven"
        else:
            state, told = "fail", f"{told}, slower and no proven lift to pay for it"
    return Part("latency", state, told, needs, gates=limits.strict or state in {"ok", "fail"})


def why_not_timed(base: SuiteTable, candidate: SuiteTable) -> str:
    """What keeps latency from being compared."""
    sides = {"base": base, "candidate": candidate}
    untimed = [name for name, table in sides.items() if np.isnan(table.latency_ms).all()]
    if untimed:
        return f"no {' and no '.join(untimed)} answer was timed (answers from the store are not)"
    return "no case was timed on both sides"
