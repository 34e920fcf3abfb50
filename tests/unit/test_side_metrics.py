"""Latency, JSON validity and judged metrics beside the lift."""

from __future__ import annotations

import numpy as np
import pytest

from liftgate.errors import InputError
from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.verdict.comparison import compare
from liftgate.verdict.judge import Calibration
from verdict_examples import TRUSTED, judged, part, rows_of, rules, timed, with_metric


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


def test_fewer_valid_json_answers_block_when_proven_and_are_shown_when_not() -> None:
    worse = with_metric("json_valid", [(1.0, 0.0)] * 6 + [(1.0, 1.0)] * 194)
    assert (worse.verdict, rules(worse)) == ("block", ["json-valid-regression"])
    perhaps = with_metric("json_valid", [(1.0, 0.0)] * 2 + [(1.0, 1.0)] * 198)
    assert (perhaps.verdict, part(perhaps, "json-valid").state) == ("pass", "unclear")
    assert part(perhaps, "json-valid").detail == (
        "100.0% → 99.0% of 200 cases parse as JSON, -1.0 points, not proven worse (p = 0.25)"
    )
    better = with_metric("json_valid", [(0.0, 1.0)] * 12 + [(1.0, 1.0)] * 188)
    assert part(better, "json-valid").detail.endswith(
        "+6.0 points, a gain by the policy (+5.0 points, or from below 95% to 98% or more)"
    )


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
