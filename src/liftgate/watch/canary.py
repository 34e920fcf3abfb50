"""Whether a model still answers as it did: the same prompts again, compared by fingerprints of the answers. Pure.

Each look asks every prompt several times. A prompt's distance is how often an answer of then differs from one of now,
less how often two of the same look differ; the mean distance is held against 5,000 seeded reshuffles of then and now
within each prompt. Noise that was there before thus weighs nothing, and one prompt that changed proves nothing. At
most one reshuffle in a thousand may reach the distance. A model that changed is one more thing: `identity` is what the
provider says of itself.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from liftgate.digests import digest
from liftgate.findings import Finding, Severity
from liftgate.watch.words import share

RULE: Final = "silent-weights"
UNASKED: Final = "no-canary"
MOST_PROMPTS: Final = 20
LEAST_PROMPTS: Final = 5
REPEATS: Final = 3
_SHUFFLES: Final = 5_000
_LEVEL: Final = 0.001
_TOLD_DAYS: Final = 7
_SILENT_DAYS: Final = 15
# A week, and the hours by which a scheduled job may be late.
_NEAR_DAYS: Final = 8


@dataclass(frozen=True)
class Look:
    """One look: fingerprints of every answer by case id. Nothing of a prompt or an answer is kept."""

    alias: str
    model: str
    at: str
    sampling_sha256: str
    answers: Mapping[str, Sequence[str]]

    def to_dict(self) -> dict[str, Any]:
        """One line of the file of looks."""
        return {"schema_version": 1, **vars(self)}

    def same_question(self, other: Look) -> bool:
        """Whether another look asked the same model the same in the same way."""
        ours, theirs = ((each.alias, each.model, each.sampling_sha256) for each in (self, other))
        return ours == theirs

    def comparable(self, other: Look) -> bool:
        """Whether another look asked enough of the same: a golden set that was replaced leaves nothing to compare."""
        common = len(self.answers.keys() & other.answers.keys())
        return self.same_question(other) and common >= min(LEAST_PROMPTS, len(self.answers))

    @property
    def steady(self) -> int:
        """Prompts of which two answers are the same; of the others no change can be told from noise."""
        return sum(len(set(each)) < len(each) for each in self.answers.values())


def chosen(case_ids: Iterable[str]) -> list[str]:
    """The prompts of every look: those of the lowest hashes, so that one case more or less moves one of them."""

    def rank(case_id: str) -> bytes:
        return hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).digest()

    return sorted(case_ids, key=rank)[:MOST_PROMPTS]


def week_of(day: datetime.date) -> str:
    """The ISO week of a day, such as 2026-W48: names of weeks sort as their days do."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def look_of(alias: str, model: str, at: str, asked_sha256: str, rows: Iterable[Mapping[str, Any]]) -> Look:
    """A look from a run's rows; answers that failed are left out."""
    answers: dict[str, list[str]] = {}
    for row in rows:
        if row.get("output") is not None and row.get("error") is None:
            answers.setdefault(row["case_id"], []).append(_fingerprint(row["output"]))
    return Look(
        alias, model, at, asked_sha256, {name: sorted(each) for name, each in sorted(answers.items())}
    )


def hashed(asked: Mapping[str, Any]) -> str:
    """The name of a prompt by what is asked, so that a case whose words change is another prompt."""
    return digest(asked)[:16]


