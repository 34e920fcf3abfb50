"""Where two reports part: what was written against what the stored answers give."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from liftgate.config import Key, json_path
from liftgate.report.numbers import plural

# Causes before their consequences: other answers are named before the numbers that they change.
_FIRST: Final = (
    "schema_version",
    "tool_version",
    "alias",
    "ruler",
    "lineage",
    "decisions_on",
    "cases",
    "comparison",
)
_LAST: Final = ("verdict_key", "verdict", "headline", "report_sha256")
_TELLING: Final = frozenset({"verdict", "state", "severity", "kind", "status", "decision", "matrix"})
_ABSENT: Final = object()


@dataclass(frozen=True)
class Difference:
    """One place. `case_id` names the case that it is about, where it is about one."""

    key: Key
    written: Any
    found: Any
    case_id: str | None = None

    def __str__(self) -> str:
        about = "" if self.case_id is None else f" (case {self.case_id!r})"
        said = f"{json_path(self.key)}{about}"
        if self.found is _ABSENT:
            return f"{said} stands in the report, and the stored answers give no such thing"
        if self.written is _ABSENT:
            return f"{said} is missing in the report"
        if _can_be_told(self.key, self.written) and _can_be_told(self.key, self.found):
            return (
                f"{said} is {_told(self.written)} in the report and {_told(self.found)} by the stored answers"
            )
        return f"{said} is not what the stored answers give"


def differences(written: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    """Every place where they differ, causes first."""
    names = [*dict.fromkeys([*_FIRST, *sorted((written.keys() | found.keys()) - set(_LAST)), *_LAST])]
    for name in names:
        if name in written or name in found:
            yield from _between(written.get(name, _ABSENT), found.get(name, _ABSENT), (name,), None)


def _between(written: Any, found: Any, key: Key, case: str | None) -> Iterator[Difference]:
    if isinstance(written, Mapping) and isinstance(found, Mapping):
        case = _case_of(found) or case
        for name in sorted(written.keys() | found.keys()):
            yield from _between(written.get(name, _ABSENT), found.get(name, _ABSENT), (*key, name), case)
    elif isinstance(written, list) and isinstance(found, list):
        for place in range(max(len(written), len(found))):
            ours, theirs = (side[place] if place < len(side) else _ABSENT for side in (written, found))
            yield from _between(ours, theirs, (*key, place), case)
    elif type(written) is not type(found) or written != found:
        about = _case_of(found) or _case_of(written) or case
        yield Difference(key, written, found, about)


def _case_of(value: Any) -> str | None:
    case = value.get("case_id") if isinstance(value, Mapping) else None
    return case if isinstance(case, str) else None


def _can_be_told(key: Key, value: Any) -> bool:
    # Text may be an answer or a row; numbers and our own words are neither.
    return (
        value is None
        or isinstance(value, (bool, int, float))
        or (isinstance(value, str) and key[-1] in _TELLING and len(value) <= 40 and value.isprintable())
    )


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def how_many(found: Sequence[object]) -> str:
    """`1 difference`, `1,203 differences`."""
    return plural(len(found), "difference")
