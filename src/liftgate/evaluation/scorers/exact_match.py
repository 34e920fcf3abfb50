"""The answer is exactly the expected one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import NOT_JSON, equal, parse

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 when the text is equal after stripping; when the expectation is not text, if the JSON is equal."""
    if isinstance(expected, str):
        return float(output.strip() == expected.strip())
    answer = parse(output)
    return float(answer is not NOT_JSON and equal(answer, expected))


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """Any expectation can be matched."""
    return None
