"""What one alias may spend on its evaluation: arms and judges pay from one purse, by the ruler's prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.commands.asking.graders import Budget
    from liftgate.evaluation.limits import Limits, Purse
    from liftgate.registry.models import Model
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


def model_price(prices: Sequence[Price], model: Model) -> TokenPrice | None:
    """What the answers of a registered model cost; None when nobody says it.

    A model whose own id says nothing of its base (a deployment, an ARN) pays the tuned price of the base that its
    entry names. Rows of its provider come before those of the protocol that it is asked through.
    """
    from liftgate.commands.asking.answerers import kind_of, price_name
    from liftgate.training.cost import base_of, price_for

    tuned = model.base not in (None, model.model_id) and base_of(model.model_id) == model.model_id
    for provider in dict.fromkeys((model.provider, kind_of(model))):
        if tuned and provider != "local":
            row = price_for(prices, provider, str(model.base))
            price = None if row is None else row.tuned_answers
        else:
            price = answer_price(prices, provider, price_name(model))
        if price is not None:
            return price
    return None


class PairLimits(NamedTuple):
    """What holds two arms that are asked in turn, and the price of either."""

    limits: Limits
    prices: tuple[TokenPrice, TokenPrice]


@dataclass(frozen=True)
class Spending:
    """The purse of `cost.max_eval_usd` with the table that it is spent by."""

    purse: Purse
    prices: Sequence[Price]

    def price(self, kind: str, model: str) -> TokenPrice:
        """The price of a model's answers. Raises `InputError` when it is unknown."""
        return _known(answer_price(self.prices, kind, model), kind, model)

    def price_of(self, model: Model) -> TokenPrice:
        """The price of a registered model's answers. Raises `InputError` when it is unknown."""
        return _known(model_price(self.prices, model), model.provider, model.model_id)

    def held(self, price: TokenPrice) -> Limits:
        """The limits under which a model at this price is asked."""
        from liftgate.evaluation.limits import Limits

        return Limits(price, purse=self.purse)

    def held_pair(self, prices: tuple[TokenPrice, TokenPrice]) -> PairLimits:
        """Limits under which two models are asked in one stream: each request may cost the dearer price."""
        from liftgate.evaluation.limits import Limits
        from liftgate.training.cost import TokenPrice

        dearer = TokenPrice(
            max(price.input_usd_per_mtok for price in prices),
            max(price.output_usd_per_mtok for price in prices),
        )
        return PairLimits(Limits(dearer, purse=self.purse), prices)

    @property
    def judges(self) -> Budget:
        """The same purse for judges."""
        from liftgate.commands.asking.graders import Budget
        from liftgate.evaluation.limits import Limits

        return Budget(Limits(), self._price, purse=self.purse)

    def _price(self, kind: str, model: str) -> TokenPrice | None:
        return answer_price(self.prices, kind, model)


def _known(price: TokenPrice | None, kind: str, model: str) -> TokenPrice:
    if price is None:
        raise InputError(f"no price is known for the answers of {kind} {model!r}", hint=HINT)
    return price
