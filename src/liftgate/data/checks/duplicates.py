"""Duplicates: rows that say the same thing twice."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.text import fingerprint, normalise
from liftgate.findings import Finding


def duplicate_row(context: Context) -> Iterator[Finding]:
    """A row repeats an earlier row once case, punctuation and runs of space are ignored.

    Why: repeated rows are paid for twice, weigh double, and leak from training into validation.
    Fix: keep one of them.
    """
    first: dict[tuple[bytes, bytes], tuple[Row, str]] = {}
    for row, question, prompt in zip(context.rows, context.question_prints, context.prompts, strict=True):
        key = (question, fingerprint(normalise(row.answer)))
        earlier, words = first.setdefault(key, (row, prompt))
        if earlier is not row:
            how = "repeats" if words == prompt else "repeats, but for case, punctuation and spaces,"
            yield context.finding("duplicate-row", f"{how} line {earlier.line}", row)


def split_leak(context: Context) -> Iterator[Finding]:
    """A row's prompt stands in the other half of the split too (training and validation file).

    Why: the validation loss then measures memory, and early stopping stops too late.
    Fix: split again with `liftgate data split`, which keeps repeated prompts on one side.
    """
    if context.sibling is None:
        return
    other = {fingerprint(normalise(row.prompt)): row.line for row in context.sibling.rows}
    for row, print_ in zip(context.rows, context.prompt_prints, strict=True):
        if (line := other.get(print_)) is not None:
            yield context.finding("split-leak", f"same prompt as {context.sibling.path}:{line}", row)
