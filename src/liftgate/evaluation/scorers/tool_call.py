"""The model calls the expected tools with the expected arguments, or rightly calls none.

Calls are compared as a bag, since parallel calls have no order, and their arguments as JSON values. An empty
list expects no call at all: a plain answer is right and any call is wrong (abstention).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import NOT_JSON, has_double_keys, in_one_form, parse_plain

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"names_only": (bool, False), "from_text": (bool, False)}
_FORM: Final = (
    'tool_call needs an `expected` of the form [{"name": ..., "arguments": {...}}], or [] for no call'
)
_Call = tuple[str, str]


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """Grade an answer that is text: right only when no call is expected.

    With `from_text` the text itself may hold the calls as JSON, one or a list, for models that write them.
    """
    if options.get("from_text"):
        written = parse_plain(output)
        listed = [written] if isinstance(written, dict) else written
        if isinstance(listed, list) and listed and all(map(_is_call, listed)):
            return score_calls(listed, expected, options)
    if not output.strip() and not expected:  # silence is no abstention
        return None
    return score_calls([], expected, options)


def score_calls(calls: Sequence[Mapping[str, Any]], expected: Any, options: Mapping[str, Any]) -> float:
    """1 when the calls made are the calls expected; arguments that are not one JSON object are never right."""
    names_only = bool(options.get("names_only"))
    made = [_call(call, names_only) for call in calls]
    wanted = [_call(call, names_only) for call in expected]
    return float(None not in made and Counter(made) == Counter(wanted))


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """The expectation must be a list of calls."""
    if not isinstance(expected, list) or not all(map(_is_call, expected)):
        return _FORM
    return None if all(_call(call, False) for call in expected) else _FORM


def _is_call(call: Any) -> bool:
    function = call.get("function", call) if isinstance(call, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _call(call: Mapping[str, Any], names_only: bool) -> _Call | None:
    function = call.get("function", call)
    name, arguments = str(function.get("name")), function.get("arguments", {})
    if names_only:
        return name, ""
    if isinstance(arguments, str):
        if arguments.strip() and has_double_keys(arguments):
            return None
        arguments = parse_plain(arguments) if arguments.strip() else {}
    if arguments is NOT_JSON or not isinstance(arguments, dict):
        return None
    return name, in_one_form(arguments)
