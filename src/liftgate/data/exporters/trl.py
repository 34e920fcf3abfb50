"""TRL: `messages`, or `prompt` and `completion` where weights leave earlier answers out; arguments as objects.

A file has one form. Rows become `messages`, of which TRL trains on every token unless `assistant_only_loss` is
set. Where a row has weight 0, every row becomes `prompt` and `completion`, of which TRL trains on the latter
alone. `parallel_tool_calls` goes: it is a switch of the API, and no chat template reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from liftgate.data.dataset import Row
from liftgate.data.exporters.pieces import Written, foreign_keys, one_text, written
from liftgate.data.native import COMPLETION, Message, preferred

_KNOWN: Final = frozenset(
    {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "thinking", "reasoning_content"}
)


def export(rows: Sequence[Row]) -> Iterator[Written]:
    """Every row as a row of a dataset for TRL."""
    in_two = any(row.shape == COMPLETION or (_is_masked(row) and not row.is_preference) for row in rows)
    return (_write(row, in_two=in_two) for row in rows)


def _is_masked(row: Row) -> bool:
    return any(message.get("weight") == 0 for message in row.messages)


def _write(row: Row, *, in_two: bool) -> Written:
    problems: list[str] = []
    beside: dict[str, Any] = {"tools": list(row.tools)} if row.tools else {}
    if "chat_template_kwargs" in row.data:
        beside["chat_template_kwargs"] = row.data["chat_template_kwargs"]
    if row.is_preference:
        return _ranked(row, beside, problems)
    messages = [_message(message, problems) for message in row.messages]
    if not in_two:
        return written(row, {"messages": messages, **beside}, problems)
    *earlier, last = row.messages
    answers = [message for message in earlier if message["role"] == "assistant"]
    if any(message.get("weight") != 0 for message in answers) or last.get("weight") == 0:
        problems.append("weights ask for more than the last answer, and some row of the file has weight 0")
    return written(row, {"prompt": messages[:-1], "completion": messages[-1:], **beside}, problems)


def _ranked(row: Row, beside: dict[str, Any], problems: list[str]) -> Written:
    answers = preferred(row.data), row.rejected
    asked = row.messages[: len(row.messages) - len(answers[0])]
    if any(message.get("weight") == 0 for answer in answers for message in answer):
        problems.append("has weight 0 on an answer that is compared")
    prompt, chosen, rejected = (
        [_message(message, problems) for message in part] for part in (asked, *answers)
    )
    return written(row, {"prompt": prompt, "chosen": chosen, "rejected": rejected, **beside}, problems)


def _message(message: Message, problems: list[str]) -> dict[str, Any]:
    foreign_keys(message, _KNOWN, problems)
    kept = {key: value for key, value in message.items() if value is not None and key != "weight"}
    if "content" in kept:
        kept["content"] = one_text(message, problems)
    if kept.get("tool_calls"):
        kept["tool_calls"] = [_call(call, problems) for call in kept["tool_calls"]]
    return kept


def _call(call: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    function = call["function"]
    arguments = function["arguments"]
    if isinstance(arguments, str):
        arguments = _object(arguments)
    if not isinstance(arguments, dict):
        problems.append("a tool call's arguments are no JSON object")
    kept = {key: call[key] for key in ("id", "type") if key in call}
    if call.keys() - {"id", "type", "function"} or function.keys() - {"name", "arguments"}:
        problems.append("a tool call has keys of another shape")
    return {"type": "function", **kept, "function": {"name": function["name"], "arguments": arguments}}


def _object(text: str) -> Any:
    try:
        read = orjson.loads(text)
        orjson.dumps(read)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return read
