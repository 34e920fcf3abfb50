"""Token counts: exact, offline, equal to tiktoken's, charged as the cookbook says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.dataset import read_rows
from liftgate.errors import InputError
from liftgate.tokens import (
    checked_encoding,
    count_conversations,
    count_messages,
    count_text,
    count_texts,
    encoding_for,
    render_tools,
)

TOY = Path(__file__).parents[3] / "shared/data/openai/toy_chat_fine_tuning.jsonl"


@pytest.mark.skipif(not TOY.exists(), reason="the shared data folder is not here")
def test_rows_of_the_cookbook_cost_what_the_cookbook_says() -> None:
    rows = read_rows(TOY.read_bytes(), "toy.jsonl").rows
    assert [count_messages(row.messages, "cl100k_base") for row in rows] == [45, 111, 26, 28, 8032]
    assert count_conversations(((row.messages, ()) for row in rows), "cl100k_base") == [45, 111, 26, 28, 8032]


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("ft:gpt-4.1-mini-2025-04-14:acme::abc", "o200k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("ft:gpt-3.5-turbo:acme::abc", "cl100k_base"),
        ("openai/gpt-oss-20b", "o200k_harmony"),
        ("Qwen/Qwen3.5-4B", "qwen3.5"),
        ("cl100k_base", "cl100k_base"),
        ("some-other-model", "o200k_base"),
    ],
)
def test_every_model_has_its_encoding(model: str, encoding: str) -> None:
    assert encoding_for(model) == encoding


def test_an_unknown_encoding_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="o200k_base"):
        checked_encoding("p50k")


def test_special_token_text_counts_as_plain_text() -> None:
    assert count_text("<|endoftext|>", "cl100k_base") > 1


def test_a_name_costs_one_token_more_than_its_text() -> None:
    plain = [{"role": "user", "content": "hi"}]
    named = [{"role": "user", "content": "hi", "name": "ann"}]
    assert count_messages(named) == count_messages(plain) + count_text("ann") + 1


def test_tool_definitions_and_calls_are_charged() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "track", "arguments": '{"order": "HH-1"}'}}
    messages: list[dict[str, Any]] = [{"role": "assistant", "tool_calls": [call]}]
    assert count_messages(messages) == 3 + 3 + 1 + count_text("track") + count_text('{"order": "HH-1"}')
    assert count_messages(messages, tools=[TOOL]) == count_messages(messages) + count_text(
        render_tools([TOOL])
    )


TOOL = {
    "type": "function",
    "function": {
        "name": "track",
        "description": "Where a parcel is",
        "parameters": {
            "type": "object",
            "required": ["order"],
            "properties": {
                "order": {"type": "string", "description": "order id"},
                "units": {"enum": ["km", "mi"]},
                "stops": {"type": "array", "items": {"type": "integer"}},
            },
        },
    },
}


def test_tools_are_rendered_as_the_models_see_them() -> None:
    assert (
        render_tools([TOOL])
        == """# Tools

## functions

namespace functions {

// Where a parcel is
type track = (_: {
// order id
order: string,
units?: "km" | "mi",
stops?: number[],
}) => any;

} // namespace functions"""
    )


@settings(deadline=None)
@given(st.lists(st.text(), max_size=20))
def test_batches_count_like_single_texts(texts: list[str]) -> None:
    assert count_texts(texts) == [count_text(text) for text in texts]
