"""Drift from production: rows that train something else than what the model will be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Message, text_of
from liftgate.findings import Finding, Severity

_NAMED: Final = 3
_SYSTEM: Final = frozenset({"system", "developer"})
_DEFAULT_LENGTH: Final = 512


def system_prompt_differs(context: Context) -> Iterator[Finding]:
    """Rows have another system prompt than the suite asks the candidate with, or one of both has none.

    Space at the end is ignored. A golden case that brings its own system prompt is asked with that one, so it
    counts as right, too.
    Why: the model is tuned to one prompt and measured, then used, under another; the lift is lost in between.
    Fix: write the candidate's prompt into the rows, or change the candidate's prompt in the suite to theirs.
    """
    arm = next((arm for arm in context.asking if arm.trained), None)
    if arm is None or (arm.system is None and not context.asked_cases):
        return
    own = [_system(case.messages) for cases, case in context.asked_cases if cases.suite == "quality"]
    expected = {system for system in own if system is not None}
    if None in own or not own:
        expected.add(arm.system.rstrip() if arm.system else "")
    lines: dict[str, list[int]] = {}
    for row in context.rows:
        system = _system(row.messages) or ""
        if system not in expected:
            lines.setdefault(system, []).append(row.line)
    if not lines:
        return
    without = lines.pop("", [])
    others = [line for found in lines.values() for line in found]
    said = []
    if others:
        kinds = "one other" if len(lines) == 1 else f"{len(lines)} others"
        said.append(f"{_rows(len(others))} another system prompt ({kinds}, {_first(sorted(others))})")
    if without:
        said.append(f"{_rows(len(without))} none ({_first(without)})")
    asked = "none" if expected == {""} else f"the one in {arm.path}"
    some = f"of {len(context.rows):,} rows {' and '.join(said)}"
    if len(without) == len(context.rows):
        some = "no row has a system prompt"
    message = f"{some}; the candidate is asked with {asked}"
    first = min([*others, *without])
    yield Finding("system-prompt-differs", Severity.WARNING, message, context.path, first)


def zero_target(context: Context) -> Iterator[Finding]:
    """An assistant message that is trained on holds nothing but space.

    That every answer has weight 0 is told by `schema`.
    Why: the model learns to say nothing, and the row is paid for.
    Fix: write the answer, give the message weight 0, or remove the row.
    """
    for row in context.rows:
        for message in row.messages:
            if message["role"] == "assistant" and _is_blank(message) and message.get("weight") != 0:
                yield context.finding("zero-target", "an answer that is trained on is blank", row)
                break


def target_truncated(context: Context) -> Iterator[Finding]:
    """A row has more tokens than the card's training section takes (`training.max_length`).

    `run`, `estimate` and `train` count with the base's own template and tokenizer, and then it is an error.
    `validate` has neither; it counts with the encoding that it names and warns.
    Why: the answer stands at the end, and the end is what is cut. The local trainer stops instead.
    Fix: shorten the conversation, part it into several rows, or raise `max_length`.
    """
    if context.rendering is not None:
        limit = context.rendering.most_tokens
        for rendered in context.rendering.rows:
            if rendered.tokens > limit:
                message = f"{rendered.tokens:,} tokens, the card's max_length is {limit:,}"
                yield _at(context, "target-truncated", message, rendered.line)
        return
    training = context.card.document.data.get("training") if context.card else None
    if not training or training.get("provider", "local") != "local":
        return
    limit = training.get("max_length", _DEFAULT_LENGTH)
    for row, tokens in zip(context.dataset.rows, context.row_tokens, strict=True):
        if tokens > limit:
            message = f"about {tokens:,} tokens ({context.encoding}), the card's max_length is {limit:,}"
            yield context.finding("target-truncated", message, row, warn=True)


def template_drops_target(context: Context) -> Iterator[Finding]:
    """The base model's chat template leaves out words or tool calls that the row wants trained.

    Told by `run`, `estimate` and `train`, which read the rows as the model will: each trained message must
    stand in the decoded tokens that the loss falls on. Templates of small models know no tool calls; some strip
    reasoning.
    Why: the row is trained on the end-of-turn token alone, and the loss looks fine.
    Fix: use a base whose template writes them, or write the call into the answer's text.
    """
    for rendered in context.rendering.rows if context.rendering else ():
        if rendered.dropped:
            what = "an answer" if rendered.dropped == 1 else f"{rendered.dropped} answers"
            message = f"the chat template drops words or calls of {what} of this row"
            yield _at(context, "template-drops-target", message, rendered.line)


def unrenderable_row(context: Context) -> Iterator[Finding]:
    """The base model's chat template cannot write the row in a form that can be trained on.

    Told by `run`, `estimate` and `train`.
    Why: a conversation that the template refuses, or whose earlier turns it rewrites, has no tokens to train.
    Fix: bring the row into the form that the template wants (turns that alternate, no empty content), or use
    another base.
    """
    for rendered in context.rendering.rows if context.rendering else ():
        if rendered.problem:
            yield _at(context, "unrenderable-row", rendered.problem, rendered.line)


def rendering_findings(context: Context) -> Iterator[Finding]:
    """What only the base model's own tokens can tell; `context.rendering` must be there."""
    for rule in (target_truncated, template_drops_target, unrenderable_row):
        yield from rule(context)


def _at(context: Context, rule: str, message: str, line: int) -> Finding:
    return Finding(rule, Severity.ERROR, message, context.path, line)


def _system(messages: Sequence[Message]) -> str | None:
    """The system prompt of a conversation, None without one."""
    found = [text_of(message) for message in messages if message.get("role") in _SYSTEM]
    return "\n".join(found).rstrip() if found else None


def _is_blank(message: Message) -> bool:
    content = message.get("content")
    if isinstance(content, str) and content and not content.isspace():
        return False
    parts = content if isinstance(content, list) else ()
    if any(not isinstance(part, dict) or part.get("type") != "text" for part in parts):
        return False
    return not (text_of(message).strip() or message.get("tool_calls") or message.get("refusal"))


def _rows(count: int) -> str:
    return f"{count:,} ha{'s' if count == 1 else 've'}"


def _first(lines: Sequence[int]) -> str:
    if len(lines) == 1:
        return f"line {lines[0]}"
    more = " …" if len(lines) > _NAMED else ""
    return f"lines {', '.join(map(str, lines[:_NAMED]))}{more}"
