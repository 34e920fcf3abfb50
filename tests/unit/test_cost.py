"""Exact money: token prices, hourly prices, buffers, ranges, budgets, and a missing price that stops the plan."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.config import load
from liftgate.data.dataset import read_rows
from liftgate.errors import InputError
from liftgate.training.billing import Tokens, billed, token_bounds
from liftgate.training.budget import Spent, Usd, over_evaluation_budget
from liftgate.training.cost import Price, TokenPrice, base_of, price_for, read_prices, token_price
from liftgate.training.epochs import Epochs, epochs_of, overfit_risk
from liftgate.training.estimate import Estimate, estimate
from liftgate.training.payback import AnswerPrice, paid_back_on, paybacks

TODAY = datetime.date(2026, 11, 25)
POLICY = {"max_training_usd": 50, "max_eval_usd": 10, "auto_approve_usd": 0, "buffer": "0.2"}
TOY = Path(__file__).parents[3] / "shared/data/openai/toy_chat_fine_tuning.jsonl"


def table(rows: str) -> list[Price]:
    return read_prices(load(f"version: 1\nprices:\n{rows}", "prices.yaml", "prices"))


def row(fields: str, provider: str = "openai", model: str = '"*"', checked: str = "2026-11-20") -> str:
    return f'  - {{provider: {provider}, model: {model}, {fields}, source: page, checked_on: "{checked}"}}\n'


def priced(rows: str, *, tokens: Tokens | int = 1_000_000, epochs: Epochs | int = 3, **more: Any) -> Estimate:
    policy = {**POLICY, **more.pop("policy", {})}
    return estimate(
        rows=600,
        tokens=Tokens.exactly(tokens) if isinstance(tokens, int) else tokens,
        epochs=Epochs(epochs, epochs, epochs) if isinstance(epochs, int) else epochs,
        provider="openai",
        model="gpt-x",
        prices=table(rows),
        cost_policy=policy,
        today=more.pop("today", TODAY),
        prices_path="evals/prices.yaml",
        **more,
    )


def point(result: Estimate) -> Decimal | None:
    return None if result.usd is None else result.usd.rounded.point


def test_tokens_times_epochs_times_price_with_the_buffer() -> None:
    result = priced(row('train_usd_per_mtok: "3.00"'))
    assert (result.training_tokens.point, point(result)) == (3_000_000, Decimal("10.80"))
    assert result.usd is not None
    assert result.usd.low == Decimal("9.00")
    assert not result.auto_approved
    assert result.findings == ()


def test_the_named_model_beats_the_star() -> None:
    rows = row('train_usd_per_mtok: "3.00"') + row('train_usd_per_mtok: "8.00"', model="gpt-x")
    assert point(priced(rows)) == Decimal("28.80")


def test_hours_times_price_an_hour() -> None:
    result = priced(row('usd_per_hour: "2.00", tokens_per_second: 1000'))
    assert (result.hours, point(result)) == (Decimal("1.000"), Decimal("2.00"))


def test_a_free_machine_costs_nothing_and_needs_no_approval() -> None:
    result = priced(row('usd_per_hour: "0"'))
    assert (point(result), result.auto_approved) == (Decimal("0.00"), True)


def test_a_fraction_of_a_cent_rounds_up() -> None:
    assert point(priced(row('train_usd_per_mtok: "0.0001"'), tokens=1, epochs=1)) == Decimal("0.01")


@pytest.mark.parametrize(
    "rows",
    [
        row('train_usd_per_mtok: "3"', provider="bedrock"),
        row('train_usd_per_mtok: "3"', model="gpt-y"),
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


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (45, []),
        (46, ["this price was checked 46 days ago"]),
        (-1, []),
        (-2, ["checked_on 2026-11-27 is still to come; say when the price was read"]),
    ],
)
def test_a_price_older_than_45_days_warns(days: int, said: list[str]) -> None:
    checked = (TODAY - datetime.timedelta(days=days)).isoformat()
    found = priced(row('train_usd_per_mtok: "3"', checked=checked)).findings
    assert [f.message for f in found] == said
    assert all((f.rule, f.place) == ("stale-price", "prices.yaml:3") for f in found)


@given(tokens=st.integers(0, 10**12), epochs=st.integers(1, 50), price=st.decimals(0, 1000, places=4))
def test_the_estimate_is_never_below_the_exact_price(tokens: int, epochs: int, price: Decimal) -> None:
    result = priced(row(f'train_usd_per_mtok: "{price:f}"'), tokens=tokens, epochs=epochs)
    exact = Decimal(tokens * epochs) * Decimal("1.2") * price / 1_000_000
    shown = point(result)
    assert shown is not None
    assert exact <= shown < exact + Decimal("0.01")


@given(
    low=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
    most=st.integers(0, 10**9),
    epochs=st.lists(st.integers(1, 25), min_size=3, max_size=3).map(sorted),
    price=st.decimals(0, 1000, places=4),
    hourly=st.booleans(),
)
def test_ranges_are_ordered_and_budgets_go_by_the_high_end(
    low: int, more: int, most: int, epochs: list[int], price: Decimal, hourly: bool
) -> None:
    fields = (
        f'usd_per_hour: "{price:f}", tokens_per_second: 37' if hourly else f'train_usd_per_mtok: "{price:f}"'
    )
    result = priced(row(fields), tokens=Tokens(low, low + more, low + more + most), epochs=Epochs(*epochs))
    usd = result.usd
    assert usd is not None
    assert usd.low <= usd.point <= usd.high
    over = "over-budget" in [f.rule for f in result.findings]
    assert over == (usd.rounded.high > 50)
    assert result.auto_approved == (usd.rounded.high == 0)
    written = result.to_dict()
    assert Decimal(written["usd_low"]) <= Decimal(written["usd"]) <= Decimal(written["usd_high"])


def test_the_high_end_is_named_when_auto_made_it() -> None:
    (found,) = priced(row('train_usd_per_mtok: "3"'), epochs=Epochs(1, 3, 25)).findings
    assert found.message == (
        "the training is priced at up to $90.00, the policy allows $50.00 (`auto` may take 25 epochs: write a number "
        "in the card); train fewer epochs or rows, or raise cost.max_training_usd in its own pull request"
    )


def test_validation_tokens_are_charged_only_where_the_row_says_so() -> None:
    billed_too = row('train_usd_per_mtok: "10", validation_billed: true')
    assert point(priced(billed_too, epochs=2, validation=Tokens.exactly(100_000))) == Decimal("26.40")
    assert point(priced(billed_too, epochs=2)) == Decimal("24.00")
    plain = row('train_usd_per_mtok: "10"')
    assert point(priced(plain, epochs=2, validation=Tokens.exactly(100_000))) == Decimal("24.00")


def test_hosting_rented_throughput_and_storage_are_parts_of_a_month() -> None:
    fields = (
        'train_usd_per_mtok: "1", hosting_usd_per_hour: "1.70", provisioned_usd_per_hour: "20", '
        'storage_usd_per_month: "1.95"'
    )
    parts = {part.name: part for part in priced(row(fields)).parts}
    assert {name: str(part.usd.rounded.high) for name, part in parts.items() if part.every == "month"} == {
        "hosting": "1241.00",
        "provisioned throughput": "14600.00",
        "storage": "1.95",
    }


# The rows of the cookbook's file cost 45, 111, 26, 28 and 8,032 tokens in cl100k_base.
@pytest.mark.skipif(not TOY.exists(), reason="the shared data folder is not here")
@pytest.mark.parametrize(("cap", "tokens", "cut"), [(4096, 4306, 1), (None, 8242, 0), (8032, 8242, 0)])
def test_the_cookbook_file_costs_what_the_cookbook_says(cap: int | None, tokens: int, cut: int) -> None:
    fields = 'tokenizer: cl100k_base, train_usd_per_mtok: "1"'
    fields += f", training_cap_tokens: {cap}" if cap else ""
    (price,) = table(row(fields))
    counted = billed(read_rows(TOY.read_bytes(), "toy.jsonl").rows, "gpt-x", price)
    assert (counted.tokens, len(counted.cut)) == (Tokens.exactly(tokens), cut)


def chat(text: str) -> bytes:
    return (
        f'{{"messages":[{{"role":"user","content":"{text}"}},{{"role":"assistant","content":"ok"}}]}}\n'
    ).encode()


def test_a_row_that_is_cut_is_named_by_its_line() -> None:
    (price,) = table(row("training_cap_tokens: 100"))
    rows = read_rows(chat("short") + chat("word " * 200) + chat("word " * 300), "t.jsonl").rows
    counted = billed(rows, "gpt-4.1", price)
    (found,) = counted.truncated("t.jsonl")
    assert (found.place, str(found.severity)) == ("t.jsonl:2", "warning")
    assert found.message == (
        "2 rows are longer than the 100 tokens that this model trains on, and cut there (line 2, 3): "
        "what comes later, usually the answer, is not learnt"
    )
    # 3 a row, 4 a message, and `short` and `ok`
    assert counted.tokens == Tokens.exactly(100 + 100 + 3 + 4 + 1 + 4 + 1)


def test_a_preference_row_pays_for_both_answers() -> None:
    preference = (
        b'{"input":{"messages":[{"role":"user","content":"hi"}]},'
        b'"preferred_output":[{"role":"assistant","content":"yes"}],'
        b'"non_preferred_output":[{"role":"assistant","content":"no"}]}\n'
    )
    counted = billed(read_rows(preference, "p.jsonl").rows, "gpt-4.1")
    assert counted.tokens == Tokens.exactly(3 + 3 * (3 + 1 + 1))


def test_a_tokenizer_that_nobody_published_gives_a_range() -> None:
    rows = read_rows(chat("where is my parcel"), "t.jsonl").rows
    exact = billed(rows, "gpt-4.1").tokens.point
    nova = billed(rows, "amazon.nova-lite-v1:0").tokens
    assert (nova.low, nova.point, nova.high) == (exact * 75 // 100, exact, -(-exact * 145 // 100))
    (known,) = table(row("tokenizer: o200k_base", model="amazon.nova-lite-v1:0"))
    assert billed(rows, "amazon.nova-lite-v1:0", known).tokens.is_exact


@given(counted=st.integers(0, 10**9), exact=st.booleans())
def test_token_bounds_hold_the_count_between_them(counted: int, exact: bool) -> None:
    bounds = token_bounds(counted, exact=exact)
    assert bounds.low <= bounds.point == counted <= bounds.high
    assert bounds.is_exact == (exact or counted == 0)


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [
        (5, Epochs(20, 20, 25)),
        (10, Epochs(10, 10, 25)),
        (33, Epochs(3, 3, 25)),
        (34, Epochs(2, 3, 25)),
        (600, Epochs(1, 3, 25)),
        (8_333, Epochs(1, 3, 3)),
        (8_334, Epochs(1, 2, 2)),
        (30_000, Epochs(1, 1, 1)),
        (0, Epochs(25, 25, 25)),
    ],
)
def test_auto_follows_the_rule_of_the_cookbook(rows: int, epochs: Epochs) -> None:
    assert epochs_of("auto", rows, "gpt-4.1-mini") == epochs


@given(rows=st.integers(0, 10**7))
def test_the_epochs_of_auto_are_ordered(rows: int) -> None:
    epochs = epochs_of("auto", rows, "gpt-4.1")
    assert 1 <= epochs.low <= epochs.point <= epochs.high <= 25


def test_epochs_come_from_the_card_then_from_the_price_row_then_from_the_family() -> None:
    (price,) = table(row("epochs: {least: 1, usual: 4, most: 10}"))
    assert epochs_of(7, 600, "gpt-4.1", price) == Epochs(7, 7, 7)
    assert epochs_of("auto", 600, "gpt-4.1", price) == Epochs(1, 4, 10)
    assert epochs_of("auto", 600, "amazon.nova-lite-v1:0") == Epochs(1, 2, 5)


@pytest.mark.parametrize(
    ("epochs", "rows", "warns"), [(4, 199, True), (3, 199, False), (4, 200, False), (25, 5_000, False)]
)
def test_many_epochs_over_few_rows_warn(epochs: int, rows: int, warns: bool) -> None:
    found = list(overfit_risk(Epochs(epochs, epochs, epochs), rows))
    assert [(f.rule, str(f.severity)) for f in found] == ([("overfit-risk", "warning")] if warns else [])


MONTH = [
    Spent(datetime.date(2026, 10, 31), Decimal(1000)),
    Spent(datetime.date(2026, 11, 1), Decimal("60.005")),
    Spent(datetime.date(2026, 11, 24), Decimal("29.19")),
    Spent(datetime.date(2025, 11, 24), Decimal(1000)),
]


def test_the_month_in_utc_is_held_with_this_training_in_it() -> None:
    rows = row('train_usd_per_mtok: "3"')
    fits = priced(rows, spent=MONTH, policy={"max_month_usd": 100})
    assert fits.findings == ()  # 60.005 + 29.19 + 10.80 = 99.995, rounded up to 100.00
    (found,) = priced(rows, spent=MONTH, policy={"max_month_usd": "99.99"}).findings
    assert (found.rule, found.message) == (
        "over-month-budget",
        "trainings of 2026-11 come to $100.00 with this one ($89.20 before it), the policy allows $99.99 a month; "
        "wait for the next month, or raise cost.max_month_usd in its own pull request",
    )
    december = datetime.date(2026, 12, 1)
    assert priced(rows, spent=MONTH, policy={"max_month_usd": 11}, today=december).findings == ()


def test_a_month_that_is_spent_stops_no_training_that_is_free() -> None:
    assert priced(row('usd_per_hour: "0"'), spent=MONTH, policy={"max_month_usd": 1}).findings == ()


@pytest.mark.parametrize(
    ("usd", "severity"),
    [(("9", "9", "9.99"), None), (("9", "10", "11"), "warning"), (("10.001", "11", "12"), "error")],
)
def test_an_evaluation_that_cannot_end_is_refused_and_one_that_may_not_is_told(
    usd: tuple[str, str, str], severity: str | None
) -> None:
    found = list(over_evaluation_budget(Usd(*map(Decimal, usd)), Decimal(10)))
    assert [str(f.severity) for f in found] == ([severity] if severity else [])


def answers(arm: str, usd_per_1k: str, *, trained: bool = False) -> AnswerPrice:
    # One output token at that price a thousand: 1,000 answers cost exactly what is asked for.
    price = TokenPrice(Decimal(0), Decimal(usd_per_1k) * 1000)
    return AnswerPrice(arm, trained, Decimal(0), 1, price)


def test_a_training_pays_back_after_so_many_requests_and_months() -> None:
    arms = [answers("base", "2"), answers("prompt-v2", "5"), answers("candidate", "3", trained=True)]
    best, worst = paybacks(arms, Decimal(90), Decimal(110), 100_000)
    # 2 dollars saved a thousand: 45,000 requests; 200 saved a month less 110: one month
    assert (best.against, best.requests, best.months) == ("prompt-v2", 45_000, Decimal("1.0"))
    assert best.requests_to_host == 55_000
    assert (worst.against, worst.requests, worst.months) == ("base", None, None)
    assert paid_back_on([best, worst], TODAY) == TODAY + datetime.timedelta(days=31)
    (never, _) = paybacks(arms, Decimal(90), Decimal(110), 55_000)
    assert (never.never_at_this_traffic, never.months) == (True, None)
    assert paid_back_on([never], TODAY) is None
    (unasked, _) = paybacks(arms, Decimal(90), Decimal(110), None)
    assert (unasked.requests, unasked.months, unasked.never_at_this_traffic) == (45_000, None, False)


def test_the_price_of_a_thousand_answers_by_hand() -> None:
    arm = AnswerPrice("base", False, Decimal("250.5"), 20, TokenPrice(Decimal("0.40"), Decimal("1.60")))
    # (250.5 × 0.40 + 20 × 1.60) / 1,000
    assert arm.usd_per_1k == Decimal("0.1322")


TUNED = row(
    'input_usd_per_mtok: "0.4", output_usd_per_mtok: "1.6", fine_tuned_input_usd_per_mtok: "0.8", '
    'fine_tuned_output_usd_per_mtok: "3.2"',
    model="gpt-x",
)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-x", TokenPrice(Decimal("0.4"), Decimal("1.6"))),
        ("gpt-x-2026-04-14", TokenPrice(Decimal("0.4"), Decimal("1.6"))),
        ("ft:gpt-x-2026-04-14:acme::abc", TokenPrice(Decimal("0.8"), Decimal("3.2"))),
        ("ft:gpt-x:acme::abc", TokenPrice(Decimal("0.8"), Decimal("3.2"))),
        ("gpt-x-mini", None),
    ],
)
def test_a_tuned_model_pays_the_tuned_price_of_its_base(model: str, price: TokenPrice | None) -> None:
    assert token_price(table(TUNED), "openai", model) == price


def test_a_tuned_price_is_never_guessed_from_the_base() -> None:
    rows = row('input_usd_per_mtok: "0.4", output_usd_per_mtok: "1.6"', model="gpt-x")
    assert token_price(table(rows), "openai", "ft:gpt-x:acme::abc") is None
    assert base_of("ft:gpt-x:acme::abc") == "gpt-x"


def test_a_region_takes_its_own_row_then_the_one_without_never_another() -> None:
    regional = row('region: us-east-1, input_usd_per_mtok: "1"') + row(
        'region: eu-west-1, input_usd_per_mtok: "2"'
    )
    prices = table(regional + row('input_usd_per_mtok: "3"'))

    def asked(region: str | None) -> Decimal | None:
        found = price_for(prices, "openai", "m", region)
        return None if found is None else found.input_usd_per_mtok

    assert [asked(region) for region in ("us-east-1", "eu-west-1", "ap-south-1", None)] == [1, 2, 3, 3]
    assert price_for(table(regional), "openai", "m", "ap-south-1") is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (row('usd_per_hour: "1"', checked="2026-02-30"), "2026-02-30 is not a day"),
        (row("tokens_per_second: .inf"), "expected a number, found inf"),
        (row("epochs: {least: 1, usual: 9, most: 5}"), "usual 9 does not lie between least 1 and most 5"),
        (row('usd_per_hour: "1"') * 2, "openai * stands here twice"),
    ],
)
def test_a_price_table_that_cannot_be_meant_is_refused_with_the_line(rows: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        table(rows)
    (problem,) = caught.value.problems
    assert said in problem.message
    assert problem.place.startswith("prices.yaml:")
