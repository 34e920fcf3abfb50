"""The answer is the expected JSON value: key order does not matter, 1 is 1.0, true is not 1.

An answer that writes one key twice scores 0: readers disagree about its value, so it cannot be the right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import (
    NOT_JSON,
    equal,
    has_double_keys,
    parse,
    parse_plain,
    unordered,
)

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"unordered_lists": (bool, False)}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 when the whole output is JSON equal to the expectation; with `unordered_lists` lists are bags."""
    answer, wanted = parse_plain(output), _wanted(expected)
    if answer is NOT_JSON:
        return 0.0
    if options.get("unordered_lists"):
        answer, wanted = unordered(answer), unordered(wanted)
    return float(equal(answer, wanted) and not has_double_keys(output))


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """The expectation must be a JSON value, or text that holds one."""
    if _wanted(expected) is NOT_JSON:
        return "exact_json needs an `expected` that is an object or a list, or text that is JSON"
    return None


def _wanted(expected: Any) -> Any:
    return parse(expected) if isinstance(expected, str) else expected
