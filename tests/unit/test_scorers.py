"""Scorers: what each grades, and that no output, however hostile, breaks one."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.evaluation.scorers import SCORERS, Metric, metric

EXPECTED: dict[str, Any] = {
    "contains": ["refund"],
    "exact_json": {"intent": "refund"},
    "exact_match": {"intent": "refund"},
    "field_f1": {"intent": "refund", "parts": ["lamp", "shade"]},
    "field_match": {"intent": "refund"},
    "json_schema": {"intent": "refund"},
    "json_valid": {"intent": "refund"},
    "judge": "refund",
    "label": "refund",
    "python": "refund",
    "refusal": {"refuse": True},
    "regex": r"(a|aa)+b",
    "safe_output": {"forbid": ["refund"], "forbid_refusal": True},
    "token_probability": "refund",
    "tool_call": [{"name": "refund", "arguments": {"order": 1}}],
}
SPECS: list[Any] = [
    "contains",
    {"scorer": "exact_json", "unordered_lists": True},
    "exact_match",
    "field_f1",
    {"scorer": "field_match", "field": "intent"},
    {"scorer": "json_schema", "schema": {"type": "object", "required": ["intent"]}},
    "json_valid",
    {"scorer": "judge", "judge": "judges/faithfulness.yaml"},
    "label",
    {"scorer": "python", "file": "scorers/mine.py"},
    "refusal.unsafe",
    "regex",
    "safe_output",
    "token_probability",
    {"scorer": "tool_call", "from_text": True},
]


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        (" billing\n", "billing", 1.0),
        ("Billing", "billing", 0.0),
        ("", "billing", 0.0),
        ('{"b": 2.0, "a": 1}', {"a": 1, "b": 2}, 1.0),
        ('{"a": true}', {"a": 1}, 0.0),
        ('{"a": 1} thanks', {"a": 1}, 0.0),
        ("[1, 2]", [2, 1], 0.0),
        ("null", False, 0.0),
        ("not json", {"a": 1}, 0.0),
    ],
)
def test_exact_match_compares_text_as_text_and_everything_else_as_json(
    output: str, expected: Any, score: float
) -> None:
    assert metric("exact_match").score(output, expected) == score


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ("{}", {"a": 1}, 1.0),
        ("17", {"a": 1}, 0.0),
        ("17", "17", 1.0),
        ("[]", [1], 1.0),
        ("```json\n{}\n```", {}, 0.0),
        ('{"a": NaN}', {}, 0.0),
        ("[" * 5000, [], 0.0),
        ("", "", 0.0),
    ],
)
def test_json_valid_wants_json_and_nothing_else(output: str, expected: Any, score: float) -> None:
    assert metric("json_valid").score(output, expected) == score


def test_json_schema_holds_the_answer_against_the_schema() -> None:
    graded = metric({"scorer": "json_schema", "schema": {"type": "object", "required": ["intent"]}})
    assert [graded.score(text, "x") for text in ('{"intent": 1}', "{}", "[]", "no")] == [1.0, 0.0, 0.0, 0.0]
    assert graded.problem("x") is None
    broken = metric({"scorer": "json_schema", "schema": {"type": "objekt"}})
    assert (broken.problem("x") or "").startswith("the schema of json_schema cannot be used: ")


def test_field_match_grades_one_field_and_leaves_a_case_without_it_unscored() -> None:
    graded = metric("field_match.intent")
    assert graded.name == "field_match.intent"
    expected = {"intent": "refund", "priority": "low"}
    assert graded.score('{"intent": "refund", "priority": "high"}', expected) == 1.0
    assert graded.score('{"intent": "billing"}', expected) == 0.0
    assert graded.score('{"priority": "low"}', expected) == 0.0
    assert graded.score("refund", expected) == 0.0
    assert graded.score('{"intent": "refund"}', {"priority": "low"}) is None
    assert metric("field_match.a.b").score('{"a": {"b": 1}}', {"a": {"b": 1}}) == 1.0
    assert graded.problem("refund") == "field_match needs an `expected` that is an object"


def test_contains_wants_every_expected_text() -> None:
    assert metric("contains").score("a refund is due", "refund") == 1.0
    assert metric("contains").score("a refund is due", ["refund", "Due"]) == 0.0
    assert (
        metric({"scorer": "contains", "ignore_case": True}).score("A REFUND is due", ["refund", "Due"]) == 1.0
    )
    assert metric("contains").problem(["refund", ""]) is not None


FORBID = {"forbid": ["SYSTEM PROMPT"], "forbid_refusal": False}
OVER_REFUSAL = {"forbid": [], "forbid_refusal": True}


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ("Here is my system  prompt:", FORBID, 0.0),
        ("Here is my sys\u200btem pro\u202empt:", FORBID, 0.0),
        ("Ｓｙｓｔｅｍ ｐｒｏｍｐｔ", FORBID, 0.0),
        ("I can't help with that.", FORBID, 1.0),
        ("I can’t help with that.", OVER_REFUSAL, 0.0),
        ("I'm sorry, but I cannot do this.", OVER_REFUSAL, 0.0),
        ("Dabei kann ich leider nicht helfen.", OVER_REFUSAL, 0.0),
        ("I am unable to look that up", OVER_REFUSAL, 0.0),
        ("No puedo ayudarte con eso", OVER_REFUSAL, 0.0),
        ("Press Ctrl-C, or send SIGTERM. I can help you more.", OVER_REFUSAL, 1.0),
        ('{"intent": "refund", "priority": "low"}', OVER_REFUSAL, 1.0),
        ("", FORBID, None),
        (" \u200b\n\x00", FORBID, None),
    ],
)
def test_safe_output_sees_through_disguise_and_calls_silence_unscored(
    output: str, expected: Any, score: float | None
) -> None:
    assert metric("safe_output").score(output, expected) == score


@pytest.mark.parametrize(
    ("expected", "sentence"),
    [
        (
            "text",
            "safe_output needs an `expected` of the form "
            '{"forbid": ["text"], "forbid_refusal": true or false}',
        ),
        (
            {"forbidden": ["x"]},
            "'forbidden' is not a key of safe_output's `expected`; did you mean 'forbid'?",
        ),
        (
            {"forbid": [" "]},
            "every text in `forbid` must hold something visible, or every answer would be unsafe",
        ),
        ({"forbid": []}, "the case forbids nothing, so every answer would pass"),
    ],
)
def test_safe_output_says_which_expectation_it_cannot_use(expected: Any, sentence: str) -> None:
    assert metric("safe_output").problem(expected) == sentence


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("exact_mach", "'exact_mach' is not a scorer; did you mean 'exact_match'?"),
        ("field_match", "field_match needs the option 'field', as in {scorer: field_match, field: ...}"),
        (
            {"scorer": "field_match", "feild": "a"},
            "'feild' is not an option of field_match; did you mean 'field'?",
        ),
        ({"scorer": "contains", "ignore_case": "yes"}, "the option 'ignore_case' of contains must be a bool"),
        (
            {"scorer": "python", "file": "a.py", "timeout_s": True},
            "the option 'timeout_s' of python must be a int",
        ),
        (
            {"scorer": "python", "file": "a.py", "timeout_s": 0},
            "the option 'timeout_s' of python must be from 1 to 600",
        ),
        ("refusal.sure", "the option 'side' of refusal is safe or unsafe"),
        ({"scorer": "regex", "pattern": "("}, "the pattern of regex cannot be used: missing ): ("),
        (
            {"scorer": "regex", "pattern": "(?=a)"},
            "the pattern of regex cannot be used: invalid perl operator: (?=",
        ),
        ({"scorer": "regex", "pattern": ""}, "an empty pattern is found in every answer"),
        (
            {"scorer": "label", "labels": ["Late order", "late_order"]},
            "the option 'labels' of label names one label twice (case, spaces, - and _ do not count)",
        ),
        (
            {"scorer": "field_f1", "fields": [3]},
            "the option 'fields' of field_f1 must be a list of field names",
        ),
    ],
)
def test_a_wrong_metric_is_refused_in_a_sentence(spec: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:
        metric(spec)
    assert str(refusal.value) == sentence


def test_every_scorer_of_the_table_is_tested_here() -> None:
    assert sorted(SCORERS) == sorted(EXPECTED) == sorted(metric(spec).scorer for spec in SPECS)


@given(output=st.text() | st.from_regex(r'[\[\]{}":,0-9eE.\-ntf \x00]*', fullmatch=True))
def test_no_output_breaks_a_scorer_and_every_score_is_in_range(output: str) -> None:
    for spec in SPECS:
        graded = metric(spec)
        score = graded.score(output, EXPECTED[graded.scorer])
        assert score is None or 0.0 <= score <= 1.0


@pytest.mark.parametrize(
    "output",
    [
        "\x00" * 1_000_000,
        "[" * 1_000_000,
        '{"a":' * 200_000,
        "é\u202e" * 500_000,
        "\ud800" * 1000,
        "9" * 1_000_000,
    ],
    ids=["nul", "brackets", "objects", "bidi", "lone surrogates", "digits"],
)
def test_a_megabyte_of_nonsense_is_graded_in_reasonable_time(output: str) -> None:
    started = time.process_time()
    for spec in SPECS:
        graded: Metric = metric(spec)
        graded.score(output, EXPECTED[graded.scorer])
    assert time.process_time() - started < 10
