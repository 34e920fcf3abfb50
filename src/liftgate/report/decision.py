"""What the decision matrix says, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.road import STATES
from liftgate.verdict.decide import IN_WORDS, ROADS
from liftgate.verdict.decision_questions import OpenQuestion

if TYPE_CHECKING:
    from liftgate.verdict.decision_paper import Paper

_LIMIT: Final = 300


def decision_lines(alias: str, paper: Paper) -> Iterator[str]:
    """The recommendation first, then the roads, the reasons, and what is missing, each with where to write it."""
    advice = paper.advice
    yield f"{clean(alias, _LIMIT)}: {_headline(paper)}"
    width = max(map(len, IN_WORDS.values()))
    yield from (f"  {IN_WORDS[road].ljust(width)}  {STATES[advice.roads[road]]}" for road in ROADS)
    yield from (f"  because {clean(reason, _LIMIT)}" for reason in advice.reasons)
    asked = {f"requirements.{each.key}": each for each in paper.asked}
    for each in advice.missing:
        told = clean(each, _LIMIT) if each not in asked else _question(paper, asked[each], each)
        yield f"  missing: {told}"
    if any(each not in asked for each in advice.missing):
        words = f"liftgate decide {clean(alias, _LIMIT)} --measure"
        yield f"  {words} asks the suite's untrained arms and writes a report to name"
    for finding in paper.silent:
        yield f"  {clean(finding.place, _LIMIT)}: {clean(finding.message, _LIMIT)} [{finding.rule}]"
    if paper.open:
        yield "to be answered by people; nothing that costs money is trained before:"
        yield from (f"  {_question(paper, each, each.key)}" for each in paper.open)


def _question(paper: Paper, asked: OpenQuestion, key: str) -> str:
    return f"{clean(paper.path, _LIMIT)}:{asked.line} {key}: {asked.how}"


def _headline(paper: Paper) -> str:
    advice, said = paper.advice, paper.recommendation
    if paper.open:
        count = len(paper.open)
        are = f"{numbers.plural(count, 'question')} {'is' if count == 1 else 'are'} open"
        so_far = "no road is left" if advice.recommendation is None else IN_WORDS[advice.recommendation]
        word = f"so far the matrix says {so_far}" if advice.decided else "so far the matrix cannot tell"
        return f"not decided, {are}; {word}"
    if not advice.decided:
        return f"the matrix cannot tell yet; the document recommends {said}"
    if advice.recommendation is None:
        return f"no road is left by the matrix; the document recommends {said}"
    if advice.recommendation == said:
        return f"{IN_WORDS[advice.recommendation]}, by the matrix and by the document"
    return f"{IN_WORDS[advice.recommendation]} by the matrix; the document recommends {said}"
