"""The answer contains the expected text, or every one of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"ignore_case": (bool, False)}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 when every expected text stands somewhere in the output."""
    parts = _parts(expected)
    if not parts:
        return None
    if options.get("ignore_case"):
        output, parts = output.casefold(), [part.casefold() for part in parts]
    return float(all(part in output for part in parts))


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """The expectation must be text or a list of texts."""
    return None if _parts(expected) else "contains needs an `expected` that is text, or a list of texts"


def _parts(expected: Any) -> list[str]:
    parts = [expected] if isinstance(expected, str) else expected
    if not isinstance(parts, list) or not all(isinstance(part, str) and part for part in parts):
        return []
    return parts
