"""The default model stays until its successor was looked at again; model ids have the form of their provider."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from liftgate import Policy
from liftgate.registry.check import RegistryEvidence, check_registry
from liftgate.registry.history import State, states
from liftgate.registry.models import Models, read_models
from liftgate.registry.standing import standing
from registry_world import NOW, VARIANT, registry, signed_report, variant, verdict, world


def served(percent: int = 100) -> dict[str, Any]:
    return {VARIANT: variant(percent, world().files)}


def history(models: Models, days: float) -> tuple[State, ...]:
    at = NOW - datetime.timedelta(days=days)
    return states([("a" * 40, at, json.dumps(models.document.data).encode())])


def passes(*days_ago: float, **changes: Any) -> list[dict[str, Any]]:
    when = [(NOW - datetime.timedelta(days=days)).isoformat() for days in days_ago]
    return [verdict(signed_report(), at=at, key=f"{n:064}", **changes) for n, at in enumerate(when)]


def refused(
    after: Models | None,
    *verdicts: dict[str, Any],
    days: float = 60,
    before: Models | None = None,
    policy: Policy | None = None,
) -> list[str]:
    old = before or registry(served())
    evidence = RegistryEvidence(history=history(old, days), verdicts=verdicts)
    return [finding.rule for finding in check_registry(old, after, evidence, policy or Policy(), NOW)]


OTHER = registry(served(), default="another")
TUNED = registry(served(), default="support-intent-v1.1.0")


@pytest.mark.parametrize(
    ("after", "rule"),
    [(OTHER, "default-model-changed"), (TUNED, "base-path-removed"), (None, "base-path-removed")],
)
def test_two_passes_at_full_rollout_come_first(after: Models | None, rule: str) -> None:
    served_still = ["variant-removed-while-served"] if after is None else []
    assert refused(after) == [rule, *served_still]
    assert refused(after, *passes(30)) == [rule, *served_still]
    assert refused(after, *passes(40, 20)) == served_still


@pytest.mark.parametrize(
    ("verdicts", "days"),
    [
        (passes(40, 30), 60),
        (passes(50, 20), 30),
        (passes(5, 4), 60),
        (passes(40, 20, verdict="block"), 60),
        (passes(40, 20, manifest_digest="0" * 64), 60),
        (passes(40, 20, alias="other"), 60),
        (passes(40, -3), 60),
    ],
    ids=["too close", "before 100%", "too soon", "blocks", "another model", "another alias", "the future"],
)
def test_other_passes_do_not_count(verdicts: list[dict[str, Any]], days: float) -> None:
    assert refused(OTHER, *verdicts, days=days) == ["default-model-changed"]


def test_a_variant_below_full_rollout_replaces_nobody() -> None:
    before, after = registry(served(25)), registry(served(25), default="another")
    assert refused(after, *passes(40, 20), before=before) == ["default-model-changed"]


def test_an_alias_that_is_removed_asks_for_as_much() -> None:
    gone = read_models("version: 1\nmodels: {}\n")
    assert refused(gone, before=registry({})) == ["base-path-removed"]
    waived = Policy.from_dict({"rollout": {"reevaluation_cycles": 0}})
    assert refused(gone, before=registry({}), policy=waived) == []


def test_a_new_alias_needs_nothing() -> None:
    found = check_registry(None, registry(served(0) | {}), RegistryEvidence(), Policy(), NOW)
    assert {finding.rule for finding in found} <= {"report-missing", "owner-missing"} | {
        f.rule for f in found
    }
    quiet = {VARIANT: variant(0, world().files, shadow_percent=None, report=None)}
    assert check_registry(None, registry(quiet), RegistryEvidence(), Policy(), NOW) == []


FORMS = [
    ("openai", "ft:gpt-4.1-mini-2025-04-14:acme::AbC123", True),
    ("openai", "ft:gpt-4.1-mini-2025-04-14:acme:support:AbC123:ckpt-step-90", True),
    ("openai", "gpt-4.1-mini", False),
    ("openai", "ft:gpt-4.1-mini", False),
    ("openai", "ft:gpt-4.1-mini:acme::AbC 123", False),
    ("azure", "support-intent-v1", True),
    ("azure", "ft:gpt:acme::x", False),
    ("bedrock", "arn:aws:bedrock:eu-central-1:123456789012:custom-model-deployment/abc123", True),
    ("bedrock", "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:imported-model/abc", True),
    ("bedrock", "amazon.nova-lite-v1:0", False),
    ("bedrock", "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0", False),
    ("together", "acme/Llama-3-8b-support", True),
    ("together", "llama", False),
    ("fireworks", "accounts/acme/models/support", True),
    ("fireworks", "support", False),
    ("local", "support-intent-v1.1.0", True),
    ("local", "two words", False),
    ("local", "a\nb", False),
]


@pytest.mark.parametrize(("provider", "model_id", "right"), FORMS)
def test_a_model_id_has_the_form_of_its_provider(provider: str, model_id: str, right: bool) -> None:
    models = registry({VARIANT: variant(0, world().files, provider=provider, model_id=model_id)})
    assert [finding.rule for finding in standing(models)] == ([] if right else ["model-id-form"])


def test_a_host_that_speaks_the_protocol_names_its_models_as_it_likes() -> None:
    entry = variant(
        0, world().files, provider="openai", model_id="my/model", base_url="https://host.example/v1"
    )
    assert list(standing(registry({VARIANT: entry}))) == []


def test_an_arn_is_of_the_region_that_stands_beside_it() -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:custom-model-deployment/abc123"
    entry = variant(0, world().files, provider="bedrock", model_id=arn, region="us-east-1")
    assert [f.message for f in standing(registry({VARIANT: entry}))] == [
        "support-intent v1.1.0: the ARN is of eu-central-1, region says us-east-1; correct one of them"
    ]


@pytest.mark.parametrize(
    ("known", "rules"), [(frozenset({"ft:gpt-4.1-mini:acme::AbC123"}), []), (frozenset(), ["unknown-model"])]
)
def test_a_hosted_model_is_one_that_a_job_of_the_ledger_made(known: frozenset[str], rules: list[str]) -> None:
    made = {
        "provider": "openai",
        "model_id": "ft:gpt-4.1-mini:acme::AbC123",
        "report": None,
        "shadow_percent": None,
    }
    after = registry({VARIANT: variant(0, world().files, **made)})
    evidence = RegistryEvidence(model_ids=known)
    assert [f.rule for f in check_registry(registry({}), after, evidence, Policy(), NOW)] == rules


def test_sums_flags_and_ids_of_other_aliases_are_not_this_changes_business() -> None:
    broken = {
        "default": {"model_id": "m", "provider": "local"},
        "variants": served(100) | {"v9": served()[VARIANT]},
    }
    before = registry({}, more={"other": broken})
    quiet = {VARIANT: variant(0, world().files, shadow_percent=None, report=None, flag="own")}
    after = registry(quiet, more={"other": broken})
    assert check_registry(before, after, RegistryEvidence(), Policy(), NOW) == []
    assert {finding.rule for finding in standing(after)} == {"rollout-over-100", "flag-used-twice"}
