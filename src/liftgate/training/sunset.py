"""When a model ends: a dated table, what providers say of themselves, and what must not be built on it any more.

Of several rows that match a model every date counts, the earliest first; so do dates that a provider tells. A
fine-tuned model ends with its base.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from liftgate.config import Document, load
from liftgate.errors import InputError, Problem
from liftgate.findings import Finding, Severity
from liftgate.training.cost import base_of
from liftgate.training.dates import day_at, future_day

RULE: Final = "sunset"
PATH: Final = "evals/sunsets.yaml"
OURS: Final = ("local", "python", "recorded")
"""Who runs on machines and weights that nobody else can switch off."""
_HOME: Final = "your own weights (provider: local, base: embedded or org/model@<commit>)"


@dataclass(frozen=True)
class Alternative:
    """Where one may go instead; `trainable` when rows can be trained on it there."""

    provider: str
    model: str
    trainable: bool = False

    def __str__(self) -> str:
        return f"{self.provider} {self.model}"


@dataclass(frozen=True)
class Row:
    """One row of sunsets.yaml. `model` may hold `*`; a date of None is one that nobody has announced."""

    provider: str
    model: str
    training_closes_on: datetime.date | None
    shutdown_on: datetime.date | None
    source: str
    checked_on: datetime.date
    alternatives: tuple[Alternative, ...]
    place: str

    def matches(self, provider: str, model: str) -> bool:
        """Whether it speaks of this model; of a snapshot by its own name only."""
        return self.provider == provider and fnmatchcase(model, self.model)


@dataclass(frozen=True)
class End:
    """What is known of a model's end. `known` is false when only a row for all of the provider's models speaks."""

    provider: str
    model: str
    training_closes_on: datetime.date | None
    shutdown_on: datetime.date | None
    rows: tuple[Row, ...]
    told: bool
    known: bool

    @property
    def place(self) -> tuple[str, int | None]:
        """The row that says so, or the table."""
        for row in self.rows:
            if row.shutdown_on == self.shutdown_on or row.training_closes_on == self.training_closes_on:
                path, line = row.place.rsplit(":", 1)
                return path, int(line)
        return PATH, None


@dataclass(frozen=True)
class Limits:
    """The policy's `sunset`: days that must be left. `default_min_days` is for the model that callers get today."""

    min_days: int = 180
    warn_days: int = 365
    default_min_days: int = 30
    max_table_age_days: int = 45


Told = Mapping[tuple[str, str], datetime.date]
"""Shutdown days by (provider, model) as providers tell them: OpenAI's `shutdown_date`, Bedrock's `modelLifecycle`."""


@dataclass(frozen=True)
class Sunsets:
    """The table with what providers told; None rows mean that there is no table."""

    rows: Sequence[Row] | None
    told: Told = field(default_factory=dict)

    def end_of(self, provider: str, model: str) -> End:
        """Everything known of a model's end; `ft:` ids end with their base."""
        base = base_of(model)
        rows = [row for row in self.rows or () if row.matches(provider, base)]
        named = [row for row in rows if row.model != "*"]
        told = [day for name in {model, base} if (day := self.told.get((provider, name))) is not None]
        return End(
            provider,
            model,
            min((r.training_closes_on for r in rows if r.training_closes_on is not None), default=None),
            min([*(r.shutdown_on for r in rows if r.shutdown_on is not None), *told], default=None),
            (*named, *(row for row in rows if row.model == "*")),
            bool(told),
            bool(named or told),
        )

    def instead_of(self, end: End, today: datetime.date, limits: Limits, *, trainable: bool) -> str:
        """The nearest roads that do not end as soon, as a person reads them."""
        roads = [
            str(road)
            for row in end.rows
            for road in row.alternatives
            if (road.trainable or not trainable) and self._lasts(road, today, limits, trainable)
        ]
        return " or ".join(dict.fromkeys([*roads[:3], _HOME]))

    def _lasts(self, road: Alternative, today: datetime.date, limits: Limits, trainable: bool) -> bool:
        end = self.end_of(road.provider, road.model)
        closed = trainable and end.training_closes_on is not None and end.training_closes_on <= today
        return not closed and (end.shutdown_on is None or (end.shutdown_on - today).days >= limits.min_days)


def read_sunsets(text: str | bytes, path: str = PATH) -> list[Row]:
    """The rows of sunsets.yaml. Raises `InputError` with every problem."""
    document = load(text, path, "sunsets")
    problems: list[Problem] = []
    rows = [_row(document, index, problems) for index in range(len(document.data["sunsets"]))]
    if problems:
        raise InputError(f"{path} has dates that do not exist", problems=problems)
    return rows


