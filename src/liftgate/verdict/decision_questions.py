"""decision.yaml as far as it is written: what it says, and which of its questions are still open. Pure."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from liftgate.config import Document, Key, departures, headline_of, parse_yaml, schema
from liftgate.errors import InputError, Problem

MOST_BYTES: Final = 200_000
REQUIREMENTS: Final[Mapping[str, str]] = {
    "must_cite_sources": "true or false: must an answer name where it comes from? Then retrieve, do not tune.",
    "policy_updates_per_month": "how often does what is right change? Such facts belong in retrieval.",
    "schema_fields": "how many fields has the answer's JSON? 0 where it is no JSON.",
    "labels": "how many classes are answers told apart by? 0 where they are free text.",
    "labels_stable_months": "for how long have the answers' classes been the same?",
    "locales": "a list of the languages that callers write in, such as [en, es]",
    "labelled_rows": "how many rows have an answer that a person vouches for?",
    "score_needed": "from which share of right answers on is it of use, such as 0.8? Below it no road has arrived.",
}
QUESTIONS: Final[Mapping[str, str]] = {
    "question": "one sentence: what should this model decide or write, and for whom?",
    "requirements": f"what the task asks for: {', '.join(REQUIREMENTS)}",
    "paths_tried": "a list of {path: prompt, arm: prompt-v2, outcome: what the report says, report: its file}; "
    "also rag, routing, fine-tune; [] where nothing was tried",
    "recommendation": "prompt, rag, routing or fine-tune: what do the numbers of the report say?",
    "reasons": "a list of sentences",
    "owner": "the team that answers for it",
    "decided_on": 'the day, such as "2026-01-31"',
}
"""What each key asks, in the order in which people answer."""
_FORM: Final = "what to write is in docs/guides/decide.md, each key in docs/files.md"
_PLACEHOLDER: Final = re.compile(r"\s*(todo|tbd|fixme|not said yet|\?+|\.{3}|…)[\s.:!?]*", re.IGNORECASE)


@dataclass(frozen=True)
class OpenQuestion:
    """A key that nobody has filled in: the line to write it on, and what it asks."""

    key: str
    line: int
    how: str

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return dict(vars(self))


def read_document(data: bytes, path: str) -> tuple[Document, tuple[OpenQuestion, ...]]:
    """The document without its open keys, and these: not written yet, empty, or a placeholder such as TODO.

    Raises `InputError` with every problem of what is written.
    """
    if len(data) > MOST_BYTES:
        raise InputError(
            f"{path} has {len(data):,} bytes, and at most {MOST_BYTES:,} are read",
            hint="a decision document is a page for people; what was measured stays in the reports it names",
        )
    try:
        parsed = parse_yaml(data, path)
    except InputError as error:
        raise InputError(error.sentence, problems=error.problems, hint=error.hint or _FORM) from None
    document = Document(path, _written(parsed.data), parsed.lines)
    # Every key that an answer is to stand under may be open, but for those that say what document this is.
    form = {**schema("decision"), "required": ["version", "alias"]}
    problems = [*departures(document, form), *_odd_values(document)]
    if problems:
        in_order = sorted(problems, key=lambda each: _line_of(each, path))
        raise InputError(headline_of(path, len(problems)), problems=in_order, hint=_FORM)
    text = data.decode("utf-8-sig")
    found = tuple(
        OpenQuestion(key, line_to_write(document, text, key), how)
        for key, how in QUESTIONS.items()
        if key not in document.data
    )
    return document, found


def unstated(document: Document, data: bytes) -> tuple[OpenQuestion, ...]:
    """The requirements that a document does not state."""
    text = data.decode("utf-8-sig")
    stated = document.data.get("requirements", {})
    return tuple(
        OpenQuestion(key, line_to_write(document, text, key, "requirements"), how)
        for key, how in REQUIREMENTS.items()
        if key not in stated
    )


def line_to_write(document: Document, text: str, key: str, within: str | None = None) -> int:
    """Where a key that is missing is to be written: at itself if it is empty, at the comment that asks for it, else
    at the end of what it belongs to."""
    place: Key = (key,) if within is None else (within, key)
    if place in document.lines:
        return document.lines[place]
    asked = re.compile(rf"\s*#\s*{re.escape(key)}\s*:")
    for number, line in enumerate(text.splitlines(), start=1):
        if asked.match(line):
            return number
    inside = [line for known, line in document.lines.items() if within is not None and known[:1] == (within,)]
    return max(inside, default=max(1, len(text.splitlines())))


def _line_of(problem: Problem, path: str) -> int:
    found = re.match(r":(\d+)", problem.place[len(path) :])
    return int(found[1]) if found else 0


def _written(data: Any) -> Any:
    """What people filled in; an empty list of what was tried is an answer, an empty list of reasons is none."""
    if not isinstance(data, Mapping):
        return data
    kept = {key: value for key, value in data.items() if not _is_open(value)}
    if isinstance(kept.get("reasons"), list):
        kept["reasons"] = [each for each in kept["reasons"] if not _is_open(each)]
        if not kept["reasons"]:
            del kept["reasons"]
    if isinstance(kept.get("requirements"), Mapping):
        kept["requirements"] = {
            key: int(value) if isinstance(value, float) and value.is_integer() else value
            for key, value in kept["requirements"].items()
            if not _is_open(value)
        }
    return kept


def _is_open(value: Any) -> bool:
    return value is None or (
        isinstance(value, str) and (not value.strip() or bool(_PLACEHOLDER.fullmatch(value)))
    )


def _odd_values(document: Document) -> Iterator[Problem]:
    """What a schema cannot say."""
    data = document.data
    if not isinstance(data, Mapping):
        return
    requirements = data.get("requirements")
    for key, value in requirements.items() if isinstance(requirements, Mapping) else ():
        if isinstance(value, float) and math.isnan(value):
            yield Problem(document.place(("requirements", key)), "expected number, found no number (.nan)")
    day = data.get("decided_on")
    if isinstance(day, str) and re.match(r"\d{4}-\d{2}-\d{2}", day):
        try:
            datetime.date.fromisoformat(day)
        except ValueError:
            yield Problem(document.place(("decided_on",)), f"{day} is not a day")
