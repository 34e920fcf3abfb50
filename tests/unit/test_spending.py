"""Which row prices a registered model: by its own id, by its base for a deployment, its provider's row first."""

from __future__ import annotations

from decimal import Decimal

import pytest

from liftgate.commands.asking.spending import Spending, model_price
from liftgate.config import load
from liftgate.errors import InputError
from liftgate.evaluation.limits import Purse
from liftgate.registry.models import Model
from liftgate.training.cost import TokenPrice, read_prices


def row(provider: str, model: str, plain: str, tuned: str | None = None) -> str:
    told = f'input_usd_per_mtok: "{plain}", output_usd_per_mtok: "{plain}"'
    if tuned is not None:
        told += f', fine_tuned_input_usd_per_mtok: "{tuned}", fine_tuned_output_usd_per_mtok: "{tuned}"'
    return f'  - {{provider: {provider}, model: {model}, {told}, source: page, checked_on: "2026-11-20"}}\n'


TABLE = row("bedrock", "nova", "1", "2") + row("openai", "gpt", "3", "4") + row("azure", "gpt", "5")
TABLE += '  - {provider: local, model: "*", usd_per_hour: "2", source: page, checked_on: "2026-11-20"}\n'
PRICES = read_prices(load(f"version: 1\nprices:\n{TABLE}", "evals/prices.yaml", "prices"))


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        (Model("nova", "bedrock"), 1),
        (Model("arn:aws:bedrock:eu-west-1:1:custom-model-deployment/x", "bedrock", base="nova"), 2),
        (Model("arn:aws:bedrock:eu-west-1:1:custom-model-deployment/x", "bedrock"), None),
        (Model("gpt", "openai"), 3),
        (Model("gpt", "openai", base="gpt"), 3),
        (Model("ft:gpt:acme::1", "openai", base="gpt"), 4),
        (Model("gpt", "azure"), 5),
        # azure says nothing of tuned models, so the protocol's row speaks
        (Model("our-deployment", "azure", base="gpt"), 4),
        (Model("ours", "local", base="embedded"), 0),
        (Model("unknown", "openai"), None),
    ],
)
def test_the_row_of_a_registered_model(model: Model, usd: int | None) -> None:
    price = None if usd is None else TokenPrice(Decimal(usd), Decimal(usd))
    assert model_price(PRICES, model) == price


def test_an_unknown_price_is_refused_where_money_would_be_spent() -> None:
    spending = Spending(Purse(Decimal(1)), PRICES)
    with pytest.raises(InputError, match="no price is known for the answers of openai 'unknown'"):
        spending.price_of(Model("unknown", "openai"))
    with pytest.raises(InputError, match="no price is known for the answers of python"):
        spending.price("python", "agents/rag.py:answer")


def test_a_pair_is_held_at_the_dearer_price_of_either_side() -> None:
    spending = Spending(Purse(Decimal(1)), PRICES)
    one, two = TokenPrice(Decimal(1), Decimal(9)), TokenPrice(Decimal(2), Decimal(3))
    held = spending.held_pair((one, two))
    assert held.limits.price == TokenPrice(Decimal(2), Decimal(9))
    assert held.prices == (one, two)
    assert held.limits.max_usd == 1
