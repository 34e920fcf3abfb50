"""Train and validation halves: the same mix of labels and locales, and no question on both sides."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction

from liftgate.data.dataset import Row
from liftgate.data.text import normal_print

Stratum = tuple[str, str]


def split_rows(
    rows: Sequence[Row],
    *,
    validation_share: float,
    seed: int,
    same_side: Mapping[int, Hashable] | None = None,
) -> tuple[list[Row], list[Row]]:
    """Training and validation rows, each in the order of the file.

    Rows with the same normalised prompt stay together, and so do rows that `same_side` (index → cluster)
    puts into one cluster. Every (label, locale) gives its share, rounded so that the whole comes out right;
    where a stratum's groups are too large for its share, others that fit step in. The outcome depends on the
    rows and the seed only.
    """
    groups = _groups(rows, same_side or {})
    strata: dict[Stratum, list[list[int]]] = defaultdict(list)
    for group in groups:
        first = rows[group[0]]
        strata[(first.label or "", first.locale or "")].append(group)
    chosen: set[int] = set()
    quotas = _quotas({key: sum(map(len, members)) for key, members in strata.items()}, validation_share)
    for key in sorted(strata):
        members = strata[key]
        random.Random(f"{seed}/{key[0]}/{key[1]}").shuffle(members)  # noqa: S311 — reproducible, not secret
        taken, strata[key] = _take(members, quotas[key])
        chosen.update(taken)
    # One group a stratum and round, so that no stratum fills the gap alone.
    missing = sum(quotas.values()) - len(chosen)
    while missing > 0:
        before = missing
        for key in sorted(strata, key=lambda key: (-sum(map(len, strata[key])), key)):
            fitting = next((group for group in strata[key] if len(group) <= missing), None)
            if fitting is not None:
                strata[key].remove(fitting)
                chosen.update(fitting)
                missing -= len(fitting)
        if missing == before:
            break
    train = [row for index, row in enumerate(rows) if index not in chosen]
    return train, [row for index, row in enumerate(rows) if index in chosen]


def _groups(rows: Sequence[Row], same_side: Mapping[int, Hashable]) -> list[list[int]]:
    """Indices that must not be parted, joined through prompts and clusters."""
    parent = list(range(len(rows)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[Hashable, int] = {}
    for index, row in enumerate(rows):
        names: list[Hashable] = [normal_print(row.prompt)]
        if index in same_side:
            names.append(("cluster", same_side[index]))
        for name in names:
            parent[root(index)] = root(first.setdefault(name, index))
    joined: dict[int, list[int]] = defaultdict(list)
    for index in range(len(rows)):
        joined[root(index)].append(index)
    return list(joined.values())


def _quotas(sizes: Mapping[Stratum, int], share: float) -> dict[Stratum, int]:
    """Largest remainders: whole numbers per stratum whose sum is the rounded share of all rows."""
    part = Fraction(repr(share))
    exact = {key: size * part for key, size in sizes.items()}
    quotas = {key: int(value) for key, value in exact.items()}
    missing = round(sum(sizes.values()) * part) - sum(quotas.values())
    for key in sorted(exact, key=lambda key: (quotas[key] - exact[key], key))[: max(missing, 0)]:
        quotas[key] += 1
    return quotas


def _take(groups: Sequence[list[int]], quota: int) -> tuple[list[int], list[list[int]]]:
    """(indices of the groups that fit into the quota, the other groups)."""
    taken: list[int] = []
    left = []
    for group in groups:
        if len(taken) + len(group) <= quota:
            taken.extend(group)
        else:
            left.append(group)
    return taken, left
