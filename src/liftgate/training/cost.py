"""The price table: what a training, an answer, an hour of hosting and a month of storage cost. Exact decimals."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from liftgate.config import Document
from liftgate.errors import InputError, Problem
from liftgate.findings import Finding, Severity
from liftgate.training.dates import day_at, future_day

CENT: Final = Decimal("0.01")
PER_MTOK: Final = 1_000_000
STALE_AFTER_DAYS: Final = 45
_SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_AMOUNTS: Final = (
    "train_usd_per_mtok",
    "usd_per_hour",
    "tokens_per_second",
    "input_usd_per_mtok",
    "cached_input_usd_per_mtok",
    "output_usd_per_mtok",
    "fine_tuned_input_usd_per_mtok",
    "fine_tuned_cached_input_usd_per_mtok",
    "fine_tuned_output_usd_per_mtok",
    "hosting_usd_per_hour",
    "provisioned_usd_per_hour",
    "storage_usd_per_month",
    "batch_ratio",
)


@dataclass(frozen=True)
class EpochRange:
    """How many epochs a provider may take when the card says `auto`, and how many it usually takes."""

    least: int
    usual: int
    most: int


@dataclass(frozen=True)
class Price:
    """One row of prices.yaml. Money in US dollars; None where the row is silent.

    `batch_ratio` is what a batch request costs, as a share of the price. `training_cap_tokens` is the length at
    which a longer row is cut, and `provisioned_usd_per_hour` the price of the least throughput one can rent.
    """

    provider: str
    model: str
    source: str
    checked_on: datetime.date
    place: str
    region: str | None = None
    tokenizer: str | None = None
    train_usd_per_mtok: Decimal | None = None
    usd_per_hour: Decimal | None = None
    tokens_per_second: Decimal | None = None
    input_usd_per_mtok: Decimal | None = None
    cached_input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None
    fine_tuned_input_usd_per_mtok: Decimal | None = None
    fine_tuned_cached_input_usd_per_mtok: Decimal | None = None
    fine_tuned_output_usd_per_mtok: Decimal | None = None
    hosting_usd_per_hour: Decimal | None = None
    provisioned_usd_per_hour: Decimal | None = None
    storage_usd_per_month: Decimal | None = None
    validation_billed: bool = False
    batch_ratio: Decimal | None = None
    training_cap_tokens: int | None = None
    epochs: EpochRange | None = None

    @property
    def answers(self) -> TokenPrice | None:
        """What the base model's answers cost; None when the row does not say. A free machine answers free."""
        return self._token_price(self.input_usd_per_mtok, self.output_usd_per_mtok)

    @property
    def tuned_answers(self) -> TokenPrice | None:
        """What a fine-tuned model's answers cost. Never the base's price in its place: they often differ.

        Where the weights are ours (a row with a price an hour), a tuned model costs what its base does.
        """
        tuned = self._token_price(self.fine_tuned_input_usd_per_mtok, self.fine_tuned_output_usd_per_mtok)
        return self.answers if tuned is None and self.usd_per_hour is not None else tuned

    def row_finding(self, rule: str, severity: Severity, message: str) -> Finding:
        """A finding on this row's own line."""
        path, line = self.place.rsplit(":", 1)
        return Finding(rule, severity, message, path, int(line))

    def staleness(self, today: datetime.date) -> Iterator[Finding]:
        """A warning for a price that nobody has looked at for long, or that claims a day to come."""
        days = (today - self.checked_on).days
        if days > STALE_AFTER_DAYS:
            yield self.row_finding("stale-price", Severity.WARNING, f"this price was checked {days} days ago")
        elif future_day(self.checked_on, today):
            message = f"checked_on {self.checked_on} is still to come; say when the price was read"
            yield self.row_finding("stale-price", Severity.WARNING, message)

    def _token_price(self, asked: Decimal | None, said: Decimal | None) -> TokenPrice | None:
        if asked is not None and said is not None:
            return TokenPrice(asked, said)
        return TokenPrice(Decimal(0), Decimal(0)) if self.usd_per_hour == 0 else None


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
        return usd / PER_MTOK


def read_prices(document: Document) -> list[Price]:
    """The rows of a checked prices document. Raises `InputError` with every row that cannot be meant."""
    problems: list[Problem] = []
    prices = [_price(document, index, problems) for index in range(len(document.data["prices"]))]
    seen: set[tuple[str, str, str | None]] = set()
    for index, price in enumerate(prices):
        if (key := (price.provider, price.model, price.region)) in seen:
            problems.append(
                Problem(
                    document.place(("prices", index)), f"{price.provider} {price.model} stands here twice"
                )
            )
        seen.add(key)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        raise InputError(f"{document.path} has {count}", problems=problems)
    return prices


def base_of(model: str) -> str:
    """The base behind a fine-tuned model's id (`ft:gpt-4.1-mini-2025-04-14:org::id`); other ids as they are."""
    return model.split(":")[1] if model.startswith("ft:") and model.count(":") else model


def price_for(prices: Iterable[Price], provider: str, model: str, region: str | None = None) -> Price | None:
    """The row for this model, or for the model without its snapshot's date, or the provider's `*` row, or None.

    A row of another region never counts when a region is asked for.
    """
    rows = [
        price
        for price in prices
        if price.provider == provider and (region is None or price.region in (None, region))
    ]
    rows.sort(key=lambda price: price.region is None if region is not None else price.region is not None)
    base = base_of(model)
    for name in (base, _SNAPSHOT.sub("", base), "*"):
        for price in rows:
            if price.model == name:
                return price
    return None


def token_price(prices: Iterable[Price], provider: str, model: str) -> TokenPrice | None:
    """What this model's answers cost; None when the table does not say. An `ft:` id pays the tuned price."""
    price = price_for(prices, provider, model)
    if price is None:
        return None
    return price.tuned_answers if base_of(model) != model else price.answers


def money(usd: Decimal) -> str:
    """An exact amount as text: no exponent, no zeros that say nothing."""
    return f"{usd.normalize():f}" if usd else "0"


def _price(document: Document, index: int, problems: list[Problem]) -> Price:
    row = document.data["prices"][index]
    place = ("prices", index)
    epochs = None
    if "epochs" in row:
        epochs = EpochRange(row["epochs"]["least"], row["epochs"]["usual"], row["epochs"]["most"])
        if not epochs.least <= epochs.usual <= epochs.most:
            message = f"usual {epochs.usual} does not lie between least {epochs.least} and most {epochs.most}"
            problems.append(Problem(document.place((*place, "epochs")), message))
    amounts = {name: Decimal(str(row[name])) for name in _AMOUNTS if name in row}
    for name, amount in amounts.items():
        if not amount.is_finite():
            problems.append(Problem(document.place((*place, name)), f"expected a number, found {row[name]}"))
    return Price(
        provider=row["provider"],
        model=row["model"],
        source=row["source"],
        checked_on=day_at(document, (*place, "checked_on"), problems),
        place=f"{document.path}:{document.line(place)}",
        region=row.get("region"),
        tokenizer=row.get("tokenizer"),
        validation_billed=row.get("validation_billed", False),
        training_cap_tokens=row.get("training_cap_tokens"),
        epochs=epochs,
        **amounts,
    )
