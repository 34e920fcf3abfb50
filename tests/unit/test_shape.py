"""The shape of rows: ours and every target's own, the traps of each, and the sentence that each trap gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from liftgate.commands.validate import validate_files
from liftgate.config import schema
from liftgate.data.checks import run_checks
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Dataset, Row
from liftgate.data.shape import is_valid_shape, matches_target, shape_problems
from liftgate.data.targets import TARGETS

OPENAPI = Path(__file__).parents[3] / "shared/data/openai/openapi.json"
SLOW = Draft202012Validator({"$ref": "#/$defs/chat", "$defs": schema("row")["$defs"]})

USER = {"role": "user", "content": "Where is it?"}
ANSWER = {"role": "assistant", "content": "On its way."}
META = {"id": "r", "source": "human", "reviewed": True}
CALL = {"id": "c1", "type": "function", "function": {"name": "track", "arguments": '{"order": "HH-1"}'}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "in transit"}


def nova(*said: str, **beside: Any) -> dict[str, Any]:
    messages = [
        {"role": ("user", "assistant")[number % 2], "content": [{"text": text}]}
        for number, text in enumerate(said)
    ]
    return {"schemaVersion": "bedrock-conversation-2024", "messages": messages, **beside}


def claude(*said: str, **beside: Any) -> dict[str, Any]:
    messages = [
        {"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(said)
    ]
    return {"messages": messages, **beside}


# A value in the place of any part of a row, near to right and far from it.
odd = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.floats(allow_nan=False), st.text(max_size=2),
    st.just([]), st.just({}), st.sampled_from(["user", "assistant", "system", "developer", "tool", "human"]),
)  # fmt: skip
keys = st.sampled_from(
    ["role", "content", "weight", "name", "id", "source", "reviewed", "label", "locale", "outcome", "x"]
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "developer"]), "content": st.text(max_size=3)},
    optional={"weight": odd, "name": odd},
)
metadata = st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=2), "source": st.sampled_from(["human", "synthetic", "robot"])},
    optional={"reviewed": st.booleans(), "label": odd, "locale": odd, "outcome": odd, "x": odd},
)
chat_rows = st.fixed_dictionaries(
    {"messages": st.lists(messages | st.dictionaries(keys, odd, max_size=3) | odd, max_size=3) | odd},
    optional={"metadata": metadata | st.dictionaries(keys, odd, max_size=4) | odd, "tools": odd, "x": odd},
)


@settings(max_examples=2_000, deadline=None)
@given(chat_rows)
@example({"messages": [ANSWER], "metadata": {**META, "reviewed": "yes"}})
@example({"messages": [ANSWER], "metadata": {**META, "x": None}})
@example({"messages": [ANSWER], "metadata": {**META, "label": ""}})
@example({"messages": [ANSWER], "metadata": [1]})
@example({"messages": [ANSWER], "tools": []})
@example({"messages": {}, "metadata": META})
@example({"messages": [{"role": "tool", "content": "x"}]})
@example({"messages": [{"role": [], "content": "x"}]})
@example({"messages": [ANSWER], "metadata": META, "x": 1})
def test_the_quick_look_at_a_row_says_what_the_schema_says(row: dict[str, Any]) -> None:
    assert is_valid_shape(row) == SLOW.is_valid(row)


# (target, a row as its own files hold it, the roles it is read as)
NATIVE = [
    ("bedrock-nova", nova("q", "a"), ["user", "assistant"]),
    ("bedrock-nova", nova("q", "a", system=[{"text": "s"}]), ["system", "user", "assistant"]),
    (
        "bedrock-nova",
        {**nova("q", "a"), "messages": [
            {"role": "user", "content": [{"text": "q"}, {"image": {"format": "png", "source": {}}}]},
            {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "a"}]},
        ]},
        ["user", "assistant"],
    ),
    ("bedrock-claude", claude("q", "a", "q", "a"), ["user", "assistant"] * 2),
    ("bedrock-claude", claude("q", "a", system="s"), ["system", "user", "assistant"]),
    ("trl", {"prompt": "q", "completion": "a"}, ["user", "assistant"]),
    ("trl", {"prompt": [USER], "completion": [ANSWER]}, ["user", "assistant"]),
    ("trl", {"prompt": "q", "chosen": "a", "rejected": "b"}, ["user", "assistant"]),
    ("trl", {"prompt": [USER], "chosen": [ANSWER], "rejected": [ANSWER]}, ["user", "assistant"]),
    (
        "trl",
        {"messages": [
            USER,
            {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "t", "arguments": {}}}]},
            {"role": "tool", "name": "t", "content": "1"},
            ANSWER,
        ]},
        ["user", "assistant", "tool", "assistant"],
    ),
    ("openai", {"messages": [USER, ANSWER]}, ["user", "assistant"]),
    ("azure", {"messages": [USER, ANSWER]}, ["user", "assistant"]),
    (
        "openai",
        {"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_preferred_output": [ANSWER]},
        ["user", "assistant"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("target", "row", "roles"), NATIVE)
def test_a_targets_own_row_is_accepted_and_read_as_ours(
    target: str, row: dict[str, Any], roles: list[str]
) -> None:
    assert matches_target(row, target)
    assert complaints(row, target) == []
    assert [message["role"] for message in Row(1, row).messages] == roles


@pytest.mark.parametrize("target", TARGETS)
def test_our_own_row_is_accepted_for_every_target(target: str) -> None:
    assert complaints({"messages": [USER, ANSWER], "metadata": META}, target) == []


def complaints(row: dict[str, Any], target: str | None) -> list[str]:
    """What the rules of form say of one row."""
    context = Context(Dataset("rows.jsonl", (Row(1, row),), 1), target=TARGETS[target] if target else None)
    asked = {
        "schema",
        "role-order",
        "inexpressible-row",
        "tool-call",
        "reserved-text",
        "mixed-shapes",
        "row-too-long",
    }
    found = [finding for finding in run_checks(context) if finding.rule in asked]
    assert all(finding.line == 1 for finding in found)
    return [f"{finding.rule}: {finding.message}" for finding in found]


def calling(call: dict[str, Any], *after: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "tool_calls": [call]}, *after]}


def with_arguments(arguments: Any) -> dict[str, Any]:
    return {**CALL, "function": {"name": "track", "arguments": arguments}}


TRAPS = [
    (
        "openai",
        {"messages": [USER, {**ANSWER, "weight": 0.5}]},
        "schema: $.messages[1].weight: expected one of 0, 1",
    ),
    (
        "openai",
        {"messages": [{**USER, "weight": 1}, ANSWER]},
        "schema: $.messages[0]: 'weight' does not belong to a message of this role",
    ),
    (
        "openai",
        {"messages": [{"role": "developer", "content": "s"}, USER, ANSWER]},
        "role-order: openai does not train on the role 'developer'; write 'system'",
    ),
    (
        "openai",
        {"messages": [USER, ANSWER, USER]},
        "schema: the last message must be the assistant's, or there is nothing to learn",
    ),
    (
        "openai",
        {"messages": [USER, {"role": "assistant", "content": ""}]},
        "schema: $.messages[1]: an assistant message needs content or tool_calls",
    ),
    ("openai", calling(CALL, USER, ANSWER), "tool-call: a tool call has no result before the next turn"),
    ("openai", calling(with_arguments("HH-1")), "tool-call: tool call arguments are not JSON"),
    ("openai", calling(with_arguments('"{}"')), "tool-call: tool call arguments are JSON written twice"),
    (
        "openai",
        calling(with_arguments({"order": 1})),
        "tool-call: tool call arguments are an object; openai wants them as text that holds JSON",
    ),
    (
        "trl",
        calling(with_arguments('{"order": 1}')),
        "tool-call: tool call arguments are text; trl wants the object itself (liftgate data export writes it)",
    ),
    (
        "openai",
        {"messages": [USER, {"role": "assistant", "content": "stop <|im_end|> here"}]},
        "reserved-text: holds text reserved for control by openai",
    ),
    *(
        (
            "bedrock-nova",
            nova(f"well {word} this", "a"),
            "reserved-text: holds text reserved for control by bedrock-nova",
        )
        for word in ("System:", "USER:", "assistant:", "Bot:", "thought:", "[EOS]", "<image>", "<video>")
    ),
    *(
        (
            target,
            make("a", "b", "c"),
            "schema: the last message must be the assistant's, or there is nothing to learn",
        )
        for target, make in (("bedrock-nova", nova), ("bedrock-claude", claude))
    ),
    (
        "bedrock-claude",
        {"messages": [USER, USER, ANSWER]},
        "role-order: bedrock-claude wants user and assistant in turns, the user first, the assistant last",
    ),
    (
        "bedrock-nova",
        {"messages": nova("q", "a")["messages"]},
        "schema: the key 'schemaVersion' is missing",
    ),
    ("bedrock-nova", nova("q", ""), "schema: $.messages[1].content[0].text: must not be empty"),
    ("bedrock-nova", nova("q", "a", toolConfig={}), "schema: 'toolConfig' is not a key here"),
    (
        "bedrock-claude",
        claude("q", "a", system="s", metadata=META),
        "schema: 'metadata' is not a key of this shape; `liftgate data export` writes rows without it",
    ),
    ("trl", {"prompt": "q", "completion": ""}, "schema: $.completion: must not be empty"),
    (
        "openai",
        {"prompt": "q", "completion": "a"},
        "schema: a row in the shape of trl ('prompt' and 'completion'), once also of OpenAI's fine-tunes; write "
        "'prompt' as a user message and 'completion' as an assistant message in 'messages', or convert the file: "
        "liftgate data export FILE --target openai --out NEW",
    ),
    (
        "openai",
        nova("q", "a"),
        "schema: a row in the shape of bedrock-nova ('schemaVersion'); convert the file: "
        "liftgate data export FILE --target openai --out NEW",
    ),
    (
        "bedrock-nova",
        claude("q", "a", system="s"),
        "schema: a row in the shape of bedrock-claude ('system' beside 'messages'); convert the file: "
        "liftgate data export FILE --target bedrock-nova --out NEW",
    ),
    (
        None,
        {"prompt": "q", "chosen": "a", "rejected": "b"},
        "schema: a row in the shape of trl ('prompt', 'chosen' and 'rejected'); validate it with --target trl, or "
        "convert the file: liftgate data export FILE --target openai --out NEW",
    ),
    (
        None,
        {"input": {"messages": [USER]}, "preferred_completion": [ANSWER], "non_preferred_output": [ANSWER]},
        "schema: 'preferred_completion' is an older form; rename it: preferred_output",
    ),
    (
        None,
        {"messages": [USER, {**ANSWER, "function_call": {"name": "x", "arguments": "{}"}}]},
        "schema: $.messages[1]: 'function_call' is an older form; rename it: tool_calls",
    ),
    (
        None,
        {"messages": [USER, ANSWER], "functions": []},
        "schema: 'functions' is an older form; rename it: tools",
    ),
    (
        None,
        {"messages": [USER, {"role": "function", "name": "x", "content": "1"}, ANSWER]},
        "schema: $.messages[1].role: the role 'function' is an older form; rename it: tool, with tool_call_id",
    ),
    (
        None,
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        "schema: the ShareGPT form; rename 'conversations' to 'messages', 'from' to 'role' (human to user, gpt to "
        "assistant) and 'value' to 'content'",
    ),
    (
        None,
        {"instruction": "q", "input": "", "output": "a"},
        "schema: the Alpaca form; write 'instruction' and 'input' as one user message and 'output' as an assistant "
        "message in 'messages'",
    ),
]


@pytest.mark.parametrize(("target", "row", "sentence"), TRAPS)
def test_a_trap_is_named_in_one_sentence(target: str | None, row: dict[str, Any], sentence: str) -> None:
    assert complaints(row, target) == [sentence]


def test_a_result_for_another_call_leaves_two_ends_loose() -> None:
    assert complaints(calling(CALL, {**RESULT, "tool_call_id": "c2"}, ANSWER), "openai") == [
        "tool-call: a tool call has no result before the next turn",
        "tool-call: a tool message answers no call before it",
    ]


def test_a_reserved_word_in_the_metadata_is_no_problem() -> None:
    row = {"messages": [USER, ANSWER], "metadata": {**META, "asked_by": "user: ann"}}
    assert complaints(row, "bedrock-nova") == []


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(path: Path, target: str, rule: str) -> list[tuple[Any, ...]]:
    findings = validate_files(path, target=target)["findings"]
    return [(f["severity"], f["line"], f["message"]) for f in findings if f["rule"] == rule]


def test_rows_of_two_shapes_are_told_at_the_first_odd_line(tmp_path: Path) -> None:
    file = written(
        tmp_path / "rows.jsonl",
        [claude("q", "a", system="s"), {"messages": [USER, ANSWER], "metadata": META}],
    )
    assert found(file, "bedrock-claude", "mixed-shapes") == [
        (
            "error",
            2,
            "rows of 2 shapes in one file: bedrock-claude ('system' beside 'messages') from line 1, "
            "chat ('messages') from line 2",
        )
    ]
    assert (
        found(
            written(file, [claude("q", "a", system="s"), claude("q", "b")]), "bedrock-claude", "mixed-shapes"
        )
        == []
    )


def test_too_few_and_too_many_rows_by_target(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", [nova(f"question {n}", "a") for n in range(7)])
    assert found(file, "bedrock-nova", "too-few-rows")
    context = Context(
        Dataset("rows.jsonl", (Row(1, nova("q", "a")),) * 20_001, 20_001), target=TARGETS["bedrock-nova"]
    )
    told = [f.message for f in run_checks(context) if f.rule == "too-many-rows"]
    assert told == ["20,001 rows; bedrock-nova accepts 20,000"]


def test_a_file_over_the_targets_bytes_is_told() -> None:
    row = Row(1, {"messages": [USER, ANSWER]})
    context = Context(Dataset("rows.jsonl", (row,), 1, size_bytes=600_000_000), target=TARGETS["openai"])
    told = [f.message for f in run_checks(context) if f.rule == "too-many-rows"]
    assert told == ["the file has 600 MB; openai accepts 512 MB"]


ONLY = "train on the first 32,000 only"


@pytest.mark.parametrize(
    ("target", "words", "expected"),
    [
        ("openai", 65_536, [("error", 1, "65,551 tokens; openai trains on the first 65,536 only")]),
        ("openai", 65_500, []),
        ("bedrock-claude", 20_000, []),
        ("bedrock-claude", 30_000, [("warning", 1, f"about 22,511 to 40,520 tokens; bedrock-claude may {ONLY}")]),
        ("bedrock-claude", 50_000, [("error", 1, f"about 37,511 to 67,520 tokens; bedrock-claude trains {ONLY[6:]}")]),
    ],
)  # fmt: skip
def test_a_row_over_the_limit_is_told_exactly_or_as_a_range(
    tmp_path: Path, target: str, words: int, expected: list[Any]
) -> None:
    row = {"messages": [{"role": "user", "content": "a" + " a" * (words - 1)}, ANSWER], "metadata": META}
    assert found(written(tmp_path / "rows.jsonl", [row]), target, "row-too-long") == expected


def test_each_sequence_of_a_preference_row_is_held_against_the_limit_by_itself(tmp_path: Path) -> None:
    long = [{"role": "assistant", "content": "a" + " a" * 40_000}]
    row = {
        "input": {"messages": [USER]},
        "preferred_output": long,
        "non_preferred_output": long,
        "metadata": META,
    }
    assert found(written(tmp_path / "rows.jsonl", [row]), "openai", "row-too-long") == []
    row["non_preferred_output"] = [{"role": "assistant", "content": "a" + " a" * 70_000}]
    assert len(found(written(tmp_path / "rows.jsonl", [row]), "openai", "row-too-long")) == 1


def openapi(name: str) -> dict[str, Any]:
    """A component of OpenAI's own description, as JSON Schema."""
    components = json.loads(OPENAPI.read_text())["components"]
    return {"$ref": f"#/components/schemas/{name}", "components": without_discriminators(components)}


