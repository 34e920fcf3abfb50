"""Rows of results.jsonl, checked and turned into columns.

Two readers of one definition: `row_problems` names everything that is wrong with one row, `columns` reads
a hundred thousand good rows a second and hands anything unusual to the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SUITES = ("quality", "safety")
_FIELDS: Mapping[str, Any] = {
    "case_id": None,
    "scores": None,
    "repeat": 0,
    "suite": "quality",
    "buckets": None,
    "output": None,
    "latency_ms": None,
    "input_tokens": None,
    "output_tokens": None,
    "cached": False,
    "error": None,
}
_BLOCK = 256
_MAX_COUNT = 2**53 - 1  # whole numbers that JSON carries exactly
_MAX_LATENCY_MS = 1e12
_NUMBERS = {float, int, type(None)}


class UnusualRowsError(ValueError):
    """The rows need the careful reader."""


@dataclass(frozen=True)
class Columns:
    """One entry a row, in the order of the rows; NaN stands for null."""

    case_ids: list[str]
    repeats: Ints
    safety: Bools
    scores: Mapping[str, Floats]
    latency_ms: Floats
    errored: Bools
    slices: Ints  # index into `slice_names`
    slice_names: tuple[Mapping[str, str], ...]
    cluster_ids: list[str | None]


def columns(rows: Sequence[Any]) -> Columns:
    """Read rows that are plain dicts in the documented form. Raises `UnusualRowsError` for any other."""
    if not _types(rows) <= {dict}:
        raise UnusualRowsError
    case_ids, scores, repeats, suites, buckets, outputs, latencies, tokens_in, tokens_out, cached, errors = (
        _fields(rows, _FIELDS)
    )
    clusters = [row.get("cluster_id") for row in rows]
    if not (
        _types(case_ids) <= {str}
        and all(case_ids)
        and _types(scores) <= {dict}
        and _types(suites) <= {str}
        and set(suites) <= set(SUITES)
        and _types(clusters) <= {str, type(None)}
        and _types(errors) <= {dict, type(None)}
        and _types(cached) <= {bool}
        and _types(outputs) <= {str, type(None)}
        and all(map(_is_unicode, case_ids))
        and all(text is None or _is_unicode(text) for column in (outputs, clusters) for text in column)
        and _types(repeats) <= {int}
        and all(isinstance(error.get("kind"), str) and error["kind"] for error in errors if error is not None)
        and all(isinstance(error.get("message", ""), str) for error in errors if error is not None)
    ):
        raise UnusualRowsError
    for tokens in (tokens_in, tokens_out):
        if not _types(tokens) <= {int, type(None)} or any(
            count is not None and not 0 <= count <= _MAX_COUNT for count in tokens
        ):
            raise UnusualRowsError
    errored = np.array([error is not None for error in errors], dtype=np.bool_)
    latency = _numbers(latencies, high=_MAX_LATENCY_MS)
    names: set[str] = set()
    for each in scores:
        names.update(each)
    if not _types(names) <= {str} or "" in names or not all(map(_is_unicode, names)):
        raise UnusualRowsError
    ordered = sorted(names)
    slices, slice_names = _slices(buckets)
    return Columns(
        case_ids=list(case_ids),
        repeats=_whole(repeats),
        safety=np.array([suite == "safety" for suite in suites], dtype=np.bool_),
        scores={
            # An answer that failed has no score, whatever stands beside the failure.
            name: np.where(errored, np.nan, _numbers(values, high=1.0))
            for name, values in zip(ordered, _fields(scores, dict.fromkeys(ordered)), strict=True)
        },
        # An answer from the store was not timed now.
        latency_ms=np.where(errored | np.array(cached, dtype=np.bool_), np.nan, latency),
        errored=errored,
        slices=slices,
        slice_names=slice_names,
        cluster_ids=clusters,
    )


def plain_row(row: Any) -> Any:
    """The same row as a dict of plain Python values, for rows that `row_problems` has nothing against."""
    copy = dict(row)
    copy["scores"] = {name: _plain_number(score) for name, score in row["scores"].items()}
    for key in ("repeat", "input_tokens", "output_tokens"):
        if copy.get(key) is not None:
            copy[key] = int(copy[key])
    if copy.get("latency_ms") is not None:
        copy["latency_ms"] = float(copy["latency_ms"])
    for key in ("buckets", "error"):
        if copy.get(key) is not None:
            copy[key] = dict(copy[key])
    return copy


def row_problems(row: Any) -> Iterator[str]:
    """Everything that is wrong with one row; never a word of what stands in it."""
    if not isinstance(row, Mapping):
        yield f"expected an object, found {_kind(row)}"
        return
    yield from _text_problems(row)
    if "repeat" in row and not _is_count(row["repeat"]):
        yield f"'repeat' must be a whole number from 0, found {_kind(row['repeat'])}"
    if row.get("suite", "quality") not in SUITES:
        yield "'suite' is neither 'quality' nor 'safety'"
    if "scores" not in row:
        yield "the key 'scores' is missing"
    elif not isinstance(row["scores"], Mapping):
        yield f"'scores' must be an object, found {_kind(row['scores'])}"
    else:
        yield from _score_problems(row["scores"])
    yield from _bucket_problems(row.get("buckets"))
    latency = row.get("latency_ms")
    if latency is not None and not (_is_number(latency) and 0 <= latency <= _MAX_LATENCY_MS):
        yield f"'latency_ms' must be a number from 0 or null, found {_kind(latency)}"
    for key in ("input_tokens", "output_tokens"):
        if row.get(key) is not None and not _is_count(row[key]):
            yield f"{key!r} must be a whole number from 0 or null, found {_kind(row[key])}"
    if not isinstance(row.get("cached", False), bool):
        yield f"'cached' must be true or false, found {_kind(row['cached'])}"
    yield from _side_problems(row)
    error = row.get("error")
    if error is not None and not (isinstance(error, Mapping) and _is_failure(error)):
        yield "'error' must be null or an object with 'kind' and 'message'"


def _side_problems(row: Mapping[str, Any]) -> Iterator[str]:
    for key in ("details", "unscored"):
        if row.get(key) is not None and not isinstance(row[key], Mapping):
            yield f"{key!r} must be an object or null, found {_kind(row[key])}"
    if row.get("tool_calls") is not None and not isinstance(row["tool_calls"], list):
        yield f"'tool_calls' must be a list or null, found {_kind(row['tool_calls'])}"


def _text_problems(row: Mapping[str, Any]) -> Iterator[str]:
    if "case_id" not in row:
        yield "the key 'case_id' is missing"
    elif not isinstance(row["case_id"], str) or not row["case_id"]:
        yield f"'case_id' must be text, found {_kind(row['case_id'])}"
    elif not _is_unicode(row["case_id"]):
        yield "'case_id' holds half a character (a lone surrogate)"
    for key in ("cluster_id", "output"):
        if row.get(key) is not None and not isinstance(row[key], str):
            yield f"{key!r} must be text or null, found {_kind(row[key])}"
        elif row.get(key) is not None and not _is_unicode(row[key]):
            yield f"{key!r} holds half a character (a lone surrogate)"


def _score_problems(scores: Mapping[Any, Any]) -> Iterator[str]:
    for name, score in scores.items():
        if not isinstance(name, str) or not name or not _is_unicode(name):
            yield "a metric's name in 'scores' must be text"
        elif score is not None and not _is_number(score):
            yield f"score {name!r} must be a number or null, found {_kind(score)}"
        elif score is not None and not 0 <= score <= 1:
            yield f"score {name!r} is {_kind(score)}; scores lie between 0 and 1, null means unscored"


def _bucket_problems(buckets: Any) -> Iterator[str]:
    if buckets is None:
        return
    if not isinstance(buckets, Mapping):
        yield f"'buckets' must be an object, found {_kind(buckets)}"
        return
    for dimension, name in buckets.items():
        if not isinstance(dimension, str) or not dimension or not _is_unicode(dimension):
            yield "a dimension's name in 'buckets' must be text"
        elif name is not None and (not isinstance(name, str) or not name or not _is_unicode(name)):
            yield f"bucket {dimension!r} must be text, found {_kind(name)}"


def _is_unicode(text: str) -> bool:
    # Text of a Python program may hold half a character, which no file and no hash can take.
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_count(value: Any) -> bool:
    return (
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= int(value) <= _MAX_COUNT
    )


def _is_failure(error: Mapping[str, Any]) -> bool:
    kind, message = error.get("kind"), error.get("message", "")
    return isinstance(kind, str) and bool(kind) and isinstance(message, str)


def _kind(value: Any) -> str:
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return "a number beyond all bounds" if abs(value) >= 1e300 else f"{value:g}"
    if value is None or value == "":
        return "null" if value is None else "empty text"
    names = {bool: "true or false (write 1 or 0)", str: "text", dict: "an object", list: "a list"}
    return names.get(type(value), type(value).__name__)


def _plain_number(score: Any) -> float | None:
    return None if score is None else float(score)


def _fields(rows: Sequence[dict[str, Any]], defaults: Mapping[str, Any]) -> list[list[Any]]:
    """One list a key. Rows usually carry every key; then blocks that stay in the processor's cache pay."""
    keys = list(defaults)
    if len(keys) < 2:
        return [[row.get(key, defaults[key]) for row in rows] for key in keys]
    pick = itemgetter(*keys)
    fields: list[list[Any]] = [[] for _ in keys]
    try:
        for start in range(0, len(rows), _BLOCK):
            block = zip(*map(pick, rows[start : start + _BLOCK]), strict=True)
            for column, values in zip(fields, block, strict=True):
                column.extend(values)
    except KeyError:
        return [[row.get(key, defaults[key]) for row in rows] for key in keys]
    return fields


