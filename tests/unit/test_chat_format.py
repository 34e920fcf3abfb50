"""The wire format: every reply has one meaning, and no bytes break the reader."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.evaluation.chat_format import body, read_reply
from liftgate.evaluation.completion import Completion, Request, Sampling
from liftgate.evaluation.faults import Fault, Retry, retry_after_s

TOOL = {"type": "function", "function": {"name": "refund"}}


def meaning(
    payload: Any, status: int = 200, headers: dict[str, str] | None = None, *, tools: bool = False
) -> Completion | Fault:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read_reply(status, headers or {}, raw, 12.0, tools=tools, unix_s=0.0)


def choice(content: Any, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish, "message": {"content": content, **message}}]}


def test_a_body_says_what_sampling_says_and_leaves_out_what_it_leaves_open() -> None:
    messages = [{"role": "user", "content": "q"}]
    whole = Request(messages, [TOOL], Sampling(0.5, 32, 0.9, 7), repeat=2)
    assert orjson.loads(body(whole, "m")) == {
        "model": "m",
        "messages": messages,
        "temperature": 0.5,
        "max_tokens": 32,
        "top_p": 0.9,
        "seed": 9,
        "tools": [TOOL],
    }
    bare = Request(messages, None, Sampling(None))
    assert orjson.loads(body(bare, "m")) == {"model": "m", "messages": messages}


def test_an_answer_is_read_with_its_tokens() -> None:
    reply = {**choice("hi"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    assert meaning(reply) == Completion("hi", 12.0, 3, 1, "stop")
    assert meaning({**choice("hi"), "usage": {"prompt_tokens": "3", "completion_tokens": -1}}) == Completion(
        "hi", 12.0
    )


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (choice(""), "", "stop"),
        (choice(None), "", "stop"),
        (choice(None, refusal="I will not"), "I will not", "stop"),
        (choice([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "ab", "stop"),
        (choice("cut", "length"), "cut", "length"),
        (choice("x", None), "x", "stop"),
    ],
)
def test_servers_spell_answers_differently(reply: Any, text: str, finish: str) -> None:
    read = meaning(reply)
    assert isinstance(read, Completion)
    assert (read.text, read.finish_reason) == (text, finish)


def test_half_a_character_in_a_reply_is_replaced() -> None:
    read = meaning(b'{"choices": [{"message": {"content": "a\\ud800\\u0000"}}]}')
    assert isinstance(read, Completion)
    assert read.text == "a\N{REPLACEMENT CHARACTER}\x00"


def test_a_tool_call_is_an_answer_only_when_tools_were_on_offer() -> None:
    reply = choice(
        None, "tool_calls", tool_calls=[{"function": {"name": "refund", "arguments": {"order": 1}}}]
    )
    read = meaning(reply, tools=True)
    assert isinstance(read, Completion)
    assert (read.finish_reason, read.tool_calls) == (
        "tool_calls",
        [{"name": "refund", "arguments": '{"order": 1}'}],
    )
    assert kind_and_retry(meaning(reply)) == ("unexpected-tool-call", Retry.NO)


def kind_and_retry(read: Completion | Fault) -> tuple[str, Retry]:
    assert isinstance(read, Fault)
    return read.kind, read.retry


def refused(message: str = "", code: str | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, **more}}


@pytest.mark.parametrize(
    ("status", "reply", "kind", "retry"),
    [
        (200, b"<html>", "not-json", Retry.GARBLED),
        (200, b"", "not-json", Retry.GARBLED),
        (200, b"\xff\xfe", "not-json", Retry.GARBLED),
        (200, b"[" * 100_000, "not-json", Retry.GARBLED),
        (200, [], "not-json", Retry.GARBLED),
        (200, {}, "empty-choices", Retry.GARBLED),
        (200, {"choices": []}, "empty-choices", Retry.GARBLED),
        (200, {"choices": [{"message": None}]}, "no-message", Retry.GARBLED),
        (200, choice(17), "no-text", Retry.GARBLED),
        (200, choice("half an ans", "content_filter"), "content-filter", Retry.NO),
        (200, refused("upstream", code="502"), "server-error", Retry.OVERLOADED),
        (200, refused("upstream", code="429"), "throttled", Retry.THROTTLED),
        (301, b"", "redirected", Retry.RUN),
        (400, refused("no such thing", "invalid_value"), "bad-request", Retry.NO),
        (400, refused("model m not found"), "model-not-found", Retry.RUN),
        (400, refused("", "model_not_found"), "model-not-found", Retry.RUN),
        (400, refused("filtered", "content_filter"), "content-filter", Retry.NO),
        (400, refused("", "context_length_exceeded"), "prompt-too-long", Retry.NO),
        (400, {"detail": "maximum context length is 5"}, "prompt-too-long", Retry.NO),
        (401, refused(), "unauthorized", Retry.RUN),
        (403, b"", "unauthorized", Retry.RUN),
        (404, b"not found", "model-not-found", Retry.RUN),
        (404, {"error": "model 'm' not found"}, "model-not-found", Retry.RUN),
        (408, b"", "server-error", Retry.OVERLOADED),
        (429, refused(), "throttled", Retry.THROTTLED),
        (429, refused("", "insufficient_quota"), "no-quota", Retry.RUN),
        (500, b"", "server-error", Retry.OVERLOADED),
        (503, refused("loading model"), "server-error", Retry.OVERLOADED),
        (529, b"", "server-error", Retry.OVERLOADED),
        (422, {"detail": [{"msg": "bad"}]}, "bad-request", Retry.NO),
    ],
)
def test_every_refusal_has_one_meaning(status: int, reply: Any, kind: str, retry: Retry) -> None:
    assert kind_and_retry(meaning(reply, status)) == (kind, retry)


def test_a_fault_names_status_and_code_and_keeps_the_providers_words_apart() -> None:
    read = meaning(refused("you said: my secret", "invalid_value"), 400)
    assert read == Fault(
        "bad-request",
        "the provider refuses the request (HTTP 400, invalid_value)",
        Retry.NO,
        None,
        "you said: my secret",
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2"}, 2.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 60.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, 0.0) == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "error", "code", "usage", "tool_calls", "function"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(
    reply=JSON | st.binary(max_size=40),
    status=st.sampled_from([200, 302, 400, 404, 429, 500]),
    tools=st.booleans(),
)
def test_no_reply_breaks_the_reader(reply: Any, status: int, tools: bool) -> None:
    read = meaning(reply, status, tools=tools)
    if isinstance(read, Completion):
        assert status == 200
        read.text.encode()


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_log_probabilities_that_are_no_numbers_spoil_no_answer(number: bytes) -> None:
    whole = json.dumps(choice("hi")).encode()
    logprobs = b'"logprobs": {"content": [{"token": "hi", "logprob": ' + number + b"}]}, "
    reply = whole.replace(b'"finish_reason"', logprobs + b'"finish_reason"')
    assert meaning(reply) == Completion("hi", 12.0)
    counted = b'{"usage": {"prompt_tokens": ' + number + b', "completion_tokens": 2}, ' + whole[1:]
    assert meaning(counted) == Completion("hi", 12.0, None, 2)