def training_ends(
    sunsets: Sunsets,
    provider: str,
    model: str,
    today: datetime.date,
    limits: Limits,
    pays_back_on: datetime.date | None = None,
) -> Iterator[Finding]:
    """Whether it is worth to train on this base: it must be open, and outlive its payback and the policy's days."""
    if provider in OURS:
        return
    end = sunsets.end_of(provider, model)
    if sunsets.rows is None and not end.told:
        message = f"nothing says how long {provider} {model} lives; add {PATH} with its source and date"
        yield Finding(RULE, Severity.ERROR, message, PATH)
        return
    path, line = end.place
    instead = sunsets.instead_of(end, today, limits, trainable=True)
    subject = f"{provider} {model}"
    closes = end.training_closes_on
    if closes is not None and closes <= today:
        message = f"training on {subject} closed on {closes}; train instead on {instead}"
        yield Finding(RULE, Severity.ERROR, message, path, line)
    elif closes is not None and (closes - today).days <= limits.warn_days:
        message = (
            f"training on {subject} closes on {closes}, {_in(closes, today)}: what is trained now cannot be trained "
            "again"
        )
        yield Finding(RULE, Severity.WARNING, message, path, line)
    if end.shutdown_on is not None:
        days = (end.shutdown_on - today).days
        tuned = f"{subject} and what is trained on it {_ends(end.shutdown_on, today)}"
        if days <= 0 or days < limits.min_days:
            message = f"{tuned}; the policy wants {limits.min_days} days; train instead on {instead}"
            yield Finding(RULE, Severity.ERROR, message, path, line)
        elif pays_back_on is not None and pays_back_on > end.shutdown_on:
            late = f"before it pays back (on {pays_back_on} at the policy's traffic)"
            message = f"{tuned}, {late}; train instead on {instead}"
            yield Finding(RULE, Severity.ERROR, message, path, line)
        elif days <= limits.warn_days:
            yield Finding(RULE, Severity.WARNING, f"{tuned}; plan what follows it", path, line)
    if not end.known:
        yield _unknown(subject, path)


def serving_ends(
    sunsets: Sunsets,
    provider: str,
    model: str,
    today: datetime.date,
    limits: Limits,
    *,
    named: str,
    promoting: bool,
    base: str | None = None,
) -> Iterator[Finding]:
    """Whether callers may be sent to this model: one that is promoted must last, today's must not be gone.

    `named` says who it is to the alias; `base` is what it was trained on, where that is known.
    """
    if provider in OURS:
        return
    ends = [sunsets.end_of(provider, name) for name in dict.fromkeys([model, base or model])]
    days = [end for end in ends if end.shutdown_on is not None]
    end = min(days, key=lambda each: each.shutdown_on or datetime.date.max, default=ends[0])
    path, line = end.place
    subject = f"{named} ({provider} {model})"
    if sunsets.rows is None and not end.told:
        message = f"nothing says how long {subject} lives; add {PATH} with its source and date"
        yield Finding(RULE, Severity.ERROR if promoting else Severity.WARNING, message, PATH)
        return
    if end.shutdown_on is not None:
        left = (end.shutdown_on - today).days
        least = limits.min_days if promoting else limits.default_min_days
        instead = sunsets.instead_of(end, today, limits, trainable=False)
        if left <= 0 or left < least:
            last = _ends(end.shutdown_on, today)
            message = f"{subject} {last}; the policy wants {least} days; go instead to {instead}"
            yield Finding(RULE, Severity.ERROR, message, path, line)
        elif left <= limits.warn_days:
            message = f"{subject} {_ends(end.shutdown_on, today)}; go in time to {instead}"
            yield Finding(RULE, Severity.WARNING, message, path, line)
    if not any(each.known for each in ends):
        yield _unknown(subject, path)


def table_age(
    sunsets: Sunsets, asked: Iterable[End], today: datetime.date, limits: Limits
) -> Iterator[Finding]:
    """A warning for rows that were used and that nobody has looked at for long."""
    rows = {row.place: row for end in asked for row in end.rows}
    for place in sorted(rows):
        row = rows[place]
        days = (today - row.checked_on).days
        path, line = place.rsplit(":", 1)
        if days > limits.max_table_age_days:
            subject = f"this end of {row.provider} {row.model}"
            message = f"{subject} was checked {days} days ago; a nearer one may be announced"
            yield Finding("stale-sunsets", Severity.WARNING, message, path, int(line))
        elif future_day(row.checked_on, today):
            message = f"checked_on {row.checked_on} is still to come; say when the page was read"
            yield Finding("stale-sunsets", Severity.WARNING, message, path, int(line))


def _unknown(subject: str, path: str) -> Finding:
    message = f"no row of {PATH} speaks of {subject}: nobody has looked when it ends"
    return Finding(RULE, Severity.NOTICE, message, path)


def _ends(day: datetime.date, today: datetime.date) -> str:
    return f"ended on {day}" if day <= today else f"ends on {day}, {_in(day, today)}"


def _in(day: datetime.date, today: datetime.date) -> str:
    days = (day - today).days
    return f"in {days} day{'s' if days != 1 else ''}"


def _row(document: Document, index: int, problems: list[Problem]) -> Row:
    row = document.data["sunsets"][index]
    place = ("sunsets", index)

    def day(key: str) -> datetime.date | None:
        return day_at(document, (*place, key), problems) if row.get(key) is not None else None

    return Row(
        provider=row["provider"],
        model=row["model"],
        training_closes_on=day("training_closes_on"),
        shutdown_on=day("shutdown_on"),
        source=row["source"],
        checked_on=day_at(document, (*place, "checked_on"), problems),
        alternatives=tuple(Alternative(**each) for each in row.get("alternatives", ())),
        place=f"{document.path}:{document.line(place)}",
    )
