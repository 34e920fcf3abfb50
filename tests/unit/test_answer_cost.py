"""What answers cost, when a training pays back, and what a policy's rules make of the verdict's findings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from liftgate import EvalRun, Policy, compare
from liftgate.findings import Severity
from liftgate.training.cost import TokenPrice
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.cost import AnswerCost, TrainingCost, answer_usd_per_1k, break_even, training_cost
from verdict_examples import GOOD, on_counts, part, rows_of, rules

PRICE = TokenPrice(Decimal("0.50"), Decimal("2.00"))
LIMITED = Policy.from_dict({"cost": {"max_answer_ratio": 1.5}})


def run(*rows: dict[str, Any]) -> EvalRun:
    named = [{"case_id": f"c{n}", "scores": {"exact_match": 1.0}, **row} for n, row in enumerate(rows)]
    return EvalRun.from_rows(named, model="m")


def answer(asked: int | None = 100, said: int | None = 10, **more: Any) -> dict[str, Any]:
    return {"input_tokens": asked, "output_tokens": said, **more}


def test_a_thousand_answers_cost_their_tokens_whether_they_were_asked_now_or_earlier() -> None:
    # 100 tokens at 0.50 and 10 at 2.00 a million: 0.00007 each.
    assert answer_usd_per_1k(run(answer(), answer(cached=True)), PRICE, Policy()) == Decimal("0.07")


def test_safety_runs_and_failed_answers_are_no_part_of_the_price() -> None:
    failed = answer(0, 0, error={"kind": "timeout", "message": ""}, scores={"exact_match": None})
    safety = [answer(9000, 9000, suite="safety", case_id="s", repeat=n) for n in range(20)]
    assert answer_usd_per_1k(run(answer(), failed, *safety), PRICE, Policy()) == Decimal("0.07")


def test_without_a_price_or_token_counts_nothing_is_guessed() -> None:
    assert answer_usd_per_1k(run(answer()), None, Policy()) is None
    assert answer_usd_per_1k(run(answer(), answer(None, None)), PRICE, Policy()) is None
    few = [answer()] * 99 + [answer(None, None)]
    assert answer_usd_per_1k(run(*few), PRICE, Policy()) == Decimal("0.07")
    assert answer_usd_per_1k(run(answer(None, None)), TokenPrice(Decimal(0), Decimal(0)), Policy()) == 0


def priced(base: str | None, candidate: str | None, policy: Policy) -> Comparison:
    ours, theirs = (EvalRun.from_rows(rows) for rows in rows_of(**GOOD))
    both = [None if usd is None else Decimal(usd) for usd in (base, candidate)]
    return compare(ours, theirs, policy, cost=AnswerCost(*both))


def test_without_a_limit_the_cost_of_an_answer_is_shown_and_never_gates() -> None:
    shown = priced("0.10", "9.00", Policy())
    assert shown.verdict == "pass"
    assert part(shown, "cost").detail == "90.00× base"
    assert not part(shown, "cost").gates
    assert shown.to_dict()["cost"] == {
        "base_usd_per_1k": "0.1",
        "candidate_usd_per_1k": "9",
        "ratio": 90.0,
    }


@pytest.mark.parametrize(
    ("base", "candidate", "verdict", "rule"),
    [
        ("0.10", "0.15", "pass", []),
        ("0.10", "0.150001", "block", ["answer-cost"]),
        ("0", "0", "pass", []),
        ("0", "0.01", "block", ["answer-cost"]),
        ("0.10", None, "insufficient-evidence", ["answer-cost-unknown"]),
        (None, "0.10", "insufficient-evidence", ["answer-cost-unknown"]),
    ],
)
def test_a_limit_gates_and_an_unknown_price_never_passes_it(
    base: str | None, candidate: str | None, verdict: str, rule: list[str]
) -> None:
    found = priced(base, candidate, LIMITED)
    assert (found.verdict, rules(found)) == (verdict, rule)


def test_a_limit_without_any_prices_never_passes() -> None:
    assert on_counts(LIMITED, **GOOD).verdict == "insufficient-evidence"


PAID = TrainingCost(Decimal(10), actual=False)


def test_a_training_is_paid_back_when_the_savings_reach_its_price() -> None:
    found = break_even(Decimal("0.30"), {"v2": Decimal("1.00"), "v3": Decimal("0.60")}, PAID)
    assert found is not None
    # 10 USD at 0.30 USD a thousand against the cheapest rival.
    assert (found.state, found.against, found.requests) == ("pays-back", "v3", 33_334)


@pytest.mark.parametrize("price", ["0.60", "0.75"])
def test_a_candidate_whose_answers_are_not_cheaper_never_pays_back(price: str) -> None:
    found = break_even(Decimal(price), {"v3": Decimal("0.60")}, TrainingCost(Decimal(0), actual=True))
    assert found is not None
    assert (found.state, found.requests) == ("never", None)


def test_a_free_training_of_a_cheaper_candidate_is_paid_back_at_once() -> None:
    found = break_even(Decimal(0), {"v3": Decimal("0.60")}, TrainingCost(Decimal(0), actual=True))
    assert found is not None
    assert (found.state, found.requests) == ("pays-back", 0)


@pytest.mark.parametrize(
    ("candidate", "rivals", "training", "unpriced"),
    [
        (None, {"v2": Decimal(1)}, PAID, ()),
        (Decimal(1), {"v2": None}, PAID, ("v2",)),
        (Decimal("0.1"), {"v2": Decimal(1)}, TrainingCost(None, actual=False), ()),
    ],
)
def test_a_missing_price_is_never_guessed(
    candidate: Decimal | None,
    rivals: dict[str, Decimal | None],
    training: TrainingCost,
    unpriced: tuple[str, ...],
) -> None:
    found = break_even(candidate, rivals, training)
    assert found is not None
    assert (found.state, found.requests, found.unpriced) == ("unknown", None, unpriced)
    assert break_even(candidate, {}, training) is None


def test_a_rival_without_a_price_is_named_beside_the_answer() -> None:
    found = break_even(Decimal("0.1"), {"v2": Decimal(1), "v3": None}, PAID)
    assert found is not None
    assert (found.state, found.against, found.unpriced) == ("pays-back", "v2", ("v3",))


def test_a_training_costs_the_hours_it_took_where_they_have_a_price_else_the_estimate() -> None:
    estimate = {"usd": "12.40", "usd_per_hour": "2.50"}
    assert training_cost(estimate, {"seconds": 7200.0}) == TrainingCost(Decimal(5), actual=True)
    assert training_cost(estimate, None) == TrainingCost(Decimal("12.40"), actual=False)
    by_token = {"usd": "12.40", "usd_per_hour": None}
    assert training_cost(by_token, {"seconds": 60.0}) == TrainingCost(Decimal("12.40"), actual=False)
    assert training_cost(None, None) == TrainingCost(None, actual=False)


# What the policy's rules make of the findings of a comparison.

FALLEN = {"both": 140, "fixes": 4, "regressions": 30, "neither": 26}


def test_a_doubt_that_the_policy_raises_to_an_error_blocks() -> None:
    doubtful = {"both": 150, "fixes": 8, "regressions": 4, "neither": 38}
    assert on_counts(None, **doubtful).verdict == "insufficient-evidence"
    strict = on_counts(Policy(rules={"lift-unproven": "error"}), **doubtful)
    assert (strict.verdict, rules(strict)) == ("block", ["lift-unproven"])


def test_a_failure_that_the_policy_lowers_is_shown_and_no_longer_gates() -> None:
    assert on_counts(None, **FALLEN).verdict == "block"
    lenient = on_counts(
        Policy(rules={"lift-below-minimum": "warning", "regressions-unproven": "off"}), **FALLEN
    )
    assert not part(lenient, "lift").gates
    assert part(lenient, "lift").detail.endswith("the policy's rule lift-below-minimum lets it through")
    assert [(f.rule, f.severity) for f in lenient.findings] == [("lift-below-minimum", Severity.WARNING)]


def test_a_doubt_beside_a_lowered_failure_still_counts() -> None:
    buckets = [
        rows_of(both=100, regressions=20, buckets={"intent": "refund"}, name="a"),
        rows_of(both=100, regressions=4, neither=0, buckets={"intent": "billing"}, name="b"),
        rows_of(both=100, fixes=80, neither=20, buckets={"intent": "other"}, name="c"),
    ]
    base, candidate = ([row for each in buckets for row in each[side]] for side in (0, 1))
    policy = Policy.from_dict({"rules": {"bucket-regression": "notice"}, "bucket_max_drop": 0.03})
    found = compare(EvalRun.from_rows(base), EvalRun.from_rows(candidate), policy)
    assert [(f.rule, f.severity) for f in found.findings] == [
        ("bucket-unproven", Severity.WARNING),
        ("bucket-regression", Severity.NOTICE),
    ]
    assert (part(found, "buckets").state, found.verdict) == ("unclear", "insufficient-evidence")


@pytest.mark.parametrize("level", ["warning", "notice", "off"])
def test_completeness_is_never_lowered_and_the_report_says_so(level: str) -> None:
    base, candidate = rows_of(**GOOD)
    policy = Policy(rules={"unpaired-cases": level})
    found = compare(EvalRun.from_rows(base), EvalRun.from_rows(candidate[1:]), policy)
    assert found.verdict == "block"
    assert [(f.rule, f.severity) for f in found.findings] == [
        ("unpaired-cases", Severity.ERROR),
        ("rule-not-lowered", Severity.WARNING),
    ]
    assert found.findings[1].message == (
        f"the policy sets unpaired-cases to {level}; safety and completeness always count, so it stays an error"
    )


@pytest.mark.parametrize("level", ["notice", "off"])
def test_safety_is_never_lowered(level: str) -> None:
    base, candidate = rows_of(**GOOD)
    unsafe = [
        {"case_id": "s", "suite": "safety", "repeat": n, "scores": {"safe_output": 0.0}} for n in range(3)
    ]
    safe = [{**row, "scores": {"safe_output": 1.0}} for row in unsafe]
    policy = Policy(rules={"safety-unconfirmed": level}, insufficient_evidence="warn")
    found = compare(EvalRun.from_rows([*base, *safe]), EvalRun.from_rows([*candidate, *unsafe]), policy)
    assert found.verdict == "insufficient-evidence"
    assert part(found, "safety").gates
    assert rules(found) == ["rule-not-lowered", "safety-unconfirmed"]


def test_a_bucket_that_is_only_reported_is_not_raised_with_its_rule() -> None:
    base, candidate = rows_of(**GOOD)
    fell = rows_of(both=100, regressions=20, buckets={"intent": "refund"}, name="a")
    policy = Policy(bucket_evidence="report", rules={"bucket-regression": "error"})
    found = compare(EvalRun.from_rows([*base, *fell[0]]), EvalRun.from_rows([*candidate, *fell[1]]), policy)
    assert ("bucket-regression", Severity.NOTICE) in [(f.rule, f.severity) for f in found.findings]


# Valid JSON as the metric that decides.


def json_side(valid: int, n: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"case_id": f"c{i}", "scores": {"json_valid": float(start <= i < start + valid)}} for i in range(n)
    ]


@pytest.mark.parametrize(
    ("base", "candidate", "n", "state"),
    [
        (180, 198, 200, "ok"),  # +9 points
        (188, 197, 200, "ok"),  # +4.5 points, from 94% to 98.5%
        (192, 200, 200, "unclear"),  # +4 points, but base was not below 95%
        (188, 194, 200, "unclear"),  # +3 points to 97%, which 98% is not ruled out by
        (1880, 1900, 2000, "fail"),  # +1 point to 95%
    ],
)
def test_as_primary_metric_valid_json_counts_by_its_own_row_of_the_policy(
    base: int, candidate: int, n: int, state: str
) -> None:
    policy = Policy(primary_metric="json_valid")
    found = compare(EvalRun.from_rows(json_side(base, n)), EvalRun.from_rows(json_side(candidate, n)), policy)
    assert part(found, "lift").state == state
    assert part(found, "lift").needs == (
        "at least +5.0 points (or from below 95% to 98% or more), lower 95% bound above 0"
    )
