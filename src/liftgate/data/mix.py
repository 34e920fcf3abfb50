"""What a set of rows is made of, and how that compares with another: shares of classes, sources, lengths."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from liftgate.data.dataset import Row

Key = TypeVar("Key", bound=Hashable)

_LONGEST_CLASS = 64


@dataclass(frozen=True)
class Share:
    """So many rows, and which share of all rows of their side that is, 0 to 1."""

    rows: int
    share: float


@dataclass(frozen=True)
class Entry:
    """One value of a mix. `name` is None for rows that do not say; `before` is None without a before."""

    name: str | None
    before: Share | None
    after: Share

    @property
    def shift(self) -> float:
        """How far the share moved."""
        return abs(self.after.share - self.before.share) if self.before else 0.0


@dataclass(frozen=True)
class Mix:
    """The values that moved most, at most a set number of them, and the rest as one."""

    total: int
    entries: tuple[Entry, ...]
    others: Entry | None


@dataclass(frozen=True)
class Lengths:
    """Tokens a row; `p95` by nearest rank."""

    total: int
    min: int
    median: float
    p95: int
    max: int


def ranked(
    before: Mapping[Key, int] | None, after: Mapping[Key, int], named: Callable[[Key], str | None]
) -> list[tuple[Key, Entry]]:
    """Every value with both sides of it, what moved most first, then what has most rows."""
    totals = sum(before.values()) if before else 0, sum(after.values())
    found = [
        (
            key,
            Entry(
                named(key),
                None if before is None else _share(before.get(key, 0), totals[0]),
                _share(after.get(key, 0), totals[1]),
            ),
        )
        for key in {**after, **(before or {})}
    ]
    return sorted(found, key=lambda each: (-each[1].shift, -_size(each[1]), str(each[0])))


def mix(
    before: Mapping[Key, int] | None, after: Mapping[Key, int], named: Callable[[Key], str | None], most: int
) -> Mix:
    """The `most` values that rank first, and the rest as `others`."""
    found = [entry for _, entry in ranked(before, after, named)]
    return Mix(len(found), tuple(found[:most]), _together(found[most:]))


def lengths(tokens: Sequence[int]) -> Lengths | None:
    """None when there are no rows: no rows have no length, not a length of zero."""
    if not tokens:
        return None
    ordered = sorted(tokens)
    middle = statistics.median(ordered)
    return Lengths(
        total=sum(ordered),
        min=ordered[0],
        median=int(middle) if middle == int(middle) else middle,
        p95=ordered[-(-95 * len(ordered) // 100) - 1],
        max=ordered[-1],
    )


def class_reader(rows: Sequence[Row]) -> Callable[[Row], str | None]:
    """`metadata.label` when any row has one; else the answer, when answers are short and repeat; else None."""
    if any(row.label is not None for row in rows):
        return lambda row: row.label
    answers: Counter[str] = Counter()
    for row in rows:
        answer = row.answer
        if not answer or len(answer) > _LONGEST_CLASS or "\n" in answer:
            return lambda _: None
        answers[answer] += 1
    return (lambda row: row.answer) if answers and len(answers) * 5 <= len(rows) else lambda _: None


def _size(entry: Entry) -> int:
    return max(entry.after.rows, entry.before.rows if entry.before else 0)


def _together(entries: Sequence[Entry]) -> Entry | None:
    if not entries:
        return None
    before = [entry.before for entry in entries if entry.before]
    return Entry(None, _sum(before) if before else None, _sum([entry.after for entry in entries]))


def _sum(shares: Sequence[Share]) -> Share:
    return Share(sum(share.rows for share in shares), _rounded(sum(share.share for share in shares)))


def _share(rows: int, total: int) -> Share:
    return Share(rows, _rounded(rows / total) if total else 0.0)


def _rounded(share: float) -> float:
    return float(f"{share:.10g}")
