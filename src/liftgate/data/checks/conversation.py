"""Conversations: turns that a target refuses, truncates or reads as its own control text."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.exporters import EXPORTERS
from liftgate.data.native import OURS, preferred
from liftgate.data.scan import matches
from liftgate.data.targets import SPECIAL_TOKENS
from liftgate.findings import Finding
from liftgate.tokens import count_conversations


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
        if roles[-1] == "user":
            roles.append("assistant")  # the rule `schema` tells of the missing answer
        if problem := target.role_problem(roles):
            yield context.finding("role-order", problem, row)


def inexpressible_row(context: Context) -> Iterator[Finding]:
    """A row holds something that the target's own row form has no place for: tools, images, weights, names.

    Why: an export that dropped it would train on other data than was reviewed, so the export refuses.
    Fix: take it out of the row, or train elsewhere.
    """
    target = context.target
    if target is None:
        return
    rows = [row for row in context.rows if row.shape in OURS and not _is_plain(row)]
    for written in EXPORTERS[target.name](rows):
        told = target.role_problem([message["role"] for message in written.row.charged])
        if problems := [problem for problem in written.problems if problem != told]:
            yield context.finding("inexpressible-row", "; ".join(problems), written.row)


def missing_prompt(context: Context) -> Iterator[Finding]:
    """A row has no user message.

    Why: the model learns to speak unasked, and leakage cannot be judged.
    Fix: add the user's words, or remove the row.
    """
    for row in context.rows:
        if not any(message["role"] == "user" for message in row.messages):
            yield context.finding("missing-prompt", "no user message", row, warn=True)


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
            if not any(matches([_exported(match.row)], pattern)):
                continue
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
    limit = target.most_tokens
    for row, counted in zip(context.dataset.rows, context.row_tokens, strict=True):
        if target.token_range(counted)[1] <= limit:
            continue
        tokens = _longest(row, context.encoding) if row.is_preference else counted
        least, most = target.token_range(tokens)
        if most <= limit:
            continue
        said = f"{tokens:,}" if target.exact_tokens else f"about {least:,} to {most:,}"
        verb = "trains" if least > limit else "may train"
        message = f"{said} tokens; {target.name} {verb} on the first {limit:,} only"
        yield context.finding("row-too-long", message, row, warn=least <= limit)


def too_many_rows(context: Context) -> Iterator[Finding]:
    """The file has more rows, or more bytes, than the target accepts.

    Why: the job is refused after the upload.
    Fix: choose rows, or train in steps.
    """
    target = context.target
    if target and target.most_rows is not None and len(context.rows) > target.most_rows:
        message = f"{len(context.rows):,} rows; {target.name} accepts {target.most_rows:,}"
        yield context.finding("too-many-rows", message)
    if target and target.most_bytes is not None and context.dataset.size_bytes > target.most_bytes:
        megabytes, most = context.dataset.size_bytes / 1e6, target.most_bytes // 1_000_000
        message = f"the file has {megabytes:,.0f} MB; {target.name} accepts {most:,} MB"
        yield context.finding("too-many-rows", message)


def _longest(row: Row, encoding: str) -> int:
    """Tokens of the longer of the two sequences that a preference row is trained as."""
    asked = len(row.messages) - len(preferred(row.data))
    pairs = (row.messages, [*row.messages[:asked], *row.rejected])
    return max(count_conversations(((messages, row.tools) for messages in pairs), encoding))


def _exported(row: Row) -> Row:
    """The row without what no trainer sees, so that a word in its metadata is no problem."""
    return Row(row.line, {"messages": list(row.charged), "tools": list(row.tools)})


def _is_plain(row: Row) -> bool:
    """True for a row of text alone, which every target can express."""
    if "tools" in row.data or row.is_preference:
        return False
    return all(len(message) == 2 and type(message.get("content")) is str for message in row.messages)