def without_discriminators(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_discriminators(item) for key, item in value.items() if key != "discriminator"}
    return [without_discriminators(item) for item in value] if isinstance(value, list) else value


def accepted_messages() -> Iterator[tuple[str, dict[str, Any]]]:
    part = {"type": "text", "text": "a"}
    yield "ChatCompletionRequestSystemMessage", {"role": "system", "content": "s", "name": "n"}
    yield "ChatCompletionRequestSystemMessage", {"role": "system", "content": [part]}
    yield "ChatCompletionRequestUserMessage", USER
    yield (
        "ChatCompletionRequestUserMessage",
        {
            "role": "user",
            "content": [
                part,
                {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
            ],
        },
    )
    yield "ChatCompletionRequestToolMessage", RESULT
    for beside in ({}, {"weight": 0}, {"weight": 1}, {"refusal": None}, {"tool_calls": [CALL]}):
        yield "FineTuneChatCompletionRequestAssistantMessage", {**ANSWER, **beside}
    yield "FineTuneChatCompletionRequestAssistantMessage", {"role": "assistant", "tool_calls": [CALL]}


@pytest.mark.skipif(not OPENAPI.exists(), reason="the shared data folder is not here")
@pytest.mark.parametrize(("name", "message"), list(accepted_messages()))
def test_what_our_openai_schema_accepts_openais_own_accepts(name: str, message: dict[str, Any]) -> None:
    rows = [{"messages": [USER, message, ANSWER]}, {"messages": [message]}]
    assert all(matches_target(row, "openai") for row in rows)
    Draft202012Validator(openapi(name)).validate(message)


@pytest.mark.skipif(not OPENAPI.exists(), reason="the shared data folder is not here")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FineTuneChatCompletionRequestAssistantMessage", {**ANSWER, "weight": 0.5}),
        ("FineTuneChatCompletionRequestAssistantMessage", {"role": "assistant", "content": []}),
        (
            "FineTuneChatCompletionRequestAssistantMessage",
            {"role": "assistant", "tool_calls": [with_arguments({})]},
        ),
        (
            "FineTuneChatCompletionRequestAssistantMessage",
            {"role": "assistant", "tool_calls": [{"type": "function"}]},
        ),
        ("ChatCompletionRequestToolMessage", {"role": "tool", "content": "x"}),
        ("ChatCompletionRequestUserMessage", {"role": "user"}),
        ("ChatCompletionRequestUserMessage", {"role": "user", "content": [{"type": "image_url"}]}),
        ("ChatCompletionRequestSystemMessage", {"role": "system", "content": 1}),
    ],
)
def test_what_openais_own_schema_refuses_ours_refuses(name: str, message: dict[str, Any]) -> None:
    assert not matches_target({"messages": [message]}, "openai")
    assert not Draft202012Validator(openapi(name)).is_valid(message)


def test_azures_schema_is_openais_but_for_the_outputs() -> None:
    ours, theirs = (dict(schema(f"targets/{name}")["$defs"]) for name in ("openai", "azure"))
    assert ours.pop("output") != theirs.pop("output")
    assert ours == theirs


def test_a_problem_never_holds_a_value_of_the_row() -> None:
    secret = "the heron sleeps on the third bollard"
    for row in (
        {secret: secret},
        {"messages": [{secret: secret}]},
        {"messages": [{"role": secret}], secret: 1},
    ):
        assert all(secret not in problem for problem in shape_problems(Row(1, row)))
