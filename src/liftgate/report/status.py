"""What is served and how it stands: every alias with its variants, as values and as plain text. The day is given."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.status_chart import Measured

State = Literal["ok", "unclear", "fail", "not-measured"]
SOON_DAYS: Final = 30
_LINE: Final = 400
_WORST: Final[dict[State, int]] = {"fail": 0, "unclear": 1, "not-measured": 2, "ok": 3}


@dataclass(frozen=True)
class Due:
    """Days that are left until something happens. `days` is None where nobody knows, or where nothing will."""

    days: int | None
    on: datetime.date | None = None
    never: bool = False

    @property
    def state(self) -> State:
        """Red when it is over, yellow within thirty days."""
        if self.days is None:
            return "ok" if self.never else "not-measured"
        return "fail" if self.days < 0 else "unclear" if self.days <= SOON_DAYS else "ok"

    @property
    def told(self) -> str:
        """`in 42 days`, `today`, `3 days ago`."""
        if self.days is None:
            return "never" if self.never else "not known"
        if self.days == 0:
            return "today"
        counted = numbers.plural(abs(self.days), "day")
        return f"in {counted}" if self.days > 0 else f"{counted} ago"


@dataclass(frozen=True)
class VariantStatus:
    """One variant. `newest` is its last verdict, None where there is none."""

    name: str
    model_id: str
    provider: str
    dataset: str
    rollout_percent: int
    shadow_percent: int
    newest: Measured | None
    stale: Due
    sunset: Due
    owner: str = ""
    on_call: str = ""

    @property
    def is_live(self) -> bool:
        """Whether callers get it."""
        return self.rollout_percent > 0

    @property
    def callers(self) -> str:
        """`25%`, `0%, 10% in shadow`."""
        mirrored = f", {self.shadow_percent}% in shadow" if self.shadow_percent else ""
        return f"{self.rollout_percent}%{mirrored}"


@dataclass(frozen=True)
class AliasStatus:
    """One alias: what answers by default, its variants, and every verdict on them so far."""

    name: str
    default_model: str
    default_provider: str
    default_sunset: Due
    variants: Sequence[VariantStatus]
    history: Sequence[Measured] = ()

    @property
    def attention(self) -> list[tuple[State, str]]:
        """What somebody has to look at, worst first; models that callers get only."""
        found: list[tuple[State, str]] = []
        for variant in self.variants:
            if not variant.is_live:
                continue
            named = f"{self.name} {variant.name}"
            if variant.newest is not None and variant.newest.verdict != "pass":
                state: State = "fail" if variant.newest.verdict == "block" else "unclear"
                found.append((state, f"{named}: its last verdict is {variant.newest.verdict}"))
            found += _due(named, "stale", variant.stale) + _due(named, "ends", variant.sunset)
        found += _due(f"{self.name} default model", "ends", self.default_sunset)
        return sorted(found, key=lambda item: _WORST[item[0]])


def _due(named: str, what: str, due: Due) -> list[tuple[State, str]]:
    if due.state == "ok" or (what == "ends" and due.days is None):
        return []
    if due.days is None:
        return [("unclear", f"{named}: nothing says when it was evaluated")]
    over = {"stale": "stale since", "ends": "ended"}[what]
    return [(due.state, f"{named}: {over if due.days < 0 else what} {due.told}")]


@dataclass(frozen=True)
class Month:
    """What one UTC month cost: trainings as they were billed or allowed, and re-evaluations."""

    name: str
    training: Decimal
    evaluation: Decimal

    @property
    def total(self) -> Decimal:
        """Both."""
        return self.training + self.evaluation


@dataclass(frozen=True)
class Status:
    """Everything on the page. `notes` say what could not be read."""

    today: datetime.date
    aliases: Sequence[AliasStatus]
    months: Sequence[Month] = ()
    notes: Sequence[str] = field(default=())

    @property
    def attention(self) -> list[tuple[State, str]]:
        """Of all aliases, worst first."""
        found = [item for alias in self.aliases for item in alias.attention]
        return sorted(found, key=lambda item: _WORST[item[0]])

    @property
    def live(self) -> int:
        """Variants that callers get."""
        return sum(variant.is_live for alias in self.aliases for variant in alias.variants)


def months_of(
    training: Iterable[tuple[datetime.date, Decimal]], evaluation: Iterable[tuple[datetime.date, Decimal]]
) -> list[Month]:
    """Sums by month, oldest first; months without any are left out."""
    sums: dict[str, list[Decimal]] = {}
    for at, spent in enumerate((training, evaluation)):
        for day, usd in spent:
            sums.setdefault(f"{day:%Y-%m}", [Decimal(0), Decimal(0)])[at] += usd
    return [Month(name, *amounts) for name, amounts in sorted(sums.items())]


def opening(status: Status) -> str:
    """`2 aliases, 1 variant live`."""
    aliases = numbers.plural(len(status.aliases), "alias", "aliases")
    return f"{aliases}, {numbers.plural(status.live, 'variant')} live"


def why(status: Status) -> str:
    """The one thing that matters most, in a sentence."""
    found = status.attention
    if not status.aliases:
        return "models.yaml holds no alias yet."
    if not found:
        return "Nothing needs anybody today."
    more = f" And {numbers.count(len(found) - 1)} more." if len(found) > 1 else ""
    return f"{found[0][1]}.{more}"


def worst(status: Status) -> State:
    """The colour of the page."""
    return status.attention[0][0] if status.attention else "ok"


def lift_told(point: Measured | None) -> str:
    """`+6.3 points (+2.1 to +10.4)`, or that nobody has measured it."""
    return "not measured" if point is None else numbers.change(point.lift, point.low, point.high)


def render_text(status: Status) -> str:
    """The same for a terminal."""
    lines = [f"{opening(status)} on {status.today}. {why(status)}"]
    for alias in status.aliases:
        lines += ["", f"{alias.name}: {alias.default_model} by default, ends {alias.default_sunset.told}"]
        for v in alias.variants:
            left = f"stale {v.stale.told}; ends {v.sunset.told}"
            lines.append(f"  {v.name}: callers {v.callers}; lift {lift_told(v.newest)}; {left}")
    if status.months:
        lines += ["", "spend by month (training + re-evaluation)"]
        for m in status.months:
            both = f"{numbers.usd(m.training)} + {numbers.usd(m.evaluation)}"
            lines.append(f"  {m.name}: {numbers.usd(m.total)} ({both})")
    if status.notes:
        lines += ["", *(f"note: {note}" for note in status.notes)]
    return "".join(f"{_indented(line)}\n" for line in lines)


def _indented(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))] + clean(line, _LINE)


def to_dict(status: Status) -> dict[str, Any]:
    """For `--json`."""

    def due(value: Due) -> dict[str, Any]:
        return {
            "days": value.days,
            "on": None if value.on is None else value.on.isoformat(),
            "never": value.never,
        }

    def point(value: Measured) -> dict[str, Any]:
        return {**vars(value), "at": value.at.strftime("%Y-%m-%dT%H:%M:%SZ")}

    return {
        "schema_version": 1,
        "today": status.today.isoformat(),
        "aliases": [
            {
                "alias": alias.name,
                "default_model": alias.default_model,
                "default_sunset": due(alias.default_sunset),
                "variants": [
                    {
                        "variant": v.name,
                        "model_id": v.model_id,
                        "rollout_percent": v.rollout_percent,
                        "shadow_percent": v.shadow_percent,
                        "newest": None if v.newest is None else point(v.newest),
                        "stale": due(v.stale),
                        "sunset": due(v.sunset),
                    }
                    for v in alias.variants
                ],
                "history": [point(each) for each in alias.history],
            }
            for alias in status.aliases
        ],
        "months": [
            {"month": m.name, "training_usd": f"{m.training:f}", "evaluation_usd": f"{m.evaluation:f}"}
            for m in status.months
        ],
        "attention": [{"state": state, "message": message} for state, message in status.attention],
        "notes": list(status.notes),
    }
