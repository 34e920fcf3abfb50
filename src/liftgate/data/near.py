"""Texts that nearly repeat one another: MinHash and LSH find candidates, exact Jaccard decides.

Texts are in the normal form, as bytes. Signatures live only inside one call: the sketch of one library
version need not equal that of the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from liftgate.data.shingles import Counts, Hashes, Shingles, jaccard, shingled

THRESHOLD: Final = 0.8
WORDS: Final = 3
_PERMUTATIONS: Final = 64
_BANDS: Final = (
    16  # 4 values a band: a pair at 0.8 is missed once in 5,000, one at 0.3 is a candidate once in 8
)
_SEED: Final = 42
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_OTHER_ODD: Final = np.uint64(0xD6E8FEB86659FD93)
_SURE: Final = 0.95  # three standard errors above the threshold
_HOPELESS: Final = 0.6  # four below it
_LOOK_BACK: Final = 4
_FILTER_BITS: Final = 22
_COMMON: Final = 0.01


class Overlap(NamedTuple):
    """A text that holds the share `cover` of a reference's distinct n-grams, boilerplate aside."""

    text: int
    reference: int
    cover: float


def near_pairs(
    texts: Sequence[bytes], threshold: float = THRESHOLD, *, other_from: int | None = None
) -> list[tuple[int, int]]:
    """(earlier, later) for every text that nearly repeats an earlier one, each later text once.

    Texts from `other_from` on are another set: they are paired with texts before it, not with one another.
    """
    ours = len(texts) if other_from is None else other_from
    flagged = _sharing_a_band(texts)
    if len(flagged) < 2:
        return []
    chosen = [texts[index] for index in flagged]
    signatures = np.concatenate([_rows(_digests(batch)) for batch in shingled(chosen, WORDS)])
    pairs: list[tuple[int, int]] = []
    done: set[int] = set()
    for earlier, later, estimate in _candidates(signatures):
        if later in done or flagged[earlier] >= ours:
            continue
        if estimate >= _SURE or similarity(chosen[earlier], chosen[later]) >= threshold:
            done.add(later)
            pairs.append((flagged[earlier], flagged[later]))
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def near_clusters(texts: Sequence[bytes], threshold: float = THRESHOLD) -> list[int]:
    """For each text the index of the first one of its cluster: itself when it nearly repeats no other.

    Texts are of one cluster when a chain of near repeats leads from one to the other. Empty texts are alone.
    """
    leader = list(range(len(texts)))

    def first(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    flagged = _sharing_a_band(texts)
    if len(flagged) > 1:
        chosen = [texts[index] for index in flagged]
        signatures = np.concatenate([_rows(_digests(batch)) for batch in shingled(chosen, WORDS)])
        for a, b, estimate in _candidates(signatures):
            one, other = sorted((first(flagged[a]), first(flagged[b])))
            if one != other and (estimate >= _SURE or similarity(chosen[a], chosen[b]) >= threshold):
                leader[other] = one
    return [first(index) for index in range(len(texts))]


def overlaps(
    texts: Sequence[bytes],
    references: Sequence[bytes],
    size: int,
    *,
    least_cover: float | Sequence[float],
    or_shared: int | None = None,
    repeats: Collection[int] = (),
) -> Iterator[Overlap]:
    """Every pair in which the text covers at least `least_cover` of the reference, exactly counted.

    `least_cover` is one share, or one for each reference. With `or_shared`, also every pair that has that many
    n-grams in common.

    N-grams that stand in more than one text of a hundred (and in more than ten) are boilerplate and do not
    count. Texts in `repeats` do not make boilerplate: a sentence pasted a hundred times is none.
    """
    if not any(references) or not any(texts):
        return
    known = _Index.of(references, size)
    hits = np.concatenate([known.hits(batch) for batch in shingled(texts, size)], axis=1)
    alone = np.ones(len(texts), dtype=np.bool_)
    alone[list(repeats)] = False
    boilerplate = np.bincount(hits[1][alone[hits[0]]], minlength=len(known.hashes)) > max(
        10, _COMMON * len(texts)
    )
    text, gram = hits[:, ~boilerplate[hits[1]]]
    owned = known.starts[gram + 1] - known.starts[gram]
    within = np.arange(owned.sum()) - np.repeat(np.cumsum(owned) - owned, owned)
    owner = known.owners[np.repeat(known.starts[gram], owned) + within]
    pairs, shared = np.unique(np.repeat(text, owned) * len(references) + owner, return_counts=True)
    index, reference = np.divmod(pairs, len(references))
    cover = shared / known.sizes(boilerplate)[reference]
    wanted = cover >= np.broadcast_to(least_cover, len(references))[reference]
    if or_shared is not None:
        wanted |= shared >= or_shared
    for at in np.flatnonzero(wanted).tolist():
        yield Overlap(int(index[at]), int(reference[at]), float(cover[at]))


def similarity(left: bytes, right: bytes) -> float:
    """Exact Jaccard similarity of two texts' shingles."""
    # Long texts fill a batch each.
    one, other = (batch.of(i) for batch in shingled([left, right], WORDS) for i in range(len(batch)))
    return jaccard(one, other)


@dataclass(frozen=True)
class _Index:
    """Distinct n-grams of the references: n-gram i belongs to `owners[starts[i]:starts[i + 1]]`."""

    hashes: Hashes
    starts: Counts
    owners: Counts
    references: int
    filter: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, references: Sequence[bytes], size: int) -> _Index:
        columns = [
            np.stack([batch.hashes, np.repeat(batch.numbers, np.diff(batch.offsets))])
            for batch in shingled(references, size)
        ]
        # n-gram first, reference second, so that the sorted columns are grouped by n-gram.
        grams, owners = np.unique(np.concatenate(columns, axis=1), axis=1)
        hashes, starts = np.unique(grams, return_index=True)
        present = np.zeros(1 << _FILTER_BITS, dtype=np.bool_)
        present[_slot(hashes)] = True
        bounds = np.append(starts, len(grams)).astype(np.int64)
        return cls(hashes, bounds, owners.astype(np.int64), len(references), present)

    def hits(self, batch: Shingles) -> Counts:
        """Distinct (text, n-gram) matches of a batch, one a column."""
        maybe = np.flatnonzero(self.filter[_slot(batch.hashes)])
        found = np.searchsorted(self.hashes, batch.hashes[maybe])
        found[found == len(self.hashes)] = 0
        real = self.hashes[found] == batch.hashes[maybe]
        local = np.searchsorted(batch.offsets, maybe[real], side="right") - 1
        pairs = np.unique((local + batch.first) * len(self.hashes) + found[real])
        return np.stack(np.divmod(pairs, len(self.hashes)))

    def sizes(self, boilerplate: npt.NDArray[np.bool_]) -> Counts:
        """How many n-grams of each reference are not boilerplate."""
        counted = np.repeat(~boilerplate, np.diff(self.starts))
        return np.bincount(self.owners[counted], minlength=self.references)


