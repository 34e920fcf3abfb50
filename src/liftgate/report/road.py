"""Why fine-tune: the decision document and the matrix' word on it, as an approver reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from liftgate.report import numbers
from liftgate.report.comment_markup import NAME_LIMIT, SENTENCE_LIMIT, blocks, listed, table
from liftgate.report.escape import Markdown, code, escape
from liftgate.report.tables import Report
from liftgate.verdict.decide import IN_WORDS, ROADS

STATES: Final[Mapping[str, str]] = {
    "clears": "clears the bar",
    "open": "suits the task",
    "left": "tried, falls short",
    "closed": "not for this task",
    "unknown": "not known yet",
}
TITLE: Final = "Why this road"
_WORDS: Final = {str(road): words for road, words in IN_WORDS.items()}
_MOST_TRIED: Final = 5
_MOST_SAID: Final = 5
_WORDS_LIMIT: Final = 160
_SAID_LIMIT: Final = 300


class RoadRow(NamedTuple):
    """One road: what the matrix makes of it, what was tried on it, and whether the matrix recommends it."""

    name: str
    state: str
    tried: tuple[Mapping[str, Any], ...]
    wins: bool


def road_line(report: Report) -> Iterator[Markdown]:
    """One sentence for whoever approves: both recommendations, and what became of the other roads."""
    if road := report.get("road"):
        yield Markdown(
            f"**{escape(headline(road), SENTENCE_LIMIT)}** {escape(because(road), SENTENCE_LIMIT)}"
        )


def headline(road: Mapping[str, Any]) -> str:
    """`Why fine-tuning: document and matrix agree.`"""
    said, matrix = _named(road["document"]), _named(road["matrix"])
    if road["open"]:
        count = numbers.plural(len(road["open"]), "question")
        are = "is" if len(road["open"]) == 1 else "are"
        return f"The decision is not made: {count} of the document {are} open."
    if road["missing"]:
        return f"The document recommends {said}, and the matrix cannot tell yet."
    if road["state"] == "agrees" and road["document"] != "fine-tune":
        return f"Document and matrix recommend {said}, no training."
    if road["state"] == "agrees":
        return f"Why {said}: document and matrix agree."
    return f"The document recommends {said}, the matrix {matrix or 'none of the roads'}."


def because(road: Mapping[str, Any]) -> str:
    """The other roads by what became of them; before that, what is missing."""
    if road["open"]:
        return f"Open: {', '.join(road['open'])}."
    if road["missing"]:
        return f"Missing: {'; '.join(road['missing'])}."
    others = {name: road["roads"].get(name) for name in ROADS if name != road["document"]}
    told = []
    for state, words in STATES.items():
        names = [IN_WORDS[name] for name, became in others.items() if became == state]
        if names:
            told.append(f"{', '.join(names)}: {words}")
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def road_rows(road: Mapping[str, Any]) -> list[RoadRow]:
    """The roads, the cheapest first."""
    return [
        RoadRow(
            IN_WORDS[name],
            STATES.get(road["roads"].get(name, ""), "not known yet"),
            tuple(each for each in road["tried"] if each["path"] == name),
            road["matrix"] == name,
        )
        for name in ROADS
    ]


def measured(tried: Mapping[str, Any], needed: float | None = None) -> str:
    """`76.3% exact_match, falls short`, or why no report says so. `needed` is the score that the task needs."""
    if tried["why"] is not None:
        return f"not borne out: {tried['why']}"
    if tried["score"] is None:
        return "not measured"
    score = f"{numbers.percent(tried['score'])} {tried['metric']}"
    if tried["arm"] == "base":
        return f"{score}, from which the bar is measured"
    if tried["clears"] and needed is not None and tried["score"] < needed:
        return f"{score}, below the {numbers.percent(needed)} that are needed"
    return f"{score}, {'clears the bar' if tried['clears'] else 'falls short'}"


def reasons(road: Mapping[str, Any]) -> list[str]:
    """The matrix' reasons, then what it misses, each a sentence."""
    told = [f"{reason[:1].upper()}{reason[1:]}." for reason in road["reasons"]]
    return [*told, *(f"Missing: {each}." for each in road["missing"])]


