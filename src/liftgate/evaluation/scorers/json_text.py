"""Reading JSON out of a model's answer, and comparing JSON values strictly."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

NOT_JSON: Final = object()
_DEEPEST: Final = 60


def parse(output: str) -> Any:
    """The JSON value that is the whole output, or `NOT_JSON`: NaN and trailing text are not JSON."""
    try:
        return orjson.loads(output)
    except (orjson.JSONDecodeError, UnicodeEncodeError, RecursionError):
        return NOT_JSON


def parse_plain(output: str) -> Any:
    """`parse`, with JSON nested deeper than any answer is meant to be counted as no JSON."""
    value = parse(output)
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return value
    return NOT_JSON


def has_double_keys(output: str) -> bool:
    """True when an object of this JSON text writes a key twice."""
    found = False

    def pairs(items: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len(dict(items)) < len(items)

    try:
        json.loads(output, object_pairs_hook=pairs)
    except (ValueError, RecursionError):  # deeper, or with longer numbers, than this parser reads
        return True
    return found


def pick(value: Any, field: str) -> Any:
    """One field of an object, or `NOT_JSON`; `a.b` names a field inside a field."""
    if isinstance(value, dict) and field in value:
        return value[field]
    for step in field.split("."):
        if not isinstance(value, dict) or step not in value:
            return NOT_JSON
        value = value[step]
    return value


def equal(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1, 1 is 1.0, key order does not matter."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def unordered(value: Any) -> Any:
    """The value with every list sorted by what it holds: two are equal when their lists are equal as bags."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((unordered(item) for item in value), key=in_one_form)
    return value


def in_one_form(value: Any) -> str:
    """Text that is the same for two JSON values exactly when they are `equal`."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{in_one_form(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(in_one_form, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)
