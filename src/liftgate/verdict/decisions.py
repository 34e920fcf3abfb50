"""Decisions of reviewers about single regressions, as `evals/<alias>/waivers.yaml` of the base holds them.

A decision is bound to one case and to the answers that were read, has an owner and an end.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from liftgate.config import Document, load
from liftgate.errors import InputError, Problem

Kind = Literal["accept", "fix", "bad-label", "judge-wrong"]


@dataclass(frozen=True)
class ReviewDecision:
    """One entry of `decisions` and the line it stands on. It counts on the day `expires`, not after."""

    case_id: str
    suite: str
    outputs: frozenset[str]
    kind: Kind
    owner: str
    reason: str
    decided: datetime.date
    expires: datetime.date
    path: str
    line: int

    @property
    def signed(self) -> str:
        """`accepted by ana until 2026-12-20: reason`, with the verb of the decision."""
        verb = _VERBS[self.kind]
        return f"{verb} {self.owner} until {self.expires}: {self.reason}"


_VERBS: Mapping[Kind, str] = {
    "accept": "accepted by",
    "fix": "to be fixed, says",
    "bad-label": "the label is wrong, says",
    "judge-wrong": "the grade is wrong, says",
}


@dataclass(frozen=True)
class Decisions:
    """All entries, and the day on which they are held against the calendar."""

    entries: tuple[ReviewDecision, ...]
    today: datetime.date


def read_decisions(text: str | bytes, path: str) -> tuple[ReviewDecision, ...]:
    """Parse and check the `decisions` of waivers.yaml. Raises `InputError` with every problem."""
    document = load(text, path, "waivers")
    entries = document.data.get("decisions", [])
    problems = [problem for index, entry in enumerate(entries) for problem in _dates(entry, index, document)]
    if problems:
        raise InputError(f"{path} has dates that cannot be meant", problems=problems)
    return tuple(_decision(entry, index, document) for index, entry in enumerate(entries))


def _dates(entry: Mapping[str, Any], index: int, document: Document) -> list[Problem]:
    problems = [
        Problem(document.place(("decisions", index, key)), f"{entry[key]} is not a day")
        for key in ("decided", "expires")
        if _day(entry[key]) is None
    ]
    if not problems and entry["expires"] < entry["decided"]:
        place = document.place(("decisions", index, "expires"))
        problems.append(Problem(place, f"{entry['expires']} is before the day of the decision"))
    return problems


def _decision(entry: Mapping[str, Any], index: int, document: Document) -> ReviewDecision:
    return ReviewDecision(
        case_id=entry["case"],
        suite=entry.get("suite", "quality"),
        outputs=frozenset(entry["outputs"]),
        kind=entry["decision"],
        owner=entry["owner"],
        reason=entry["reason"],
        decided=datetime.date.fromisoformat(entry["decided"]),
        expires=datetime.date.fromisoformat(entry["expires"]),
        path=document.path,
        line=document.line(("decisions", index)),
    )


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
