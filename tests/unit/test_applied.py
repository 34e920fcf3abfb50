"""Adapter not applied: two models by name that are one by their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.verdict.applied import FEWEST_CASES, adapter_not_applied
from liftgate.verdict.comparison import compare

ANSWERS = [f"intent {i % 3}" for i in range(12)]


def run(
    answers: Sequence[str | None], model: str = "base", *, suite: str = "quality", **meta: Any
) -> EvalRun:
    rows = [
        {"case_id": f"c{i}", "suite": suite, "scores": {"exact_match": float(i % 2)}, "output": text}
        for i, text in enumerate(answers)
    ]
    return EvalRun.from_rows(rows, model=model, **meta)


def told(base: EvalRun, candidate: EvalRun) -> list[str]:
    return [finding.message for finding in adapter_not_applied(base, candidate)]


def test_the_same_answer_to_every_case_is_an_error_that_names_both_models() -> None:
    assert told(run(ANSWERS), run(ANSWERS, "base:tuned")) == [
        "base:tuned answered all 12 cases exactly as base does: the adapter is not applied, or the training changed "
        "nothing"
    ]
    comparison = compare(run(ANSWERS), run(ANSWERS, "base:tuned"), Policy())
    assert comparison.verdict == "block"
    assert "adapter-not-applied" in [finding.rule for finding in comparison.findings]


def test_the_order_of_the_rows_says_nothing() -> None:
    candidate = run(ANSWERS, "tuned")
    turned = EvalRun.from_rows(list(reversed(candidate.rows)), model="tuned")
    assert told(run(ANSWERS), turned)


def test_a_policy_can_lower_it() -> None:
    policy = Policy(rules={"adapter-not-applied": "notice"})
    comparison = compare(run(ANSWERS), run(ANSWERS, "tuned"), policy)
    severities = {finding.rule: finding.severity for finding in comparison.findings}
    assert severities["adapter-not-applied"] == "notice"


@pytest.mark.parametrize(
    ("base", "candidate"),
    [
        pytest.param(run(ANSWERS), run([*ANSWERS[:-1], "other"], "tuned"), id="one answer differs"),
        pytest.param(run(ANSWERS), run(ANSWERS), id="one model asked twice"),
        pytest.param(run(ANSWERS[:9]), run(ANSWERS[:9], "tuned"), id="fewer than ten cases"),
        pytest.param(run([""] * 12), run([""] * 12, "tuned"), id="no model said a word"),
        pytest.param(run(["{}"] * 12), run(["{}"] * 12, "tuned"), id="every answer is the same"),
        pytest.param(run([None] * 12), run([None] * 12, "tuned"), id="no answer was kept"),
        pytest.param(run([*ANSWERS, None]), run([*ANSWERS, None], "tuned"), id="one answer is missing"),
        pytest.param(
            run(ANSWERS, prompt_sha256="a" * 64), run(ANSWERS, "t", prompt_sha256="b" * 64), id="two prompts"
        ),
        pytest.param(run(ANSWERS), run(ANSWERS[:-1], "tuned"), id="not the same cases"),
    ],
)
def test_what_shows_nothing_of_an_adapter_is_left_alone(base: EvalRun, candidate: EvalRun) -> None:
    assert told(base, candidate) == []


def test_models_without_a_name_are_not_told_apart() -> None:
    rows = run(ANSWERS).rows
    assert told(EvalRun.from_rows(rows), EvalRun.from_rows(rows)) == []


def test_as_few_cases_as_the_rule_needs_are_enough() -> None:
    assert told(run(ANSWERS[:FEWEST_CASES]), run(ANSWERS[:FEWEST_CASES], "tuned"))
