"""What a change will cost before anyone pays: the training with its range, the evaluation, and each month after.

Point and high end carry the policy's buffer, the low end does not. Budgets and approvals go by the high end. Money
is exact until it is shown; it is then rounded up to the cent, once.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from typing import Any

from liftgate.findings import Finding, Severity
from liftgate.training.billing import Tokens
from liftgate.training.budget import (
    Spent,
    Usd,
    cents,
    over_budget,
    over_evaluation_budget,
    over_month_budget,
)
from liftgate.training.cost import PER_MTOK, Price, price_for
from liftgate.training.epochs import Epochs
from liftgate.training.payback import HOURS_A_MONTH, AnswerPrice, Payback, paid_back_on, paybacks

_OWN_PARTS = ("training", "validation", "hosting", "provisioned throughput", "storage")
_REPORTED = (
    "rows",
    "tokens",
    "epochs",
    "epochs_low",
    "epochs_high",
    "training_tokens",
    "training_tokens_low",
    "training_tokens_high",
    "usd",
    "usd_low",
    "usd_high",
    "usd_per_hour",
    "answers",
    "requests_per_month",
    "price_source",
    "checked_on",
    "auto_approved",
)


@dataclass(frozen=True)
class Part:
    """One line of the bill. `every` is `once` or `month`."""

    name: str
    what: str
    usd: Usd
    every: str = "once"

    def to_dict(self) -> dict[str, Any]:
        """The form in estimate.json and report.json."""
        return {"name": self.name, "what": self.what, "every": self.every, "usd": self.usd.to_dict()}


@dataclass(frozen=True)
class EvaluationCost:
    """What asking every arm may cost, as its parts, and the arms' answers for comparison.

    `usd` is None where the price of an arm or a judge is unknown; `findings` then say which.
    """

    parts: tuple[Part, ...]
    usd: Usd | None
    answers: tuple[AnswerPrice, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """The whole bill. `usd` is the training's; None when no price is known."""

    rows: int
    tokens: Tokens
    epochs: Epochs
    training_tokens: Tokens
    hours: Decimal | None
    usd: Usd | None
    price: Price | None
    price_age_days: int | None
    parts: tuple[Part, ...]
    answers: tuple[AnswerPrice, ...]
    paybacks: tuple[Payback, ...]
    requests_per_month: int | None
    pays_back_on: datetime.date | None
    auto_approved: bool
    findings: tuple[Finding, ...]

    @property
    def usd_per_hour(self) -> Decimal | None:
        """Of the machine that trains."""
        return self.price.usd_per_hour if self.price else None

    def to_report(self, evaluation: EvaluationCost) -> dict[str, Any]:
        """The form in report.json: nothing that a clock or a store of answers would change."""
        whole = self.to_dict()
        own = [part for part in self.parts if part.name in _OWN_PARTS]
        return {
            **{key: whole[key] for key in _REPORTED},
            "hours": None if self.hours is None else float(self.hours),
            "parts": [part.to_dict() for part in (*own, *evaluation.parts)],
        }

    def with_findings(self, more: Iterable[Finding]) -> Estimate:
        """The same bill with more to say about it."""
        return replace(self, findings=(*self.findings, *more))

    def to_dict(self) -> dict[str, Any]:
        """The form of estimate.json; money as text, so that no digit is lost."""
        rounded = None if self.usd is None else self.usd.rounded
        return {
            "schema_version": 1,
            "rows": self.rows,
            "tokens": self.tokens.point,
            "tokens_low": self.tokens.low,
            "tokens_high": self.tokens.high,
            "epochs": self.epochs.point,
            "epochs_low": self.epochs.low,
            "epochs_high": self.epochs.high,
            "training_tokens": self.training_tokens.point,
            "training_tokens_low": self.training_tokens.low,
            "training_tokens_high": self.training_tokens.high,
            "hours": None if self.hours is None else str(self.hours),
            "usd_per_hour": None if self.usd_per_hour is None else str(self.usd_per_hour),
            "usd": None if rounded is None else str(rounded.point),
            "usd_low": None if rounded is None else str(rounded.low),
            "usd_high": None if rounded is None else str(rounded.high),
            "parts": [part.to_dict() for part in self.parts],
            "answers": [answer.to_dict() for answer in self.answers],
            "paybacks": [each.to_dict() for each in self.paybacks],
            "requests_per_month": self.requests_per_month,
            "pays_back_on": self.pays_back_on.isoformat() if self.pays_back_on else None,
            "price": None
            if self.price is None
            else {
                "provider": self.price.provider,
                "model": self.price.model,
                "region": self.price.region,
                "place": self.price.place,
                "age_days": self.price_age_days,
            },
            "price_source": self.price.source if self.price else None,
            "checked_on": self.price.checked_on.isoformat() if self.price else None,
            "auto_approved": self.auto_approved,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def estimate(
    *,
    rows: int,
    tokens: Tokens,
    epochs: Epochs,
    provider: str,
    model: str,
    prices: Iterable[Price],
    cost_policy: Mapping[str, Any],
    today: datetime.date,
    prices_path: str,
    region: str | None = None,
    validation: Tokens | None = None,
    evaluation: EvaluationCost | None = None,
    spent: Iterable[Spent] = (),
    requests_per_month: int | None = None,
) -> Estimate:
    """Price one change.

    `tokens` are those of one epoch as they are charged, `validation` those of the validation file. `cost_policy`
    holds `max_training_usd`, `max_eval_usd`, `max_month_usd` (None: no limit), `auto_approve_usd` and `buffer` (a
    share). `spent` are the month's jobs, `today` the UTC day.
    """
    price = price_for(prices, provider, model, region)
    buffer = 1 + Decimal(str(cost_policy["buffer"]))
    trained = _times(tokens, epochs)
    training = _training_usd(price, trained, buffer)
    parts: list[Part] = []
    findings: list[Finding] = []
    usd = training
    if training is not None:
        parts.append(Part("training", f"{rows:,} rows", training))
    if price is not None and price.validation_billed and validation is not None and usd is not None:
        checked = _training_usd(price, _times(validation, epochs), buffer)
        if checked is not None:
            parts.append(Part("validation", "once an epoch", checked))
            usd += checked
    if usd is None:
        findings.append(_missing_price(price, provider, model, prices_path))
    else:
        widened = (
            "" if epochs.is_exact else f" (`auto` may take {epochs.high} epochs: write a number in the card)"
        )
        findings += over_budget(usd, _limit(cost_policy, "max_training_usd"), widened=widened)
        month_limit = cost_policy.get("max_month_usd")
        limit = None if month_limit is None else Decimal(str(month_limit))
        findings += over_month_budget(usd, limit, spent, today)
    if price is not None:
        findings += price.staleness(today)
    answers: Sequence[AnswerPrice] = ()
    if evaluation is not None:
        parts += evaluation.parts
        answers = evaluation.answers
        findings += evaluation.findings
        if evaluation.usd is not None:
            findings += over_evaluation_budget(evaluation.usd, _limit(cost_policy, "max_eval_usd"))
    monthly = list(_monthly(price))
    parts += monthly
    month_usd = sum((part.usd.point for part in monthly), Decimal(0))
    earned = paybacks(answers, usd.high, month_usd, requests_per_month) if usd is not None else []
    approved = usd is not None and cents(usd.high) <= _limit(cost_policy, "auto_approve_usd")
    return Estimate(
        rows=rows,
        tokens=tokens,
        epochs=epochs,
        training_tokens=trained,
        hours=_hours(price, trained.point * buffer),
        usd=usd,
        price=price,
        price_age_days=None if price is None else (today - price.checked_on).days,
        parts=tuple(parts),
        answers=tuple(answers),
        paybacks=tuple(earned),
        requests_per_month=requests_per_month,
        pays_back_on=paid_back_on(earned, today),
        auto_approved=approved,
        findings=tuple(findings),
    )


def _times(tokens: Tokens, epochs: Epochs) -> Tokens:
    return Tokens(tokens.low * epochs.low, tokens.point * epochs.point, tokens.high * epochs.high)


def _hours(price: Price | None, tokens: Decimal) -> Decimal | None:
    if price is None or not price.tokens_per_second:
        return None
    return (tokens / price.tokens_per_second / 3600).quantize(Decimal("0.001"), rounding=ROUND_UP)


def _training_usd(price: Price | None, tokens: Tokens, buffer: Decimal) -> Usd | None:
    """The price of training on so many tokens, buffered but at its low end; None when the row cannot say."""
    if price is None:
        return None
    ends = [Decimal(tokens.low), tokens.point * buffer, tokens.high * buffer]
    if price.train_usd_per_mtok is not None:
        return Usd(*(end * price.train_usd_per_mtok / PER_MTOK for end in ends))
    if price.usd_per_hour == 0:
        return Usd.exactly(Decimal(0))
    hours = [_hours(price, end) for end in ends]
    if price.usd_per_hour is None or None in hours:
        return None
    return Usd(*(each * price.usd_per_hour for each in hours if each is not None))


def _monthly(price: Price | None) -> Iterator[Part]:
    if price is None:
        return
    for name, rate in (
        ("hosting", price.hosting_usd_per_hour),
        ("provisioned throughput", price.provisioned_usd_per_hour),
    ):
        if rate is not None:
            what = f"{rate} USD an hour, {HOURS_A_MONTH} hours a month, idle or not"
            yield Part(name, what, Usd.exactly(rate * HOURS_A_MONTH), "month")
    if price.storage_usd_per_month is not None:
        yield Part("storage", "of one tuned model", Usd.exactly(price.storage_usd_per_month), "month")


def _missing_price(price: Price | None, provider: str, model: str, prices_path: str) -> Finding:
    if price is None:
        message = f"no price for {provider} {model}; add a row with its source and date"
        return Finding("missing-price", Severity.ERROR, message, prices_path)
    return price.row_finding(
        "missing-price",
        Severity.ERROR,
        f"the row for {provider} {price.model} cannot price a training; give train_usd_per_mtok, or usd_per_hour "
        "with tokens_per_second",
    )


def _limit(cost_policy: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(str(cost_policy[name]))
