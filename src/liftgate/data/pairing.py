"""Which row of one side is which row of the other: by id first, then by content, never by the line."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from liftgate.data.dataset import Dataset, Row


class Item(NamedTuple):
    """A row with what it is compared by: prints of all but its metadata, and of its metadata."""

    content: bytes
    metadata: bytes
    label: str | None
    id: str | None
    half: str
    path: str
    row: Row

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.path}:{self.row.line}"

    @property
    def kind(self) -> tuple[bytes, bytes, str, str]:
        """An order that does not depend on where rows stand."""
        return self.content, self.metadata, self.half, self.id or ""


class Pairing(NamedTuple):
    """Every row of both sides, once: in a pair, or alone on its side."""

    pairs: list[tuple[Item, Item]]
    before: list[Item]
    after: list[Item]


def items(datasets: Iterable[Dataset], label_of: Callable[[Row], str | None]) -> list[Item]:
    """The rows of some files, in their order."""
    return [
        Item(
            _print({key: value for key, value in row.data.items() if key != "metadata"}),
            _print(row.data.get("metadata")),
            label_of(row),
            row.id,
            half_of(dataset.path),
            dataset.path,
            row,
        )
        for dataset in datasets
        for row in dataset.rows
    ]


def half_of(path: str) -> str:
    """`train`, `validation`, or an empty string for a file that is not named like half of a release."""
    name = path.rsplit("/", 1)[-1]
    return next((half for half in ("train", "validation") if f".{half}." in name), "")


# Each pass pairs what is equal in a little less, so that the closest rows find each other first. A row whose
# id alone is new is found by its content at the end.
_PASSES: Final[Sequence[Callable[[Item], Hashable]]] = (
    lambda item: (item.id, item.content, item.metadata, item.half),
    lambda item: (item.id, item.content, item.metadata),
    lambda item: (item.id, item.content, item.label),
    lambda item: (item.id, item.content),
    lambda item: item.id,
    lambda item: (item.content, item.label),
    lambda item: item.content,
)


def paired(before: Sequence[Item], after: Sequence[Item]) -> Pairing:
    """Pair the rows of two sides in linear time. Which rows pair depends on neither order nor direction."""
    pairs: list[tuple[Item, Item]] = []
    left, right = list(before), list(after)
    for key in _PASSES:
        if not left or not right:
            break
        left, right = _one_pass(left, right, key, pairs)
    return Pairing(pairs, left, right)


def _one_pass(
    before: list[Item],
    after: list[Item],
    key: Callable[[Item], Hashable],
    pairs: list[tuple[Item, Item]],
) -> tuple[list[Item], list[Item]]:
    waiting: dict[Hashable, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    alone: tuple[list[Item], list[Item]] = ([], [])
    for side, found in enumerate((before, after)):
        for item in found:
            value = key(item)
            (alone[side] if value is None else waiting[value][side]).append(item)
    for ours, theirs in waiting.values():
        if len(ours) > 1:
            ours.sort(key=lambda item: item.kind)
        if len(theirs) > 1:
            theirs.sort(key=lambda item: item.kind)
        both = min(len(ours), len(theirs))
        pairs.extend(zip(ours[:both], theirs[:both], strict=True))
        alone[0].extend(ours[both:])
        alone[1].extend(theirs[both:])
    return alone


def _print(value: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
