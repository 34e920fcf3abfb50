"""One model's answers to one golden set: `Result` is a line of results.jsonl, `EvalRun` all of them.

Python objects exist at the edges only. What the verdict reads are columns, sorted by case and repeat, so
that nothing downstream can depend on the order in which answers came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from liftgate.config import Document, check, schema
from liftgate.errors import InputError, Problem
from liftgate.evaluation.result_rows import (
    Bools,
    Columns,
    Floats,
    Ints,
    UnusualRowsError,
    columns,
    plain_row,
    row_problems,
)

SHOWN_PROBLEMS = 20
UNNAMED = "unnamed model"


@dataclass(frozen=True)
class Result:
    """One answer to one case. A score lies in [0, 1] or is None: unscored, which is never a zero."""

    case_id: str
    scores: Mapping[str, float | None]
    repeat: int = 0
    suite: str = "quality"
    buckets: Mapping[str, str] = field(default_factory=dict)
    output: str | None = None
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached: bool = False
    error: Mapping[str, str] | None = None
    cluster_id: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] | None = None
    """The calls of an answer that made some; without a text beside them they are the output, too."""
    details: Mapping[str, Any] | None = None
    """By metric, what aggregates over the run are made of."""
    unscored: Mapping[str, str] | None = None
    """By metric, why an answer without an error has no score."""

    def to_dict(self) -> dict[str, Any]:
        """The line of results.jsonl; the last four keys stand there only where they say something."""
        line: dict[str, Any] = {
            "case_id": self.case_id,
            "repeat": self.repeat,
            "suite": self.suite,
            "buckets": dict(self.buckets),
            "scores": dict(self.scores),
            "output": self.output,
            "latency_ms": self.latency_ms,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached": self.cached,
            "error": None if self.error is None else dict(self.error),
        }
        more = ("cluster_id", "tool_calls", "details", "unscored")
        return line | {key: value for key in more if (value := getattr(self, key)) is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, place: str = "result") -> Result:
        """Inverse of `to_dict`; keys other than `case_id` and `scores` may be absent."""
        if problems := [Problem(place, message) for message in row_problems(data)]:
            raise InputError(f"{place} is not a result", problems=problems)
        return _result(plain_row(data))


def _result(row: Mapping[str, Any]) -> Result:
    known = {name: row[name] for name in Result.__dataclass_fields__ if name in row}
    buckets = {dimension: name for dimension, name in (row.get("buckets") or {}).items() if name is not None}
    return Result(**{**known, "buckets": buckets})


@dataclass(frozen=True)
class SuiteTable:
    """The answers of one suite as columns: one entry a row, sorted by case id and repeat."""

    case_ids: list[str]  # one a case, sorted
    starts: Ints  # first row of each case, and the number of rows at the end
    repeats: Ints
    scores: Mapping[str, Floats]
    latency_ms: Floats
    errored: Bools
    slices: Ints  # one a case
    slice_names: tuple[Mapping[str, str], ...]
    cluster_ids: list[str | None]  # one a case

    @cached_property
    def row_counts(self) -> Ints:
        """Answers of each case."""
        return np.diff(self.starts)

    def sums(self, values: Floats) -> Floats:
        """Sum over the answers of each case."""
        return np.add.reduceat(values, self.starts[:-1]) if self.case_ids else np.zeros(0)


@dataclass(frozen=True, eq=False)
class EvalRun:
    """A run: what answered (`meta`, the keys of run.json) and the answers."""

    meta: Mapping[str, Any]
    quality: SuiteTable
    safety: SuiteTable
    rows: Sequence[Mapping[str, Any]] = field(repr=False)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any] | Result], /, **meta: Any) -> EvalRun:
        """Build from rows in the form of results.jsonl and keywords in the form of run.json.

        Raises one `InputError` that names every unusable row by its number.
        """
        return cls.from_file(rows, meta, path="results")

    @classmethod
    def from_file(
        cls, rows: Iterable[Mapping[str, Any] | Result], meta: Mapping[str, Any], *, path: str
    ) -> EvalRun:
        """The same for rows read from the lines of `path`, which stands in every error."""
        described = _described(meta)
        given: list[Any] = [row.to_dict() if isinstance(row, Result) else row for row in rows]
        try:
            table = columns(given)
        except UnusualRowsError:
            problems = [
                Problem(f"{path}:{number}", message)
                for number, row in enumerate(given, start=1)
                for message in row_problems(row)
            ]
            if problems:
                raise _unusable(path, problems) from None
            given = [plain_row(row) for row in given]
            table = columns(given)
        problems = []
        quality = _suite(table, safety=False, path=path, problems=problems)
        safety = _suite(table, safety=True, path=path, problems=problems)
        if problems:
            raise _unusable(path, problems)
        return cls(described, quality, safety, given)

    @property
    def model(self) -> str:
        """Name of the model that answered."""
        return str(self.meta.get("model") or UNNAMED)

    @property
    def deterministic(self) -> bool:
        """Whether repeats are copies of one answer."""
        return bool(self.meta.get("deterministic", False))

    @property
    def primary_metric(self) -> str | None:
        """The metric whose lift decides, when the run names one."""
        return self.meta.get("primary_metric")

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that the run declares or a row carries, sorted."""
        return tuple(sorted({*self.meta.get("metrics", ()), *self.quality.scores, *self.safety.scores}))

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """The answers as objects, in the order in which they were given."""
        return tuple(_result(row) for row in self.rows)


