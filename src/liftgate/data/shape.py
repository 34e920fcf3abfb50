"""Whether a row has the shape a trainer reads: the schema at full speed, sentences only for what fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from liftgate.config import did_you_mean, json_path, schema
from liftgate.data.dataset import Row
from liftgate.data.text import is_identifier, shown

_RENAMED: Final = {
    "function_call": "tool_calls",
    "functions": "tools",
    "preferred_completion": "preferred_output",
    "non_preferred_completion": "non_preferred_output",
    "completion": "an assistant message in 'messages'",
    "prompt": "a user message in 'messages'",
    "conversations": "'messages' with 'role' and 'content'",
    "from": "role",
    "value": "content",
}
_TYPES: Final = {"string": "text", "array": "a list", "object": "an object", "boolean": "true or false"}


def is_valid_shape(data: Mapping[str, Any]) -> bool:
    """The first pass alone: true or false, about two microseconds a row."""
    return bool(_fast("chat" if "messages" in data else "preference").is_valid(data))


def shape_problems(row: Row) -> list[str]:
    """Every way in which the row departs from its schema; never holds a value of the row."""
    if is_valid_shape(row.data):
        return []
    kind = "preference" if row.is_preference else "chat"
    if "messages" not in row.data and not row.is_preference:
        return [_foreign_shape(row.data)]
    found = dict.fromkeys(
        f"{_place(error)}{sentence}"
        for error in sorted(_slow(kind).iter_errors(row.data), key=lambda e: list(map(str, e.absolute_path)))
        for sentence in _sentences(error)
    )
    return list(found) or ["the row does not have the shape of a training row"]


def _definition(kind: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{kind}", "$defs": schema("row")["$defs"]}


@cache
def _fast(kind: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(_definition(kind))


@cache
def _slow(kind: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_definition(kind))


def _foreign_shape(data: Mapping[str, Any]) -> str:
    if old := next((key for key in ("conversations", "prompt", "completion") if key in data), None):
        return f"{old!r} is an older or foreign form; write {_RENAMED[old]}"
    if {"preferred_output", "preferred_completion"} & data.keys():
        return "a preference row needs 'input' with 'messages'"
    near = [key for key in data if is_identifier(key) and did_you_mean(key, ["messages", "input"])]
    hint = f"; {shown(near[0], 'a key')} looks like a misspelling" if near else ""
    return f"the key 'messages' is missing{hint}"


def _place(error: Any) -> str:
    steps = [step if isinstance(step, int) or is_identifier(step) else "…" for step in error.absolute_path]
    return f"{json_path(tuple(steps))}: " if steps else ""


def _sentences(error: Any) -> Iterator[str]:
    match error.validator:
        case "additionalProperties":
            yield from _unknown_keys(error)
        case "required":
            yield from (
                f"the key {name!r} is missing" for name in error.validator_value if name not in error.instance
            )
        case "enum":
            yield f"expected one of {', '.join(str(value) for value in error.validator_value)}"
        case "const":
            yield f"expected {error.validator_value!r}"
        case "type":
            names = (
                error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
            )
            yield f"expected {' or '.join(_TYPES.get(str(name), str(name)) for name in names)}"
        case "minItems" | "minLength" | "pattern":
            yield "must not be empty"
        case "anyOf" if "tool_calls" in str(error.validator_value):
            yield "an assistant message needs content or tool_calls"
        case "anyOf" | "oneOf":
            yield f"expected {error.schema.get('description', 'another form')}"
        case other:
            yield f"breaks the schema's rule {other!r}"


def _unknown_keys(error: Any) -> Iterator[str]:
    known = list(error.schema.get("properties", {}))
    every = {"tool_calls", "tool_call_id", "weight", "refusal"}
    for name in error.instance:
        if name in known:
            continue
        if name in every:
            yield f"{name!r} does not belong to a message of this role"
        elif name in _RENAMED:
            yield f"{name!r} is an older form; rename it: {_RENAMED[name]}"
        else:
            suggestion = did_you_mean(name, known) if is_identifier(name) else ""
            yield f"{shown(name, 'a key')} is not a key here{suggestion}"
