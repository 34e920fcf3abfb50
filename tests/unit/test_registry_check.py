"""The transition check: every pair of states, every piece of evidence, every way back."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from liftgate import Policy
from liftgate.registry.check import check_registry
from liftgate.registry.rules import NEVER_LOWERED, RULES
from registry_world import (
    NOW,
    SPOILT,
    SPOILT_AT_100,
    VARIANT,
    Spoil,
    World,
    manifest,
    registry,
    shadow_report,
    signed_report,
    world,
)

STATES = (None, 0, 3, 5, 25, 60, 100)
NEXT = {0: 5, 3: 5, 5: 25, 25: 100, 60: 100}


def expected(was: int | None, then: int | None) -> list[str]:
    """What the issue says of a change that lacks no evidence, written down without the code."""
    if was is None:
        return [] if then in (None, 0) else ["new-variant-not-at-zero"]
    if then is None:
        return ["variant-removed-while-served"] if was else []
    if then <= was or NEXT[was] == then:
        return []
    return ["rollout-step-skipped"]


@pytest.mark.parametrize(("was", "then"), list(product(STATES, STATES)))
def test_every_pair_of_rollouts_is_legal_or_refused_with_its_reason(
    was: int | None, then: int | None
) -> None:
    assert world(was, then).rules() == expected(was, then)


@pytest.mark.parametrize(("was", "then"), list(product(STATES, STATES)))
def test_every_pair_without_any_evidence(was: int | None, then: int | None) -> None:
    bare = replace(world(was, then), files={}, verdicts=(), manifests={}, pins=None, ledger=False)
    found = bare.rules()
    assert set(found) >= set(expected(was, then))
    if was is not None and then is not None and then <= was:
        assert found == []
    if was is not None and then is not None and then > was:
        needed = {"report-missing", "manifest-missing", "decision-missing", "runbook-missing", "shadow-unfit"}
        assert needed | ({"load-report-unfit"} if then == 100 else set()) <= set(found)


@pytest.mark.parametrize(("was", "then"), list(product(STATES[1:], STATES[1:])))
def test_a_new_flag_is_a_new_model_wherever_callers_or_shadow_requests_go(was: int, then: int) -> None:
    assert world(was, then).changed(flag="another").rules() == ["variant-changed-while-served"]


def test_a_variant_that_nothing_reaches_may_still_change() -> None:
    quiet = world(0, 0)
    assert quiet.was
    assert quiet.then
    still = replace(quiet, was={**quiet.was, "shadow_percent": 0}, then={**quiet.then, "shadow_percent": 0})
    assert still.changed(model_id="support-intent-again", flag="other").rules() == []


@pytest.mark.parametrize(("was", "then"), [(0, 5), (5, 25), (25, 100)])
@pytest.mark.parametrize(("rule", "spoil"), SPOILT.values(), ids=SPOILT)
def test_each_missing_piece_of_evidence_is_refused_at_every_step(
    was: int, then: int, rule: str, spoil: Spoil
) -> None:
    assert rule in spoil(world(was, then)).rules()


@pytest.mark.parametrize(("rule", "spoil"), SPOILT_AT_100.values(), ids=SPOILT_AT_100)
def test_all_callers_need_a_load_report_and_a_drill(rule: str, spoil: Spoil) -> None:
    assert spoil(world(25, 100)).rules() == [rule]
    assert spoil(world(5, 25)).rules() == []


@pytest.mark.parametrize(("was", "then"), [(5, 0), (25, 5), (100, 60)])
@pytest.mark.parametrize(
    "spoil", [s for _, s in {**SPOILT, **SPOILT_AT_100}.values()], ids=[*SPOILT, *SPOILT_AT_100]
)
def test_no_missing_evidence_stops_a_rollback(was: int, then: int, spoil: Spoil) -> None:
    # The evidence is gone on both sides: a rollback changes nothing but its dial.
    spoilt = spoil(world(was, then))
    assert spoilt.was
    assert spoilt.then
    both = replace(spoilt, was={**spoilt.then, "rollout_percent": was})
    assert both.rules() == []


def test_every_problem_is_told_at_once_with_its_place_and_a_way_out() -> None:
    bare = world(0, 100).changed(owner=None, on_call=None, report=None, load_report=None, rollback_drill=None)
    told = [f"{finding.place} {finding.rule}: {finding.message}" for finding in bare.findings()]
    assert told == [
        "models.yaml:11 on-call-missing: support-intent v1.1.0: `on_call` is not set",
        "models.yaml:11 owner-missing: support-intent v1.1.0: `owner` is not set",
        "models.yaml:11 report-missing: support-intent v1.1.0: `report` is not set: nothing says that it passed; "
        "liftgate run makes one",
        "models.yaml:28 load-report-missing: support-intent v1.1.0: `load_report` is not set, and 100% needs one; "
        "liftgate load-test support-intent --variant v1.1.0",
        "models.yaml:28 rollback-drill-missing: support-intent v1.1.0: `rollback_drill` is not set, and 100% needs one "
        "that somebody practised",
        "models.yaml:28 rollout-step-skipped: support-intent v1.1.0: from 0% the next step is 5%, not 100% "
        "(policy rollout.steps: 0 → 5 → 25 → 100); liftgate registry promote support-intent v1.1.0 --to 5",
    ]


def test_the_policy_names_other_steps_and_waives_with_zero() -> None:
    quick = Policy.from_dict({"rollout": {"steps": [0, 50, 100], "min_hours": 0, "min_shadow_requests": 0}})
    assert replace(world(0, 50), policy=quick, step_hours=0).changed(shadow_report=None).rules() == []
    assert replace(world(0, 5), policy=quick).rules() == ["rollout-step-skipped"]


def test_the_policy_lowers_some_rules_and_never_those_of_the_verdict() -> None:
    lenient = Policy.from_dict({"rules": {"owner-missing": "off", "verdict-not-pass": "off"}})
    spoilt = replace(world(), policy=lenient).changed(owner=None)
    assert "owner-missing" not in spoilt.rules()
    blocked = replace(SPOILT["a report of a block"][1](world()), policy=lenient)
    assert "verdict-not-pass" in blocked.rules()
    assert set(RULES) >= NEVER_LOWERED


def test_every_rule_is_documented_and_met() -> None:
    met = {rule for rule, _ in {**SPOILT, **SPOILT_AT_100}.values()}
    elsewhere = {
        "base-path-removed",
        "default-model-changed",
        "model-id-form",
        "new-variant-not-at-zero",
        "rollout-step-skipped",
        "unknown-model",
        "variant-changed-while-served",
        "variant-removed-while-served",
    }
    assert met | elsewhere == set(RULES)


def test_shadow_requests_need_a_pass_and_people() -> None:
    quiet = world(0, 0)
    assert quiet.was
    raised = replace(quiet, was={**quiet.was, "shadow_percent": 0})
    assert raised.rules() == []
    assert raised.changed(owner=None, report=None).rules() == ["owner-missing", "report-missing"]
    arriving = replace(quiet, was=None).changed(report=None)
    assert arriving.rules() == ["report-missing"]
    assert arriving.changed(shadow_percent=None).rules() == []


def test_a_report_is_changed_under_callers_only_for_one_that_carries_it() -> None:
    served = world(25, 25)
    assert served.was
    other = replace(served, was={**served.was, "report": {"path": "old.json", "sha256": "0" * 64}})
    assert other.rules() == []
    assert SPOILT["a report of another model" if False else "a report of another manifest"][1](
        other
    ).rules() == ["report-of-another-model"]


def test_papers_change_without_evidence() -> None:
    served = world(25, 25)
    bare = replace(served, verdicts=(), manifests={}, ledger=False)
    assert bare.changed(owner="others", on_call="others", cost_tag="x").rules() == []


HOSTED = "ft:gpt-4.1-mini:acme::AbC123"


def hosted(asked: str) -> World:
    """A promotion of a model whose weights its provider holds, by a report on the model `asked`."""
    arms = [{**arm, "model": asked} if arm["name"] == "candidate" else arm for arm in signed_report()["arms"]]
    report = signed_report(training__provider="openai", training__adapter_sha256=None, arms=arms)
    local = world()
    entry = {"provider": "openai", "model_id": HOSTED, "adapter_sha256": None}
    digest = manifest().digest
    made = replace(
        local.throughout(**entry), manifests={digest: {**manifest().to_dict(), "provider": "openai"}}
    )
    return made.with_file("shadow_report", shadow_report(model_id=HOSTED)).with_report(report)


def test_a_hosted_model_is_the_one_that_answered_under_its_id() -> None:
    # No job of the ledger made it in this world.
    assert hosted(HOSTED).rules() == ["unknown-model"]
    assert hosted("ft:gpt-4.1-mini:acme::Other1").rules() == ["report-of-another-model", "unknown-model"]


def test_each_alias_is_judged_by_itself() -> None:
    up, down = world(0, 25), world(25, 5)
    other = {"default": {"model_id": "m", "provider": "local"}, "variants": {"v1": down.was}}
    lower = {**other, "variants": {"v1": {**(down.was or {}), "rollout_percent": 5, "flag": "own"}}}
    higher = {**other, "variants": {"v1": {**(down.was or {}), "flag": "own"}}}
    before = registry({VARIANT: up.was}, more={"other": higher})
    evidence = up.evidence()
    for after, rules in (
        (registry({VARIANT: up.was}, more={"other": lower}), []),
        (registry({VARIANT: up.then}, more={"other": lower}), ["rollout-step-skipped"]),
    ):
        found = check_registry(before, after, evidence, up.policy, NOW)
        assert [finding.rule for finding in found] == rules


def test_places_are_lines_of_the_head() -> None:
    finding = next(iter(world(0, 25).findings()))
    line = str(
        world(0, 25).after.document.line(("models", "support-intent", "variants", VARIANT, "rollout_percent"))
    )
    assert finding.place == f"models.yaml:{line}"