def _types(values: Any) -> set[type]:
    return set(map(type, values))


def _whole(values: Sequence[int]) -> Ints:
    try:
        array = np.array(values, dtype=np.int64)
    except OverflowError:
        raise UnusualRowsError from None
    if array.size and not (array.min() >= 0 and array.max() <= _MAX_COUNT):
        raise UnusualRowsError
    return array


def _numbers(values: Sequence[float | None], *, high: float) -> Floats:
    if not _types(values) <= _NUMBERS:
        raise UnusualRowsError
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        raise UnusualRowsError from None
    missing = np.isnan(array)
    if int(missing.sum()) != values.count(None):
        raise UnusualRowsError
    present = array[~missing]
    if present.size and not (present.min() >= 0 and present.max() <= high):
        raise UnusualRowsError
    return array


def _slices(buckets: Sequence[Any]) -> tuple[Ints, tuple[Mapping[str, str], ...]]:
    # Few rows differ in their buckets, so each combination is checked once.
    codes: dict[Any, int] = {}
    names: list[Mapping[str, str]] = []
    coded = np.zeros(len(buckets), dtype=np.int64)
    for i, each in enumerate(buckets):
        if each is not None and type(each) is not dict:
            raise UnusualRowsError
        try:
            key = tuple(each.items()) if each else ()
            code = codes.get(key)
        except TypeError:  # a list or an object where a name should stand
            raise UnusualRowsError from None
        if code is None:
            if any(True for _ in _bucket_problems(each)):
                raise UnusualRowsError
            code = codes[key] = len(names)
            names.append({dimension: name for dimension, name in key if name is not None})
        coded[i] = code
    return coded, tuple(names)
