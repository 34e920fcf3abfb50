"""What a training will cost, before anyone pays: tokens × price, or hours × price, in exact decimals."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from liftgate.config import Document
from liftgate.findings import Finding, Severity

CENT: Final = Decimal("0.01")
STALE_AFTER_DAYS: Final = 45


@dataclass(frozen=True)
class Price:
    """One row of prices.yaml. Money in US dollars; None where the row is silent."""

    provider: str
    model: str
    source: str
    checked_on: datetime.date
    place: str
    train_usd_per_mtok: Decimal | None = None
    usd_per_hour: Decimal | None = None
    tokens_per_second: Decimal | None = None
    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None


@dataclass(frozen=True)
class TokenPrice:
    """What a model's tokens cost when it answers, in US dollars per million."""

    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal

    @property
    def is_free(self) -> bool:
        """True for a model whose machine is already paid for."""
        return not self.input_usd_per_mtok and not self.output_usd_per_mtok

    def usd(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Exact price of tokens read and written."""
        usd = input_tokens * self.input_usd_per_mtok + output_tokens * self.output_usd_per_mtok
        return usd / 1_000_000


@dataclass(frozen=True)
class Estimate:
    """Point estimate with the policy's buffer on top. `usd` is None when no price is known."""

    rows: int
    tokens: int
    epochs: int
    training_tokens: int
    hours: Decimal | None
    usd_per_hour: Decimal | None
    usd: Decimal | None
    price: Price | None
    auto_approved: bool
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """The form of estimate.json; money as text, so that no digit is lost."""
        return {
            "schema_version": 1,
            "rows": self.rows,
            "tokens": self.tokens,
            "epochs": self.epochs,
            "training_tokens": self.training_tokens,
            "hours": None if self.hours is None else str(self.hours),
            "usd_per_hour": None if self.usd_per_hour is None else str(self.usd_per_hour),
            "usd": None if self.usd is None else str(self.usd),
            "price_source": self.price.source if self.price else None,
            "checked_on": self.price.checked_on.isoformat() if self.price else None,
            "auto_approved": self.auto_approved,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def read_prices(document: Document) -> list[Price]:
    """The rows of a checked prices document."""
    return [
        Price(
            provider=row["provider"],
            model=row["model"],
            source=row["source"],
            checked_on=datetime.date.fromisoformat(row["checked_on"]),
            place=f"{document.path}:{document.line(('prices', index))}",
            **{
                name: Decimal(str(row[name]))
                for name in (
                    "train_usd_per_mtok",
                    "usd_per_hour",
                    "tokens_per_second",
                    "input_usd_per_mtok",
                    "output_usd_per_mtok",
                )
                if name in row
            },
        )
        for index, row in enumerate(document.data["prices"])
    ]


def price_for(prices: Iterable[Price], provider: str, model: str) -> Price | None:
    """The row for this model, or the provider's `*` row, or None."""
    rows = [p for p in prices if p.provider == provider]
    return next((p for p in rows if p.model == model), next((p for p in rows if p.model == "*"), None))


def token_price(prices: Iterable[Price], provider: str, model: str) -> TokenPrice | None:
    """What this model's answers cost; None when the table does not say. A machine at no price answers free."""
    price = price_for(prices, provider, model)
    if price is None:
        return None
    if price.input_usd_per_mtok is not None and price.output_usd_per_mtok is not None:
        return TokenPrice(price.input_usd_per_mtok, price.output_usd_per_mtok)
    return TokenPrice(Decimal(0), Decimal(0)) if price.usd_per_hour == 0 else None


def money(usd: Decimal) -> str:
    """An exact amount as text: no exponent, no zeros that say nothing."""
    return f"{usd.normalize():f}" if usd else "0"


def estimate(
    *,
    rows: int,
    tokens: int,
    epochs: int,
    provider: str,
    model: str,
    prices: Iterable[Price],
    cost_policy: Mapping[str, Any],
    today: datetime.date,
    prices_path: str,
) -> Estimate:
    """Price one training.

    `tokens` are those of one epoch, exactly as the model reads them; `cost_policy` holds `max_training_usd`,
    `auto_approve_usd` and `buffer` (a share). The result is rounded up to the cent once, at the end.
    """
    price = price_for(prices, provider, model)
    trained = tokens * epochs
    buffered = trained * (1 + Decimal(str(cost_policy["buffer"])))
    findings: list[Finding] = []
    hours = usd = None
    if price and price.tokens_per_second:
        hours = (buffered / price.tokens_per_second / 3600).quantize(Decimal("0.001"), rounding=ROUND_UP)
    if price is None:
        findings.append(
            Finding(
                "missing-price",
                Severity.ERROR,
                f"no price for {provider} {model}; add a row with its source and date",
                prices_path,
            )
        )
    elif price.train_usd_per_mtok is not None:
        usd = buffered * price.train_usd_per_mtok / 1_000_000
    elif price.usd_per_hour == 0:
        usd = Decimal(0)
    elif price.usd_per_hour is not None and hours is not None:
        usd = hours * price.usd_per_hour
    else:
        path, line = price.place.rsplit(":", 1)
        findings.append(
            Finding(
                "missing-price",
                Severity.ERROR,
                f"the row for {provider} {price.model} cannot price a training; give train_usd_per_mtok, "
                "or usd_per_hour with tokens_per_second",
                path,
                int(line),
            )
        )
    if usd is not None:
        usd = usd.quantize(CENT, rounding=ROUND_UP)
        findings += _budget(usd, cost_policy)
    if price and (today - price.checked_on).days > STALE_AFTER_DAYS:
        path, line = price.place.rsplit(":", 1)
        days = (today - price.checked_on).days
        findings.append(
            Finding(
                "stale-price", Severity.WARNING, f"this price was checked {days} days ago", path, int(line)
            )
        )
    approved = usd is not None and usd <= Decimal(str(cost_policy["auto_approve_usd"]))
    per_hour = price.usd_per_hour if price else None
    return Estimate(rows, tokens, epochs, trained, hours, per_hour, usd, price, approved, tuple(findings))


def _budget(usd: Decimal, cost_policy: Mapping[str, Any]) -> Iterable[Finding]:
    limit = Decimal(str(cost_policy["max_training_usd"]))
    if usd > limit:
        yield Finding(
            "over-budget",
            Severity.ERROR,
            f"the training is priced at ${usd}, the policy allows ${limit.quantize(CENT)}; "
            "train fewer epochs or rows, or raise cost.max_training_usd in its own pull request",
        )
