"""The answer is JSON and nothing else: no code fence, no remark before or after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import NOT_JSON, parse

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 when the whole output parses; when an object or a list is expected, it must be one as well."""
    answer = parse(output)
    if answer is NOT_JSON:
        return 0.0
    if isinstance(expected, dict | list):
        return float(isinstance(answer, dict if isinstance(expected, dict) else list))
    return 1.0


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """Any expectation will do."""
    return None
