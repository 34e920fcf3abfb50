"""A part of a run that one machine of several answers, and the whole put together again.

Questions that share a request stay together, and so do requests that an endpoint answers in one batch: each
request is asked once, whatever the number of shards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol, runtime_checkable

from liftgate.data.golden import Case
from liftgate.errors import InputError, Problem
from liftgate.evaluation.completion import Request
from liftgate.evaluation.endpoints import Endpoint
from liftgate.files import canonical
from liftgate.training.cost import money

_OWN_KEYS: Final = frozenset({"aggregates", "part", "usage", "results_sha256"})


@dataclass(frozen=True)
class Shard:
    """Shard `number` (from 1) of `of`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/4`. Raises ValueError for anything else."""
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) <= 10_000):
            raise ValueError(f"{text!r} is not a shard such as 2/4")
        return cls(int(number), int(of))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def share(self, groups: Sequence[int]) -> list[int]:
        """Which requests are this shard's, by the group of each. Raises `InputError` when none is."""
        if max(groups) + 1 < self.of:  # too few batches for all: sharing them is slower, and gives the same
            groups = range(len(groups))
        ours = [index for index, group in enumerate(groups) if group % self.of == self.number - 1]
        if not ours:
            raise InputError(
                f"shard {self} holds no case: there are {len(groups)} different requests",
                hint=f"use at most {len(groups)} shards",
            )
        return ours


def share_of_cases(shard: Shard, suites: Iterable[Iterable[Case]]) -> frozenset[str]:
    """The ids of the cases that are this shard's, of the golden cases and of each further suite in turn.

    Cases that ask the same belong to one shard, so that no request is paid for twice. Raises `InputError` when
    there are fewer different golden cases than shards.
    """
    place: dict[str, int] = {}
    for number, cases in enumerate(suites):
        groups: dict[bytes, int] = {}
        for case in cases:
            asked = canonical([list(case.messages), list(case.tools), case.context])
            place.setdefault(case.id, groups.setdefault(asked, len(groups)) % shard.of)
        if number == 0 and len(groups) < shard.of:
            raise InputError(
                f"{len(groups)} different golden cases cannot be shared by {shard.of} shards",
                hint=f"use at most {len(groups)} shards",
            )
    return frozenset(case for case, number in place.items() if number == shard.number - 1)


@runtime_checkable
class Batches(Protocol):
    """An endpoint that answers several requests in one batch."""

    def groups(self, requests: Sequence[Request]) -> Sequence[int]:
        """The number of each request's batch, counted from 0."""
        ...


def grouped(endpoint: Endpoint, requests: Sequence[Request]) -> Sequence[int]:
    """The group of each request; those of one group belong on one machine."""
    return endpoint.groups(requests) if isinstance(endpoint, Batches) else range(len(requests))


def part_of(shard: Shard, positions: Sequence[int], rows: int) -> dict[str, Any]:
    """What run.json says of a shard: its number, the rows of the whole, and the places of its own."""
    return {"shard": str(shard), "rows": rows, "positions": " ".join(map(str, positions))}


@dataclass(frozen=True)
class ShardRun:
    """One shard as read from its folder `path`: run.json, and the lines of results.jsonl as they stand."""

    path: str
    meta: Mapping[str, Any]
    lines: Sequence[bytes]


def merged(shards: Sequence[ShardRun]) -> tuple[dict[str, Any], list[bytes]]:
    """run.json (but for the digest of the results) and the lines of the whole run.

    Raises `InputError` that names every shard which is missing, stands there twice, or belongs to another
    run, and every setting in which they differ.
    """
    described = [_described(shard) for shard in shards]
    problems = [problem for found in described for problem in ([found] if isinstance(found, Problem) else [])]
    if problems:
        raise _cannot(problems)
    parts = [found for found in described if isinstance(found, tuple)]
    problems = [*_numbering(shards, parts), *_differences(shards)]
    if problems:
        raise _cannot(problems)
    rows = int(shards[0].meta["part"]["rows"])
    whole: list[bytes | None] = [None] * rows
    for shard, (_, positions) in zip(shards, parts, strict=True):
        for place, line in zip(positions, shard.lines, strict=True):
            if whole[place] is not None:
                problems.append(Problem(shard.path, f"row {place + 1} of the run stands in two shards"))
            whole[place] = line
    lines = [line for line in whole if line is not None]
    if len(lines) < rows and not problems:
        problems.append(Problem("shards", f"{rows - len(lines)} of {rows} rows stand in no shard"))
    if problems:
        raise _cannot(problems[:5])
    meta = {key: value for key, value in shards[0].meta.items() if key not in _OWN_KEYS}
    return {**meta, "usage": _summed([shard.meta["usage"] for shard in shards])}, lines


def _described(shard: ShardRun) -> tuple[Shard, list[int]] | Problem:
    part = shard.meta.get("part") or {}
    try:
        number, rows = Shard.parse(part["shard"]), int(part["rows"])
        positions = [int(word) for word in part["positions"].split()]
    except (KeyError, ValueError, TypeError, AttributeError):
        return Problem(shard.path, "this is not a shard; `liftgate evaluate --shard K/N` writes one")
    if len(positions) != len(shard.lines) or not all(0 <= place < rows for place in positions):
        return Problem(shard.path, f"{len(shard.lines)} rows, but run.json places {len(positions)}")
    return number, positions


def _numbering(shards: Sequence[ShardRun], parts: Sequence[tuple[Shard, list[int]]]) -> list[Problem]:
    of = parts[0][0].of
    seen: dict[int, str] = {}
    problems = []
    for shard, (part, _) in zip(shards, parts, strict=True):
        if part.of != of:
            problems.append(Problem(shard.path, f"shard {part}, but {shards[0].path} is one of {of}"))
        elif part.number in seen:
            problems.append(Problem(shard.path, f"shard {part} stands also in {seen[part.number]}"))
        seen.setdefault(part.number, shard.path)
    absent = [f"{number}/{of}" for number in range(1, of + 1) if number not in seen]
    if absent and not problems:
        problems.append(Problem("shards", f"missing: {', '.join(absent)}"))
    return problems


def _differences(shards: Sequence[ShardRun]) -> list[Problem]:
    first, problems = shards[0], []
    for shard in shards[1:]:
        for key in sorted((first.meta.keys() | shard.meta.keys()) - _OWN_KEYS):
            ours, theirs = first.meta.get(key), shard.meta.get(key)
            if ours != theirs:
                problems.append(
                    Problem(shard.path, f"{key} is {_short(theirs)}, in {first.path} {_short(ours)}")
                )
        if first.meta["part"]["rows"] != shard.meta["part"]["rows"]:
            problems.append(
                Problem(shard.path, f"the whole run has another number of rows than {first.path} says")
            )
    return problems


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _summed(usages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for key in usages[0]:
        values = [usage.get(key) for usage in usages]
        if any(value is None for value in values):
            total[key] = None
        elif key in ("usd", "judge_usd"):
            total[key] = money(sum((Decimal(str(value)) for value in values), Decimal(0)))
        else:
            total[key] = sum(int(value) for value in values if value is not None)
    return total


def _cannot(problems: Sequence[Problem]) -> InputError:
    return InputError(
        "these folders are not the shards of one run",
        problems=problems,
        hint="run every shard with the same command but for --shard and --out, then merge all of them",
    )
