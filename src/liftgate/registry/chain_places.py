"""Where two versions of a file part, as a place and in words that repeat no row, no answer and no prompt. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from liftgate.config import Key, json_path, parse_yaml
from liftgate.data.text import shown
from liftgate.errors import LiftgateError

_ABSENT: Final = object()
_HEX: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT: Final = 12


class Parting(NamedTuple):
    """One place in which a file is not what it was. `key` is empty for a file of rows."""

    line: int | None
    key: Key
    found: Any
    expected: Any

    def words(self, *, quiet: bool) -> str:
        """`$.seed is 1, expected 0`. `quiet` tells no text but digests: it may be an answer or a row."""
        if not self.key:
            return "is not the row that was released" if self.found is not _ABSENT else "is missing"
        ours, theirs = (told(value, quiet=quiet) for value in (self.found, self.expected))
        if ours is None or theirs is None or ours == theirs:
            return f"{json_path(self.key)} is not what it was"
        return f"{json_path(self.key)} is {ours}, expected {theirs}"


def told(value: Any, *, quiet: bool = False) -> str | None:
    """A value in words; None where it may not be told."""
    if value is _ABSENT:
        return "absent"
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if not isinstance(value, str):
        return None
    if _HEX.fullmatch(value):
        return f"{value[:_SHORT]}…"
    return None if quiet else shown(value, "another text")


def partings(found: Any, expected: Any, key: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    """Every leaf in which two values differ: (key, found, expected). Types count: 1 is not true, nor 1.0."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for name in sorted(found.keys() | expected.keys()):
            yield from partings(found.get(name, _ABSENT), expected.get(name, _ABSENT), (*key, name))
    elif isinstance(found, list) and isinstance(expected, list):
        for place in range(max(len(found), len(expected))):
            ours, theirs = (side[place] if place < len(side) else _ABSENT for side in (found, expected))
            yield from partings(ours, theirs, (*key, place))
    elif type(found) is not type(expected) or found != expected:
        yield key, found, expected


def first_parting(path: str, found: bytes, expected: bytes) -> Parting | None:
    """The first place in which a file differs from what it was; None when that cannot be said more exactly."""
    if path.endswith(".jsonl"):
        return _row_parting(found, expected)
    try:
        if path.endswith((".yaml", ".yml")):
            document = parse_yaml(found, path)
            now, then = document.data, parse_yaml(expected, path).data
        else:
            now, then = orjson.loads(found), orjson.loads(expected)
            document = None
    except (LiftgateError, orjson.JSONDecodeError):
        return None
    for key, ours, theirs in partings(now, then):
        if document is None:
            try:
                document = parse_yaml(found, path)
            except LiftgateError:
                return Parting(None, key, ours, theirs)
        return Parting(document.line(key), key, ours, theirs)
    return None


def _row_parting(found: bytes, expected: bytes) -> Parting | None:
    ours, theirs = found.split(b"\n"), expected.split(b"\n")
    for number in range(max(len(ours), len(theirs))):
        now = ours[number] if number < len(ours) else None
        if now != (theirs[number] if number < len(theirs) else None):
            return Parting(number + 1, (), _ABSENT if not now else True, True)
    return None
