"""Numbers and times as the watcher's findings tell them. Pure."""

from __future__ import annotations

import datetime

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def clock(minute: int) -> str:
    """`2026-11-25 09:15 UTC` for minutes from 1970."""
    return (_EPOCH + datetime.timedelta(minutes=int(minute))).strftime("%Y-%m-%d %H:%M UTC")


def day(minute: int) -> str:
    """`2026-11-25`."""
    return (_EPOCH + datetime.timedelta(minutes=int(minute))).strftime("%Y-%m-%d")


def share(part: float, whole: float) -> str:
    """`12.5% (5 of 40)`."""
    return f"{100 * part / whole:.1f}% ({int(part):,} of {int(whole):,})"


def counted(number: int, thing: str) -> str:
    """`1 line`, `2,000 lines`."""
    return f"{number:,} {thing}{'s' if number != 1 else ''}"
