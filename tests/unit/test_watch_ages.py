"""Must hold on every day: how old an evaluation is, and how long a model still lives."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from liftgate.registry.models import Models, read_models
from liftgate.training.sunset import Limits, Sunsets, read_sunsets, serving_ends
from liftgate.watch.ages import flag_down_due, weights_findings
from liftgate.watch.health import Health, health, health_findings
from log_world import MODELS

TODAY = datetime.date(2026, 11, 25)
DIGEST = "a" * 64


def registry(evaluated_at: str | None = "2026-11-20T09:00:00Z", percent: int = 25) -> Models:
    text = MODELS.replace(
        "rollout_percent: 25", f"rollout_percent: {percent}\n        manifest_digest: {DIGEST}"
    )
    line = '        evaluated_at: "2026-11-20T09:00:00Z"\n'
    return read_models(
        text.replace(line, f'        evaluated_at: "{evaluated_at}"\n' if evaluated_at else "")
    )


def verdict(at: str, said: str = "pass", digest: str = DIGEST, report: str = "r") -> dict[str, Any]:
    return {"alias": "support", "manifest_digest": digest, "at": at, "verdict": said, "report_sha256": report}


def told(
    models: Models, today: datetime.date = TODAY, verdicts: tuple[Mapping[str, Any], ...] = ()
) -> list[tuple[str, str]]:
    alias = models.aliases["support"]
    found = weights_findings(models, alias, alias.variants["v1.1.0"], verdicts, today, 90)
    return [(str(finding.severity), finding.message) for finding in found]


def days_ago(days: int) -> str:
    return f"{TODAY - datetime.timedelta(days=days)}T09:00:00Z"


@pytest.mark.parametrize(
    ("age", "severity", "words"),
    [
        (0, None, ""),
        (7, None, ""),
        (30, None, ""),
        (59, None, ""),
        (60, "notice", "60 days ago; it is stale after in 30 days"),
        (82, "notice", "82 days ago; it is stale after in 8 days"),
        (83, "warning", "83 days ago; it is stale after in 7 days"),
        (90, "warning", "90 days ago; it is stale after today"),
        (91, "error", "91 days ago; the policy allows 90"),
        (-1, "error", "which is still to come"),
    ],
)
def test_weights_are_fresh_due_and_stale_on_their_days(age: int, severity: str | None, words: str) -> None:
    found = told(registry(days_ago(age)))
    assert [each for each, _ in found] == ([severity] if severity else [])
    assert words in str(found)


@pytest.mark.parametrize(
    ("at", "today", "days"),
    [
        ("2027-12-01T12:00:00Z", datetime.date(2028, 3, 1), 91),
        ("2026-12-01T12:00:00Z", datetime.date(2027, 3, 1), 90),
        ("2024-02-29T00:00:00Z", datetime.date(2024, 5, 30), 91),
        ("2024-02-29T23:59:59Z", datetime.date(2024, 5, 29), 90),
    ],
)
def test_leap_days_count(at: str, today: datetime.date, days: int) -> None:
    assert f"{days} days ago" in str(told(registry(at), today))


def test_the_day_is_that_of_utc_wherever_a_verdict_was_written() -> None:
    early = told(registry(), TODAY, (verdict("2026-08-26T23:30:00-02:00"),))
    late = told(registry(), TODAY, (verdict("2026-08-27T00:30:00+01:00"),))
    assert early[0][0] == "warning" and "on 2026-08-27" in early[0][1]
    assert late[0][0] == "error" and "on 2026-08-26" in late[0][1]


def test_the_ledger_counts_before_what_the_registry_claims_and_only_for_these_weights() -> None:
    claims = registry(days_ago(1))
    assert told(claims, TODAY, (verdict(days_ago(100)),))[0][0] == "error"
    assert told(claims, TODAY, (verdict(days_ago(100), digest="b" * 64),)) == []
    assert told(claims, TODAY, (verdict(days_ago(100)), verdict(days_ago(3)))) == []


def test_a_reevaluation_that_did_not_pass_is_told() -> None:
    [(severity, message)] = told(registry(), TODAY, (verdict(days_ago(9)), verdict(days_ago(2), "block")))
    assert (
        severity == "error" and "the verdict was block; liftgate registry rollback support v1.1.0" in message
    )


def test_what_nobody_can_date_is_stale() -> None:
    assert told(registry(None))[0][1].startswith("nothing says when v1.1.0 was evaluated")


def test_a_rollback_is_proposed_a_month_after_that_and_only_for_what_callers_get() -> None:
    def due(age: int, percent: int = 25) -> bool:
        alias = registry(days_ago(age), percent).aliases["support"]
        return flag_down_due(alias, alias.variants["v1.1.0"], (), TODAY, 90, 30)

    assert [due(90), due(91), due(120), due(121), due(121, 0)] == [False, False, False, True, False]


ENDS = """\
version: 1
sunsets:
  - {provider: openai, model: plain-model, shutdown_on: "2028-02-29", source: page, checked_on: "2027-11-30"}
