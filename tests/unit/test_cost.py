"""Exact money: token prices, hourly prices, buffers, budgets, and a missing price that stops the plan."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.config import load
from liftgate.training.cost import Estimate, estimate, read_prices

TODAY = datetime.date(2026, 11, 25)
POLICY = {"max_training_usd": 50, "auto_approve_usd": 0, "buffer": "0.2"}


def priced(rows: str, *, tokens: int = 1_000_000, epochs: int = 3, today: datetime.date = TODAY) -> Estimate:
    document = load(f"version: 1\nprices:\n{rows}", "prices.yaml", "prices")
    return estimate(
        rows=600,
        tokens=tokens,
        epochs=epochs,
        provider="openai",
        model="gpt-x",
        prices=read_prices(document),
        cost_policy=POLICY,
        today=today,
        prices_path="evals/prices.yaml",
    )


def row(fields: str, provider: str = "openai", model: str = '"*"', checked: str = "2026-11-20") -> str:
    return f'  - {{provider: {provider}, model: {model}, {fields}, source: page, checked_on: "{checked}"}}\n'


def test_tokens_times_epochs_times_price_with_the_buffer() -> None:
    result = priced(row('train_usd_per_mtok: "3.00"'))
    assert (result.training_tokens, result.usd) == (3_000_000, Decimal("10.80"))
    assert not result.auto_approved
    assert result.findings == ()


def test_the_named_model_beats_the_star() -> None:
    rows = row('train_usd_per_mtok: "3.00"') + row('train_usd_per_mtok: "8.00"', model="gpt-x")
    assert priced(rows).usd == Decimal("28.80")


def test_hours_times_price_an_hour() -> None:
    result = priced(row('usd_per_hour: "2.00", tokens_per_second: 1000'))
    assert (result.hours, result.usd) == (Decimal("1.000"), Decimal("2.00"))


def test_a_free_machine_costs_nothing_and_needs_no_approval() -> None:
    result = priced(row('usd_per_hour: "0"'))
    assert (result.usd, result.auto_approved) == (Decimal("0.00"), True)


def test_a_fraction_of_a_cent_rounds_up() -> None:
    assert priced(row('train_usd_per_mtok: "0.0001"'), tokens=1, epochs=1).usd == Decimal("0.01")


@pytest.mark.parametrize(
    "rows",
    [
        row('train_usd_per_mtok: "3"', provider="bedrock"),
        row('usd_per_hour: "2"'),
        row('input_usd_per_mtok: "1"'),
    ],
)
def test_a_missing_price_fails_closed(rows: str) -> None:
    result = priced(rows)
    assert result.usd is None
    assert not result.auto_approved
    assert [(f.rule, str(f.severity)) for f in result.findings] == [("missing-price", "error")]


def test_over_budget_is_an_error_and_exactly_the_budget_is_not() -> None:
    assert [f.rule for f in priced(row('train_usd_per_mtok: "13.89"')).findings] == ["over-budget"]
    exactly = priced(row('train_usd_per_mtok: "50"'), tokens=1_000_000, epochs=1)
    assert [f.rule for f in exactly.findings] == ["over-budget"]
    assert priced(row('train_usd_per_mtok: "12.5"'), tokens=3_333_333, epochs=1).findings == ()


@pytest.mark.parametrize(("days", "stale"), [(45, False), (46, True)])
def test_a_price_older_than_45_days_warns(days: int, stale: bool) -> None:
    checked = (TODAY - datetime.timedelta(days=days)).isoformat()
    found = priced(row('train_usd_per_mtok: "3"', checked=checked)).findings
    assert [f.rule for f in found] == (["stale-price"] if stale else [])


@given(tokens=st.integers(0, 10**12), epochs=st.integers(1, 50), price=st.decimals(0, 1000, places=4))
def test_the_estimate_is_never_below_the_exact_price(tokens: int, epochs: int, price: Decimal) -> None:
    result = priced(row(f'train_usd_per_mtok: "{price:f}"'), tokens=tokens, epochs=epochs)
    exact = Decimal(tokens * epochs) * Decimal("1.2") * price / 1_000_000
    assert result.usd is not None
    assert exact <= result.usd < exact + Decimal("0.01")
