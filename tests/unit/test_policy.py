from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from liftgate.config import load, parse_yaml, schema
from liftgate.errors import InputError
from liftgate.policy import Policy, SafetyPolicy, exact


def refused(data: Any) -> str:
    with pytest.raises(InputError) as caught:
        Policy.from_dict(data)
    return str(caught.value)


def defaults(described: dict[str, Any]) -> dict[str, Any]:
    return {
        name: defaults(entry) if "properties" in entry else entry["default"]
        for name, entry in described["properties"].items()
        if "properties" in entry or "default" in entry
    }


def test_the_defaults_are_those_of_the_schema() -> None:
    written = Policy().to_dict()
    del written["version"], written["rules"], written["judge"]["bucket_max_drop"]
    assert written == defaults(dict(schema("policy")))


def test_a_policy_survives_its_own_form() -> None:
    data = {"version": 1, "cost": {"max_training_usd": 12.35}, "bucket_evidence": {"default": "report"}}
    policy = Policy.from_dict(data)
    assert policy.cost.max_training_usd == Decimal("12.35")
    assert Policy.from_dict(policy.to_dict()) == policy


def test_the_fingerprint_changes_with_any_threshold_and_with_nothing_else() -> None:
    assert Policy().fingerprint == Policy.from_dict({}).fingerprint
    assert Policy().fingerprint != Policy(min_lift=0.031).fingerprint
    assert len(Policy().fingerprint) == 64


def test_how_a_verdict_is_told_is_no_part_of_it() -> None:
    policy = Policy.from_dict({"report": {"show": "ids"}})
    assert policy.report.show == "ids" and Policy().report.show == "redacted"
    assert policy.fingerprint == Policy().fingerprint


def test_every_problem_is_reported_at_once_with_a_suggestion() -> None:
    assert refused({"min_lfit": 0.1, "alpha": 2, "insufficient_evidence": "wran"}) == (
        "policy has 3 problems\n"
        "  policy:1 $.min_lfit: 'min_lfit' is not a key here; did you mean 'min_lift'?\n"
        "  policy:1 $.alpha: 2 must be less than 0.5\n"
        "  policy:1 $.insufficient_evidence: 'wran' is not one of fail, warn; did you mean 'warn'?\n"
        "  hint: thresholds and their defaults: src/liftgate/schemas/policy.schema.json"
    )


@pytest.mark.parametrize("data", [None, [], "x", 3, {"min_lift": float("nan")}, {"min_lift": "0.03"}])
def test_what_is_no_policy_is_refused(data: Any) -> None:
    assert "policy has 1 problem\n" in refused(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"latency": {"block_ratio": 1.05}}, "1.05 blocks what accept_ratio 1.1 accepts"),
        ({"json_valid": {"and_candidate_at_least": 0.9}}, "0.9 is below or_base_below 0.95"),
        ({"safety": {"confirm_runs": 5, "alpha": 0.001}}, "5 runs a side can never reach alpha 0.001"),
        ({"cost": {"auto_approve_usd": 60}}, "is more than max_training_usd allows"),
        ({"data": {"validation_share": [0.3, 0.1]}}, "[0.3, 0.1] is not a range"),
        ({"bucket_evidence": {"default": "report", "a:b": "report", "a: b": "suspect"}}, "stands here twice"),
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(data: dict[str, Any], message: str) -> None:
    assert message in refused(data)


def test_a_contradiction_points_at_its_line() -> None:
    text = "version: 1\nlatency:\n  strict: true\n  block_ratio: 1.0\n"
    with pytest.raises(InputError, match=r"policy.yaml:4 \$\.latency\.block_ratio"):
        Policy.from_document(load(text, "policy.yaml", "policy"))


def test_keyword_arguments_are_held_to_the_same_ranges() -> None:
    with pytest.raises(InputError, match="must be at least 0"):
        Policy(min_lift=-0.1)
    with pytest.raises(InputError, match="can never reach"):
        Policy(safety=SafetyPolicy(confirm_runs=5, alpha=0.001))


def test_a_bucket_finds_its_own_evidence_then_its_dimensions_then_the_default() -> None:
    wanted = {"default": "suspect", "risk: high": "noninferior", "locale": "report"}
    policy = Policy.from_dict({"bucket_evidence": wanted})
    assert policy.evidence_for("risk", "high") == "noninferior"
    assert policy.evidence_for("risk", "low") == "suspect"
    assert policy.evidence_for("locale", "de") == "report"
    assert Policy().evidence_for("risk", "high") == "suspect"


def test_a_ratio_means_the_decimal_number_that_was_written() -> None:
    assert exact(0.05) == Fraction(1, 20)
    assert 0.80 - 0.75 > 0.05
    assert not Fraction(80 - 75, 100) > exact(0.05)


def test_off_in_yaml_is_a_severity_and_not_false() -> None:
    document = parse_yaml("version: 1\nrules: {pii: off, schema: warning}\n", "policy.yaml")
    assert Policy.from_document(document).rules == {"pii": "off", "schema": "warning"}
