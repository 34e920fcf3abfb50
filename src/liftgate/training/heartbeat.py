"""What a training on one's own machine last said of itself, in one small file: whether it runs, where, at what cost.

A machine that trains a change may be one that publishes nothing; whoever can read its store can read this file.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_UP, Decimal
from pathlib import Path
from typing import Any, Final, Literal

from liftgate.errors import InputError
from liftgate.files import read_json, write_json

FILE: Final = "heartbeat.json"
EVERY_S: Final = 10.0
SILENT_AFTER_S: Final = 300.0
"""A step of a large model takes minutes; what says nothing for longer than this and ten steps has ended or hangs."""
State = Literal["running", "stopped", "failed"]
_CENT: Final = Decimal("0.01")
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Heartbeat:
    """One sign of life. `at` and `started_at` are UTC; `usd_per_hour` is that of all devices together, or unknown.

    `earlier_s` are the seconds that attempts at the same training took before this one.
    """

    manifest_digest: str
    alias: str
    state: State
    step: int
    steps: int
    started_at: str
    at: str
    process: int
    loss: float | None = None
    seconds_per_step: float | None = None
    usd_per_hour: str | None = None
    earlier_s: float = 0.0
    resume: str = ""

    def write(self, work: Path) -> None:
        """Replace the file in one piece."""
        write_json(work / FILE, {"schema_version": 1, **asdict(self)})

    @property
    def is_over(self) -> bool:
        """Whether it said itself that it ended."""
        return self.state != "running"

    def silent_s(self, now: datetime.datetime) -> float:
        """Seconds since this sign of life."""
        return max(0.0, (now - _time(self.at)).total_seconds())

    def is_silent(self, now: datetime.datetime) -> bool:
        """Whether it has been quiet for too long to be running."""
        return self.silent_s(now) > max(SILENT_AFTER_S, 10 * (self.seconds_per_step or 0.0))

    def usd(self, now: datetime.datetime) -> Decimal | None:
        """What it has cost by now, rounded up to the cent; while it runs the clock runs, also between two signs."""
        if self.usd_per_hour is None:
            return None
        until = _time(self.at) if self.is_over or self.is_silent(now) else now
        hours = Decimal(self.earlier_s + self._lasted_s(until)) / 3600
        return (hours * Decimal(self.usd_per_hour)).quantize(_CENT, rounding=ROUND_UP)

    @property
    def spent_s(self) -> float:
        """Seconds that all attempts took, as far as anybody knows."""
        return self.earlier_s + self._lasted_s(_time(self.at))

    def _lasted_s(self, until: datetime.datetime) -> float:
        return max(0.0, (until - _time(self.started_at)).total_seconds())

    def told(self, now: datetime.datetime) -> str:
        """One sentence for a person."""
        paid = self.usd(now)
        cost = "" if paid is None else f", ${paid:f} so far"
        where = f"step {self.step} of {self.steps}"
        if self.state == "stopped":
            return f"stopped at {where}{cost}; go on with: {self.resume}"
        if self.state == "failed":
            return f"failed at {where}{cost}; the last checkpoint is kept"
        if self.is_silent(now):
            return f"no sign of life since {self.at}, at {where}{cost}; go on with: {self.resume}"
        return f"still running and billing: {where}{cost}, last sign of life {self.silent_s(now):.0f} s ago"


def read_heartbeat(work: Path) -> Heartbeat | None:
    """The last sign of life in a work folder; None where there is none. Raises `InputError` for a broken one."""
    path = work / FILE
    if not path.is_file():
        return None
    written = read_json(path)
    fields = {key: value for key, value in written.items() if key != "schema_version"}
    try:
        beat = Heartbeat(**fields)
        _checked(beat)
    except (TypeError, ValueError, ArithmeticError):
        raise InputError(f"{path}: not a heartbeat of this version", hint="train again") from None
    return beat


def moment(now: datetime.datetime) -> str:
    """A time as it is written down."""
    return now.strftime(_FORMAT)


def report(beat: Heartbeat, now: datetime.datetime) -> Mapping[str, Any]:
    """The form for machines: the file, with what the clock makes of it."""
    paid = beat.usd(now)
    return {
        "schema_version": 1,
        **asdict(beat),
        "silent_s": round(beat.silent_s(now), 1),
        "is_silent": beat.is_silent(now),
        "usd": None if paid is None else str(paid),
    }


def _checked(beat: Heartbeat) -> None:
    if beat.state not in {"running", "stopped", "failed"} or not isinstance(beat.step, int):
        raise ValueError
    _time(beat.at)
    _time(beat.started_at)
    if beat.usd_per_hour is not None:
        Decimal(beat.usd_per_hour)


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, _FORMAT).replace(tzinfo=datetime.UTC)
