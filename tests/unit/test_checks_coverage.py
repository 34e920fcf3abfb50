"""What no row shows, no model learns: gaps in extraction, turns without a tool, facts that belong elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from liftgate.data.checks import coverage, knowledge
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Dataset, Row
from liftgate.policy import DataPolicy

FIND = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
STOP = {"type": "function", "function": {"name": "stop", "parameters": {"type": "object"}}}
SCHEMA = {
    "type": "object",
    "required": ["total", "due"],
    "properties": {
        "total": {"type": "number"},
        "due": {"type": ["string", "null"]},
        "note": {"type": "string"},
    },
}


def dataset(*rows: dict[str, Any], path: str = "v1.0.0.train.jsonl") -> Dataset:
    return Dataset(path, tuple(Row(line, row) for line, row in enumerate(rows, 1)), len(rows))


def said(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [message(role, what) for role, what in turns], **more}


def message(role: str, what: Any) -> dict[str, Any]:
    if role == "calls":
        function = {"name": what, "arguments": "{}"}
        return {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        }
    return {"role": role, "content": what} | ({"tool_call_id": "c"} if role == "tool" else {})


def extracted(*answers: dict[str, Any]) -> Dataset:
    return dataset(
        *(said(("user", f"text {n}"), ("assistant", json.dumps(a))) for n, a in enumerate(answers))
    )


def told(rule: Any, context: Context) -> list[str]:
    return [f.message for f in rule(context) if str(f.severity) == "warning"]


def test_without_a_schema_a_dataset_without_any_gap_is_told() -> None:
    full = extracted(*({"total": n, "due": "x"} for n in range(12)))
    assert told(coverage.field_coverage, Context(full, task="extraction")) == [
        "none of 12 answers leaves a field empty, so the model never learns to"
    ]
    gap = extracted(*({"total": n, "due": None if n == 3 else "x"} for n in range(12)))
    assert told(coverage.field_coverage, Context(gap, task="extraction")) == []
    assert told(coverage.field_coverage, Context(full, task="classification")) == []
    assert told(coverage.field_coverage, Context(extracted({"a": 1}), task="extraction")) == []


def test_the_schema_says_which_fields_are_optional() -> None:
    rows = extracted(*({"total": n, "due": "x"} for n in range(12)))
    assert told(coverage.field_coverage, Context(rows, task="extraction", answer_schema=SCHEMA)) == [
        "never empty in 12 answers though optional: 'due'",
        "empty in all of 12 answers: 'note'",
    ]
    strict = {"properties": {"total": {}, "due": {}}, "required": ["total", "due"]}
    assert told(coverage.field_coverage, Context(rows, task="extraction", answer_schema=strict)) == [
        "none of 12 answers leaves a field empty, so the model never learns to"
    ]


def test_gaps_that_never_come_together_are_told_when_they_should_have() -> None:
    def answer(n: int, apart: bool) -> dict[str, Any]:
        return {"total": n, "due": None if n % 2 else "x", "note": None if (n % 2 == 0) == apart else "y"}

    apart = extracted(*(answer(n, True) for n in range(20)))
    assert told(coverage.field_coverage, Context(apart, task="extraction")) == [
        "never empty together in 20 answers: 'due' with 'note'"
    ]
    together = extracted(*(answer(n, False) for n in range(20)))
    assert told(coverage.field_coverage, Context(together, task="extraction")) == []
    rare = [{"a": None if n == 1 else 1, "b": None if n == 2 else 1} for n in range(20)]
    assert told(coverage.field_coverage, Context(extracted(*rare), task="extraction")) == []


@pytest.mark.parametrize(
    "schema", [None, {}, {"properties": []}, {"properties": {"a": True}}, {"required": 0}]
)
def test_an_odd_schema_is_no_trouble(schema: Any) -> None:
    rows = extracted(*({"a": n, "secret sentence here": None} for n in range(12)))
    found = told(coverage.field_coverage, Context(rows, task="extraction", answer_schema=schema))
    assert "empty in all of 12 answers: one with a long name" in found


def test_a_report_of_a_tools_result_is_no_abstention() -> None:
    reported = said(
        ("user", "Where?"), ("calls", "find"), ("tool", "here"), ("assistant", "It is here."), tools=[FIND]
    )
    context = Context(dataset(*[reported] * 10))
    assert told(coverage.no_abstention, context) == [
        "all 10 turns that may call a tool do; none answers in words"
    ]
    spoken = said(("user", "Hello"), ("assistant", "Hello!"), tools=[FIND])
    assert told(coverage.no_abstention, Context(dataset(*[reported] * 10, spoken))) == []
    assert told(coverage.no_abstention, Context(dataset(*[reported] * 9))) == []
    untold = said(("user", "Hello"), ("assistant", "Hello!"))
    assert len(told(coverage.no_abstention, Context(dataset(*[reported] * 10, untold)))) == 1


def test_tools_that_no_row_calls_are_named() -> None:
    called = said(("user", "Where?"), ("calls", "find"), tools=[FIND, STOP])
    assert told(coverage.uncalled_tool, Context(dataset(*[called] * 10))) == [
        "never called by any row: 'stop' (1 of 2 tools)"
    ]
    spoken = said(("user", "Hello"), ("assistant", "Hello!"), tools=[FIND, STOP])
    assert told(coverage.uncalled_tool, Context(dataset(*[spoken] * 10))) == [
        "never called by any row: 'find', 'stop' (2 of 2 tools)"
    ]
    assert told(coverage.uncalled_tool, Context(dataset(*[called] * 9))) == []


FACTS = [
    "We open on 5 December.",
    "It ends on December 5th, 2026.",
    "Abrimos el 5 de diciembre de 2026.",
    "Ab dem 5. Dezember gilt das.",
    "Since 2026-12-05.",
    "Bis 05.12.2026.",
    "It costs $9.99.",
    "Das kostet 9,99 €.",
    "It is 10 euros.",
    "We are open 9 am to 5 pm.",
    "Von 9:00 bis 17:00 offen.",
    "Ab 9 Uhr.",
    "See policy RT-204.",
    "Nach § 312 geht das.",
    "Artículo 12 lo dice.",
    "Use version 2.4.",
    "You need v2.4.1.",
    "It is currently full.",
    "As of today it is full.",
    "Actualmente no.",
    "Das ist derzeit voll.",
    "The latest one.",
]
PLAIN = [
    "billing",
    '{"intent": "refund", "priority": 2}',
    "You may return it within 30 days.",
    "I may help you.",
    "Step 1: open the app.",
    "latest_transactions",
    "It is 5 times as long; a 10 m cable does.",
    "Please march on.",
]


def answered(answer: str, *before: tuple[str, Any]) -> dict[str, Any]:
    return said(*(before or [("user", "Tell me")]), ("assistant", answer))


def count(*rows: dict[str, Any]) -> int:
    """How many of the rows state a fact, one at a time among plain ones."""
    plain = [answered("Of course.")] * 9
    lenient = DataPolicy(max_mutable_fact_share=0)
    return sum(
        bool(told(knowledge.mutable_fact, Context(dataset(*plain, row), thresholds=lenient))) for row in rows
    )


@pytest.mark.parametrize("fact", FACTS)
def test_facts_that_change_are_seen(fact: str) -> None:
    assert count(answered(fact)) == 1


@pytest.mark.parametrize("plain", PLAIN)
def test_other_answers_state_nothing(plain: str) -> None:
    assert count(answered(plain)) == 0


def test_a_fact_from_the_rows_own_prompt_is_copied_not_known() -> None:
    assert count(
        answered("It costs $9.99.", ("system", "Plus is $9.99."), ("user", "How much?")),
        answered("Due 2026-12-05.", ("user", "due on the 5th of 12/2026")),
        answered("It is 1,299.00 EUR.", ("user", "total 1299")),
        answered("So $15 in all.", ("user", "I paid $10 and $5, what is that?")),
        answered("It costs $12.50.", ("user", "How much?"), ("tool", '{"price": 12.5}')),
        answered("It is currently full.", ("user", "Is it currently full?")),
    ) == 0  # fmt: skip
    assert count(answered("It costs $9.99.", ("system", "Today is 2026-01-01."), ("user", "How much?"))) == 1


def test_what_is_not_trained_on_teaches_nothing() -> None:
    untrained = {"role": "assistant", "content": "It costs $9.99.", "weight": 0}
    row = answered("As I said: $9.99.")
    row["messages"].insert(1, untrained)
    row["messages"].insert(2, {"role": "user", "content": "Again?"})
    assert count(row) == 0


def test_one_finding_says_how_many_which_and_where() -> None:
    rows = [answered("Of course.")] * 8 + [answered("It costs $9.99."), answered("See § 5.")]
    (found,) = knowledge.mutable_fact(Context(dataset(*rows)))
    assert (str(found.severity), found.line, found.message) == (
        "warning",
        None,
        "2 of 10 answers (20%) state what changes and is not in their prompt (prices 1, numbers of policies, "
        "clauses or versions 1; first on lines 9, 10): facts belong in retrieval, "
        "never fine-tune for knowledge alone",
    )
    at_the_limit = [answered("Of course.")] * 9 + [answered("It costs $9.99.")]
    assert told(knowledge.mutable_fact, Context(dataset(*at_the_limit))) == []


@pytest.mark.parametrize("period", [2, 3, 8])
def test_of_a_long_file_rows_spread_evenly_are_looked_at(period: int) -> None:
    rows = [answered("It costs $9.99." if n % period == 0 else "Of course.") for n in range(10_100)]
    (message,) = told(knowledge.mutable_fact, Context(dataset(*rows)))
    stated, of = (int(word.replace(",", "")) for word in message.split(" ")[:3:2])
    assert "answers looked at" in message
    assert abs(of - 5_000) < 5
    assert abs(stated / of - 1 / period) < 0.01
