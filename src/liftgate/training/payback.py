"""What answers cost with and without the training, and when a cheaper answer has paid for it.

Everything is known before the training: prompts are counted, answers are taken to be as long as they may be. What
the arms really cost is known after the evaluation, and the report then says so.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from liftgate.training.cost import TokenPrice, money

PER: int = 1000
HOURS_A_MONTH: Decimal = Decimal(730)
DAYS_A_MONTH: Decimal = Decimal("30.44")
_DAYS_THAT_MATTER: int = 36_500


@dataclass(frozen=True)
class AnswerPrice:
    """One arm's answers. `input_tokens` is the mean prompt, `output_tokens` the longest answer; price None: unknown."""

    arm: str
    trained: bool
    input_tokens: Decimal
    output_tokens: int
    price: TokenPrice | None

    @property
    def usd_per_1k(self) -> Decimal | None:
        """US dollars for 1,000 answers; None where no price is known."""
        if self.price is None:
            return None
        asked = self.input_tokens * self.price.input_usd_per_mtok
        return (asked + self.output_tokens * self.price.output_usd_per_mtok) / PER

    def to_dict(self) -> dict[str, Any]:
        """The form in estimate.json."""
        usd = self.usd_per_1k
        return {
            "arm": self.arm,
            "trained": self.trained,
            "input_tokens": float(self.input_tokens.quantize(Decimal("0.1"))),
            "output_tokens": self.output_tokens,
            "usd_per_1k": None if usd is None else money(usd),
        }


@dataclass(frozen=True)
class Payback:
    """The training against one untrained arm.

    `requests` until the price of the training is saved, hosting aside; None when an answer is not cheaper.
    `months` at the traffic given, hosting and storage paid; None without traffic, or when they eat the saving.
    `requests_to_host` a month pay for hosting and storage alone.
    """

    against: str
    saved_usd_per_1k: Decimal
    requests: int | None
    requests_to_host: int | None
    months: Decimal | None
    never_at_this_traffic: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The form in estimate.json."""
        return {
            "against": self.against,
            "saved_usd_per_1k": money(self.saved_usd_per_1k),
            "requests": self.requests,
            "requests_to_host_a_month": self.requests_to_host,
            "months": None if self.months is None else float(self.months),
            "never_at_this_traffic": self.never_at_this_traffic,
        }


def paybacks(
    arms: Sequence[AnswerPrice], training_usd: Decimal, month_usd: Decimal, requests_per_month: int | None
) -> list[Payback]:
    """The candidate against every untrained arm whose price is known, the soonest first; nothing where it is free."""
    tuned = next((arm.usd_per_1k for arm in arms if arm.arm == "candidate"), None)
    if tuned is None or not (training_usd or month_usd):
        return []
    found = [
        _payback(arm.arm, arm.usd_per_1k - tuned, training_usd, month_usd, requests_per_month)
        for arm in arms
        if not arm.trained and arm.usd_per_1k is not None
    ]
    return sorted(found, key=lambda each: (-each.saved_usd_per_1k, each.against))


def paid_back_on(soonest: Iterable[Payback], today: datetime.date) -> datetime.date | None:
    """The day on which the soonest of them pays back; None when nobody can say, or when none ever does."""
    months = [each.months for each in soonest if each.months is not None]
    if not months:
        return None
    days = min(math.ceil(min(months) * DAYS_A_MONTH), _DAYS_THAT_MATTER)
    return today + datetime.timedelta(days=days)


def _payback(
    against: str, saved: Decimal, training_usd: Decimal, month_usd: Decimal, traffic: int | None
) -> Payback:
    if saved <= 0:
        return Payback(against, saved, None, None, None, traffic is not None)
    requests = _up(training_usd * PER / saved)
    to_host = _up(month_usd * PER / saved) if month_usd else None
    if traffic is None:
        return Payback(against, saved, requests, to_host, None)
    net = traffic * saved / PER - month_usd
    if net <= 0:
        return Payback(against, saved, requests, to_host, None, never_at_this_traffic=True)
    months = (training_usd / net).quantize(Decimal("0.1"), rounding=ROUND_CEILING)
    return Payback(against, saved, requests, to_host, months)


def _up(number: Decimal) -> int:
    return int(number.to_integral_value(rounding=ROUND_CEILING))