@cache
def _meta_validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema("run")))


def _described(meta: Mapping[str, Any]) -> dict[str, Any]:
    described = {"schema_version": 1, "model": UNNAMED, **meta}
    try:
        valid = _meta_validator().is_valid(described)
    except (TypeError, ValueError):  # not a JSON value at all
        valid = False
    if not valid:
        problems = check(Document("run", described), "run")
        raise InputError(f"run has {len(problems)} problem{'s' * (len(problems) != 1)}", problems=problems)
    return described


def _unusable(path: str, problems: Sequence[Problem]) -> InputError:
    shown = list(problems[:SHOWN_PROBLEMS])
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(Problem(path, f"and {len(problems) - SHOWN_PROBLEMS} more"))
    return InputError(
        f"{path} has {len(problems)} problem{'s' * (len(problems) != 1)}",
        problems=shown,
        hint="the form of a row: src/liftgate/schemas/result.schema.json",
    )


def _suite(table: Columns, *, safety: bool, path: str, problems: list[Problem]) -> SuiteTable:
    ids, repeats = table.case_ids, table.repeats
    chosen: list[int] = np.flatnonzero(table.safety == safety).tolist()
    if repeats.any():
        chosen.sort(key=repeats.tolist().__getitem__)
    chosen.sort(key=ids.__getitem__)
    order = np.array(chosen, dtype=np.int64)
    names = [ids[row] for row in chosen]
    is_first = np.array([i == 0 or names[i] != names[i - 1] for i in range(len(names))], dtype=np.bool_)
    starts = np.append(np.flatnonzero(is_first), len(names)).astype(np.int64)
    problems.extend(_duplicates(names, repeats[order], is_first, order, path))
    slices, slice_names = _agreed_slices(table, order, starts, path, problems)
    return SuiteTable(
        case_ids=[names[start] for start in starts[:-1]],
        starts=starts,
        repeats=repeats[order],
        scores={name: values[order] for name, values in table.scores.items()},
        latency_ms=table.latency_ms[order],
        errored=table.errored[order],
        slices=slices,
        slice_names=slice_names,
        cluster_ids=_agreed_clusters(table, order, starts, path, problems),
    )


def _duplicates(
    names: list[str], repeats: Ints, is_first: Bools, order: Ints, path: str
) -> Iterator[Problem]:
    same = np.flatnonzero(~is_first[1:] & (repeats[1:] == repeats[:-1])).tolist()
    places: dict[tuple[str, int], list[int]] = defaultdict(list)
    for i in same:
        where = places[names[i], int(repeats[i])]
        where.extend(int(order[j]) + 1 for j in ([i, i + 1] if not where else [i + 1]))
    for (name, repeat), numbers in places.items():
        also = ", ".join(f"{path}:{number}" for number in sorted(numbers)[1:])
        message = f"case {name!r} repeat {repeat} stands also at {also}; number the repeats of a case 0, 1, 2"
        yield Problem(f"{path}:{min(numbers)}", message)


def _agreed_slices(
    table: Columns, order: Ints, starts: Ints, path: str, problems: list[Problem]
) -> tuple[Ints, tuple[Mapping[str, str], ...]]:
    per_row, names = table.slices[order], list(table.slice_names)
    first = starts[:-1]
    if not len(first):
        return per_row, tuple(names)
    per_case = per_row[first].copy()
    uneven = np.minimum.reduceat(per_row, first) != np.maximum.reduceat(per_row, first)
    for case in np.flatnonzero(uneven):
        merged: dict[str, str] = {}
        for row in range(starts[case], starts[case + 1]):
            here = names[per_row[row]]
            if clash := [
                dimension for dimension in here if merged.get(dimension, here[dimension]) != here[dimension]
            ]:
                place = f"{path}:{int(order[row]) + 1}"
                problems.append(
                    Problem(place, f"bucket {clash[0]!r} differs from the other repeats of this case")
                )
            merged = {**here, **merged}
        per_case[case] = len(names)
        names.append(merged)
    return per_case, tuple(names)


def _agreed_clusters(
    table: Columns, order: Ints, starts: Ints, path: str, problems: list[Problem]
) -> list[str | None]:
    clusters = table.cluster_ids
    if not any(clusters):
        return [None] * (len(starts) - 1)
    agreed: list[str | None] = []
    for first, end in pairwise(starts.tolist()):
        known = {cluster: int(row) for row in order[first:end] if (cluster := clusters[row])}
        if len(known) > 1:
            place = f"{path}:{max(known.values()) + 1}"
            problems.append(Problem(place, "'cluster_id' differs from the other repeats of this case"))
        agreed.append(min(known) if known else None)
    return agreed
