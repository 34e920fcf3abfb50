"""Conversations: turns that a target refuses, truncates or reads as its own control text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.scan import matches
from liftgate.data.targets import SPECIAL_TOKENS
from liftgate.findings import Finding


def role_order(context: Context) -> Iterator[Finding]:
    """A row's roles come in an order, or are of a kind, that the target does not train on.

    Bedrock wants user and assistant strictly in turns, the user first; OpenAI has no `developer` role here.
    Why: the job fails after the upload, often hours later.
    Fix: merge neighbouring turns of one role, or write `system` for `developer`.
    """
    target = context.target
    if target is None:
        return
    for row in context.rows:
        roles = [message["role"] for message in row.messages]
        foreign = sorted(set(roles) - target.roles)
        if foreign:
            message = f"{target.name} does not train on the role {' or '.join(map(repr, foreign))}"
            yield context.finding("role-order", message, row)
        elif row.is_preference and not target.preferences:
            yield context.finding("role-order", f"{target.name} does not train on preference rows", row)
        elif row.tools and not target.tools:
            yield context.finding("role-order", f"{target.name} does not train on tool definitions", row)
        elif target.alternating and not _alternates(roles):
            message = f"{target.name} wants user and assistant in turns, the user first, the assistant last"
            yield context.finding("role-order", message, row)


def missing_prompt(context: Context) -> Iterator[Finding]:
    """A row has no user message.

    Why: the model learns to speak unasked, and leakage cannot be judged.
    Fix: add the user's words, or remove the row.
    """
    for row in context.rows:
        if not any(message["role"] == "user" for message in row.messages):
            yield context.finding("missing-prompt", "no user message", row, warn=True)


def tool_call(context: Context) -> Iterator[Finding]:
    """A tool call and its result do not fit together, or its arguments are not a JSON object.

    Why: the model learns to call tools in a form that nothing can parse or answer.
    Fix: every call needs an id, one `tool` message with that `tool_call_id`, and arguments that are an object
    written as JSON once (a string inside a string is written twice).
    """
    for row in context.rows:
        if any("tool_calls" in message or message["role"] == "tool" for message in row.messages):
            for problem in dict.fromkeys(_tool_problems(row)):
                yield context.finding("tool-call", problem, row)


def reserved_text(context: Context) -> Iterator[Finding]:
    """A row's text holds a control token (`<|im_end|>` and its like) or a word that the target reserves.

    Why: the provider fails the job, or the tokenizer turns the text into a command.
    Fix: rewrite the text, or escape the token in the answer's own way.
    """
    target = context.target
    pattern = target.reserved if target else SPECIAL_TOKENS
    warn = target is None or not target.reserved_fails
    told: set[int] = set()
    for match in matches(context.rows, pattern):
        if match.row.line not in told:
            told.add(match.row.line)
            name = target.name if target else "chat models"
            yield context.finding(
                "reserved-text", f"holds text reserved for control by {name}", match.row, warn=warn
            )


def row_too_long(context: Context) -> Iterator[Finding]:
    """A row has more tokens than the target trains on.

    Why: the rest is cut off without a word, and the answer stands at the end.
    Fix: shorten the conversation, or part it into several rows.
    """
    target = context.target
    if target is None or target.most_tokens is None:
        return
    for row, tokens in zip(context.dataset.rows, context.row_tokens, strict=True):
        if tokens > target.most_tokens:
            message = f"{tokens:,} tokens; {target.name} trains on the first {target.most_tokens:,}"
            yield context.finding("row-too-long", message, row)


def too_many_rows(context: Context) -> Iterator[Finding]:
    """The file has more rows than the target accepts.

    Why: the job is refused after the upload.
    Fix: choose rows, or train in steps.
    """
    target = context.target
    if target and target.most_rows is not None and len(context.rows) > target.most_rows:
        message = f"{len(context.rows):,} rows; {target.name} accepts {target.most_rows:,}"
        yield context.finding("too-many-rows", message)


def _alternates(roles: list[str]) -> bool:
    turns = roles[1:] if roles[0] == "system" else roles
    return len(turns) % 2 == 0 and all(
        role == ("user", "assistant")[position % 2] for position, role in enumerate(turns)
    )


def _tool_problems(row: Row) -> Iterator[str]:
    known = {tool.get("function", {}).get("name") for tool in row.tools}
    open_calls: set[str] = set()
    for position, message in enumerate(row.messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                yield "a tool message answers no call before it"
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            yield "a tool call has no result before the next turn"
            open_calls = set()
        for call in message.get("tool_calls", ()):
            yield from _call_problems(call, known)
            # The last message may end with calls: those are what the model is to learn.
            if position + 1 < len(row.messages):
                open_calls.add(call.get("id", ""))
    if open_calls:
        yield "a tool call has no result"


def _call_problems(call: Mapping[str, Any], known: set[Any]) -> Iterator[str]:
    if "id" not in call:
        yield "a tool call has no id"
    if known and call["function"]["name"] not in known:
        yield "a tool is called that the row does not define"
    arguments = call["function"]["arguments"]
    if isinstance(arguments, dict):
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
