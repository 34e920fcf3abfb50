"""The last fold: silence blocks, errors block, the cheapest arm that clears the bar is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from liftgate import EvalRun, Policy, compare
from liftgate.errors import ExitCode
from liftgate.evaluation.arms import ArmKind
from liftgate.findings import Finding, Severity
from liftgate.training.cost import TokenPrice
from liftgate.verdict import gate
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.cost import TrainingCost
from liftgate.verdict.gate import (
    ArmResult,
    Decision,
    answers_sha256,
    beaten_by,
    cheapest,
    exit_code,
    verdict_key,
)

POLICY = Policy(min_bucket_cases=1)
ERROR = Finding("golden-leak", Severity.ERROR, "same prompt as a golden case", "train.jsonl", 4)


def run(right: int, n: int = 200, **meta: Any) -> EvalRun:
    rows: list[dict[str, Any]] = [
        {"case_id": f"c{i}", "scores": {"exact_match": float(i < right)}, "buckets": {"intent": "a"}}
        for i in range(n)
    ]
    return EvalRun.from_rows(rows, **{"model": "m", "metrics": ["exact_match"], **meta})


BASE, BETTER, WORSE, SAME = run(100), run(160), run(60), run(100)


def arm(name: str, candidate: EvalRun, *, usd: str | None = "0", tokens: float = 1) -> ArmResult:
    price = None if usd is None else Decimal(usd)
    kind: ArmKind = "candidate" if name == "candidate" else "prompt"
    return ArmResult(name, candidate, compare(BASE, candidate, POLICY), kind, price, tokens)


def decide(
    findings: Iterable[Finding],
    candidate: Comparison | None,
    arms: Sequence[ArmResult] = (),
    policy: Policy = POLICY,
    training: TrainingCost | None = None,
) -> Decision:
    return gate.decide(findings, candidate, arms, policy=policy, training=training)


def test_silence_is_not_a_pass() -> None:
    decision = decide([], None)
    assert decision.verdict == "block"
    assert [f.rule for f in decision.findings] == ["no-comparison"]
    assert exit_code(decision, None, POLICY) is ExitCode.BLOCKED


def test_an_error_of_any_stage_blocks_whatever_the_comparison_says() -> None:
    good = compare(BASE, BETTER, POLICY)
    assert decide([], good).verdict == "pass"
    assert decide([ERROR], good).verdict == "block"
    assert [f.rule for f in decide([ERROR], None).findings] == ["golden-leak"]


@pytest.mark.parametrize(
    ("candidate", "code"),
    [(BETTER, ExitCode.PASS), (WORSE, ExitCode.BLOCKED), (run(104), ExitCode.INSUFFICIENT_EVIDENCE)],
)
def test_exit_codes(candidate: EvalRun, code: ExitCode) -> None:
    comparison = compare(BASE, candidate, POLICY)
    assert exit_code(decide([], comparison), comparison, POLICY) is code


def test_a_warning_policy_lets_doubt_through_but_never_about_completeness() -> None:
    lenient = Policy(insufficient_evidence="warn")
    doubtful = compare(BASE, run(104), lenient)
    assert exit_code(decide([], doubtful), doubtful, lenient) is ExitCode.PASS
    rows = [dict(row) for row in BETTER.rows]
    for row in rows[:20]:
        row.update(scores={"exact_match": None}, error={"kind": "timeout", "message": "no answer"})
    errored = compare(BASE, EvalRun.from_rows(rows, model="m", metrics=["exact_match"]), lenient)
    assert exit_code(decide([], errored), errored, lenient) is not ExitCode.PASS


def test_the_cheapest_arm_that_clears_the_bar_wins() -> None:
    arms = [arm("candidate", BETTER), arm("prompt-v2", BETTER), arm("prompt-v1", SAME)]
    best = cheapest(arms)
    assert best is not None
    assert best.name == "prompt-v2"
    decision = decide([], arms[0].comparison, arms)
    assert (decision.verdict, decision.cheapest) == ("pass", "prompt-v2")
    assert [f.rule for f in decision.findings if f.severity is Severity.WARNING] == ["cheaper-arm-clears"]


def test_price_outweighs_training_and_an_unknown_price_comes_last() -> None:
    dear = arm("prompt-v2", BETTER, usd="2.00")
    unknown = arm("prompt-v3", BETTER, usd=None)
    tuned = arm("candidate", BETTER, usd="0.50")
    best = cheapest([unknown, dear, tuned])
    assert best is not None
    assert best.name == "candidate"


def test_an_arm_that_the_candidate_is_proven_to_beat_does_not_win() -> None:
    weak, strong = run(118), run(180)
    told = beaten_by(weak, strong, POLICY)
    assert told is not None
    assert beaten_by(strong, strong, POLICY) is None
    prompt = ArmResult("prompt-v2", weak, compare(BASE, weak, POLICY), "prompt", Decimal(0), 1, told)
    assert prompt.clears_bar
    tuned = arm("candidate", strong)
    decision = decide([], tuned.comparison, [tuned, prompt])
    assert (decision.verdict, decision.cheapest) == ("pass", "candidate")
    assert [f.rule for f in decision.findings] == ["cheaper-arm-beaten"]


def test_no_arm_clears_a_bar_that_none_reaches() -> None:
    assert cheapest([arm("candidate", WORSE), arm("prompt-v1", SAME)]) is None


@pytest.mark.parametrize(
    "key",
    [
        "golden_sha256",
        "prompt_sha256",
        "suite_sha256",
        "chat_template_sha256",
        "sampling",
        "identity",
        "scorers",
    ],
)
def test_the_verdict_key_follows_everything_that_decides(key: str) -> None:
    values: dict[str, Any] = {
        "sampling": {"temperature": 0.5},
        "identity": {"model": "x"},
        "scorers": {"a": 2},
    }
    before = verdict_key({"base": BASE}, POLICY)
    assert verdict_key({"base": run(100, **{key: values.get(key, "0" * 64)})}, POLICY) != before
    assert verdict_key({"base": BASE}, Policy(min_lift=0.04)) != before
    assert verdict_key({"base": run(100)}, Policy(min_bucket_cases=1)) == before


def test_a_rerun_from_the_store_has_the_same_answers() -> None:
    cached = EvalRun.from_rows(
        [{**row, "cached": True} for row in BASE.rows], model="m", metrics=["exact_match"]
    )
    assert answers_sha256(cached) == answers_sha256(BASE)
    assert answers_sha256(BETTER) != answers_sha256(BASE)


FIRST = Policy(min_bucket_cases=1, require_cheaper_arms_first=True)


def test_a_policy_that_takes_cheaper_arms_first_blocks_a_candidate_that_a_prompt_equals() -> None:
    arms = [arm("candidate", BETTER), arm("prompt-v2", BETTER)]
    decision = decide([], arms[0].comparison, arms, FIRST)
    assert decision.verdict == "block"
    assert [(f.rule, f.severity, f.message) for f in decision.findings] == [
        (
            "cheaper-arm-clears",
            Severity.ERROR,
            "prompt-v2 clears the same bar without training, and the tuned model is not proven better by "
            "+3.0 points; the policy takes cheaper arms first",
        )
    ]


def test_the_same_policy_lets_a_candidate_through_that_beats_what_was_tried() -> None:
    weak, strong = run(118), run(180)
    told = beaten_by(weak, strong, FIRST)
    prompt = ArmResult("prompt-v2", weak, compare(BASE, weak, FIRST), "prompt", Decimal(0), 1, told)
    tuned = arm("candidate", strong)
    assert decide([], tuned.comparison, [tuned, prompt], FIRST).verdict == "pass"
    failing = arm("prompt-v2", SAME)
    assert decide([], tuned.comparison, [tuned, failing], FIRST).verdict == "pass"


def errored(right: int) -> EvalRun:
    rows = [dict(row) for row in run(right).rows]
    for row in rows[:20]:
        row.update(scores={"exact_match": None}, error={"kind": "timeout", "message": "no answer"})
    return EvalRun.from_rows(rows, model="m", metrics=["exact_match"])


@pytest.mark.parametrize("tried", [[], [arm("prompt-v2", errored(100))]], ids=["nothing", "only errors"])
def test_the_same_policy_asks_for_a_better_prompt_before_a_training(tried: list[ArmResult]) -> None:
    tuned = arm("candidate", BETTER)
    decision = decide([], tuned.comparison, [tuned, *tried], FIRST)
    assert decision.verdict == "block"
    assert [f.rule for f in decision.findings] == ["cheaper-arm-untried"]
    assert decision.findings[0].message.endswith("try a better prompt first")
    assert decide([], tuned.comparison, [tuned, *tried]).verdict == "pass"


def test_another_model_or_the_promoted_variant_is_no_better_prompt() -> None:
    tuned = arm("candidate", BETTER)
    kinds: tuple[ArmKind, ...] = ("model", "promoted")
    for kind in kinds:
        other = ArmResult("other", SAME, compare(BASE, SAME, FIRST), kind, None, None)
        assert [f.rule for f in decide([], tuned.comparison, [tuned, other], FIRST).findings] == [
            "cheaper-arm-untried"
        ]


def test_a_passing_prompt_says_when_the_training_pays_back() -> None:
    tuned, prompt = arm("candidate", BETTER, usd="0.10"), arm("prompt-v2", BETTER, usd="0.35")
    training = TrainingCost(Decimal("12.40"), actual=True)
    decision = decide([], tuned.comparison, [tuned, prompt], training=training)
    assert decision.break_even is not None
    assert decision.break_even.to_dict() == {
        "state": "pays-back",
        "against": "prompt-v2",
        "requests": 49_600,
        "saved_usd_per_1k": "0.25",
        "training_usd": "12.4",
        "training_is": "actual",
        "unpriced": [],
    }
    alone = decide([], tuned.comparison, [tuned, arm("prompt-v2", SAME)], training=training)
    assert alone.break_even is None


def test_the_verdict_key_follows_the_prices() -> None:
    price = TokenPrice(Decimal(1), Decimal(2))
    assert verdict_key({"base": BASE}, POLICY, None, {"base": price}) != verdict_key({"base": BASE}, POLICY)
