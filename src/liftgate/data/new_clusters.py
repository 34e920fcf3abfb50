"""Questions that came in beside others which they nearly repeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from liftgate.data.near import near_pairs
from liftgate.data.pairing import Item, Pairing
from liftgate.data.text import normal_print, unmasked_bytes

MOST_MEMBERS: Final = 20


@dataclass(frozen=True)
class Cluster:
    """Rows whose questions nearly repeat one another, at least one of them new."""

    rows: int
    new: int
    classes: int
    places: tuple[str, ...]


def new_clusters(new: Sequence[Item], pairing: Pairing | None) -> list[Cluster]:
    """Clusters with a row that was not asked before, the largest first.

    A relabelled row is not new here: its question stood there already.
    """
    fresh = {id(item.row) for item in (new if pairing is None else pairing.after)}
    for before, after in pairing.pairs if pairing else ():
        if before.content != after.content and _asked(before) != _asked(after):
            fresh.add(id(after.row))
    if not fresh:
        return []
    asked: dict[bytes, list[Item]] = defaultdict(list)
    for item in new:
        if prompt := item.row.prompt.strip():
            asked[normal_print(prompt)].append(item)
    # Sorted, so that what is found does not depend on the order of lines.
    groups = [asked[print_] for print_ in sorted(asked)]
    leader = list(range(len(groups)))

    def root(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    texts = [unmasked_bytes(min(item.row.prompt for item in group)) for group in groups]
    for earlier, later in near_pairs(texts):
        leader[root(later)] = root(earlier)
    joined: dict[int, list[Item]] = defaultdict(list)
    for index, group in enumerate(groups):
        joined[root(index)].extend(group)
    clusters = []
    for members in joined.values():
        added = sum(id(item.row) in fresh for item in members)
        if added and len(members) > 1:
            members.sort(key=lambda item: (item.path, item.row.line))
            places = tuple(item.place for item in members[:MOST_MEMBERS])
            clusters.append(Cluster(len(members), added, len({item.label for item in members}), places))
    return sorted(clusters, key=lambda c: (-c.rows, -c.new, -c.classes, c.places))


def _asked(item: Item) -> bytes:
    return normal_print(item.row.prompt)
