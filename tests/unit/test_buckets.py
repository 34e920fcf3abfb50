"""A slice that falls while the whole rises."""

from __future__ import annotations

from liftgate.findings import Severity
from liftgate.policy import Policy
from verdict_examples import bucket, judged, part, rows_of, rules, with_bucket


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


def test_a_buckets_name_stays_on_its_line() -> None:
    base, candidate = rows_of(both=20, regressions=5, buckets={"intent": "a\n::error::b"})
    assert bucket(judged(base, candidate), "a\n::error::b").detail.startswith(
        "bucket intent='a\\n::error::b': "
    )
