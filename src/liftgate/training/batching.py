"""The order in which rows are trained: a pure function of lengths, seed and epoch, so that a resume is exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

# Rows are sorted by length within pools of this many batches: little padding, and still a fresh mix each epoch.
POOL_BATCHES: Final = 25


def length_grouped_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[int]:
    """A permutation of the rows in which neighbours have similar lengths.

    transformers' own length-grouped sampler draws from the global generator, whose state a resume in the middle
    of an epoch cannot restore; two resumed trainings would then differ.
    """
    draw = Random(f"{seed}-{epoch}")  # noqa: S311 - reproducible order, not a secret
    order = list(range(len(lengths)))
    draw.shuffle(order)
    pool = batch_size * POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        rows = sorted(order[start : start + pool], key=lambda row: lengths[row])
        batches += [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    # A short last batch stays last: in the middle it would shift every later batch's border.
    short = [batch for batch in batches if len(batch) < batch_size]
    whole = [batch for batch in batches if len(batch) == batch_size]
    draw.shuffle(whole)
    return [row for batch in (*whole, *short) for row in batch]


class LengthGroupedSampler:
    """Indices for a `DataLoader`; `Trainer` tells it the epoch through `set_epoch`.

    Several processes take whole batches in turn, and all the same number of them. `blanks` indices after the last row
    fill the last ones up; the dataset gives a row without a target for them.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, blanks: int = 0) -> None:
        self._lengths, self._batch_size, self._seed = lengths, batch_size, seed
        self._blanks = blanks
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths) + self._blanks

    def __iter__(self) -> Iterator[int]:
        yield from length_grouped_order(self._lengths, self._batch_size, self._seed, self._epoch)
        yield from range(len(self._lengths), len(self))
