"""Duplicates: rows that say the same thing twice."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.data.checks.context import Context
from liftgate.data.text import normal_print, normalise
from liftgate.findings import Finding


def duplicate_row(context: Context) -> Iterator[Finding]:
    """A row repeats an earlier row once case, punctuation and runs of space are ignored.

    Why: repeated rows are paid for twice, weigh double, and leak from training into validation.
    Fix: keep one of them.
    """
    for group in context.repeated_questions:
        first: dict[tuple[str | None, str], int] = {}
        for index in group:
            row = context.rows[index]
            earlier = first.setdefault((row.label, normalise(row.answer)), index)
            if earlier != index:
                same = context.prompts[earlier] == context.prompts[index]
                how = "repeats" if same else "repeats, but for case, punctuation and spaces,"
                yield context.finding("duplicate-row", f"{how} line {context.rows[earlier].line}", row)


def split_leak(context: Context) -> Iterator[Finding]:
    """A row's prompt stands in the other half of the split too (training and validation file).

    Why: the validation loss then measures memory, and early stopping stops too late.
    Fix: split again with `liftgate data split`, which keeps repeated prompts on one side.
    """
    if context.sibling is None:
        return
    other = {normal_print(row.prompt): row.line for row in context.sibling.rows}
    for row, print_ in zip(context.rows, context.prompt_prints, strict=True):
        if (line := other.get(print_)) is not None:
            yield context.finding("split-leak", f"same prompt as {context.sibling.path}:{line}", row)
