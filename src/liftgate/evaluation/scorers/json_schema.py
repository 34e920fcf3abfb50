"""The answer is JSON that its JSON Schema accepts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import orjson

from liftgate.evaluation.scorers.json_text import NOT_JSON, parse

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"schema": (dict, True)}
"""The suite writes a file name; the schema itself stands here once the suite is read."""


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 when the output parses and the schema accepts it."""
    answer = parse(output)
    if answer is NOT_JSON:
        return 0.0
    return float(accepts(orjson.dumps(options["schema"]), answer))


def accepts(schema: bytes, value: Any) -> bool:
    """Whether a JSON Schema, given as JSON, accepts a value."""
    return bool(_validator(schema).is_valid(value))


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """Any expectation will do, but the schema must be one."""
    try:
        _validator(orjson.dumps(options["schema"]))
    except ValueError as error:
        return f"the schema of json_schema cannot be used: {str(error).splitlines()[0][:120]}"
    return None


@cache
def _validator(schema: bytes) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(orjson.loads(schema))
