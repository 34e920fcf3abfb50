"""Token counts: exact, offline, equal to tiktoken's, charged as the cookbook says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Dataset, Row, read_rows
from liftgate.errors import InputError
from liftgate.tokens import (
    checked_encoding,
    count_conversations,
    count_messages,
    count_text,
    count_texts,
    encoding_for,
    has_public_tokenizer,
    render_tools,
)

WORDS = st.sampled_from(
    ["type", "properties", "items", "enum", "anyOf", "required", "description", "default"]
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
        ("azure/gpt-35-turbo", "cl100k_base"),
        ("some-other-model", "o200k_base"),
    ],
)
def test_every_model_has_its_encoding(model: str, encoding: str) -> None:
    assert encoding_for(model) == encoding


@pytest.mark.parametrize(
    "model",
    ["amazon.nova-lite-v1:0", "anthropic.claude-3-haiku", "Qwen/Qwen2.5-7B", "gpt2", "text-davinci-003", ""],
)
def test_a_model_without_its_encoding_here_is_said_to_be_an_estimate(model: str) -> None:
    assert not has_public_tokenizer(model)
    assert encoding_for(model) == "o200k_base"


@pytest.mark.parametrize(
    "model", ["ft:gpt-4.1-mini-2025-04-14:acme::abc", "gpt-4", "Qwen/Qwen3.5-4B", "o200k_base"]
)
def test_a_model_whose_encoding_is_here_is_counted_exactly(model: str) -> None:
    assert has_public_tokenizer(model)


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


# The pieces that tiktoken's o200k_base cuts the rendering above into.
PIECES = (
    *(
        "#",
        " Tools",
        "\n\n",
        "##",
        " functions",
        "\n\n",
        "namespace",
        " functions",
        " {\n\n//",
        " Where",
        " a",
    ),
    *(
        " parcel",
        " is",
        "\n",
        "type",
        " track",
        " =",
        " (_",
        ":",
        " {\n//",
        " order",
        " id",
        "\n",
        "order",
        ":",
    ),
    *(
        " string",
        ",\n",
        "units",
        "?:",
        ' "',
        "km",
        '"',
        " |",
        ' "',
        "mi",
        '",\n',
        "st",
        "ops",
        "?:",
        " number",
    ),
    *("[],\n", "})", " =>", " any", ";\n\n", "}", " //", " namespace", " functions"),
)


def test_a_rows_tools_cost_what_their_rendering_costs() -> None:
    assert "".join(PIECES) == render_tools([TOOL])
    asked = [{"role": "user", "content": "hi"}]
    # 3 a row, 3 a message, 1 for the role, 1 for "hi"; the messages alone are a seventh of the row.
    assert count_messages(asked) == 8
    assert count_messages(asked, tools=[TOOL]) == 8 + len(PIECES) == 57


def test_nested_parameters_and_alternatives_are_rendered() -> None:
    address = {
        "type": "object",
        "required": ["city"],
        "properties": {
            "city": {"type": "string", "default": "Bremen"},
            "floor": {"type": ["integer", "null"]},
        },
    }
    parameters = {
        "type": "object",
        "properties": {
            "to": address,
            "stops": {"type": "array", "items": address},
            "when": {"anyOf": [{"type": "string"}, {"enum": [1, 2]}]},
            "free": {"type": "object"},
            "odd": {"$ref": "#/a"},
        },
    }
    tools = [
        {"type": "function", "function": {"name": "send", "parameters": parameters}},
        {"type": "function", "function": {"name": "ping", "description": "Two\nlines"}},
    ]
    assert (
        render_tools(tools)
        == """# Tools

## functions

namespace functions {

type send = (_: {
to?: {
city: string, // default: Bremen
floor?: number | null,
},
stops?: {
city: string, // default: Bremen
floor?: number | null,
}[],
when?: string | 1 | 2,
free?: object,
odd?: any,
}) => any;

// Two
// lines
type ping = () => any;

} // namespace functions"""
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner)
    )
)
def test_no_tool_definition_stops_the_count(odd: Any) -> None:
    render_tools([{"type": "function", "function": {"name": "f", "parameters": {"properties": {"p": odd}}}}])
    render_tools([{"type": "function", "function": {"name": "f", "parameters": odd}}])


def test_a_preference_row_pays_for_both_answers() -> None:
    row = Row(
        1,
        {
            "input": {"messages": [{"role": "user", "content": "hi"}], "parallel_tool_calls": False},
            "preferred_output": [{"role": "assistant", "content": "hi"}],
            "non_preferred_output": [{"role": "assistant", "content": "hi"}],
        },
    )
    # 3 a row, and 5 for each of the three messages; the switch costs nothing.
    context = Context(Dataset("rows.jsonl", (row,), 1))
    assert list(context.row_tokens) == [3 + 3 * 5]


@settings(deadline=None)
@given(st.lists(st.text(), max_size=20))
def test_batches_count_like_single_texts(texts: list[str]) -> None:
    assert count_texts(texts) == [count_text(text) for text in texts]
