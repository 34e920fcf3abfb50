"""Where the marks of the status page's drawing go: lift with its interval over time. Pure geometry."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from liftgate.report import numbers
from liftgate.report.charts import Tick

HEIGHT: Final = 214
TOP: Final = 28
BOTTOM: Final = 26
MOST_POINTS: Final = 60
_LEFT, _RIGHT = 9.0, 95.0
_EDGE: Final = 0.18
_NAME: Final = 20
_STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Measured:
    """One verdict: when, of which variant, how much better than base, and how sure."""

    at: datetime.datetime
    variant: str
    verdict: str
    metric: str
    n: int | None
    lift: float
    low: float | None
    high: float | None

    @property
    def told(self) -> str:
        """`2026-11-25: v1.1.0 +6.3 points (+2.1 to +10.4), pass`."""
        lift = numbers.change(self.lift, self.low, self.high)
        return f"{self.at:%Y-%m-%d}: {self.variant} {lift}, {self.verdict}"


@dataclass(frozen=True)
class Mark:
    """A point and its interval; `x` in percent of the width, the rest in pixels from the top."""

    x: str
    y: str
    low: str
    high: str
    state: str
    label: str = ""
    """The variant, where it is another than that of the mark before."""
    anchor: str = "middle"


@dataclass(frozen=True)
class Timeline:
    """Lift over time; `description` says it in words."""

    height: int
    zero: str
    ticks: list[Tick]
    days: list[Tick]
    marks: list[Mark]
    left_out: int
    description: str


_STATES: Final = {"pass": "ok", "block": "fail"}


def timeline(points: Sequence[Measured], today: datetime.date) -> Timeline | None:
    """The newest points, oldest first, up to today. None without any."""
    if not points:
        return None
    shown = sorted(points, key=lambda point: point.at)[-MOST_POINTS:]
    bottom = min(0.0, *(_bounds(point)[0] for point in shown))
    top = max(0.0, *(_bounds(point)[1] for point in shown))
    step = next((s for s in _STEPS if (top - bottom) / s <= 4.5), 1.0)
    first = math.floor(round(bottom / step, 9))
    last = max(math.ceil(round(top / step, 9)), first + 1)
    start = shown[0].at.date()
    span = max((today - start).days, 1)

    def down(lift: float) -> str:
        height = (lift / step - first) / (last - first)
        return numbers.position(TOP + (HEIGHT - TOP - BOTTOM) * (1 - height))

    def share(day: datetime.date) -> float:
        return min(max((day - start).days / span, 0.0), 1.0)

    def across(day: datetime.date) -> str:
        return numbers.position(_LEFT + (_RIGHT - _LEFT) * share(day))

    marks = [
        Mark(
            across(point.at.date()),
            down(point.lift),
            down(_bounds(point)[0]),
            down(_bounds(point)[1]),
            _STATES.get(point.verdict, "unclear"),
            *_named(shown, index, share(point.at.date())),
        )
        for index, point in enumerate(shown)
    ]
    ends = [Tick(across(start), f"{start:%Y-%m-%d}")]
    if today > start:
        ends.append(Tick(across(today), f"{today:%Y-%m-%d}"))
    return Timeline(
        height=HEIGHT,
        zero=down(0.0),
        ticks=[Tick(down(i * step), numbers.tick(i * step)) for i in range(first, last + 1)],
        days=ends,
        marks=marks,
        left_out=len(points) - len(shown),
        description="; ".join(point.told for point in shown),
    )


def _named(shown: Sequence[Measured], index: int, share: float) -> tuple[str, str]:
    """A mark's name and to which side it is written, so that none leaves the drawing."""
    point = shown[index]
    if index and shown[index - 1].variant == point.variant:
        return "", "middle"
    name = point.variant if len(point.variant) <= _NAME else f"{point.variant[: _NAME - 1]}…"
    return name, "start" if share < _EDGE else "end" if share > 1 - _EDGE else "middle"


def _bounds(point: Measured) -> tuple[float, float]:
    low = point.lift if point.low is None else point.low
    high = point.lift if point.high is None else point.high
    return min(low, point.lift), max(high, point.lift)
