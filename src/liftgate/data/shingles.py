"""Word n-grams of many texts as 64-bit hashes, without a Python loop over words.

A polynomial prefix hash gives the hash of any stretch of bytes from two look-ups, so n-grams of every length
cost the same. The hashes are the same in every process and on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)
BATCH_BYTES = 1 << 17  # small enough for the arrays to stay in the cache


@dataclass(frozen=True)
class Shingles:
    """Hashes of the texts from `first` on: those of text i are `hashes[offsets[i]:offsets[i + 1]]`."""

    first: int
    hashes: Hashes
    offsets: Counts

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def numbers(self) -> Hashes:
        """The position of every text in the whole sequence, as unsigned numbers to stand beside hashes."""
        return np.arange(self.first, self.first + len(self), dtype=np.uint64)

    def of(self, index: int) -> Hashes:
        """The hashes of one text, by its position in this batch."""
        return self.hashes[self.offsets[index] : self.offsets[index + 1]]


def shingled(texts: Sequence[bytes], size: int) -> Iterator[Shingles]:
    """N-grams of `size` words, in batches small enough to be fast.

    Texts are in the normal form (single spaces). A text of fewer words is one shingle, an empty one none.
    """
    batch: list[bytes] = []
    held = 0
    first = 0
    for text in texts:
        batch.append(text)
        held += len(text) + 1
        if held >= BATCH_BYTES:
            yield _batch(batch, size, first)
            first += len(batch)
            batch, held = [], 0
    if batch:
        yield _batch(batch, size, first)


def _batch(texts: Sequence[bytes], size: int, first: int) -> Shingles:
    blob = np.frombuffer(b" ".join(texts), dtype=np.uint8)
    power, inverse = _powers(1 << max(18, len(blob).bit_length()))
    prefix = np.zeros(len(blob) + 1, dtype=np.uint64)
    np.cumsum((blob.astype(np.uint64) + np.uint64(1)) * power[: len(blob)], out=prefix[1:])
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    text_starts = np.concatenate(([0], np.cumsum(lengths + 1)[:-1]))
    spaces = np.flatnonzero(blob == ord(" "))
    starts = np.concatenate(([0], spaces + 1))
    ends = np.concatenate((spaces, [len(blob)]))
    # An empty text still owns one (empty) word, because the separator after it makes one.
    first_word = np.searchsorted(starts, text_starts)
    words = np.diff(np.append(first_word, len(starts)))
    counts = np.where(lengths == 0, 0, np.maximum(words - size + 1, 1))
    offsets = np.concatenate(([0], np.cumsum(counts)))
    local = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    head = np.repeat(first_word, counts) + local
    tail = np.minimum(head + size - 1, np.repeat(first_word + words - 1, counts))
    begin, end = starts[head], ends[tail]
    hashes = (prefix[end] - prefix[begin]) * inverse[begin]
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(29)
    return Shingles(first, hashes, offsets)


@cache
def _powers(length: int) -> tuple[Hashes, Hashes]:
    return _power_series(_BASE, length), _power_series(pow(_BASE, -1, 1 << 64), length)


def _power_series(base: int, length: int) -> Hashes:
    series = np.full(length, base, dtype=np.uint64)
    series[0] = 1
    result: Any = np.multiply.accumulate(series)
    return result  # type: ignore[no-any-return]


def jaccard(left: Hashes, right: Hashes) -> float:
    """Shared over all distinct shingles, 0 when both are empty."""
    a, b = np.unique(left), np.unique(right)
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared) if shared else 0.0
