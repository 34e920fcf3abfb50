"""Where the marks of the page's three drawings go. Pure geometry: the template draws it and escapes the words.

Horizontal places are percentages of the drawing's width: lines stretch with the page, words do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.tables import bucket_name

ROW_HEIGHT = 38
AXIS_HEIGHT = 26
MOST_ROWS = 60
NAME_LIMIT = 60
CURVE_SIZE = 1000
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
_EDGE = 2.0


@dataclass(frozen=True)
class Tick:
    """A line across the drawing and the number at its end."""

    at: str
    label: str


@dataclass(frozen=True)
class Interval:
    """One row of the forest plot: a name, a point, and the interval around it."""

    name: str
    told: str
    y: int
    low: str
    high: str
    at: str
    state: str
    overall: bool


@dataclass(frozen=True)
class Forest:
    """Lift overall and per bucket on one scale; `description` says it in words."""

    height: int
    zero: str
    ticks: list[Tick]
    rows: list[Interval]
    left_out: int
    description: str


@dataclass(frozen=True)
class Curve:
    """Training loss over steps, in a square of `CURVE_SIZE`; y grows downwards."""

    points: str
    ticks: list[Tick]
    validation: Tick | None
    first_step: str
    last_step: str
    description: str
    looks: str = ""
    """Validation losses at their steps, where there are two of them or more."""


@dataclass(frozen=True)
class Spread:
    """How the answer times of one arm are spread: marks at percentiles, and the same in words."""

    name: str
    told: str
    y: int
    p5: str
    p25: str
    p50: str
    p75: str
    p95: str
    p99: str
    cells: list[str]


@dataclass(frozen=True)
class Spreads:
    """The answer times of all arms on one scale from zero."""

    height: int
    ticks: list[Tick]
    rows: list[Spread]
    description: str


def forest(comparison: Mapping[str, Any], buckets: Sequence[Mapping[str, Any]]) -> Forest | None:
    """The plot of lift per bucket, in the given order. None when nothing has an interval."""
    lift = comparison["lift"]
    overall = {**lift, "change": lift["mean"], "state": "ok"}
    measured = [b for b in (overall, *buckets) if None not in (b["change"], b["low"], b["high"])]
    if not measured:
        return None
    shown = measured[:MOST_ROWS]
    low = min(0.0, *(b["low"] for b in shown))
    high = max(0.0, *(b["high"] for b in shown))
    step = next((s for s in _STEPS if (high - low) / s <= 6), 1.0)
    first, last = (
        math.floor(_near(low / step)),
        max(math.ceil(_near(high / step)), math.floor(low / step) + 1),
    )

    def at(change: float) -> str:
        return numbers.position(_EDGE + (100 - 2 * _EDGE) * (change / step - first) / (last - first))

    rows = [
        Interval(
            name=clean(bucket_name(b), NAME_LIMIT)
            if "dimension" in b
            else f"all {numbers.plural(b['n'], 'case')}",
            told=numbers.change(b["change"], b["low"], b["high"]),
            y=i * ROW_HEIGHT,
            low=at(b["low"]),
            high=at(b["high"]),
            at=at(b["change"]),
            state=b["state"],
            overall="dimension" not in b,
        )
        for i, b in enumerate(shown)
    ]
    return Forest(
        height=len(rows) * ROW_HEIGHT + AXIS_HEIGHT,
        zero=at(0.0),
        ticks=[Tick(at(i * step), numbers.tick(i * step)) for i in range(first, last + 1)],
        rows=rows,
        left_out=len(measured) - len(shown),
        description="; ".join(f"{row.name}: {row.told}" for row in rows),
    )


def curve(
    losses: Sequence[Mapping[str, Any]],
    validation_loss: float | None,
    looks: Sequence[Mapping[str, Any]] = (),
) -> Curve | None:
    """Training loss by step, and validation losses where it was looked at them. None with fewer than two points."""
    if len(losses) < 2:
        return None
    steps, values = [p["step"] for p in losses], [p["loss"] for p in losses]
    looks = [point for point in looks if min(steps) <= point["step"] <= max(steps)]
    top = max([*values, validation_loss or 0.0, *(point["loss"] for point in looks)])
    step = _nice(top / 4)
    most = max(1, math.ceil(_near(top / step))) * step
    span = max(steps) - min(steps) or 1

    def across(at: int) -> str:
        return numbers.position(CURVE_SIZE * (at - min(steps)) / span)

    def down(loss: float) -> str:
        return numbers.position(CURVE_SIZE * (1 - max(0.0, loss) / most))

    validation = (
        None if validation_loss is None else Tick(down(validation_loss), numbers.loss(validation_loss))
    )
    told = (
        f"from {numbers.loss(values[0])} at step {steps[0]} to {numbers.loss(values[-1])} at step {steps[-1]}"
    )
    return Curve(
        points=" ".join(f"{across(s)},{down(v)}" for s, v in zip(steps, values, strict=True)),
        ticks=[Tick(down(i * step), numbers.position(i * step)) for i in range(round(most / step) + 1)],
        validation=validation,
        first_step=numbers.count(steps[0]),
        last_step=numbers.count(steps[-1]),
        description=f"Training loss fell {told}."
        if values[-1] < values[0]
        else f"Training loss went {told}.",
        looks=" ".join(f"{across(p['step'])},{down(p['loss'])}" for p in looks) if len(looks) > 1 else "",
    )


def spreads(arms: Sequence[Mapping[str, Any]]) -> Spreads | None:
    """The plot of answer times, one row an arm. None when no arm's answers were timed."""
    timed = [arm for arm in arms if arm.get("latency")][:MOST_ROWS]
    if not timed:
        return None
    step = _nice(max(arm["latency"]["p99_ms"] for arm in timed) / 5)
    most = max(1, math.ceil(_near(max(arm["latency"]["p99_ms"] for arm in timed) / step)))

    def at(milliseconds: float) -> str:
        return numbers.position(_EDGE + (100 - 2 * _EDGE) * milliseconds / step / most)

    rows = []
    for i, arm in enumerate(timed):
        found = arm["latency"]
        names = ("p5", "p25", "p50", "p75", "p95", "p99")
        words = {name: numbers.milliseconds(found[f"{name}_ms"]) for name in names}
        rows.append(
            Spread(
                name=clean(arm["name"], NAME_LIMIT),
                told=f"median {words['p50']}, P95 {words['p95']}",
                y=i * ROW_HEIGHT,
                **{name: at(found[f"{name}_ms"]) for name in names},
                cells=[numbers.count(found["n"]), *words.values()],
            )
        )
    return Spreads(
        height=len(rows) * ROW_HEIGHT + AXIS_HEIGHT,
        ticks=[Tick(at(i * step), numbers.milliseconds(i * step) if i else "0") for i in range(most + 1)],
        rows=rows,
        description="; ".join(f"{row.name}: {row.told}" for row in rows),
    )


def _nice(step: float) -> float:
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next((power * m for m in (1, 2, 5) if power * m >= step), power * 10)


def _near(value: float) -> float:
    # 0.3 / 0.1 is a little less than 3: a tick must not be lost or gained to that.
    return round(value, 9)
