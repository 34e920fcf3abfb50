"""What a golden set can prove, told before money is spent."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.data.golden import Case, Cases
from liftgate.findings import Severity
from liftgate.policy import Policy
from liftgate.verdict.golden_power import Measured, golden_power, power_findings


def golden_of(buckets: Mapping[str, int], dimension: str = "intent", cluster: int = 1) -> Cases:
    names = [name for name, n in buckets.items() for _ in range(n)]
    cases = tuple(
        Case(f"c{i}", [{"role": "user", "content": f"q{i}"}], "x", {dimension: name}, i + 1,
             cluster_id=f"k{i // cluster}" if cluster > 1 else None)
        for i, name in enumerate(names)
    )  # fmt: skip
    return Cases("golden.jsonl", cases)


def told(cases: Cases, policy: Policy | None = None) -> list[tuple[str, Severity, str]]:
    policy = policy or Policy()
    return [
        (f.rule, f.severity, f.message) for f in power_findings(golden_power(cases, None, policy), policy)
    ]


def test_the_smallest_lift_is_that_of_the_formula_in_the_verdict() -> None:
    # (0.12 * 200 + 1) / 202 disagree; (1.6449 + 0.8416) * sqrt(0.12376 / 200) by hand.
    assert golden_power(golden_of({"a": 200}), None, Policy()).smallest_passable_lift == pytest.approx(
        0.06186, abs=1e-4
    )


def test_a_set_that_can_show_twice_the_asked_lift_is_left_alone() -> None:
    assert told(golden_of({"a": 250, "b": 250})) == []


def test_too_few_cases_are_told_with_the_lift_they_can_pass_and_the_cases_to_add() -> None:
    assert told(golden_of({"a": 60, "b": 40})) == [
        (
            "golden-power",
            Severity.WARNING,
            "100 golden cases: a candidate passes 80% of the time from a true lift of +8.9 points on, "
            "when 12.0% of the answers change (as is usual); 107 more cases would do for +6.0 points",
        )
    ]


def test_buckets_too_small_to_gate_are_told_smallest_first() -> None:
    found = told(golden_of({"big": 400, "refund": 22, "legal": 3}))
    assert found == [
        (
            "small-bucket",
            Severity.WARNING,
            "intent: 2 buckets have fewer than 40 golden cases, so a drop there can go unseen "
            "(in legal no drop can ever be proven): legal (3, add 37), refund (22, add 18)",
        )
    ]


def test_a_small_bucket_of_high_risk_is_an_error() -> None:
    found = told(golden_of({"high": 20, "standard": 300}, dimension="risk"))
    assert [(rule, severity) for rule, severity, _ in found] == [("small-bucket", Severity.ERROR)]
    assert "a drop is proven from 25 points on" in found[0][2]


def test_near_copies_count_once() -> None:
    power = golden_power(golden_of({"a": 200}, cluster=4), None, Policy())
    assert (power.cases, power.effective) == (200, 50)
    assert "(50 of them no near copies)" in told(golden_of({"a": 200}, cluster=4))[0][2]


def test_what_earlier_reports_measured_takes_the_place_of_the_assumption() -> None:
    cases, policy = golden_of({"a": 100}), Policy()
    power = golden_power(cases, None, policy, Measured(changed=119, cases=398, reports=2))
    assert (power.disagreement, power.reports) == (0.3, 2)
    assert power.smallest_passable_lift > golden_power(cases, None, policy).smallest_passable_lift
    (finding,) = power_findings(power, policy)
    assert "when 30.0% of the answers change (as in 2 earlier reports)" in finding.message
    equal = golden_power(cases, None, policy, Measured(changed=0, cases=98, reports=1))
    assert equal.disagreement == 0.01


def test_dimensions_that_the_suite_does_not_name_are_not_judged() -> None:
    assert golden_power(golden_of({"a": 3}), ["locale"], Policy()).small_buckets == ()


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_more_cases_never_pass_a_larger_lift_only(fewer: int, more: int) -> None:
    fewer, more = sorted((fewer, more))
    few, many = (golden_power(golden_of({"a": n}), None, Policy()) for n in (fewer, more))
    assert many.smallest_passable_lift <= few.smallest_passable_lift