def asked_for(road: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the task asks for, in the order of the matrix; `not said` where nobody knows."""
    names = {
        "must_cite_sources": "must cite sources",
        "policy_updates_per_month": "policy updates a month",
        "schema_fields": "schema fields",
        "labels": "labels",
        "labels_stable_months": "stable for months",
        "locales": "locales",
        "labelled_rows": "labelled rows",
    }
    told = [(words, _value(road["requirements"].get(key))) for key, words in names.items()]
    needed = _needed(road)
    return told if needed is None else [*told, ("score needed", numbers.percent(needed))]


def road_section(report: Report) -> Iterator[Markdown]:
    """The whole of it: roads with what was tried, the matrix' reasons, what the document says in its own words."""
    if not (road := report.get("road")):
        return
    head = "road, the cheapest first|by the matrix|tried"
    lines = [line for row in road_rows(road) for line in _lines(row, _needed(road))]
    roads = table(head, "lll", lines, lambda line: line, len(lines))
    task = table(
        "|".join(words for words, _ in asked_for(road)),
        "l" * len(asked_for(road)),
        [road],
        lambda each: [escape(value, NAME_LIMIT) for _, value in asked_for(each)],
    )
    why = listed(reasons(road), lambda text: escape(text, SENTENCE_LIMIT))
    yield blocks(escape(headline(road), SENTENCE_LIMIT), *roads, *why, *task, *_in_its_words(road))


def _needed(road: Mapping[str, Any]) -> float | None:
    needed: float | None = road["requirements"].get("score_needed")
    return needed


def _lines(row: RoadRow, needed: float | None) -> Iterator[Sequence[Markdown]]:
    """A line for each thing tried on a road, the road told once."""
    bold = "**" if row.wins else ""
    told = [_tried(each, needed) for each in row.tried[:_MOST_TRIED]] or [Markdown("not tried")]
    if len(row.tried) > _MOST_TRIED:
        told.append(Markdown(f"and {numbers.count(len(row.tried) - _MOST_TRIED)} more"))
    yield [Markdown(f"{bold}{row.name}{bold}"), Markdown(f"{bold}{row.state}{bold}"), told[0]]
    for text in told[1:]:
        yield [Markdown(""), Markdown(""), text]


def _tried(tried: Mapping[str, Any], needed: float | None) -> Markdown:
    arm = [code(tried["arm"], NAME_LIMIT)] if tried["arm"] else []
    report = f" ({code(tried['report'], NAME_LIMIT)})" if tried["report"] and tried["why"] is None else ""
    said = f"; it says “{escape(tried['outcome'], _WORDS_LIMIT)}”"
    return Markdown(
        ": ".join([*arm, Markdown(escape(measured(tried, needed), SENTENCE_LIMIT) + report + said)])
    )


def _in_its_words(road: Mapping[str, Any]) -> Iterator[Markdown]:
    """Text of the pull request, named as such: it is a claim, and measures nothing."""
    signed = ", ".join(
        escape(each, NAME_LIMIT) for each in (road["owner"], road["decided_on"]) if each is not None
    )
    question = f": {escape(road['question'], _SAID_LIMIT)}" if road["question"] else ""
    yield Markdown(
        f"In the words of {code(road['path'], NAME_LIMIT)}{f' ({signed})' if signed else ''}{question}"
    )
    yield from listed(road["said"][:_MOST_SAID], lambda text: Markdown(f"“{escape(text, _SAID_LIMIT)}”"))


def _named(road: str | None) -> str:
    return "" if road is None else _WORDS.get(road, road)


def _value(value: Any) -> str:
    if value is None:
        return "not said"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value[:10])) + (", …" if len(value) > 10 else "") or "one"
    return (
        f"{value:g}"
        if isinstance(value, float)
        else numbers.count(value)
        if isinstance(value, int)
        else str(value)
    )
