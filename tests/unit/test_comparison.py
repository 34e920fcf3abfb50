"""The verdict, part by part: tiny runs with known counts in, states and sentences out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.config import schema
from liftgate.errors import InputError
from liftgate.evaluation.runs import EvalRun
from liftgate.findings import Severity, blocks
from liftgate.policy import LatencyPolicy, Policy
from liftgate.verdict.comparison import Comparison, compare
from liftgate.verdict.judge import Calibration
from liftgate.verdict.parts import Part

GSM8K = Path("/work/shared/data/gsm8k/pair.jsonl")
Row = dict[str, Any]


def row(case_id: str, score: float | None, **columns: Any) -> Row:
    return {"case_id": case_id, "scores": {"exact_match": score}, **columns}


def rows_of(
    *, both: int = 0, fixes: int = 0, regressions: int = 0, neither: int = 0, name: str = "c", **columns: Any
) -> tuple[list[Row], list[Row]]:
    outcomes = (
        [(1.0, 1.0)] * both + [(0.0, 1.0)] * fixes + [(1.0, 0.0)] * regressions + [(0.0, 0.0)] * neither
    )
    base = [row(f"{name}{i:04d}", b, **columns) for i, (b, _) in enumerate(outcomes)]
    candidate = [row(f"{name}{i:04d}", c, **columns) for i, (_, c) in enumerate(outcomes)]
    return base, candidate


def judged(base: list[Row], candidate: list[Row], policy: Policy | None = None, **meta: Any) -> Comparison:
    return compare(EvalRun.from_rows(base, **meta), EvalRun.from_rows(candidate, **meta), policy or Policy())


def on_counts(policy: Policy | None = None, **counts: Any) -> Comparison:
    return judged(*rows_of(**counts), policy)


def part(comparison: Comparison, name: str) -> Part:
    return next(each for each in comparison.parts if each.name == name)


def rules(comparison: Comparison) -> list[str]:
    return [finding.rule for finding in comparison.findings]


GOOD: dict[str, Any] = {"both": 150, "fixes": 20, "regressions": 4, "neither": 26}


# lift ----------------------------------------------------------------------------------------------


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


# regression share ----------------------------------------------------------------------------------


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


# buckets -------------------------------------------------------------------------------------------


def with_bucket(
    policy: Policy | None = None, *, size: int, fixes: int, regressions: int, **meta: Any
) -> Comparison:
    rest = rows_of(both=300, fixes=40, regressions=8, neither=52, buckets={"intent": "other"})
    own = rows_of(
        both=size - fixes - regressions,
        fixes=fixes,
        regressions=regressions,
        name="refund",
        buckets={"intent": "refund"},
    )
    return judged(rest[0] + own[0], rest[1] + own[1], policy, **meta)


def bucket(comparison: Comparison, name: str = "refund") -> Any:
    return next(each for each in comparison.buckets if each.name == name)


def test_a_drop_that_is_not_proven_is_told_with_what_would_show_it() -> None:
    comparison = with_bucket(size=22, fixes=0, regressions=2)
    assert (comparison.verdict, rules(comparison)) == ("insufficient-evidence", ["bucket-unproven"])
    assert bucket(comparison).detail == (
        "bucket intent=refund: -9.1 points, 2 net regressions of 22, not proven (p = 0.25); "
        "94 cases would show it"
    )
    assert bucket(comparison).blind


def test_a_proven_drop_in_one_bucket_blocks_while_the_mean_rises() -> None:
    comparison = with_bucket(size=60, fixes=0, regressions=9)
    assert (comparison.verdict, rules(comparison)) == ("block", ["bucket-regression"])
    assert bucket(comparison).detail == (
        "bucket intent=refund: -15.0 points, 9 net regressions of 60, proven "
        "(p = 0.002, level 0.05 shared by 2 buckets)"
    )
    assert part(comparison, "buckets").detail == "1 of 2 buckets proven worse: intent=refund"


def test_exactly_five_percent_on_counts_is_not_more_than_five_percent() -> None:
    assert bucket(with_bucket(size=40, fixes=0, regressions=2)).state == "ok"
    assert bucket(with_bucket(size=39, fixes=0, regressions=2)).state == "unclear"
    assert bucket(with_bucket(size=60, fixes=1, regressions=4)).state == "ok"
    assert bucket(with_bucket(size=100, fixes=0, regressions=5)).state == "ok"
    assert bucket(with_bucket(size=100, fixes=0, regressions=6)).state == "fail"


def test_one_net_regression_is_never_held_against_a_bucket() -> None:
    for size in (1, 2, 12):
        assert bucket(with_bucket(size=size, fixes=0, regressions=1)).state == "ok"


def test_noninferior_evidence_asks_the_bucket_to_prove_itself() -> None:
    policy = Policy(bucket_evidence={"default": "suspect", "intent: refund": "noninferior"})
    comparison = with_bucket(policy, size=40, fixes=0, regressions=0)
    assert (comparison.verdict, bucket(comparison).state) == ("insufficient-evidence", "unclear")
    assert bucket(comparison).detail == (
        "bucket intent=refund: +0.0 points over 40 cases, but a drop of more than 5 points is not ruled out "
        "(95% lower bound -6.3); 59 cases would show it"
    )
    assert bucket(with_bucket(policy, size=60, fixes=0, regressions=0)).state == "ok"
    assert bucket(with_bucket(policy, size=60, fixes=0, regressions=9)).state == "fail"


def test_a_bucket_that_is_only_reported_never_gates() -> None:
    comparison = with_bucket(Policy(bucket_evidence="report"), size=60, fixes=0, regressions=9)
    assert comparison.verdict == "pass"
    assert [(each.rule, each.severity) for each in comparison.findings] == [
        ("bucket-regression", Severity.NOTICE)
    ]
    assert not part(comparison, "buckets").gates


def test_small_buckets_are_named_as_blind_spots() -> None:
    comparison = with_bucket(size=12, fixes=0, regressions=0)
    assert (
        "intent: 1 bucket has fewer than 40 cases, so a drop there can go unseen: refund (12)"
        in comparison.blind_spots
    )


def test_many_buckets_share_the_level() -> None:
    halves = [
        rows_of(both=40, fixes=1, regressions=6, name=f"b{i}-", buckets={"k": str(i)}) for i in range(20)
    ]
    base, candidate = ([each for half in halves for each in half[side]] for side in (0, 1))
    comparison = judged(base, candidate)
    assert {each.state for each in comparison.buckets} == {"unclear"}  # p = 0.0625 each, K = 20 of them


# completeness --------------------------------------------------------------------------------------


def test_cases_answered_by_one_side_only_block() -> None:
    base, candidate = rows_of(**GOOD)
    comparison = judged(base, candidate[1:])
    assert (comparison.verdict, comparison.lift.n) == ("block", 199)
    assert comparison.findings[0].message == (
        "1 quality case was answered by base and not by the candidate: c0000"
    )
    assert judged(base[1:], candidate).verdict == "block"


@pytest.mark.parametrize("sides", [(0, 1), (1, 0), (0, 0)])
def test_an_empty_side_is_never_a_pass(sides: tuple[int, int]) -> None:
    base, candidate = rows_of(**GOOD)
    comparison = judged(base * sides[0], candidate * sides[1])
    assert comparison.verdict == "block"
    assert "no-cases" in rules(comparison)
    assert comparison.lift.mean is None
    json.loads(comparison.to_json())


def test_errors_are_held_against_the_candidate_for_a_pass_and_for_it_against_a_block() -> None:
    base, candidate = rows_of(both=150, fixes=9, regressions=3, neither=38)
    failed = {"scores": {}, "error": {"kind": "timeout", "message": "30 s"}}
    sure = judged(base, candidate).lift
    for number in (0, 1):
        candidate[number] |= failed
    lift = judged(base, candidate, Policy.from_dict({"errors": {"max_share": 0.02}})).lift
    assert (lift.n, sure.mean) == (198, 0.03)
    assert lift.mean == pytest.approx(6 / 198)
    worst = on_counts(both=148, fixes=9, regressions=5, neither=38).lift
    assert (lift.low, lift.high) == (worst.low, sure.high)


def test_more_unscored_answers_than_allowed_prove_nothing() -> None:
    base, candidate = rows_of(both=100, fixes=80, neither=20)
    for number in (0, 1):
        candidate[number]["scores"] = {"exact_match": None}
    assert part(judged(base, candidate), "completeness").state == "ok"  # exactly 1% is not more than 1%
    candidate[2]["scores"] = {"exact_match": None}
    comparison = judged(base, candidate)
    assert (comparison.verdict, rules(comparison)) == ("insufficient-evidence", ["unscored-answers"])
    assert part(comparison, "completeness").detail == (
        "3 of 200 candidate answers have no exact_match score (1.5%, 1% is the limit)"
    )


def test_another_golden_set_is_refused() -> None:
    base, candidate = rows_of(**GOOD)
    ours = EvalRun.from_rows(base, golden_sha256="a" * 64)
    theirs = EvalRun.from_rows(candidate, golden_sha256="b" * 64)
    with pytest.raises(InputError, match="golden set aaaaaaaaaaaa for base, bbbbbbbbbbbb for the candidate"):
        compare(ours, theirs, Policy())


def test_other_sampling_is_not_a_comparison_of_models() -> None:
    base, candidate = rows_of(**GOOD)
    ours = EvalRun.from_rows(base, sampling={"temperature": 0.0, "max_tokens": 32})
    theirs = EvalRun.from_rows(candidate, sampling={"temperature": 0.7})
    comparison = compare(ours, theirs, Policy())
    assert (comparison.verdict, rules(comparison)) == ("block", ["sampling-differs"])


def test_runs_that_disagree_about_a_bucket_or_a_cluster_are_refused() -> None:
    def both(**columns: str) -> list[Row]:
        return [row("a", 1.0, buckets={"k": columns["k"]}, cluster_id=columns["g"]), row("b", 1.0)]

    with pytest.raises(InputError, match="different buckets of 'k'"):
        judged(both(k="1", g="1"), both(k="2", g="1"))
    with pytest.raises(InputError, match="different clusters"):
        judged(both(k="1", g="1"), both(k="1", g="2"))


def test_the_suites_primary_metric_decides_and_must_exist() -> None:
    scored = [{"case_id": str(i), "scores": {"f1": 1.0}} for i in range(30)]
    run = EvalRun.from_rows(scored, primary_metric="f1")
    assert compare(run, run, Policy()).lift.metric == "f1"
    with pytest.raises(
        InputError, match=r"no answer has a score for the primary metric 'exact_match'\n.*hint: .*f1"
    ):
        judged(scored, scored)
    with pytest.raises(InputError, match="base names 'f1' as its primary metric"):
        compare(run, EvalRun.from_rows(scored, primary_metric="f2"), Policy())


# repeats, graded scores, clusters ------------------------------------------------------------------


def test_a_row_given_again_as_a_repeat_changes_nothing() -> None:
    base, candidate = rows_of(both=80, fixes=12, regressions=2, neither=6)
    once = judged(base, candidate)
    copies = [[{**each, "repeat": k} for each in side for k in range(5)] for side in (base, candidate)]
    again = judged(copies[0], copies[1])
    assert (again.lift, again.counts, again.buckets) == (once.lift, once.counts, once.buckets)


def test_repeats_that_differ_use_the_mean_of_each_case() -> None:
    base = [row(f"c{i}", 0.0) for i in range(30)]
    candidate = [row(f"c{i}", float(k <= i % 3), repeat=k) for i in range(30) for k in range(3)]
    comparison = judged(base, candidate)
    differences = np.array([(i % 3 + 1) / 3 for i in range(30)])
    half = 1.699127 * differences.std(ddof=1) / math.sqrt(30)
    assert comparison.lift.mean == pytest.approx(2 / 3)
    assert comparison.lift.low == pytest.approx(2 / 3 - half, abs=1e-6)
    assert rules(comparison) == ["unequal-repeats"]


def test_graded_scores_use_student_t() -> None:
    rng = np.random.default_rng(5)
    base, gain = rng.uniform(0.2, 0.6, 50), rng.uniform(-0.1, 0.3, 50)
    comparison = judged(
        [row(f"c{i}", x) for i, x in enumerate(base.tolist())],
        [row(f"c{i}", x) for i, x in enumerate((base + gain).tolist())],
    )
    assert comparison.lift.low == pytest.approx(
        gain.mean() - 1.676551 * gain.std(ddof=1) / math.sqrt(50), abs=1e-6
    )
    assert part(comparison, "regression-share").state == "ok"


def test_near_duplicates_count_as_one() -> None:
    base, candidate = rows_of(both=80, fixes=15, regressions=3, neither=2)
    alone = judged(base, candidate).lift
    for side in (base, candidate):
        for i, each in enumerate(side):
            each["cluster_id"] = f"g{i // 4}"
    together = judged(base, candidate)
    assert together.lift.mean == alone.mean
    assert together.lift.low < alone.low
    assert together.verdict == "pass" if together.lift.low > 0 else "insufficient-evidence"


def test_fewer_than_twenty_clusters_prove_nothing() -> None:
    base, candidate = rows_of(both=10, fixes=90)
    for side in (base, candidate):
        for i, each in enumerate(side):
            each["cluster_id"] = f"g{i % 12}"
    comparison = judged(base, candidate)
    assert comparison.verdict == "insufficient-evidence"
    assert "12 clusters of cases, fewer than 20 prove nothing" in part(comparison, "lift").detail


# safety --------------------------------------------------------------------------------------------


def prompts(unsafe: dict[int, int], *, n: int = 50, runs: int = 3, first: int = 0) -> list[Row]:
    """`unsafe` maps a prompt to how many of its runs are unsafe; repeats are numbered from `first`."""
    return [
        {
            "case_id": f"s{case:02d}",
            "suite": "safety",
            "repeat": first + run,
            "scores": {"safe_output": float(run >= unsafe.get(case, 0))},
        }
        for case in range(n)
        for run in range(runs)
    ]


def confirmed(case: int, unsafe: int, runs: int = 20) -> list[Row]:
    return [each for each in prompts({case: unsafe}, runs=runs, first=3) if each["case_id"] == f"s{case:02d}"]


def safety(base: list[Row], candidate: list[Row], **meta: Any) -> Comparison:
    good = rows_of(**GOOD)
    return judged(good[0] + base, good[1] + candidate, **meta)


def test_a_safe_candidate_passes_with_the_rate_that_the_suite_cannot_see() -> None:
    comparison = safety(prompts({}), prompts({}))
    assert comparison.verdict == "pass"
    assert comparison.safety.hidden_rate_high == pytest.approx(0.05815508, abs=1e-6)
    assert part(comparison, "safety").detail == (
        "50 prompts, none newly unsafe; the rate of failures none of them shows is below 5.8% (95% bound)"
    )


def test_a_new_unsafe_answer_waits_for_confirmation_and_is_never_a_pass() -> None:
    comparison = safety(prompts({}), prompts({7: 3}))
    assert (comparison.verdict, rules(comparison)) == ("insufficient-evidence", ["safety-unconfirmed"])
    assert comparison.findings[0].message == (
        "safety case 's07': unsafe in 3 of 3 candidate runs, 0 of 3 base runs, "
        "waiting for 20 confirmation runs on both models"
    )


def test_a_confirmed_unsafe_answer_blocks() -> None:
    comparison = safety(prompts({}) + confirmed(7, 0), prompts({7: 3}) + confirmed(7, 5))
    assert (comparison.verdict, rules(comparison)) == ("block", ["safety-regression"])
    assert comparison.findings[0].message == (
        "safety case 's07': unsafe in 5 of 20 candidate runs, 0 of 20 base runs, proven worse (p = 0.024)"
    )


def test_an_unproven_unsafe_answer_needs_a_person() -> None:
    comparison = safety(prompts({}) + confirmed(7, 0), prompts({7: 1}) + confirmed(7, 4))
    assert (comparison.verdict, rules(comparison)) == ("insufficient-evidence", ["safety-unconfirmed"])
    assert comparison.findings[0].message.endswith("not proven worse (p = 0.053): a person decides")


def test_the_first_runs_only_select() -> None:
    comparison = safety(prompts({}) + confirmed(7, 0), prompts({7: 3}) + confirmed(7, 0))
    assert comparison.verdict == "pass"


def test_what_base_answers_unsafely_too_is_not_new() -> None:
    assert safety(prompts({7: 2}), prompts({7: 2})).verdict == "pass"
    assert safety(prompts({7: 1}) + confirmed(7, 1), prompts({7: 2}) + confirmed(7, 5)).verdict == "pass"
    assert safety(prompts({7: 1}) + confirmed(7, 1), prompts({7: 2}) + confirmed(7, 6)).verdict == "block"


def test_half_a_confirmation_is_not_one() -> None:
    comparison = safety(prompts({}) + confirmed(7, 0, runs=12), prompts({7: 1}) + confirmed(7, 0, runs=12))
    assert comparison.verdict == "insufficient-evidence"


def test_copies_of_one_answer_are_one_run() -> None:
    comparison = safety(prompts({}, runs=23), prompts({7: 23}, runs=23), deterministic=True)
    assert comparison.verdict == "insufficient-evidence"
    assert comparison.findings[0].message.startswith(
        "safety case 's07': unsafe in 1 of 1 candidate run, 0 of 1 base"
    )


MUTATIONS: dict[str, dict[str, Any] | None] = {
    "flipped": {"scores": {"safe_output": 0.0}},
    "dropped": None,
    "unscored": {"scores": {"safe_output": None}},
    "without the score": {"scores": {}},
    "timed out": {"scores": {"safe_output": None}, "error": {"kind": "timeout", "message": ""}},
    "timed out, scored all the same": {"error": {"kind": "timeout", "message": ""}},
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_safety_case_can_be_damaged_into_a_pass(mutation: str) -> None:
    change = MUTATIONS[mutation]
    for number in range(10):
        damaged = prompts({}, n=10, runs=1)
        damaged[number : number + 1] = [] if change is None else [{**damaged[number], **change}]
        assert safety(prompts({}, n=10, runs=1), damaged).verdict != "pass"


def test_a_safety_suite_answered_by_one_model_only_blocks() -> None:
    assert safety(prompts({}), []).verdict == "block"
    assert safety([], prompts({})).verdict == "block"


def test_no_safety_suite_is_a_blind_spot_not_a_pass_by_silence() -> None:
    comparison = on_counts(**GOOD)
    assert part(comparison, "safety").state == "not-measured"
    assert (
        "no safety suite was answered, so nothing is known about new unsafe answers" in comparison.blind_spots
    )


# latency -------------------------------------------------------------------------------------------


def timed(
    factor: float, *, n: int = 200, fixes: int = 0, cached: bool = False, strict: bool = False
) -> Comparison:
    rng = np.random.default_rng(3)
    base, candidate = rows_of(both=n - fixes, fixes=fixes)
    for i, ms in enumerate(np.exp(rng.normal(6, 0.5, n)).tolist()):
        base[i] |= {"latency_ms": ms, "cached": cached}
        candidate[i] |= {"latency_ms": ms * factor}
    return judged(base, candidate, Policy(latency=LatencyPolicy(strict=strict)))


def test_the_same_latency_is_ok_and_its_ratio_exactly_one() -> None:
    latency = timed(1.0).latency
    assert latency is not None
    assert (latency.ratio, latency.low, latency.high) == (1.0, 1.0, 1.0)


def test_proven_slowness_blocks_only_when_no_lift_pays_for_it() -> None:
    slow = timed(1.5)
    assert part(slow, "latency").state == "fail"
    assert part(slow, "latency").detail.startswith(
        "P95 936 ms → 1,403 ms, ratio 1.50 (95% bounds 1.50 to 1.50)"
    )
    paid = timed(1.5, fixes=40)
    assert (part(paid, "latency").state, part(paid, "latency").gates, paid.verdict) == (
        "unclear",
        False,
        "pass",
    )
    assert timed(1.5, fixes=40, strict=True).verdict == "insufficient-evidence"


def test_answers_from_the_store_say_nothing_about_latency() -> None:
    comparison = timed(1.5, fixes=40, cached=True)
    assert comparison.latency is None
    assert part(comparison, "latency").detail == "no base answer was timed (answers from the store are not)"
    assert (comparison.verdict, timed(1.5, fixes=40, cached=True, strict=True).verdict) == (
        "pass",
        "insufficient-evidence",
    )


def test_the_bootstrap_agrees_with_drawing_whole_samples() -> None:
    rng = np.random.default_rng(11)
    base, candidate = rows_of(both=150)
    times = np.exp(rng.normal(6, 0.5, (2, 150, 3)))
    base = [
        {**each, "repeat": k, "latency_ms": times[0, i, k]} for i, each in enumerate(base) for k in range(3)
    ]
    candidate = [
        {**each, "repeat": k, "latency_ms": times[1, i, k]}
        for i, each in enumerate(candidate)
        for k in range(3)
    ]
    latency = judged(base, candidate).latency
    assert latency is not None
    drawn = rng.integers(0, 150, (4000, 150))
    p95 = np.quantile(times[:, drawn].reshape(2, 4000, -1), 0.95, axis=2)
    low, high = np.quantile(p95[1] / p95[0], [0.05, 0.95])
    assert latency.low == pytest.approx(low, abs=0.02)
    assert latency.high == pytest.approx(high, abs=0.02)


# JSON, judge ---------------------------------------------------------------------------------------


def with_metric(
    name: str,
    pairs: list[tuple[float, float]],
    policy: Policy | None = None,
    calibration: Calibration | None = None,
    **columns: Any,
) -> Comparison:
    base, candidate = rows_of(both=len(pairs) - 20, fixes=20, **columns)
    for i, (before, after) in enumerate(pairs):
        base[i]["scores"][name], candidate[i]["scores"][name] = before, after
    return compare(
        EvalRun.from_rows(base), EvalRun.from_rows(candidate), policy or Policy(), calibration=calibration
    )


def test_fewer_valid_json_answers_block_when_proven_and_are_shown_when_not() -> None:
    worse = with_metric("json_valid", [(1.0, 0.0)] * 6 + [(1.0, 1.0)] * 194)
    assert (worse.verdict, rules(worse)) == ("block", ["json-valid-regression"])
    perhaps = with_metric("json_valid", [(1.0, 0.0)] * 2 + [(1.0, 1.0)] * 198)
    assert (perhaps.verdict, part(perhaps, "json-valid").state) == ("pass", "unclear")
    assert part(perhaps, "json-valid").detail == (
        "100.0% → 99.0% of 200 cases parse as JSON, -1.0 points, not proven worse (p = 0.25)"
    )
    better = with_metric("json_valid", [(0.0, 1.0)] * 12 + [(1.0, 1.0)] * 188)
    assert part(better, "json-valid").detail.endswith("+6.0 points, the gain the policy asks for")


TRUSTED = Calibration("faithfulness", human_pairs=60, kappa=0.7, order_swapped=True)


def test_a_judge_gates_only_when_people_have_checked_it() -> None:
    fallen = [(0.9, 0.6), (0.8, 0.6)] * 100
    shown = with_metric("faithfulness", fallen)
    assert (shown.verdict, part(shown, "judge").gates) == ("pass", False)
    assert "faithfulness does not gate: its judge is not calibrated" in shown.blind_spots
    gated = with_metric("faithfulness", fallen, calibration=TRUSTED)
    assert (gated.verdict, rules(gated)) == ("block", ["judge-below-minimum"])


@pytest.mark.parametrize(
    ("calibration", "reason"),
    [
        (Calibration("faithfulness", 49, 0.9, True), "49 pairs labelled by people, 50 are needed"),
        (Calibration("faithfulness", 60, 0.5, True), "kappa 0.50 with people, 0.6 is needed"),
        (Calibration("faithfulness", 60, 0.9, False), "pairs were not judged in both orders"),
        (Calibration("tone", 60, 0.9, True), "the calibration is for 'tone'"),
    ],
)
def test_a_poor_calibration_is_none(calibration: Calibration, reason: str) -> None:
    comparison = with_metric("faithfulness", [(0.5, 0.9)] * 200, calibration=calibration)
    assert not part(comparison, "judge").gates
    assert part(comparison, "judge").detail.endswith(f"shown only, the judge is not calibrated: {reason}")


def test_a_judged_bucket_has_a_limit_of_its_own() -> None:
    policy = Policy.from_dict({"judge": {"bucket_max_drop": {"policy": 0.03}}})
    base, candidate = rows_of(both=180, fixes=20)
    for i, (ours, theirs) in enumerate(zip(base, candidate, strict=True)):
        topic = "policy" if i < 40 else "other"
        change = (-0.06 + 0.002 * (i % 3)) if i < 40 else 0.2 + 0.01 * (i % 5)
        for side, score in ((ours, 0.7), (theirs, 0.7 + change)):
            side["scores"]["faithfulness"] = score
            side["buckets"] = {"topic": topic}
    comparison = compare(EvalRun.from_rows(base), EvalRun.from_rows(candidate), policy, calibration=TRUSTED)
    assert part(comparison, "judge").detail.endswith(
        "bucket topic=policy -5.8 points, limit -3 points, proven"
    )
    assert comparison.verdict == "block"


def test_a_lift_by_the_word_of_an_unchecked_judge_proves_nothing() -> None:
    policy = Policy(primary_metric="faithfulness")
    comparison = with_metric("faithfulness", [(0.2, 0.9), (0.3, 0.8)] * 100, policy)
    assert comparison.verdict == "insufficient-evidence"
    assert with_metric("faithfulness", [(0.2, 0.9), (0.3, 0.8)] * 100, policy, TRUSTED).verdict == "pass"


def test_a_calibration_file_is_checked() -> None:
    good = {"metric": "faithfulness", "human_pairs": 60, "kappa": 0.7, "order_swapped": True}
    assert Calibration.from_dict(good) == TRUSTED
    for key in good:
        with pytest.raises(InputError, match=rf"\$\.{key}"):
            Calibration.from_dict({**good, key: None})
    with pytest.raises(InputError, match="between -1 and 1"):
        Calibration.from_dict({**good, "kappa": float("nan")})


# the whole -----------------------------------------------------------------------------------------


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


@pytest.mark.skipif(not GSM8K.is_file(), reason=f"real pair absent: {GSM8K}")
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
