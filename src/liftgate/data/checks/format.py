"""Form: what a provider would refuse, or read differently from its author."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.native import CHAT, CLAUDE, SHAPES
from liftgate.data.shape import order_problems
from liftgate.findings import Finding


def invalid_json(context: Context) -> Iterator[Finding]:
    """A line is not strict JSON: broken, not UTF-8, a key twice, NaN, half a character, far too long or deep.

    Why: a provider fails the whole job on one such line, and tools disagree about duplicate keys and NaN.
    Fix: correct the line that the finding names; one object a line, UTF-8.
    """
    yield from _read(context, "invalid-json")


def byte_order_mark(context: Context) -> Iterator[Finding]:
    """The file starts with a byte order mark.

    Why: many JSON readers refuse it. Azure wants one; `liftgate data export --target azure` writes it.
    Fix: save the file as plain UTF-8.
    """
    if not (context.target and context.target.byte_order_mark):
        yield from _read(context, "byte-order-mark")


def carriage_return(context: Context) -> Iterator[Finding]:
    """Lines end in CR LF.

    Why: the file's hash depends on who checked it out, so a release cannot be pinned.
    Fix: save with LF; `* text eol=lf` in `.gitattributes` keeps it so.
    """
    yield from _read(context, "carriage-return")


def blank_line(context: Context) -> Iterator[Finding]:
    """A blank line stands between the rows.

    Why: some trainers take it for the end of the file, others for a broken row.
    Fix: remove it.
    """
    yield from _read(context, "blank-line")


def no_final_newline(context: Context) -> Iterator[Finding]:
    """The last line has no line end.

    Why: a file that was cut off while being written looks the same.
    Fix: check that the last row is whole and end the file with a newline.
    """
    yield from _read(context, "no-final-newline")


def _read(context: Context, rule: str) -> Iterator[Finding]:
    return (finding for finding in context.dataset.findings if finding.rule == rule)


def empty_dataset(context: Context) -> Iterator[Finding]:
    """The file holds no row.

    Why: nothing to train on is an accident, never a pass.
    Fix: check the path and the step that wrote the file.
    """
    if not context.dataset.line_count and not context.dataset.absent:
        yield context.finding("empty-dataset", "the file holds no rows")


def schema(context: Context) -> Iterator[Finding]:
    """A row does not have the shape of a chat or preference row, or its conversation cannot be trained on.

    Why: providers refuse the file after the upload, and some trainers drop such rows without a word.
    Fix: correct the key that the finding names; the last message must be the assistant's.
    """
    for row in context.dataset.rows:
        problems = context.broken.get(row.line) or order_problems(row)
        for problem in problems:
            yield context.finding("schema", problem, row)


def mixed_shapes(context: Context) -> Iterator[Finding]:
    """Rows of several shapes stand in one file: chat beside preference rows, ours beside another target's.

    Why: a job trains by one method on one shape, and fails on the first row of another.
    Fix: put each shape into a file of its own, or convert all: liftgate data export.
    """
    first: dict[str, Row] = {}
    for row in context.rows:
        if row.shape not in first and row.shape is not None:
            first[row.shape] = row
    if len(first) > 1 and not _all_claude(context, first):
        said = ", ".join(f"{SHAPES[shape]} from line {row.line}" for shape, row in first.items())
        yield context.finding(
            "mixed-shapes", f"rows of {len(first)} shapes in one file: {said}", list(first.values())[1]
        )


def _all_claude(context: Context, first: Mapping[str, Row]) -> bool:
    """True when the chat rows are Claude's too: `messages` alone, which is how it writes a row without `system`."""
    return first.keys() == {CHAT, CLAUDE} and all(
        row.data.keys() == {"messages"} and row.messages[0]["role"] != "system"
        for row in context.rows
        if row.shape == CHAT
    )
