"""Leakage: training rows that give away the golden set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from liftgate.data.checks.context import Context
from liftgate.data.near import THRESHOLD, overlaps, similarity
from liftgate.data.resembling import LONG_RUN
from liftgate.data.skeleton import skeleton
from liftgate.data.taught import Taught
from liftgate.data.text import normal_print
from liftgate.findings import Finding, Severity


def golden_leak(context: Context) -> Iterator[Finding]:
    """A training row repeats the prompt of a golden or safety case, so its score measures memory.

    Prompts are compared without system prompts, in lower case, without punctuation, runs of space as one. Rows
    of the card's other releases count too, at their own place: the models that are compared or live today were
    trained on them, and a case that one of them knows by heart measures nothing. So do the few-shot examples of
    every arm's prompt, and what a row says in another voice before its answer (a system prompt, an earlier
    answer, a tool's result) when it has six words or more.
    Why: every number that the gate reports afterwards is too good.
    Fix: remove the row from the dataset, or the example from the prompt; a released file is never edited, so
    replace the golden case that stands in one. This finding cannot be waived.
    """
    if not context.asked_cases:
        return
    named = {normal_print(case.prompt): context.name_of(cases, case) for cases, case in context.asked_cases}
    for row, print_ in zip(context.rows, context.prompt_prints, strict=True):
        if name := named.get(print_):
            yield context.finding("golden-leak", f"same prompt as golden case {name}", row)
    for taught in context.elsewhere:
        if name := named.get(taught.fingerprint):
            yield _leak("golden-leak", f"same prompt as golden case {name}", taught)


def golden_near_leak(context: Context) -> Iterator[Finding]:
    """A training row nearly repeats the prompt of a golden or safety case, or holds most of it.

    Flagged when the word trigrams of both have a Jaccard similarity of 0.8 or more, when the row covers 70%
    of the case's 8-word runs, or when both share a run of 40 words. Runs found in more than one row of a
    hundred are boilerplate and do not count, near copies of one another counted once. Look-alike letters,
    accents and what is invisible are folded away first, and a prompt that differs in spaces only is the same.
    Other voices, releases and few-shot examples count as in `golden-leak`.
    Why: the model is asked what it was taught, and the lift measures memory.
    Fix: remove the row from the dataset; replace the case when the row stands in a released file.
    """
    for index, reference, how in _near_matches(context):
        cases, case = context.asked_cases[reference]
        message = f"{how} golden case {context.name_of(cases, case)}"
        yield _found(context, "golden-near-leak", message, index)


def golden_entity_swap(context: Context) -> Iterator[Finding]:
    """A training row is a golden case with other names, ids, numbers or amounts.

    Either both are equal once these are masked, or a case of ten words and more besides its entities stands in
    the row with anything in their place: a name in lower case, a number in words, another currency. Other voices,
    releases and few-shot examples count as in `golden-leak`.
    Why: the answer was taught for the very same sentence; another order number makes no new question.
    Fix: remove the row, or replace the golden case by one that was never used for training.
    """
    skeletons: dict[bytes, int] = {}
    for reference, (_, case) in enumerate(context.asked_cases):
        if bones := skeleton(case.prompt):
            skeletons.setdefault(bones, reference)
    asked = [*context.prompts, *(taught.prompt for taught in context.elsewhere)]
    prints = (*context.prompt_prints, *(taught.fingerprint for taught in context.elsewhere))
    swapped = dict(_of_a_template(context))
    for index, (prompt, print_) in enumerate(zip(asked, prints, strict=True)):
        like = skeletons.get(skeleton(prompt)) if skeletons else None
        if like is None:
            like = swapped.get(index)
        if like is not None and print_ not in context.golden_prints:
            cases, case = context.asked_cases[like]
            message = f"golden case {context.name_of(cases, case)} with other names or numbers"
            yield _found(context, "golden-entity-swap", message, index)


def _of_a_template(context: Context) -> Iterator[tuple[int, int]]:
    """(text index, case index) where a case's own words stand in order, whatever its entities have become."""
    found = context.resembling_cases
    prompts = context.near_texts
    for pair in found.swapped:
        template, text = context.case_templates[pair.reference], prompts[pair.text]
        same = pair.text in found.closed_up or context.case_texts[pair.reference] in text
        if template and not same and template.pattern.search(text):
            yield pair.text, pair.reference


def _found(context: Context, rule: str, message: str, index: int) -> Finding:
    """A finding about a row, or about what is taught besides the rows."""
    if index < len(context.rows):
        return context.finding(rule, message, context.rows[index])
    return _leak(rule, message, context.elsewhere[index - len(context.rows)])


def _leak(rule: str, message: str, taught: Taught) -> Finding:
    return Finding(rule, Severity.ERROR, f"{taught.what}: {message}", taught.path, taught.line)


def _near_matches(context: Context) -> Iterator[tuple[int, int, str]]:
    """(row index, case index, how) once a row, the closest kind first; exact leaks are told elsewhere."""
    if not context.asked_cases:
        return
    references = context.case_texts
    prints = (*context.prompt_prints, *(taught.fingerprint for taught in context.elsewhere))
    told = {index for index, print_ in enumerate(prints) if print_ in context.golden_prints}
    prompts = context.near_texts
    found = context.resembling_cases
    for index, reference in found.closed_up.items():
        if index not in told:
            told.add(index)
            yield index, reference, _NEARLY
    close = [pair for pair in found.close if pair.text not in told]
    texts = {pair.text: prompts[pair.text] for pair in close}
    for pair in close:
        if pair.text not in told and _alike(texts[pair.text], references[pair.reference]):
            told.add(pair.text)
            yield pair.text, pair.reference, _NEARLY
    few = [index for index in texts if index not in told]
    for size, cover, how in ((8, 0.7, "holds most of the prompt of"), (LONG_RUN, 0.0, _SHARED_RUN)):
        for pair in overlaps([texts[i] for i in few], _at_least(size, references), size, least_cover=cover):
            if few[pair.text] not in told:
                told.add(few[pair.text])
                yield few[pair.text], pair.reference, how


_NEARLY: Final = "nearly the same prompt as"
_SHARED_RUN: Final = f"shares a run of {LONG_RUN} words or more with"


def _at_least(words: int, references: Sequence[bytes]) -> list[bytes]:
    """The references long enough for runs of that many words; the others blank, so that numbers stay."""
    return [text if text.count(b" ") >= words - 1 else b"" for text in references]


def _alike(text: bytes, reference: bytes) -> bool:
    # Lengths this far apart cannot reach the threshold, and comparing them is the dearest step here.
    return 0.7 < len(text) / len(reference) < 1.5 and similarity(text, reference) >= THRESHOLD