"""


@pytest.mark.parametrize(
    ("left", "severity", "words"),
    [
        (366, None, ""),
        (91, "warning", "in 91 days"),
        (90, "warning", "in 90 days"),
        (60, "warning", "in 60 days"),
        (30, "warning", "in 30 days"),
        (29, "error", "in 29 days; the policy wants 30 days"),
        (7, "error", "in 7 days"),
        (1, "error", "in 1 day;"),
        (0, "error", "ended on 2028-02-29"),
        (-1, "error", "ended on 2028-02-29"),
    ],
)
def test_a_model_that_ends_on_a_leap_day_is_told_on_every_day_before(
    left: int, severity: str | None, words: str
) -> None:
    today = datetime.date(2028, 2, 29) - datetime.timedelta(days=left)
    sunsets = Sunsets(read_sunsets(ENDS))
    found = list(
        serving_ends(
            sunsets, "openai", "plain-model", today, Limits(), named="the default model", promoting=False
        )
    )
    assert [str(finding.severity) for finding in found] == ([severity] if severity else [])
    assert words in str(found)


# the gate itself


def verdicts(*said: str, digests: int = 1000) -> list[dict[str, Any]]:
    return [verdict(days_ago(n % 90), each, f"{n % digests:064x}", f"r{n}") for n, each in enumerate(said)]


def rules(found: Health) -> list[str]:
    return [finding.rule for finding in health_findings(found, 20)]


def test_a_gate_that_only_ever_says_one_thing_is_told() -> None:
    assert rules(health("support", verdicts(*["pass"] * 19), None)) == []
    assert rules(health("support", verdicts(*["pass"] * 20), None)) == ["gate-never-failed"]
    assert rules(health("support", verdicts(*["pass"] * 20, "block"), None)) == []
    assert rules(health("support", verdicts(*["block"] * 12, *["insufficient-evidence"] * 9), None)) == [
        "gate-never-passed"
    ]
    assert rules(health("other", verdicts(*["pass"] * 20), None)) == []


def test_weights_with_a_pass_and_a_block_are_flakes_and_blocked_ones_are_catches() -> None:
    mixed = verdicts(*["pass"] * 10, *["block"] * 4, *["pass"] * 6, digests=10)
    found = health("support", mixed, Decimal(100))
    assert (found.judged_again, found.flakes, found.caught) == (10, 4, 0)
    assert rules(found) == ["gate-flaky"]
    caught = health("support", verdicts("block", "block", "block", "pass"), Decimal("10.00"))
    assert (caught.caught, str(caught.usd_per_catch)) == (3, "3.34")
    assert caught.to_dict()["usd_per_catch"] == "3.34"
    assert health("support", verdicts("pass"), Decimal(10)).usd_per_catch is None


def test_one_verdict_under_two_keys_counts_once() -> None:
    assert health("support", [*verdicts("pass"), *verdicts("pass")], None).verdicts == 1
