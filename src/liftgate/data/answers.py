"""What a row teaches: the assistant's words that the loss falls on, and when two answers say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from liftgate.data.dataset import Message, Row, text_of
from liftgate.data.text import normalise


def trained_messages(row: Row) -> Iterator[Message]:
    """The assistant's messages, those of weight 0 left out; of a preference row the preferred answer."""
    for message in row.messages[-1:] if row.is_preference else row.messages:
        if message.get("role") == "assistant" and message.get("weight") != 0:
            yield message


def answer_key(row: Row) -> str | bytes:
    """Equal for two rows whose last answers say the same.

    JSON is compared as JSON, whatever the order of its keys; a tool call by name and arguments, whatever its
    id; anything else without case, punctuation and runs of space.
    """
    message = next((m for m in reversed(row.messages) if m.get("role") == "assistant"), {})
    if text := text_of(message):
        found = json_of(text)
        return normalise(text) if found is None else _canonical(found)
    return _canonical([_called(call) for call in message.get("tool_calls") or ()])


def json_of(text: str) -> dict[str, Any] | list[Any] | None:
    """The JSON object or array that a text is, or None."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict | list) else None


def tool_names(message: Message) -> Iterator[str]:
    """The tools that a message calls, as far as it has the shape of a call."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield function["name"]


def _called(call: Mapping[str, Any]) -> list[Any]:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    read = json_of(arguments) if isinstance(arguments, str) else arguments
    return [function.get("name"), arguments if read is None else read]


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
