"""Leakage: training rows that give away the golden set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from liftgate.data.checks.context import Context
from liftgate.data.near import THRESHOLD, WORDS, overlaps, similarity
from liftgate.data.taught import Taught
from liftgate.data.text import normal_print, skeleton, unmasked_bytes
from liftgate.findings import Finding, Severity


def golden_leak(context: Context) -> Iterator[Finding]:
    """A training row repeats the prompt of a golden or safety case, so its score measures memory.

    Prompts are compared without system prompts, in lower case, without punctuation, runs of space as one. Rows
    of the card's other releases count too, at their own place: the models that are compared or live today were
    trained on them, and a case that one of them knows by heart measures nothing. So do the few-shot examples of
    every arm's prompt.
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
    hundred are boilerplate and do not count; look-alike letters are folded away first. Other releases and
    few-shot examples count as in `golden-leak`.
    Why: the model is asked what it was taught, and the lift measures memory.
    Fix: remove the row from the dataset; replace the case when the row stands in a released file.
    """
    for index, reference, how in _near_matches(context):
        cases, case = context.asked_cases[reference]
        message = f"{how} golden case {context.name_of(cases, case)}"
        if index < len(context.rows):
            yield context.finding("golden-near-leak", message, context.rows[index])
        else:
            yield _leak("golden-near-leak", message, context.elsewhere[index - len(context.rows)])


def golden_entity_swap(context: Context) -> Iterator[Finding]:
    """A training row is a golden case with other names, ids, numbers or amounts.

    Other releases and few-shot examples count as in `golden-leak`.
    Why: the answer was taught for the very same sentence; another order number makes no new question.
    Fix: remove the row, or replace the golden case by one that was never used for training.
    """
    skeletons: dict[bytes, int] = {}
    for reference, (_, case) in enumerate(context.asked_cases):
        if bones := skeleton(case.prompt):
            skeletons.setdefault(bones, reference)
    if not skeletons:
        return

    def swapped(prompt: str, print_: bytes) -> str | None:
        reference = skeletons.get(skeleton(prompt))
        if reference is None or print_ in context.golden_prints:
            return None
        cases, case = context.asked_cases[reference]
        return f"golden case {context.name_of(cases, case)} with other names or numbers"

    for row, prompt, print_ in zip(context.rows, context.prompts, context.prompt_prints, strict=True):
        if message := swapped(prompt, print_):
            yield context.finding("golden-entity-swap", message, row)
    for taught in context.elsewhere:
        if message := swapped(taught.prompt, taught.fingerprint):
            yield _leak("golden-entity-swap", message, taught)


def _leak(rule: str, message: str, taught: Taught) -> Finding:
    where = "a few-shot example" if taught.is_example else "a row of another release"
    return Finding(rule, Severity.ERROR, f"{where}: {message}", taught.path, taught.line)


def _near_matches(context: Context) -> Iterator[tuple[int, int, str]]:
    """(row index, case index, how) once a row, the closest kind first; exact leaks are told elsewhere."""
    if not context.asked_cases:
        return
    references = [unmasked_bytes(case.prompt) for _, case in context.asked_cases]
    prints = (*context.prompt_prints, *(taught.fingerprint for taught in context.elsewhere))
    told = {index for index, print_ in enumerate(prints) if print_ in context.golden_prints}
    # Whoever holds most of a case's long runs holds half of its short ones; whoever shares a run of forty words
    # shares nearly forty short ones. So one pass finds all that the dearer comparisons must look at.
    prompts = context.near_texts
    pairs = overlaps(prompts, references, WORDS, least_cover=0.5, or_shared=_LONG_RUN - 10)
    close = [found for found in pairs if found.text not in told]
    texts = {found.text: prompts[found.text] for found in close}
    for found in close:
        if found.text not in told and _alike(texts[found.text], references[found.reference]):
            told.add(found.text)
            yield found.text, found.reference, "nearly the same prompt as"
    few = [index for index in texts if index not in told]
    for size, cover, how in ((8, 0.7, "holds most of the prompt of"), (_LONG_RUN, 0.0, _SHARED_RUN)):
        for found in overlaps([texts[i] for i in few], _at_least(size, references), size, least_cover=cover):
            if few[found.text] not in told:
                told.add(few[found.text])
                yield few[found.text], found.reference, how


_LONG_RUN: Final = 40
_SHARED_RUN: Final = f"shares a run of {_LONG_RUN} words or more with"


def _at_least(words: int, references: Sequence[bytes]) -> list[bytes]:
    """The references long enough for runs of that many words; the others blank, so that numbers stay."""
    return [text if text.count(b" ") >= words - 1 else b"" for text in references]


def _alike(text: bytes, reference: bytes) -> bool:
    # Lengths this far apart cannot reach the threshold, and comparing them is the dearest step here.
    return 0.7 < len(text) / len(reference) < 1.5 and similarity(text, reference) >= THRESHOLD
