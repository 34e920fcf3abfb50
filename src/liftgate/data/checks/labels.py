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
    first: dict[bytes, Row] = {}
    for row, question in zip(context.rows, context.question_prints, strict=True):
        earlier = first.setdefault(question, row)
        if earlier is row:
            continue
        labelled = earlier.label is not None and row.label is not None
        if labelled and earlier.label != row.label:
            yield context.finding(
                "contradictory-label", f"same question as line {earlier.line}, other label", row
            )
        elif normalise(earlier.answer) != normalise(row.answer):
            # Two long free texts may both be right answers; two labels or JSON objects cannot.
            free = not (_closed(earlier.answer) or _closed(row.answer))
            message = f"same question as line {earlier.line}, other answer"
            yield context.finding("contradictory-label", message, row, warn=free)


def too_few_rows(context: Context) -> Iterator[Finding]:
    """The dataset has fewer rows than the policy asks for (`data.min_rows`).

    Why: providers refuse tiny files, and a lift from a handful of rows is noise.
    Fix: add rows.
    """
    count, least = len(context.rows), context.thresholds.min_rows
    if 0 < count < least:
        message = f"{count} usable rows; the policy asks for at least {least}"
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


def _closed(answer: str) -> bool:
    return answer.startswith(("{", "[")) or len(answer.split()) <= _CLOSED_WORDS
