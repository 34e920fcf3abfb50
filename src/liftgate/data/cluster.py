"""Golden cases that nearly repeat one another get one `cluster_id`, so that they do not count as independent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from liftgate.data.golden import Case, Cases
from liftgate.data.near import near_clusters
from liftgate.data.text import unmasked_bytes
from liftgate.errors import InputError, Problem

_UNSET: Final = re.compile(r'("cluster_id"\s*:\s*)(?:null|"")')


@dataclass(frozen=True)
class Clustering:
    """A golden set with cluster ids. Lines are 1-based; clusters have two cases and more."""

    data: bytes
    clusters: Mapping[str, tuple[int, ...]]
    """Cluster id → the lines of its cases."""
    assigned: tuple[int, ...]
    """Lines whose case got an id now."""
    across: tuple[tuple[int, ...], ...]
    """Lines of near-duplicates whose cases carry different ids that were there before: left as they are."""


def near_groups(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases that nearly repeat one another, in groups of two and more, in the order of the file."""
    groups: dict[int, list[Case]] = defaultdict(list)
    for first, case in zip(near_clusters([unmasked_bytes(c.prompt) for c in cases]), cases, strict=True):
        groups[first].append(case)
    return [group for group in groups.values() if len(group) > 1]


def clustered(data: bytes, cases: Cases) -> Clustering:
    """Give every near-duplicate without a `cluster_id` that of its group, or one made from its first case's id.

    Ids that stand in the file stay; every other byte stays too. Raises `InputError` naming the chat rows among
    the near-duplicates, which have no place for an id.
    """
    chosen: dict[int, str] = {}
    across: list[tuple[int, ...]] = []
    taken = {case.cluster_id for case in cases if case.cluster_id}
    for group in near_groups(cases.cases):
        known = list(dict.fromkeys(case.cluster_id for case in group if case.cluster_id))
        if len(known) > 1:
            across.append(tuple(case.line for case in group))
        name = known[0] if known else _free(f"near-{group[0].id}", taken)
        taken.add(name)
        chosen |= {case.line: name for case in group if not case.cluster_id}
    members: dict[str, list[int]] = defaultdict(list)
    for case in cases:
        if name := case.cluster_id or chosen.get(case.line, ""):
            members[name].append(case.line)
    clusters = {name: tuple(lines) for name, lines in members.items() if len(lines) > 1}
    return Clustering(_with_ids(data, cases.path, chosen), clusters, tuple(sorted(chosen)), tuple(across))


def _with_ids(data: bytes, path: str, chosen: Mapping[int, str]) -> bytes:
    lines = data.split(b"\n")
    problems = []
    for number, name in chosen.items():
        text = lines[number - 1].decode()
        value: dict[str, Any] = orjson.loads(text.removeprefix("\ufeff"))
        if "expected" not in value:
            problems.append(Problem(f"{path}:{number}", "a chat row has no place for a cluster_id"))
            continue
        after = _inserted(text, name, set_=bool("cluster_id" in value))
        if orjson.loads(after.removeprefix("\ufeff")) != {**value, "cluster_id": name}:
            problems.append(Problem(f"{path}:{number}", "the empty cluster_id cannot be filled; remove it"))
        lines[number - 1] = after.encode()
    if problems:
        hint = "liftgate data adopt --as cases turns chat rows into cases"
        raise InputError(f"{path}: some cases cannot be given a cluster_id", problems=problems, hint=hint)
    return b"\n".join(lines)


def _inserted(line: str, name: str, *, set_: bool) -> str:
    written = orjson.dumps(name).decode()
    if set_:
        return _UNSET.sub(lambda found: found.group(1) + written, line)
    end = line.rindex("}")
    comma, colon = (", ", ": ") if '": ' in line else (",", ":")
    return f'{line[:end].rstrip()}{comma}"cluster_id"{colon}{written}{line[end:]}'


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
