"""The verdict as a whole: what it follows from, and what must not matter to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.config import schema
from liftgate.evaluation.runs import EvalRun
from liftgate.findings import blocks
from liftgate.policy import Policy
from liftgate.verdict.comparison import compare
from verdict_examples import (
    GOOD,
    TRUSTED,
    Row,
    confirmed,
    judged,
    on_counts,
    part,
    prompts,
    row,
    rows_of,
    rules,
    safety,
    timed,
    with_bucket,
    with_metric,
)

GSM8K = Path(__file__).parents[3] / "shared/data/gsm8k/pair.jsonl"


def test_a_proven_lift_passes() -> None:
    comparison = on_counts(**GOOD)
    assert (comparison.verdict, comparison.findings) == ("pass", [])
    assert comparison.lift.to_dict() == {
        "metric": "exact_match",
        "n": 200,
        "mean": pytest.approx(0.08),
        "low": pytest.approx(0.042387, abs=1e-5),
        "high": pytest.approx(0.123137, abs=1e-5),
    }
    assert part(comparison, "lift").detail == (
        "exact_match 77.0% → 85.0%: +8.0 points (95% bounds +4.2 to +12.3) over 200 cases, "
        "20 fixes, 4 regressions"
    )
    assert comparison.counts == GOOD


def test_a_lift_whose_upper_bound_is_below_the_minimum_blocks() -> None:
    comparison = on_counts(both=900, fixes=10, regressions=10, neither=80)
    assert (comparison.verdict, rules(comparison)) == ("block", ["lift-below-minimum"])
    assert part(comparison, "lift").detail.endswith(
        "; even the upper bound is below the +3.0 points asked for"
    )


def test_a_lift_that_is_not_proven_is_insufficient_evidence_and_says_what_would_settle_it() -> None:
    comparison = on_counts(both=80, fixes=8, regressions=4, neither=8)
    assert (comparison.verdict, rules(comparison)) == ("insufficient-evidence", ["lift-unproven"])
    assert part(comparison, "lift").detail == (
        "exact_match 84.0% → 88.0%: +4.0 points (95% bounds -1.9 to +10.3) over 100 cases, "
        "8 fixes, 4 regressions; not proven to be above 0; 903 cases would show a true lift of +4.0 points"
    )
    assert comparison.power.cases_needed == 903


def test_exactly_the_minimum_lift_is_enough_when_proven() -> None:
    assert part(on_counts(both=900, fixes=31, regressions=1, neither=68), "lift").state == "ok"
    assert part(on_counts(both=901, fixes=30, regressions=1, neither=68), "lift").state == "unclear"


def test_exactly_the_largest_share_of_regressions_is_not_below_it() -> None:
    assert part(on_counts(both=86, regressions=14), "regression-share").state == "ok"
    assert part(on_counts(both=85, regressions=15), "regression-share").state == "unclear"
    assert part(on_counts(both=170, regressions=30), "regression-share").state == "unclear"


def test_a_share_of_regressions_proven_too_large_blocks_whatever_the_lift() -> None:
    comparison = on_counts(both=40, fixes=100, regressions=50)
    assert (comparison.verdict, rules(comparison)) == ("block", ["too-many-regressions"])
    assert part(comparison, "regression-share").detail == (
        "50 regressions in 190 cases, 26.3%; at least 21.1% with 95% confidence, 15% is the limit"
    )


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"fixes": 1}, "insufficient-evidence"),
        ({"regressions": 1}, "insufficient-evidence"),
        ({"both": 1}, "insufficient-evidence"),
        ({"fixes": 200}, "pass"),
        ({"regressions": 200}, "block"),
        ({"both": 20}, "insufficient-evidence"),
        ({"both": 1000}, "block"),
        ({"neither": 1000}, "block"),
    ],
)
def test_extremes_have_a_defined_outcome(counts: dict[str, Any], verdict: str) -> None:
    assert on_counts(**counts).verdict == verdict


def test_the_verdict_follows_from_the_parts_and_the_form_is_that_of_the_schema() -> None:
    validator = jsonschema_rs.validator_for(dict(schema("comparison")))
    comparisons = [
        on_counts(**GOOD),
        on_counts(regressions=40, both=3),
        with_bucket(size=22, fixes=0, regressions=2),
        safety(prompts({}) + confirmed(7, 0), prompts({7: 3}) + confirmed(7, 5)),
        timed(1.5),
        judged([], []),
        with_metric("faithfulness", [(0.2, 0.9)] * 100, calibration=TRUSTED),
    ]
    for comparison in comparisons:
        validator.validate(json.loads(comparison.to_json()))
        states = {each.state for each in comparison.parts if each.gates}
        expected = "block" if "fail" in states else "pass" if states == {"ok"} else "insufficient-evidence"
        assert comparison.verdict == expected
        assert blocks(comparison.findings) == (expected == "block")


def test_regressions_for_review_are_a_spread_sample_that_stays_the_same() -> None:
    groups = [
        rows_of(regressions=size, name=name, buckets={"intent": name})
        for name, size in (("a", 100), ("b", 5))
    ]
    base, candidate = ([each for group in groups for each in group[side]] for side in (0, 1))
    comparison = judged(base, candidate)
    chosen = [each.case_id for each in comparison.regressions]
    assert (len(chosen), comparison.regressions_total) == (20, 105)
    assert sum(name.startswith("b") for name in chosen) == 5
    assert chosen == sorted(chosen)
    assert chosen[:3] != ["a0000", "a0001", "a0002"]
    again = judged(base[::-1], candidate[::-1])
    assert [each.case_id for each in again.regressions] == chosen


scores = st.sampled_from([(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
drawn_rows = st.lists(
    st.tuples(scores, st.sampled_from(["a", "b", "c"]), st.floats(1, 1000)), min_size=1, max_size=60
)
Drawn = list[tuple[tuple[float, float], str, float]]


def drawn_sides(drawn: Drawn, name: str = "c{:03d}") -> tuple[list[Row], list[Row]]:
    sides = (
        [
            row(name.format(i), both[side], buckets={"k": k}, latency_ms=ms * (1 + side * both[0]))
            for i, (both, k, ms) in enumerate(drawn)
        ]
        for side in (0, 1)
    )
    base, candidate = sides
    return base, candidate


@settings(deadline=None, max_examples=60)
@given(drawn_rows)
def test_exchanging_the_models_mirrors_the_lift(drawn: Drawn) -> None:
    base, candidate = drawn_sides(drawn)
    there, back = judged(base, candidate), judged(candidate, base)
    assert there.lift.mean is not None and back.lift.mean is not None
    assert (back.lift.mean, back.lift.low, back.lift.high) == (
        -there.lift.mean,
        -there.lift.high,
        -there.lift.low,
    )
    for ours, theirs in zip(there.buckets, back.buckets, strict=True):
        assert (theirs.fixes, theirs.regressions, theirs.low) == (ours.regressions, ours.fixes, -ours.high)
    assert {there.verdict, back.verdict} != {"pass"}


@settings(deadline=None, max_examples=60)
@given(drawn_rows, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_names_of_cases_matter(drawn: Drawn, random: Any) -> None:
    base, candidate = drawn_sides(drawn)
    expected = judged(base, candidate)
    shuffled = [random.sample(side, len(side)) for side in (base, candidate)]
    assert judged(shuffled[0], shuffled[1]).to_json() == expected.to_json()
    renamed = judged(*drawn_sides(drawn[::-1], "z{:03d}")).to_dict()
    assert {**renamed, "regressions": []} == {**expected.to_dict(), "regressions": []}


@settings(deadline=None, max_examples=40)
@given(drawn_rows, st.integers(2, 5))
def test_copies_as_repeats_narrow_nothing(drawn: Drawn, copies: int) -> None:
    base, candidate = drawn_sides(drawn)
    once = judged(base, candidate)
    many = [[{**each, "repeat": k} for each in side for k in range(copies)] for side in (base, candidate)]
    again = judged(many[0], many[1])
    assert (again.lift, again.buckets, again.verdict) == (once.lift, once.buckets, once.verdict)


@pytest.mark.skipif(not GSM8K.is_file(), reason="the shared data folder is not here")
def test_the_real_pair_passes_one_way_round_and_blocks_the_other() -> None:
    pairs = [json.loads(line) for line in GSM8K.read_text().splitlines()]
    small, large = (
        EvalRun.from_rows([row(each["case_id"], float(each[key])) for each in pairs])
        for key in ("base_6b_finetuning", "candidate_175b_finetuning")
    )
    there, back = compare(small, large, Policy()), compare(large, small, Policy())
    assert (there.verdict, back.verdict) == ("pass", "block")
    assert there.lift.to_dict() == {
        "metric": "exact_match",
        "n": 1319,
        "mean": pytest.approx(0.130402, abs=1e-6),
        "low": pytest.approx(0.107992, abs=1e-6),
        "high": pytest.approx(0.153068, abs=1e-6),
    }


def test_what_is_no_run_and_no_policy_is_refused_in_words() -> None:
    base, candidate = rows_of(**GOOD)
    with pytest.raises(TypeError, match=r"takes what EvalRun.from_rows\(rows\) returns, found list"):
        compare(base, candidate, Policy())  # type: ignore[arg-type]
    runs = EvalRun.from_rows(base), EvalRun.from_rows(candidate)
    with pytest.raises(TypeError, match=r"Policy.from_dict\(thresholds\) returns, found dict"):
        compare(*runs, {"alpha": 0.05})  # type: ignore[arg-type]
