"""What a schema's errors mean, in sentences that name keys and places but never a value of the row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from liftgate.config import did_you_mean, json_path
from liftgate.data.legacy import RENAMED
from liftgate.data.text import is_identifier, shown

_TYPES: Final = {"string": "text", "array": "a list", "object": "an object", "boolean": "true or false"}
_OF_SOME_ROLES: Final = frozenset({"tool_calls", "tool_call_id", "weight", "refusal"})


def sentences(errors: Iterable[Any]) -> Iterator[str]:
    """A sentence with its place for every error, in the order of the places."""
    for error in sorted(errors, key=lambda e: list(map(str, e.absolute_path))):
        for sentence in _sentences(error):
            yield f"{_place(error)}{sentence}"


def _place(error: Any) -> str:
    steps = [step if isinstance(step, int) or is_identifier(step) else "…" for step in error.absolute_path]
    return f"{json_path(tuple(steps))}: " if steps else ""


def _sentences(error: Any) -> Iterator[str]:
    wanted = error.validator_value
    match error.validator:
        case "additionalProperties":
            yield from _unknown_keys(error)
        case "required":
            yield from _missing_keys(error)
        case "enum":
            yield from _not_one_of(error)
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            meaning = f" ({error.schema['description']})" if "description" in error.schema else ""
            yield f"expected {' or '.join(_TYPES.get(str(name), str(name)) for name in names)}{meaning}"
        case "minItems" if wanted > 1:
            yield f"expected at least {wanted} of them"
        case "anyOf" if "tool_calls" in str(wanted):
            if "function_call" not in error.instance:
                yield "an assistant message needs content or tool_calls"
        case other:
            yield _FIXED.get(other, f"breaks the schema's rule {other!r}").format(error=error)


_FIXED: Final = {
    "anyOf": "expected another form",
    "oneOf": "expected another form",
    "const": "expected {error.validator_value!r}",
    "maxItems": "expected at most {error.validator_value} of them",
    "maxProperties": "expected one kind of content a part",
    "minItems": "must not be empty",
    "minLength": "must not be empty",
    "minProperties": "must not be empty",
    "pattern": "must be letters, digits, '_' or '-', at most 64",
}


def _missing_keys(error: Any) -> Iterator[str]:
    renamed = {RENAMED[name] for name in error.instance if name in RENAMED}
    for name in error.validator_value:
        if name not in error.instance and name not in renamed:
            yield f"the key {name!r} is missing"


def _not_one_of(error: Any) -> Iterator[str]:
    if error.instance == "function" and "tool" in error.validator_value:
        yield "the role 'function' is an older form; rename it: tool, with tool_call_id"
    else:
        yield f"expected one of {', '.join(str(value) for value in error.validator_value)}"


def _unknown_keys(error: Any) -> Iterator[str]:
    known = list(error.schema.get("properties", {}))
    for name in error.instance:
        if name in known:
            continue
        if name in _OF_SOME_ROLES:
            yield f"{name!r} does not belong to a message of this role"
        elif name == "metadata":
            yield "'metadata' is not a key of this shape; `liftgate data export` writes rows without it"
        elif name in RENAMED:
            yield f"{name!r} is an older form; rename it: {RENAMED[name]}"
        else:
            suggestion = did_you_mean(name, known) if is_identifier(name) else ""
            yield f"{shown(name, 'a key')} is not a key here{suggestion}"