def _fingerprint(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Change:
    """Two looks compared: prompts of both, those with no answer in common, the mean distance, and its p-value."""

    prompts: int
    moved: int
    distance: float
    p: float

    @property
    def proven(self) -> bool:
        """Beyond what noise does."""
        return self.prompts >= LEAST_PROMPTS and self.p <= _LEVEL


def compare_looks(then: Look, now: Look) -> Change:
    """The permutation test; the same looks give the same numbers."""
    both = [
        (list(then.answers[name]), list(now.answers[name]))
        for name in sorted(then.answers.keys() & now.answers.keys())
        if len(then.answers[name]) > 1 and len(now.answers[name]) > 1
    ]
    if not both:
        return Change(0, 0, 0.0, 1.0)
    generator = np.random.default_rng(0)
    observed = 0.0
    shuffled = np.zeros(_SHUFFLES)
    for before, after in both:
        known = {name: code for code, name in enumerate(sorted({*before, *after}))}
        codes = np.array([known[name] for name in (*before, *after)], dtype=np.int64)
        observed += float(_distance(codes[None, :], len(before), len(known))[0])
        mixed = generator.permuted(np.tile(codes, (_SHUFFLES, 1)), axis=1)
        shuffled += _distance(mixed, len(before), len(known))
    moved = sum(not set(before) & set(after) for before, after in both)
    p = (1 + int(np.count_nonzero(shuffled >= observed - 1e-9))) / (_SHUFFLES + 1)
    return Change(len(both), moved, observed / len(both), p)


def _distance(codes: Any, first: int, kinds: int) -> Any:
    """How often answers of the two parts differ, less how often those within a part do; one number a row."""
    one, other = codes[:, :first], codes[:, first:]
    ours = np.stack([(one == kind).sum(axis=1) for kind in range(kinds)], axis=1)
    theirs = np.stack([(other == kind).sum(axis=1) for kind in range(kinds)], axis=1)
    n, m = first, codes.shape[1] - first
    between = 1 - (ours * theirs).sum(axis=1) / (n * m)
    within = [1 - (each * (each - 1)).sum(axis=1) / (k * (k - 1)) for each, k in ((ours, n), (theirs, m))]
    return between - sum(within) / 2


def canary_findings(looks: Sequence[Look], evaluated_at: str | None) -> list[Finding]:
    """The newest look against the model as the last evaluation took it."""
    found = []
    for model in sorted({look.model for look in looks}):
        mine = sorted((look for look in looks if look.model == model), key=lambda look: look.at)
        reference = reference_of(mine, mine[-1], evaluated_at)
        if reference is not None and (change := compare_looks(reference, mine[-1])).proven:
            message = (
                f"{_changed(reference, change)}; the weights behind the id may have changed; evaluate again"
            )
            found.append(Finding(RULE, Severity.ERROR, message))
    return found


def reference_of(looks: Iterable[Look], newest: Look, evaluated_at: str | None) -> Look | None:
    """The look that shows the model as it was evaluated: the last of the days before, else the first one after.

    Looks come oldest first. Whether a change came shortly before an evaluation or after it nobody can tell; it then
    counts as one after it, which costs one evaluation more and misses nothing.
    """
    others = [
        look for look in looks if look is not newest and look.at <= newest.at and look.comparable(newest)
    ]
    if evaluated_at is None:
        return others[0] if others else None
    if newest.at <= evaluated_at:
        return None
    since = earliest(datetime.datetime.fromisoformat(evaluated_at)).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = [look for look in others if since <= look.at <= evaluated_at]
    return next(reversed(before), None) or next((look for look in others if look.at > evaluated_at), None)


def earliest(evaluated_at: datetime.datetime) -> datetime.datetime:
    """How old the look before an evaluation may be to stand for what was evaluated."""
    return evaluated_at.astimezone(datetime.UTC) - datetime.timedelta(days=_NEAR_DAYS)


def known_change(
    reference: Look, newest: Look, evaluated_at: str, now: datetime.datetime
) -> Iterator[Finding]:
    """A change that an evaluation of the last days has taken in already: told for a week, so that somebody knows."""
    age = now - datetime.datetime.fromisoformat(evaluated_at)
    if age < datetime.timedelta(days=_TOLD_DAYS) and (change := compare_looks(reference, newest)).proven:
        message = (
            f"{_changed(reference, change)}; it was evaluated again on {evaluated_at[:10]}, so the verdict is of the "
            "answers of today; this is told for a week"
        )
        yield Finding(RULE, Severity.WARNING, message)


def unasked(newest: Look | None, today: datetime.date) -> Iterator[Finding]:
    """A look that is missing is no sign that nothing changed."""
    if newest is None:
        message = "no canary has asked it yet, so weights that change under its id would not be seen"
        yield Finding(UNASKED, Severity.NOTICE, f"{message}; liftgate watch canary")
        return
    days = (today - datetime.date.fromisoformat(newest.at[:10])).days
    if days >= _SILENT_DAYS:
        message = (
            f"no canary has asked it for {days} days, so weights that changed since {newest.at[:10]} were not seen; "
            "the log of liftgate reevaluate says why, or run liftgate watch canary"
        )
        yield Finding(UNASKED, Severity.WARNING, message)


def _changed(reference: Look, change: Change) -> str:
    return (
        f"the same prompts are answered differently since {reference.at}: "
        f"{share(change.moved, change.prompts)} of them have no answer in common, p = {change.p:.2g}"
    )
