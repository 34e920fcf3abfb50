"""Budgets of a policy against what a change would cost: per pull request and per month, always by the high end."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from liftgate.findings import Finding, Severity
from liftgate.training.cost import CENT


@dataclass(frozen=True)
class Spent:
    """What a job of the ledger cost, or may have cost, and the UTC day on which it was launched."""

    day: datetime.date
    usd: Decimal


@dataclass(frozen=True)
class Usd:
    """US dollars as a point with its bounds, not rounded."""

    low: Decimal
    point: Decimal
    high: Decimal

    @classmethod
    def exactly(cls, usd: Decimal) -> Usd:
        """A price that nobody can argue about."""
        return cls(usd, usd, usd)

    def __add__(self, other: Usd) -> Usd:
        return Usd(self.low + other.low, self.point + other.point, self.high + other.high)

    def times(self, factor: Decimal) -> Usd:
        """All three ends times a factor that is not negative."""
        return Usd(self.low * factor, self.point * factor, self.high * factor)

    @property
    def rounded(self) -> Usd:
        """All three ends up to the cent, so that no budget is passed by rounding."""
        return Usd(cents(self.low), cents(self.point), cents(self.high))

    def to_dict(self) -> dict[str, str]:
        """Rounded up to the cent, as text."""
        rounded = self.rounded
        return {"low": str(rounded.low), "point": str(rounded.point), "high": str(rounded.high)}


def cents(usd: Decimal) -> Decimal:
    """Rounded up to the cent."""
    return usd.quantize(CENT, rounding=ROUND_UP)


def over_budget(usd: Usd, limit: Decimal, *, widened: str = "") -> Iterator[Finding]:
    """The training of one pull request against `cost.max_training_usd`. `widened` says what made a range of it."""
    high = cents(usd.high)
    if high > limit:
        at_most = "up to " if usd.high not in (usd.low, usd.point) else ""
        yield Finding(
            "over-budget",
            Severity.ERROR,
            f"the training is priced at {at_most}${high}, the policy allows ${cents(limit)}{widened}; "
            "train fewer epochs or rows, or raise cost.max_training_usd in its own pull request",
        )


def over_evaluation_budget(usd: Usd, limit: Decimal) -> Iterator[Finding]:
    """The evaluation against `cost.max_eval_usd`: blocked when it cannot end within it, warned when it may not."""
    low, high = cents(usd.low), cents(usd.high)
    raised = "narrow the suite or its max_tokens, or raise cost.max_eval_usd in its own pull request"
    if low > limit:
        message = (
            f"to ask every arm costs at least ${low}, the policy allows ${cents(limit)}: the evaluation could not "
            f"end; {raised}"
        )
        yield Finding("over-eval-budget", Severity.ERROR, message)
    elif high > limit:
        message = (
            f"to ask every arm costs at most ${high}, the policy allows ${cents(limit)}: the evaluation stops there "
            f"without a verdict if answers are as long as they may be; {raised}"
        )
        yield Finding("over-eval-budget", Severity.WARNING, message)


def over_month_budget(
    usd: Usd, limit: Decimal | None, spent: Iterable[Spent], today: datetime.date
) -> Iterator[Finding]:
    """The trainings of this UTC month, this one included, against `cost.max_month_usd`. `today` is a UTC day."""
    if limit is None:
        return
    month = (today.year, today.month)
    already = sum((each.usd for each in spent if (each.day.year, each.day.month) == month), Decimal(0))
    total = cents(already + usd.high)
    if total > limit and usd.high > 0:
        yield Finding(
            "over-month-budget",
            Severity.ERROR,
            f"trainings of {today:%Y-%m} come to ${total} with this one (${cents(already)} before it), the policy "
            f"allows ${cents(limit)} a month; wait for the next month, or raise "
            "cost.max_month_usd in its own pull request",
        )
