"""Rows that train something else than what the candidate will be asked."""

from __future__ import annotations

from typing import Any

import pytest

from liftgate.config import Document
from liftgate.data.asking import Asking
from liftgate.data.card import Card
from liftgate.data.checks import drift
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Dataset, Row
from liftgate.data.golden import Case, Cases
from liftgate.data.rendered import RenderedRow, Rendering

ASKED = "Route the ticket."


def dataset(*systems: str | None, answer: dict[str, Any] | None = None) -> Dataset:
    said = [{"role": "user", "content": "Where?"}, answer or {"role": "assistant", "content": "order"}]
    rows = [
        {"messages": [*([] if system is None else [{"role": "system", "content": system}]), *said]}
        for system in systems
    ]
    return Dataset("rows.jsonl", tuple(Row(line, row) for line, row in enumerate(rows, 1)), len(rows))


def candidate(system: str | None) -> tuple[Asking, ...]:
    other = Asking("prompt-v2", "v2.yaml", "Another prompt altogether.")
    return (other, Asking("candidate", "v1.yaml", system, trained=True))


def golden(*systems: str | None) -> tuple[Cases, ...]:
    cases = [
        Case(f"g{n}", [message for message in row.messages if message["role"] != "assistant"], "x", {}, n)
        for n, row in enumerate(dataset(*systems).rows, 1)
    ]
    return (Cases("golden.jsonl", tuple(cases)),)


def told(rule: Any, context: Context) -> list[tuple[str, int | None, str]]:
    return [(str(f.severity), f.line, f.message) for f in rule(context)]


def test_equal_system_prompts_are_fine_but_for_space_at_the_end() -> None:
    context = Context(dataset(ASKED, f"{ASKED}\n"), asking=candidate(f"{ASKED} "))
    assert told(drift.system_prompt_differs, context) == []


def test_one_finding_says_how_many_rows_differ_in_how_many_ways_and_where() -> None:
    rows = dataset(ASKED, "Route it.", None, "Route it.", "Answer.", "Answer.", None)
    assert told(drift.system_prompt_differs, Context(rows, asking=candidate(ASKED))) == [
        (
            "warning",
            2,
            "of 7 rows 4 have another system prompt (2 others, lines 2, 4, 5 …) and 2 have none (lines 3, 7); "
            "the candidate is asked with the one in v1.yaml",
        )
    ]


def test_rows_without_the_prompt_and_a_prompt_that_nobody_asks_with() -> None:
    assert told(drift.system_prompt_differs, Context(dataset(ASKED, None), asking=candidate(ASKED))) == [
        ("warning", 2, "of 2 rows 1 has none (line 2); the candidate is asked with the one in v1.yaml")
    ]
    assert told(drift.system_prompt_differs, Context(dataset(None, None), asking=candidate(ASKED))) == [
        ("warning", 1, "no row has a system prompt; the candidate is asked with the one in v1.yaml")
    ]
    bare = Context(dataset(ASKED, None), asking=candidate(None), golden=golden(None))
    assert told(drift.system_prompt_differs, bare) == [
        (
            "warning",
            1,
            "of 2 rows 1 has another system prompt (one other, line 1); the candidate is asked with none",
        )
    ]


def test_a_case_that_brings_its_own_system_prompt_is_asked_with_it() -> None:
    own = Context(dataset("Of the case."), asking=candidate(None), golden=golden("Of the case."))
    assert told(drift.system_prompt_differs, own) == []
    both = Context(
        dataset(ASKED, "Of the case."), asking=candidate(ASKED), golden=golden(None, "Of the case.")
    )
    assert told(drift.system_prompt_differs, both) == []


@pytest.mark.parametrize("asking", [(), candidate(ASKED)[:1], candidate(None)])
def test_what_is_not_known_is_not_judged(asking: tuple[Asking, ...]) -> None:
    assert told(drift.system_prompt_differs, Context(dataset("Something"), asking=asking)) == []


@pytest.mark.parametrize(
    ("answer", "blank"),
    [
        ({"content": " \n\t"}, True),
        ({"content": [{"type": "text", "text": " "}]}, True),
        ({"content": "x"}, False),
        ({"content": " ", "weight": 0}, False),
        ({"content": " ", "refusal": "no"}, False),
        ({"content": "", "tool_calls": [{"function": {"name": "find", "arguments": "{}"}}]}, False),
        ({"content": [{"type": "image_url"}]}, False),
    ],
)
def test_a_blank_answer_is_told_when_it_is_trained_on(answer: dict[str, Any], blank: bool) -> None:
    rows = dataset(None, answer={"role": "assistant", **answer})
    assert [line for _, line, _ in told(drift.zero_target, Context(rows))] == ([1] if blank else [])


def card(**training: Any) -> Card:
    about = {"training": {"provider": "local", "base": "embedded", **training}}
    return Card("card.yaml", "toy", "style", (), Document("card.yaml", about))


def test_without_the_models_tokenizer_the_length_is_a_guess_and_a_warning() -> None:
    rows = dataset("word " * 600, "short")
    assert told(drift.target_truncated, Context(rows, card=card())) == [
        ("warning", 1, "about 619 tokens (o200k_base), the card's max_length is 512")
    ]
    assert told(drift.target_truncated, Context(rows, card=card(max_length=700))) == []
    assert told(drift.target_truncated, Context(rows)) == []


def test_with_it_what_is_too_long_dropped_or_refused_is_an_error() -> None:
    seen = [
        RenderedRow(1, 513),
        RenderedRow(2, 512, dropped=1),
        RenderedRow(3, problem="the chat template refuses this conversation"),
        RenderedRow(4, 10, dropped=2),
    ]
    context = Context(dataset("a" * 9_000), card=card(), rendering=Rendering(512, seen))
    assert [(f.rule, str(f.severity), f.line, f.message) for f in drift.rendering_findings(context)] == [
        ("target-truncated", "error", 1, "513 tokens, the card's max_length is 512"),
        (
            "template-drops-target",
            "error",
            2,
            "the chat template drops words or calls of an answer of this row",
        ),
        (
            "template-drops-target",
            "error",
            4,
            "the chat template drops words or calls of 2 answers of this row",
        ),
        ("unrenderable-row", "error", 3, "the chat template refuses this conversation"),
    ]
