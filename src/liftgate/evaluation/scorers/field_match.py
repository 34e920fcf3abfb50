"""One field of a JSON answer is right, so that a half-right answer shows which half."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import NOT_JSON, equal, parse, pick

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"field": (str, True)}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 when the field equals the expected one, 0 when it differs or is missing or the output is not JSON.

    None when the case expects nothing of this field. `a.b` names a field inside a field.
    """
    wanted = pick(expected, options["field"])
    if wanted is NOT_JSON:
        return None
    found = pick(parse(output), options["field"])
    return float(found is not NOT_JSON and equal(found, wanted))


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """The expectation must be an object."""
    return None if isinstance(expected, dict) else "field_match needs an `expected` that is an object"