def _slot(hashes: Hashes) -> Any:
    return (hashes >> np.uint64(64 - _FILTER_BITS)).astype(np.int64)


def _sharing_a_band(texts: Sequence[bytes]) -> list[int]:
    """Indices of texts that share an LSH band with another text.

    Only one number a band is kept for each text: an index of whole sketches outweighs the dataset.
    """
    columns, with_words = [], []
    for batch in shingled(texts, WORDS):
        columns.append(_band_keys(_rows(_digests(batch))))
        with_words.append(np.flatnonzero(np.diff(batch.offsets)) + batch.first)
    if not columns:
        return []
    numbers = np.concatenate(with_words)
    keys = np.concatenate(columns)[numbers]
    shared = np.zeros(len(keys), dtype=np.bool_)
    for band in range(_BANDS):
        order = np.argsort(keys[:, band])
        twins = np.flatnonzero(np.diff(keys[order, band]) == 0)
        shared[order[twins]] = True
        shared[order[twins + 1]] = True
    found: list[int] = numbers[shared].tolist()
    return found


def _band_keys(signatures: npt.NDArray[np.uint32]) -> Hashes:
    """One 64-bit number for each band of each signature."""
    halves: Hashes = signatures.view(np.uint64).reshape(len(signatures), _BANDS, 2)
    keys = halves[:, :, 0] * _ODD + _folded(halves[:, :, 1]) * _OTHER_ODD
    mixed: Hashes = keys ^ (keys >> np.uint64(32))
    return mixed


def _folded(numbers: Hashes) -> Hashes:
    return numbers ^ (numbers >> np.uint64(31))


def _digests(batch: Shingles) -> Any:
    import rensa

    offsets = batch.offsets.astype(np.uint64)
    return rensa.RMinHash.digest_matrix_from_flat_token_hashes(batch.hashes, offsets, _PERMUTATIONS, _SEED)


def _rows(digests: Any) -> npt.NDArray[np.uint32]:
    return np.array(digests.to_rows(), dtype=np.uint32)


def _candidates(signatures: npt.NDArray[np.uint32]) -> Iterator[tuple[int, int, float]]:
    """(earlier, later, estimated Jaccard), best first. In a crowded bucket each looks back a few places."""
    keys = _band_keys(signatures)
    found = []
    for band in range(_BANDS):
        _, bucket = np.unique(keys[:, band], return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        for back in range(1, _LOOK_BACK + 1):
            same = bucket[order[back:]] == bucket[order[:-back]]
            found.append(np.stack([order[:-back][same], order[back:][same]]))
        starts = np.flatnonzero(np.diff(bucket[order], prepend=-1))
        leader = order[starts][bucket]
        alone = leader == np.arange(len(leader))
        found.append(np.stack([leader[~alone], np.flatnonzero(~alone)]))
    pairs = np.unique(np.concatenate(found, axis=1), axis=1)
    estimates = np.concatenate(
        [
            (signatures[block[0]] == signatures[block[1]]).mean(axis=1)
            for block in np.array_split(pairs, max(1, pairs.shape[1] // 20_000), axis=1)
        ]
    )
    kept = np.flatnonzero(estimates >= _HOPELESS)
    for at in kept[np.argsort(-estimates[kept], kind="stable")].tolist():
        yield int(pairs[0, at]), int(pairs[1, at]), float(estimates[at])
