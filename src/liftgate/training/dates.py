"""Days in tables that people keep: read from a document, every impossible one a problem with its line."""

from __future__ import annotations

import datetime

from liftgate.config import Document, Key
from liftgate.errors import Problem


def day_at(document: Document, key: Key, problems: list[Problem]) -> datetime.date:
    """The day that stands at `key`; appends a problem when the calendar has no such day."""
    value = document.data
    for step in key:
        value = value[step]
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        problems.append(Problem(document.place(key), f"{value} is not a day"))
        return datetime.date.max


def future_day(day: datetime.date, today: datetime.date) -> bool:
    """A day that has not come anywhere on earth yet: nobody can have checked a page on it."""
    return day > today + datetime.timedelta(days=1)
