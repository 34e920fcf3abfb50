"""What the decision matrix says, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from liftgate.report.escape import clean
from liftgate.verdict.decide import IN_WORDS, ROADS

if TYPE_CHECKING:
    from liftgate.verdict.decision_paper import Paper

_LIMIT: Final = 300
_STATES: Final = {
    "clears": "clears the bar",
    "open": "open",
    "left": "tried, does not clear the bar",
    "closed": "not for this task",
    "unknown": "unknown",
}


def decision_lines(alias: str, paper: Paper) -> Iterator[str]:
    """The recommendation first, then the roads, the reasons, and what is missing."""
    advice = paper.advice
    yield f"{clean(alias, _LIMIT)}: {_headline(paper)}"
    width = max(map(len, IN_WORDS.values()))
    yield from (f"  {IN_WORDS[road].ljust(width)}  {_STATES[advice.roads[road]]}" for road in ROADS)
    yield from (f"  because {clean(reason, _LIMIT)}" for reason in advice.reasons)
    yield from (f"  missing: {clean(each, _LIMIT)}" for each in advice.missing)
    for finding in paper.silent:
        yield f"  {clean(finding.place, _LIMIT)}: {clean(finding.message, _LIMIT)} [{finding.rule}]"


def _headline(paper: Paper) -> str:
    advice, said = paper.advice, paper.recommendation
    if not advice.decided:
        return f"the matrix cannot tell yet; the document recommends {said}"
    if advice.recommendation is None:
        return f"no road is left by the matrix; the document recommends {said}"
    if advice.recommendation == said:
        return f"{IN_WORDS[advice.recommendation]}, by the matrix and by the document"
    return f"{IN_WORDS[advice.recommendation]} by the matrix; the document recommends {said}"
