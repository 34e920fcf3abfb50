"""Listed regressions asked again: what the label says, and that nothing of it reaches a verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from liftgate import EvalRun, Policy, compare
from liftgate.config import schema
from liftgate.verdict.output_class import output_class
from liftgate.verdict.reproduction import REPEATS, Reproduction, listed_regressions, reproductions
from verdict_examples import row, rows_of

BASE, CANDIDATE = (EvalRun.from_rows(side) for side in rows_of(both=20, regressions=2, name="c"))
LISTED = listed_regressions(BASE, CANDIDATE, Policy())


def again(scores: dict[str, list[float | None]], **columns: Any) -> EvalRun:
    return EvalRun.from_rows(
        [
            row(case, score, repeat=repeat, suite="quality", output=f"said {score}", **columns)
            for case, each in scores.items()
            for repeat, score in zip(REPEATS, each, strict=False)
        ]
    )


def labels(base: EvalRun | None, candidate: EvalRun | None) -> list[str]:
    made = reproductions(LISTED, "exact_match", base, candidate)
    for each in made:
        Draft202012Validator(schema("regression")).validate(json.loads(json.dumps(each.to_dict())))
        assert Reproduction.from_dict(each.to_dict()) == each
    return [each.label for each in made]


def test_the_listed_ones_are_those_of_the_comparison() -> None:
    assert [each.case_id for each in LISTED] == ["c0020", "c0021"]
    assert list(compare(BASE, CANDIDATE, Policy()).regressions) == LISTED


def test_a_regression_that_comes_again_each_time_reproduces() -> None:
    right = again({"c0020": [1.0] * 3, "c0021": [1.0] * 3})
    wrong = again({"c0020": [0.0] * 3, "c0021": [0.0, 1.0, 1.0]})
    assert labels(right, wrong) == ["3/3 reproduces", "flaky 1/3"]
    assert labels(right, right) == ["flaky 0/3", "flaky 0/3"]


def test_base_is_asked_again_too() -> None:
    shaky = again({"c0020": [1.0, 0.0, 0.0], "c0021": [1.0] * 3})
    wrong = again({"c0020": [0.0] * 3, "c0021": [0.0] * 3})
    assert labels(shaky, wrong) == ["flaky 1/3", "3/3 reproduces"]


def test_a_deterministic_side_stands_for_its_copies() -> None:
    assert labels(None, None) == ["deterministic", "deterministic"]
    assert labels(None, again({"c0020": [0.0, 0.0, 1.0], "c0021": [0.0] * 3})) == [
        "flaky 2/3",
        "3/3 reproduces",
    ]
    assert labels(again({"c0020": [0.0, 1.0, 1.0], "c0021": [1.0] * 3}), None) == [
        "flaky 2/3",
        "3/3 reproduces",
    ]


def test_what_was_not_scored_is_not_counted() -> None:
    right = again({"c0020": [1.0] * 3, "c0021": [1.0] * 3})
    assert labels(right, again({"c0020": [0.0, None, 0.0], "c0021": []})) == [
        "2/2 reproduces",
        "no fresh answer was scored",
    ]
    failed = again({"c0020": [0.0] * 3, "c0021": [0.0] * 3}, error={"kind": "timeout", "message": ""})
    assert labels(right, failed) == ["no fresh answer was scored"] * 2


def test_fresh_answers_keep_their_classes() -> None:
    right = again({"c0020": [1.0] * 3, "c0021": [1.0] * 3})
    made = reproductions(LISTED, "exact_match", right, again({"c0020": [0.0, 1.0, 0.0], "c0021": [0.0] * 3}))
    assert set(made[0].outputs) == {output_class("said 0.0"), output_class("said 1.0")}


@pytest.mark.parametrize("first", [0, 3, 1099])
def test_a_runs_own_repeats_are_never_taken_for_fresh_ones(first: int) -> None:
    assert first not in REPEATS
    own = EvalRun.from_rows([row("c0020", 0.0, repeat=first, suite="quality")])
    assert labels(own, own) == ["no fresh answer was scored"] * 2
