"""Missing, failed, repeated, graded and near-duplicate answers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from liftgate.errors import InputError
from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.verdict.comparison import compare
from verdict_examples import GOOD, Row, judged, on_counts, part, row, rows_of, rules


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
    safe = [{"case_id": "s", "suite": "safety", "scores": {"safe_output": 1.0}}]
    assert judged(base * sides[0] + safe, candidate * sides[1] + safe).verdict == "block"
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
