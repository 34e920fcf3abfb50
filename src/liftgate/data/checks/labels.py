"""Labels: answers that disagree with one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liftgate.data.answers import answer_key, json_of
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.findings import Finding

_CLOSED_WORDS = 12
_LOOKED_AT = 200


def contradictory_label(context: Context) -> Iterator[Finding]:
    """The same question stands in the dataset with two different answers.

    Answers that are JSON are compared as JSON, tool calls by name and arguments. Two long free texts may both
    be right and are a warning; so are two questions that nearly repeat one another with different labels, or,
    where rows carry no label, with different short answers.
    Why: the model learns a coin toss, and whichever answer the golden set expects is wrong half the time.
    Fix: decide which answer is right and correct or remove the other row.
    """
    for group in context.repeated_questions:
        first = context.rows[group[0]]
        told = {(first.label, answer_key(first))}
        for index in group[1:]:
            row = context.rows[index]
            variant = (row.label, answer_key(row))
            if variant not in told:
                told.add(variant)
                yield from _contradiction(context, first, row)
    what = "label" if context.is_labelled else "answer"
    for earlier, later in context.near_repeats:
        one, other = context.row_classes[earlier], context.row_classes[later]
        if one is not None and other is not None and one != other:
            message = f"nearly the same question as line {context.rows[earlier].line}, other {what}"
            yield context.finding("contradictory-label", message, context.rows[later], warn=True)


def label_differs(context: Context) -> Iterator[Finding]:
    """A row answers with another label than its `metadata.label`.

    Asked where nine in ten labelled rows answer with their label and nothing else.
    Why: split, balance and buckets go by the label, the model learns the answer: a slip in one is seen by nobody
    who looks at the other.
    Fix: correct whichever of the two is wrong.
    """
    if not context.is_labelled:
        return
    pairs = zip(context.rows, context.row_classes, strict=True)
    labelled = [(row, label) for row, label in pairs if label is not None]
    # Answers of another form are told by the first rows, so that most files cost nothing.
    if len(_others(labelled[:_LOOKED_AT])) * 2 > len(labelled[:_LOOKED_AT]):
        return
    others = _others(labelled)
    if len(others) * 10 <= len(labelled):
        for row in others:
            yield context.finding("label-differs", "the answer is another than the row's label", row)


def _others(labelled: Sequence[tuple[Row, str]]) -> list[Row]:
    return [row for row, label in labelled if row.answer.strip() != label]


def _contradiction(context: Context, first: Row, row: Row) -> Iterator[Finding]:
    if first.label is not None and row.label is not None and first.label != row.label:
        yield context.finding("contradictory-label", f"same question as line {first.line}, other label", row)
        return
    if answer_key(first) == answer_key(row):
        return
    # Two long free texts may both be right answers; two labels or JSON objects cannot.
    free = not (_closed(first.answer) or _closed(row.answer))
    message = f"same question as line {first.line}, other answer"
    yield context.finding("contradictory-label", message, row, warn=free)


def _closed(answer: str) -> bool:
    return json_of(answer) is not None or len(answer.split()) <= _CLOSED_WORDS
