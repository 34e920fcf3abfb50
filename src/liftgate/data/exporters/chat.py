"""OpenAI's rows, which several hosts read: `messages` with answers and tool calls as text of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from liftgate.data.dataset import Row
from liftgate.data.exporters.pieces import Written, foreign_keys, outside_messages, written
from liftgate.data.native import Message, preferred
from liftgate.data.targets import Target

_KNOWN: Final = frozenset(
    {"role", "content", "name", "weight", "refusal", "tool_calls", "tool_call_id", "image_url"}
)
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def write(row: Row, target: Target, *, most_outputs: int | None) -> Written:
    """One row for the target. `most_outputs` bounds the messages of a preferred and a rejected answer."""
    problems: list[str] = []
    if problem := target.role_problem([message["role"] for message in row.charged]):
        problems.append(problem)
    outside_messages(row, problems)
    holder = row.data["input"] if isinstance(row.data.get("input"), dict) else row.data
    beside: dict[str, Any] = {}
    if row.tools:
        beside["tools"] = [_tool(tool, problems) for tool in row.tools]
    if "parallel_tool_calls" in holder:
        beside["parallel_tool_calls"] = holder["parallel_tool_calls"]
    if not row.is_preference:
        messages = [_message(message, problems) for message in row.messages]
        return written(row, {"messages": messages, **beside}, problems)
    answers = preferred(row.data), row.rejected
    asked = row.messages[: len(row.messages) - len(answers[0])]
    outputs = [_output(answer, problems, most_outputs) for answer in answers]
    # Only the two outputs are trained on, so a weight inside the prompt says nothing.
    prompt = [_message({**message, "weight": None}, problems) for message in asked]
    data = {
        "input": {"messages": prompt, **beside},
        "preferred_output": outputs[0],
        "non_preferred_output": outputs[1],
    }
    return written(row, data, problems)


def _output(answer: Sequence[Message], problems: list[str], most: int | None) -> list[dict[str, Any]]:
    if most is not None and len(answer) > most:
        problems.append("an output has more than one message")
    if any(message.get("weight") == 0 for message in answer):
        problems.append("has weight 0 on an answer that is compared")
    return [_message({**message, "weight": None}, problems) for message in answer]


def _message(message: Message, problems: list[str]) -> dict[str, Any]:
    foreign_keys(message, _KNOWN, problems)
    kept = {key: value for key, value in message.items() if value is not None}
    if isinstance(kept.get("content"), list):
        kept["content"] = [_part(part, message["role"], problems) for part in kept["content"]]
    if "weight" in kept:
        kept["weight"] = int(kept["weight"])
    if kept.get("tool_calls"):
        kept["tool_calls"] = [_call(call, problems) for call in kept["tool_calls"]]
    if message["role"] == "tool" and "tool_call_id" not in kept:
        problems.append("a tool's result has no tool_call_id")
    return kept


def _part(part: Mapping[str, Any], role: str, problems: list[str]) -> Mapping[str, Any]:
    if part.get("type") == "text" and part.keys() == {"type", "text"}:
        return part
    image = part.get("image_url")
    if part.get("type") != "image_url" or part.keys() - {"type", "image_url"}:
        problems.append("holds a content part that is neither plain text nor an image")
    elif role != "user":
        problems.append("holds an image outside the user's messages")
    elif not isinstance(image, dict) or not image.get("url") or image.keys() - {"url", "detail"}:
        problems.append("holds an image that has no url")
    return part


def _call(call: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    function = call["function"]
    if call.keys() - {"id", "type", "function"} or function.keys() - {"name", "arguments"}:
        problems.append("a tool call has keys of another shape")
    if not call.get("id"):
        problems.append("a tool call has no id")
    arguments = function["arguments"]
    if not isinstance(arguments, str):
        arguments = orjson.dumps(arguments).decode()
    return {
        "id": call.get("id"),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _tool(tool: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any]:
    function = tool["function"]
    if not _TOOL_NAME.fullmatch(function["name"]):
        problems.append("a tool's name is not made of letters, digits, '_' and '-', at most 64")
    if tool.keys() - {"type", "function"} or function.keys() - _OF_A_FUNCTION:
        problems.append("a tool definition has keys of another shape")
    if not isinstance(function.get("strict"), bool | None):
        problems.append("a tool's 'strict' is neither true nor false")
    return tool


_OF_A_FUNCTION: Final = frozenset({"name", "description", "parameters", "strict"})
