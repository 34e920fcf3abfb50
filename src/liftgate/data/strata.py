"""Whether the two halves of a split hold the same mix, or differ by more than chance can explain.

Under a random split the number of a class' prompts that fall into validation is hypergeometric. Each class is
tested exactly, and all together by a chi-square over the classes that are large enough for one. The tests share
`ALPHA`, so a random split is flagged less than once in a thousand times a dimension.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ALPHA: Final = 0.001
ENOUGH: Final = 8
_LEAST_EXPECTED: Final = 5.0


@dataclass(frozen=True)
class Stratum:
    """One class: its distinct prompts in training and in validation."""

    name: str | None
    train: int
    validation: int

    @property
    def size(self) -> int:
        """Prompts in both halves."""
        return self.train + self.validation


def strata(train: Iterable[str | None], validation: Iterable[str | None]) -> list[Stratum]:
    """The classes of both halves' prompts, counted. Give each prompt once: its copies cannot be parted anyway."""
    left, right = Counter(train), Counter(validation)
    names = sorted(left.keys() | right.keys(), key=lambda name: (name is None, name or ""))
    return [Stratum(name, left[name], right[name]) for name in names]


def missing(found: Sequence[Stratum]) -> list[Stratum]:
    """Classes with enough prompts for both halves that stand in one half only."""
    return [one for one in found if one.size >= ENOUGH and not (one.train and one.validation)]


def uneven(found: Sequence[Stratum]) -> list[Stratum]:
    """Classes whose share of validation chance cannot explain."""
    total, drawn = sum(one.size for one in found), sum(one.validation for one in found)
    if len(found) < 2 or not 0 < drawn < total:
        return []
    alpha = ALPHA / 2 / len(found)
    return [one for one in found if hypergeometric_p(one.validation, one.size, drawn, total) < alpha]


def differs(found: Sequence[Stratum]) -> bool:
    """True when the mix as a whole differs by more than chance can explain."""
    total, drawn = sum(one.size for one in found), sum(one.validation for one in found)
    if not 0 < drawn < total:
        return False
    smaller_share = min(drawn, total - drawn) / total
    cells = [(one.validation, one.size) for one in found if one.size * smaller_share >= _LEAST_EXPECTED]
    rest = [one for one in found if one.size * smaller_share < _LEAST_EXPECTED]
    rest_size = sum(one.size for one in rest)
    if rest_size * smaller_share >= _LEAST_EXPECTED:
        cells.append((sum(one.validation for one in rest), rest_size))
    if len(cells) < 2:
        return False
    # Small classes left out altogether would shift what the others are expected to hold.
    share = sum(seen for seen, _ in cells) / sum(size for _, size in cells)
    if not 0 < share < 1:
        return True
    statistic = sum((seen - size * share) ** 2 / (size * share * (1 - share)) for seen, size in cells)
    return chi_square_tail(statistic, len(cells) - 1) < ALPHA / 2


def hypergeometric_p(seen: int, size: int, drawn: int, total: int) -> float:
    """Two-sided p of `seen` of a class' `size` members among `drawn` of `total`: twice the smaller tail, at most 1."""
    low, high = max(0, drawn + size - total), min(size, drawn)
    step = 1 if seen * total >= size * drawn else -1
    term = tail = math.exp(_log_mass(seen, size, drawn, total))
    at = seen
    while at < high if step > 0 else at > low:
        # The ratio of neighbours, so that a tail costs one multiplication a term.
        if step > 0:
            term *= (size - at) * (drawn - at) / ((at + 1) * (total - size - drawn + at + 1))
        else:
            term *= at * (total - size - drawn + at) / ((size - at + 1) * (drawn - at + 1))
        at += step
        tail += term
        if term < tail * 1e-12:
            break
    return min(1.0, 2 * tail)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic) of a chi-square variable with whole degrees of freedom, by its finite sum."""
    half = statistic / 2
    if half <= 0:
        return 1.0
    odd = freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    for step in range(freedom // 2):
        power = step + odd / 2
        tail += math.exp(-half + power * math.log(half) - math.lgamma(power + 1))
    return min(1.0, tail)


def _log_mass(seen: int, size: int, drawn: int, total: int) -> float:
    return _log_choose(size, seen) + _log_choose(total - size, drawn - seen) - _log_choose(total, drawn)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
