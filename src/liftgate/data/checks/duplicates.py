"""Duplicates: rows that say the same thing twice."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.data.answers import answer_key
from liftgate.data.checks.context import Context
from liftgate.findings import Finding


def duplicate_row(context: Context) -> Iterator[Finding]:
    """A row repeats an earlier row once case, punctuation and runs of space are ignored.

    Why: repeated rows are paid for twice, weigh double, and leak from training into validation.
    Fix: keep one of them.
    """
    for group in context.repeated_questions:
        first: dict[tuple[str | None, str | bytes], int] = {}
        for index in group:
            row = context.rows[index]
            earlier = first.setdefault((row.label, answer_key(row)), index)
            if earlier != index:
                same = context.prompts[earlier] == context.prompts[index]
                how = "repeats" if same else "repeats, but for case, punctuation and spaces,"
                yield context.finding("duplicate-row", f"{how} line {context.rows[earlier].line}", row)


def near_duplicate_row(context: Context) -> Iterator[Finding]:
    """A row's prompt nearly repeats an earlier one: Jaccard similarity of its word trigrams is 0.8 or more.

    Look-alike letters and invisible characters are folded away first.
    Why: near copies weigh double like copies, and a split that parts them leaks.
    Fix: keep the better one, or keep both on one side of the split (`liftgate data split` does).
    """
    sizes: dict[int, int] = {}
    leader: dict[int, int] = {}
    for earlier, later in context.near_repeats:
        leader[later] = leader.get(earlier, earlier)
        sizes[leader[later]] = sizes.get(leader[later], 1) + 1
    for earlier, later in context.near_repeats:
        size = sizes[leader[later]]
        message = f"nearly repeats line {context.rows[earlier].line} ({size} rows in this cluster)"
        yield context.finding("near-duplicate-row", message, context.rows[later], warn=True)


def split_leak(context: Context) -> Iterator[Finding]:
    """A row's prompt stands in the other half of the split too (training and validation file).

    Why: the validation loss then measures memory, and early stopping stops too late.
    Fix: split again with `liftgate data split`, which keeps repeated prompts on one side.
    """
    if context.sibling is None:
        return
    for row, print_ in zip(context.rows, context.prompt_prints, strict=True):
        if (other := context.sibling_asked.get(print_)) is not None:
            yield context.finding("split-leak", f"same prompt as {context.sibling.path}:{other.line}", row)


def split_near_leak(context: Context) -> Iterator[Finding]:
    """A training row's prompt nearly repeats one of the validation half (Jaccard of word trigrams 0.8 or more).

    Told once for each validation row, at the training row. Equal prompts are `split-leak`.
    Why: the validation loss falls for what was learnt by heart, and early stopping stops too late.
    Fix: move both to one side; `liftgate data split` keeps clusters together.
    """
    if context.sibling is None:
        return
    for index, other in context.near_across:
        message = f"nearly the same prompt as {context.sibling.path}:{other.line}"
        yield context.finding("split-near-leak", message, context.rows[index], warn=True)
