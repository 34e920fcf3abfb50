"""What one alias may spend on its evaluation: arms and judges pay from one purse, by the ruler's prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.commands.judging import Budget
    from liftgate.evaluation.limits import Limits, Purse
    from liftgate.training.cost import Price, TokenPrice

HINT: Final = 'add a row to evals/prices.yaml; "0" where the machine is already paid for'


def answer_price(prices: Sequence[Price], kind: str, model: str) -> TokenPrice | None:
    """What a model's answers cost at an endpoint; None when nobody says it.

    Recorded answers are there already. A machine rented by the hour charges no token: its hours are those of the job.
    """
    from liftgate.training.cost import TokenPrice, price_for, token_price

    free = TokenPrice(Decimal(0), Decimal(0))
    if kind == "recorded":
        return free
    known = token_price(prices, kind, model)
    if known is None and kind == "local":
        row = price_for(prices, kind, model)
        return free if row is not None and row.usd_per_hour is not None else None
    return known


class PairLimits(NamedTuple):
    """What holds two arms that are asked in turn, and the price of either."""

    limits: Limits
    prices: tuple[TokenPrice, TokenPrice]


@dataclass(frozen=True)
class Spending:
    """The purse of `cost.max_eval_usd` with the table that it is spent by."""

    purse: Purse
    prices: Sequence[Price]

    def limits(self, kind: str, model: str) -> Limits:
        """The limits under which a model is asked. Raises `InputError` when its price is unknown."""
        from liftgate.evaluation.limits import Limits

        price = answer_price(self.prices, kind, model)
        if price is None:
            raise InputError(f"no price is known for the answers of {kind} {model!r}", hint=HINT)
        return Limits(price, purse=self.purse)

    def limits_of_pair(self, kind: str, models: tuple[str, str]) -> PairLimits:
        """Limits under which two models are asked in one stream: each request may cost the dearer price."""
        from liftgate.evaluation.limits import Limits
        from liftgate.training.cost import TokenPrice

        prices = [price for model in models if (price := self.limits(kind, model).price) is not None]
        dearer = TokenPrice(
            max(price.input_usd_per_mtok for price in prices),
            max(price.output_usd_per_mtok for price in prices),
        )
        return PairLimits(Limits(dearer, purse=self.purse), (prices[0], prices[1]))

    @property
    def judges(self) -> Budget:
        """The same purse for judges."""
        from liftgate.commands.judging import Budget
        from liftgate.evaluation.limits import Limits

        return Budget(Limits(), self._price, purse=self.purse)

    def _price(self, kind: str, model: str) -> TokenPrice | None:
        return answer_price(self.prices, kind, model)
