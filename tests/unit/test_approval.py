"""Approvals: bound to everything that they allow, and refused when anything is another."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from launch_world import MANIFEST, PRICE
from liftgate.errors import InputError
from liftgate.findings import Finding
from liftgate.policy import ApprovalPolicy, Policy, ProvidersPolicy, TriggerPolicy
from liftgate.training.approval import (
    Terms,
    approval_missing,
    enough_reviewed,
    issue,
    may_leave,
    parse_time,
    rfc3339,
    usable,
    void,
)
from liftgate.training.ledger import SEAL, Entry, sealed

NOW = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
POLICY = Policy()
TERMS = Terms(MANIFEST, Decimal("12.40"), PRICE, POLICY.fingerprint, "ann", "octocat/toy", "pull/7")
HOUR = datetime.timedelta(hours=1)


def approved(by: str = "owner", terms: Terms = TERMS, at: datetime.datetime = NOW, hours: int = 72) -> Entry:
    return issue(terms, approver=by, at=at, max_age_hours=hours, run="run/1")


def why(approval: Entry, terms: Terms = TERMS, *, policy: Policy = POLICY, **more: Any) -> str | None:
    return void(approval, terms, policy, now=more.get("now", NOW + HOUR), consumed=more.get("consumed", ()))


def test_an_approval_of_the_same_terms_counts() -> None:
    assert why(approved()) is None


def other_manifest(**change: Any) -> Callable[[Terms], Terms]:
    def changed(terms: Terms) -> Terms:
        return dataclasses.replace(terms, manifest=dataclasses.replace(terms.manifest, **change))

    return changed


def other(**change: Any) -> Callable[[Terms], Terms]:
    return lambda terms: dataclasses.replace(terms, **change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_manifest(seed=1), "it is for another manifest"),
        (other_manifest(train_sha256="f" * 64), "it is for another manifest"),
        (other_manifest(hyperparameters={"epochs": 4}), "it is for another manifest"),
        (other_manifest(alias="other"), "it is for another alias"),
        (other(usd=Decimal("12.41")), "the price has changed since"),
        (other(usd=Decimal("12.39")), "the price has changed since"),
        (other(price_sha256="f" * 64), "the row of the price table has changed since"),
        (other(policy_fingerprint=Policy(min_lift=0.0).fingerprint), "the policy has changed since"),
        (other(author="bob"), "it is for the change of another author"),
        (other(repository="mallory/toy"), "it is for another repository"),
        (other(repository=None), "it is for another repository"),
        (other(change="pull/8"), "it is for another change"),
    ],
)
def test_any_change_since_voids_it(change: Callable[[Terms], Terms], reason: str) -> None:
    assert why(approved(), change(TERMS)) == reason


@pytest.mark.parametrize("field", sorted(approved()))
def test_an_edited_field_voids_it(field: str) -> None:
    assert why({**approved(), field: "edited"}) == "it was edited after it was written"


def test_it_lasts_as_long_as_it_says_and_as_the_policy_allows_now() -> None:
    assert why(approved(), now=NOW + 72 * HOUR - HOUR / 60) is None
    assert why(approved(), now=NOW + 72 * HOUR) == "it has expired"
    assert why(approved(hours=1000), now=NOW + 80 * HOUR) == "it has expired"
    assert why(approved(), now=NOW - HOUR) == "it is dated in the future"


@pytest.mark.parametrize("by", ["ann", "Ann", "ANN", "ann[bot]", "@ann"])
def test_nobody_approves_a_change_of_their_own(by: str) -> None:
    assert why(approved(by)) == "the author of the change approved it"
    policy = Policy(approval=ApprovalPolicy(self_approval=True))
    terms = dataclasses.replace(TERMS, policy_fingerprint=policy.fingerprint)
    assert why(approved(by, terms), terms, policy=policy) is None


def test_it_is_good_for_one_launch() -> None:
    spent = approved()
    assert why(spent, consumed={spent[SEAL]}) == "a launch has used it already"
    assert why(approved(at=NOW + HOUR / 2), consumed={spent[SEAL]}) is None


def test_an_approval_that_is_replayed_for_another_digest_is_refused_even_when_resealed() -> None:
    forged = sealed({**approved(), "digest": "f" * 64})
    assert why(forged) == "it is for another manifest"


def test_the_finding_says_why_no_approval_counts() -> None:
    expired, own = approved(at=NOW - 100 * HOUR), approved("ann")
    found, reasons = usable([expired, own], TERMS, POLICY, now=NOW + HOUR, consumed=())
    assert found is None
    assert approval_missing(TERMS, reasons).message == (
        "the training is priced at $12.40 and needs an approval; nothing was started; "
        f"approval {expired[SEAL][:12]}… does not count: it has expired; "
        f"approval {own[SEAL][:12]}… does not count: the author of the change approved it"
    )
    good = approved()
    assert usable([expired, good, own], TERMS, POLICY, now=NOW + HOUR, consumed=())[0] == good
    assert approval_missing(TERMS, []).message == (
        "the training is priced at $12.40 and needs an approval; nothing was started"
    )


def refused(provider: str, classification: str | None, policy: Policy = POLICY) -> list[Finding]:
    return list(may_leave(provider, classification, policy, card="card.yaml", line=4))


def test_rows_go_only_where_the_policy_lets_their_classification_go() -> None:
    assert refused("openai", "public") == []
    assert refused("local", "restricted") == []
    assert refused("local", None) == []
    for classification in ("internal", "confidential", "restricted"):
        assert [f.rule for f in refused("openai", classification)] == ["provider-not-allowed"]
    policy = Policy(providers_by_classification=ProvidersPolicy(public=(), internal=("bedrock",)))
    assert refused("bedrock", "internal", policy) == []
    assert refused("openai", "public", policy) != []
    (finding,) = refused("openai", "internal", policy)
    assert finding.place == "card.yaml:4"
    assert finding.message == (
        "openai may not hold internal rows: it keeps uploads by its own terms; the policy's "
        "providers_by_classification allows bedrock"
    )


def test_a_card_without_a_classification_counts_as_the_strictest() -> None:
    (finding,) = refused("azure", None)
    assert finding.message == (
        "azure may not hold rows whose card gives no data_classification: it keeps uploads by its own terms; the "
        "policy's providers_by_classification allows none"
    )


def test_too_few_reviewed_rows_are_told_with_their_count_and_may_be_waived() -> None:
    assert list(enough_reviewed(500, POLICY, path="train.jsonl")) == []
    (finding,) = enough_reviewed(499, POLICY, path="train.jsonl")
    assert (finding.rule, finding.place) == ("too-few-reviewed-rows", "train.jsonl")
    assert finding.message.startswith("499 reviewed rows, the policy starts a paid training from 500;")
    waived = Policy(trigger=TriggerPolicy(min_reviewed_rows=0))
    assert list(enough_reviewed(0, waived, path="train.jsonl")) == []


def test_a_policy_file_says_who_may_hold_what() -> None:
    written = {
        "approval": {"self_approval": True, "max_age_hours": 5},
        "trigger": {"min_reviewed_rows": 0},
        "providers_by_classification": {"internal": ["azure"]},
    }
    policy = Policy.from_dict(written)
    assert policy.approval == ApprovalPolicy(self_approval=True, max_age_hours=5)
    assert policy.providers_by_classification == ProvidersPolicy(internal=("azure",))
    assert Policy.from_dict(policy.to_dict()) == policy
    with pytest.raises(InputError, match="is not one of azure, bedrock"):
        Policy.from_dict({"providers_by_classification": {"public": ["anyone"]}})
    with pytest.raises(InputError, match="did you mean 'restricted'"):
        Policy.from_dict({"providers_by_classification": {"restrictd": []}})


def test_times_survive_being_written() -> None:
    for at in (NOW, NOW + datetime.timedelta(microseconds=123)):
        assert parse_time(rfc3339(at)) == at
    assert rfc3339(NOW) == "2026-11-25T09:00:00Z"
