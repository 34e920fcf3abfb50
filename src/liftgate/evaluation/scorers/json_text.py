"""Reading JSON out of a model's answer, and comparing JSON values strictly."""

from __future__ import annotations

from typing import Any, Final

import orjson

NOT_JSON: Final = object()


def parse(output: str) -> Any:
    """The JSON value that is the whole output, or `NOT_JSON`: NaN and trailing text are not JSON."""
    try:
        return orjson.loads(output)
    except (orjson.JSONDecodeError, UnicodeEncodeError, RecursionError):
        return NOT_JSON


def equal(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1, 1 is 1.0, key order does not matter."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)
