"""What a re-evaluation in the ledger counts for: a report judged again, and cycles with names of their own."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from liftgate.commands.watching.reevaluating import FIRST, batch_price, cycle_key, cycle_of, judged
from liftgate.config import Document
from liftgate.registry.models import Model
from liftgate.training.cost import Price, TokenPrice, read_prices
from registry_world import ago, signed_report, verdict, world


def again(report: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The entry of a cycle: another key, and the verdict key of its answers beside it."""
    return verdict(report, key="e" * 64, verdict_key=report["verdict_key"], cycle="first", **changes)


def test_a_new_report_of_a_cycle_carries_its_variant() -> None:
    report = signed_report(headline="Pass, may be merged: judged again.")
    fresh = replace(world().with_report(report, recorded=False), verdicts=(again(report),))
    assert fresh.rules() == []


def test_a_cycle_under_another_verdict_key_carries_nothing() -> None:
    report = signed_report()
    other = {**again(report), "verdict_key": "f" * 64}
    assert replace(world(), verdicts=(other,)).rules() == ["report-not-recorded"]


@pytest.mark.parametrize("turned", [False, True])
def test_the_same_answers_again_are_as_fresh_as_the_newest_entry(turned: bool) -> None:
    report = signed_report()
    entries = [verdict(report, at=ago(days=120)), again(report, at=ago(days=3))]
    assert replace(world(), verdicts=tuple(reversed(entries) if turned else entries)).rules() == []
    assert replace(world(), verdicts=(entries[0],)).rules() == ["report-too-old"]


def test_a_cycle_is_named_after_the_verdict_before_it_and_its_key_after_the_cycle() -> None:
    report = signed_report()
    then = world().after.aliases["support-intent"].variants["v1.1.0"]
    entries = [verdict(report, at=ago(days=9), key="b" * 64), verdict(report, at=ago(days=40), key="a" * 64)]
    known = judged(entries, "support-intent", then)
    assert [entry["key"][0] for entry in known] == ["a", "b"]
    assert cycle_of(known) == "b" * 64
    assert cycle_of([]) == FIRST
    assert judged([{**entries[0], "manifest_digest": None}], "support-intent", then) == []
    assert len({cycle_key(report, FIRST), cycle_key(report, "b" * 64)}) == 2


def price(**more: Any) -> Price:
    row = {
        "provider": "openai", "model": "base", "input_usd_per_mtok": "1", "output_usd_per_mtok": "4", "source": "ours",
        "checked_on": "2026-11-25", **more,
    }  # fmt: skip
    return read_prices(Document("prices.yaml", {"version": 1, "prices": [row]}))[0]


@pytest.mark.parametrize(("ratio", "asked"), [({"batch_ratio": 0.5}, "0.5"), ({}, "1")])
def test_a_batch_costs_its_share_and_never_less_than_the_table_says(ratio: Any, asked: str) -> None:
    live = TokenPrice(Decimal(1), Decimal(4))
    for model in (Model("base", "openai"), Model("deployment-7", "openai", base="base")):
        assert batch_price([price(**ratio)], model, live).input_usd_per_mtok == Decimal(asked)
