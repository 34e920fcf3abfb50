"""Labels: answers that disagree, and classes too small to be learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.text import normalise, shown
from liftgate.findings import Finding

_CLOSED_WORDS = 12


def contradictory_label(context: Context) -> Iterator[Finding]:
    """The same question stands in the dataset with two different answers.

    Why: the model learns a coin toss, and whichever answer the golden set expects is wrong half the time.
    Fix: decide which answer is right and correct or remove the other row.
    """
    for group in context.repeated_questions:
        first = context.rows[group[0]]
        told = {(first.label, normalise(first.answer))}
        for index in group[1:]:
            row = context.rows[index]
            variant = (row.label, normalise(row.answer))
            if variant not in told:
                told.add(variant)
                yield from _contradiction(context, first, row)
    for earlier, later in context.near_repeats:
        one, other = context.rows[earlier], context.rows[later]
        if one.label is not None and other.label is not None and one.label != other.label:
            message = f"nearly the same question as line {one.line}, other label"
            yield context.finding("contradictory-label", message, other, warn=True)


def too_few_rows(context: Context) -> Iterator[Finding]:
    """The dataset has fewer rows than the policy asks for (`data.min_rows`), or than the target accepts.

    Why: providers refuse tiny files, and a lift from a handful of rows is noise.
    Fix: add rows.
    """
    count, least = len(context.rows), context.thresholds.min_rows
    whose = "the policy asks for"
    if context.target and context.target.least_rows > least:
        least, whose = context.target.least_rows, f"{context.target.name} asks for"
    if 0 < count < least:
        message = f"{count} usable rows; {whose} at least {least}"
        yield context.finding("too-few-rows", message, warn=not context.is_meant_for_training)


def small_class(context: Context) -> Iterator[Finding]:
    """A class has fewer rows than the policy asks for (`data.min_rows_per_class`).

    Why: a class hardly seen is hardly learnt, and the golden set says so only after the money is spent.
    Fix: add rows of that class, or merge it with another.
    """
    if context.is_validation:
        return
    least = context.thresholds.min_rows_per_class
    for name, count in sorted(Counter(context.classes).items()):
        if count < least:
            message = f"class {shown(name, 'with a long name')} has {count} rows; the policy asks for {least}"
            yield context.finding("small-class", message, warn=context.card is None)


def _contradiction(context: Context, first: Row, row: Row) -> Iterator[Finding]:
    if first.label is not None and row.label is not None and first.label != row.label:
        yield context.finding("contradictory-label", f"same question as line {first.line}, other label", row)
        return
    if normalise(first.answer) == normalise(row.answer):
        return
    # Two long free texts may both be right answers; two labels or JSON objects cannot.
    free = not (_closed(first.answer) or _closed(row.answer))
    message = f"same question as line {first.line}, other answer"
    yield context.finding("contradictory-label", message, row, warn=free)


def _closed(answer: str) -> bool:
    return answer.startswith(("{", "[")) or len(answer.split()) <= _CLOSED_WORDS
