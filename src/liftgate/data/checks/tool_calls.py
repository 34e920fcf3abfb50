"""Tool calls: that each can be parsed, and that each has its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Message, Row
from liftgate.data.native import preferred
from liftgate.findings import Finding


def tool_call(context: Context) -> Iterator[Finding]:
    """A tool call and its result do not fit together, or its arguments are not a JSON object.

    OpenAI and Azure want the arguments as text that holds a JSON object, TRL as the object itself.
    Why: the model learns to call tools in a form that nothing can parse or answer.
    Fix: every call needs an id, one `tool` message with that `tool_call_id`, and arguments that are an object
    written as JSON once (a string inside a string is written twice).
    """
    target = context.target.name if context.target else ""
    for row in context.rows:
        if any("tool_calls" in message or message["role"] == "tool" for message in row.charged):
            for problem in dict.fromkeys(_problems(row, target)):
                yield context.finding("tool-call", problem, row)


def _problems(row: Row, target: str) -> Iterator[str]:
    known = {tool.get("function", {}).get("name") for tool in row.tools}
    form = target if target != "trl" or "metadata" not in row.data else ""
    yield from _conversation_problems(row.messages, known, form)
    if row.is_preference:
        asked = row.messages[: len(row.messages) - len(preferred(row.data))]
        yield from _conversation_problems([*asked, *row.rejected], known, form)


def _conversation_problems(messages: Sequence[Message], known: set[Any], form: str) -> Iterator[str]:
    open_calls: list[str | None] = []
    seen: set[str] = set()
    for position, message in enumerate(messages):
        if message["role"] == "tool":
            answered = message.get("tool_call_id")
            if answered not in open_calls:
                yield "a tool message answers no call before it"
            else:
                open_calls.remove(answered)
        elif open_calls:
            yield "a tool call has no result before the next turn"
            open_calls = []
        for call in message.get("tool_calls") or ():
            name = call.get("id")
            # TRL's chat templates pair calls and results by their order.
            if name is None and form != "trl":
                yield "a tool call has no id"
            if name in seen:
                yield "two tool calls have the same id"
            elif name is not None:
                seen.add(name)
            if known and call["function"]["name"] not in known:
                yield "a tool is called that the row does not define"
            yield from _argument_problems(call["function"]["arguments"], form)
            # The last message may end with calls: those are what the model is to learn.
            if position + 1 < len(messages):
                open_calls.append(name)
    if open_calls:
        yield "a tool call has no result"


def _argument_problems(arguments: str | Mapping[str, Any], form: str) -> Iterator[str]:
    if not isinstance(arguments, str):
        if form in {"openai", "azure"}:
            yield f"tool call arguments are an object; {form} wants them as text that holds JSON"
        return
    try:
        read = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        yield "tool call arguments are not JSON"
        return
    if isinstance(read, str):
        yield "tool call arguments are JSON written twice"
    elif not isinstance(read, dict):
        yield "tool call arguments are not an object"
    elif form == "trl":
        yield "tool call arguments are text; trl wants the object itself (liftgate data export writes it)"
