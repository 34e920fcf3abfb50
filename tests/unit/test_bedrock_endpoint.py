"""The bedrock endpoint against a server that checks signatures and shapes and fails in every way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from liftgate.errors import InputError, MissingExtra, ProviderError
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, Sampling
from liftgate.evaluation.converse_format import fields
from liftgate.evaluation.endpoints import Settings, open_endpoint
from liftgate.evaluation.endpoints.bedrock import BedrockEndpoint
from liftgate.evaluation.faults import Unsendable
from liftgate.evaluation.http import Clocks

boto3 = pytest.importorskip("boto3", reason="needs the extra aws")
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

from bedrock_server import (  # noqa: E402
    DEPLOYMENT,
    NOVA,
    PROFILE_ONLY,
    PROVISIONED,
    REGION,
    SECRET_KEY,
    BedrockServer,
    environment,
)

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "refund",
            "description": "Send money back.",
            "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}},
        },
    }
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BedrockServer]:
    with BedrockServer() as running:
        for name, value in environment(running).items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
            monkeypatch.delenv(name, raising=False)
        yield running


class Clock:
    """Time that passes only by sleeping; signatures carry the real time."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


def endpoint(model: str = NOVA, **settings: Any) -> BedrockEndpoint:
    clock = Clock()
    clocks = Clocks(clock.sleep, clock, lambda: 0.0, lambda: 1.0)
    return BedrockEndpoint(model, REGION, clocks=clocks, **settings)


def requests(count: int = 1, **more: Any) -> list[Request]:
    said = {"tools": None, "sampling": Sampling(0.0, 64), **more}
    return [Request([{"role": "user", "content": f"question {n}"}], **said) for n in range(count)]


def outcomes(asked: BedrockEndpoint, listed: list[Request]) -> dict[int, Outcome]:
    return dict(asked.complete(listed, range(len(listed))))


def test_every_request_gets_its_own_answer_with_its_tokens(server: BedrockServer) -> None:
    answers = outcomes(endpoint(concurrency=16), requests(100))
    assert {n: a.text for n, a in answers.items() if isinstance(a, Completion)} == {
        n: f"question {n}" for n in range(100)
    }
    first = answers[0]
    assert isinstance(first, Completion)
    assert (first.input_tokens, first.output_tokens, first.finish_reason) == (2, 2, "stop")
    assert first.latency_ms is not None
    assert server.count == 100
    assert server.bodies[0]["inferenceConfig"] == {"maxTokens": 64, "temperature": 0.0}


def test_the_real_client_is_understood_by_the_server_and_gets_the_same(server: BedrockServer) -> None:
    retries = {"total_max_attempts": 1}
    with closing(boto3.Session().client("bedrock-runtime", config=Config(retries=retries))) as client:
        asked = requests(1, tools=TOOLS)[0]
        reply = client.converse(modelId=NOVA, **fields(asked))
        assert reply["output"]["message"]["content"] == [{"text": "question 0"}]
        server.faults = "throttled"
        with pytest.raises(ClientError) as error:
            client.converse(modelId=NOVA, **fields(asked))
        assert error.value.response["Error"]["Code"] == "ThrottlingException"
    assert server.bodies[0] == fields(asked)


@pytest.mark.parametrize("model", [DEPLOYMENT, PROVISIONED, NOVA])
def test_an_arn_is_signed_as_it_is_sent(server: BedrockServer, model: str) -> None:
    assert isinstance(outcomes(endpoint(model), requests())[0], Completion)


def test_a_key_of_bedrock_itself_will_do(server: BedrockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "test-api-key")
    assert isinstance(outcomes(endpoint(), requests())[0], Completion)


CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": "Never swear."},
    {"role": "user", "content": "two orders"},
    {"role": "user", "content": [{"type": "text", "text": "both late"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "refund", "arguments": '{"order": 1}'}},
            {"id": "call_2", "type": "function", "function": {"name": "refund", "arguments": '{"order": 2}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "sent"},
    {"role": "tool", "tool_call_id": "call_2", "content": "sent, too"},
    {"role": "user", "content": "thanks"},
]


def test_a_whole_conversation_with_tools_keeps_its_meaning(server: BedrockServer) -> None:
    schema = {"type": "object"}
    asked = Request(CONVERSATION, TOOLS, Sampling(0.5, 9, 0.9, seed=3), answer_schema=schema)
    answer = outcomes(endpoint(), [asked])[0]
    assert isinstance(answer, Completion), answer
    assert server.bodies[0] == {
        "system": [{"text": "Be brief."}, {"text": "Never swear."}],
        "messages": [
            {"role": "user", "content": [{"text": "two orders"}, {"text": "both late"}]},
            {
                "role": "assistant",
                "content": [
                    {"toolUse": {"toolUseId": "call_1", "name": "refund", "input": {"order": 1}}},
                    {"toolUse": {"toolUseId": "call_2", "name": "refund", "input": {"order": 2}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": "sent"}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": [{"text": "sent, too"}]}},
                    {"text": "thanks"},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9},
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "refund",
                        "description": "Send money back.",
                        "inputSchema": {
                            "json": {"type": "object", "properties": {"order": {"type": "integer"}}}
                        },
                    }
                }
            ]
        },
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"name": "answer", "schema": '{"type":"object"}'}},
            }
        },
    }


def test_a_tool_call_comes_back_as_one(server: BedrockServer) -> None:
    use = {"toolUse": {"toolUseId": "tooluse_1", "name": "refund", "input": {"order": 1}}}
    server.answer = lambda body: [{"text": "let me see"}, use]
    answer = outcomes(endpoint(), requests(1, tools=TOOLS))[0]
    assert isinstance(answer, Completion)
    assert (answer.text, answer.finish_reason) == ("let me see", "tool_calls")
    assert answer.tool_calls == [{"name": "refund", "arguments": '{"order": 1}'}]
    refused = outcomes(endpoint(), requests())[0]
    assert isinstance(refused, Failure)
    assert refused.kind == "unexpected-tool-call"


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "something other than text",
        ),
        ([{"role": "function", "content": "x"}], "no place for a message"),
        (CONVERSATION, "give the case `tools`"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "["}}]}],
            "not a JSON object",
        ),
    ],
)
def test_what_converse_has_no_place_for_is_an_error_of_its_case(
    server: BedrockServer, messages: list[dict[str, Any]], why: str
) -> None:
    with pytest.raises(Unsendable, match=why):
        fields(Request(messages, None, Sampling()))
    outcome = outcomes(endpoint(), [Request(messages, None, Sampling())])[0]
    assert isinstance(outcome, Failure)
    assert outcome.kind == "unsendable"
    assert server.count == 0


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "assistant", "content": [{"text": "x"}]}]},
        {"messages": [{"role": "user", "content": [{"text": " "}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"text": "a"}]},
                {"role": "user", "content": [{"text": "b"}]},
            ]
        },
        {"messages": [{"role": "user", "content": [{"words": "a"}]}]},
        {"messages": [{"role": "user", "content": "a"}]},
        {"messages": [{"role": "user", "content": [{"text": "a"}]}], "inferenceConfig": {"temperature": 2}},
        {"messages": [{"role": "user", "content": [{"text": "a"}]}], "toolConfig": {"tools": []}},
        {"messages": [{"role": "user", "content": [{"text": "a"}]}], "max_tokens": 5},
        {"messages": CONVERSATION},
    ],
)
def test_the_server_refuses_what_the_service_refuses(
    server: BedrockServer, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from liftgate.evaluation import converse_format

    monkeypatch.setattr(converse_format, "fields", lambda request: body)
    outcome = outcomes(endpoint(), requests())[0]
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.message) == (
        "bad-request",
        "the provider refuses the request (HTTP 400, ValidationException)",
    )


@pytest.mark.parametrize(
    ("mode", "kind", "count"),
    [
        ("throttled", "throttled", 12),
        ("not-ready", "model-not-ready", 12),
        ("unavailable", "server-error", 7),
        ("internal", "server-error", 7),
        ("model-error", "server-error", 7),
        ("model-timeout", "timeout", 2),
        ("half", "cut-short", 6),
        ("reset", "connection-lost", 6),
        ("not-json", "not-json", 4),
        ("no-message", "no-message", 4),
        ("content_filtered", "content-filter", 1),
        ("guardrail_intervened", "content-filter", 1),
        ("malformed_model_output", "malformed-output", 1),
        ("too-long", "prompt-too-long", 1),
        ("quoting", "bad-request", 1),
    ],
)
def test_a_lasting_fault_becomes_an_error_after_bounded_attempts(
    server: BedrockServer, mode: str, kind: str, count: int
) -> None:
    server.faults = mode
    outcome = outcomes(endpoint(), requests())[0]
    assert isinstance(outcome, Failure)
    assert (outcome.kind, server.count) == (kind, count)
    assert "question" not in outcome.message


@pytest.mark.parametrize(
    "mode", ["throttled", "not-ready", "unavailable", "internal", "half", "not-json", "reset"]
)
def test_a_passing_fault_loses_no_case(server: BedrockServer, mode: str) -> None:
    server.faults = {0: mode, 1: mode, 5: mode}
    answers = outcomes(endpoint(concurrency=2), requests(8))
    assert all(isinstance(answer, Completion) for answer in answers.values())
    assert server.count == 11


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("denied", "these AWS credentials may not use this model (HTTP 403, AccessDeniedException)"),
        ("expired", "the AWS credentials have expired (HTTP 403, ExpiredTokenException)"),
        ("unknown-key", "AWS refuses the credentials (HTTP 403, UnrecognizedClientException)"),
        (
            "end-of-life",
            "does not serve this model under this name here (HTTP 404, ResourceNotFoundException)",
        ),
        ("no-tools", "the model cannot do what the suite asks of it (HTTP 400, ValidationException)"),
        ("per-day", "the account has no quota left (HTTP 429, ThrottlingException)"),
    ],
)
def test_a_fault_that_every_case_would_meet_fails_the_run_at_once(
    server: BedrockServer, mode: str, sentence: str
) -> None:
    server.faults = mode
    with pytest.raises(ProviderError) as error:
        outcomes(endpoint(concurrency=2), requests(100))
    assert sentence in str(error.value)
    assert error.value.hint
    assert server.count <= 4


@pytest.mark.parametrize("model", ["no-such.model-v1:0", PROFILE_ONLY])
def test_a_model_that_is_not_served_fails_the_run_at_once(server: BedrockServer, model: str) -> None:
    with pytest.raises(ProviderError, match="does not serve this model") as error:
        outcomes(endpoint(model, concurrency=2), requests(100))
    assert "inference profile" in str(error.value.hint)
    assert server.count <= 4


def test_credentials_are_in_no_message(server: BedrockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from bedrock_server import REFUSALS

    said = f"The key {SECRET_KEY} of AKIDEXAMPLE is wrong"
    monkeypatch.setitem(REFUSALS, "unknown-key", (403, "UnrecognizedClientException", said))
    server.faults = "unknown-key"
    with pytest.raises(ProviderError) as error:
        outcomes(endpoint(), requests())
    assert "The key *** of *** is wrong" in str(error.value)


def test_without_credentials_nothing_is_sent_and_the_way_out_is_told(
    server: BedrockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InputError, match="no AWS credentials") as error:
        outcomes(endpoint(), requests())
    assert "aws configure" in str(error.value.hint)
    assert server.count == 0


def test_a_deployment_is_known_by_the_model_it_serves_now(server: BedrockServer) -> None:
    before = endpoint(DEPLOYMENT).identity()
    assert before["revision"] == server.served
    server.served = server.served[:-1] + "2"
    assert endpoint(DEPLOYMENT).identity()["revision"] != before["revision"]
    assert endpoint(PROVISIONED).identity()["revision"] == server.served
    assert endpoint(NOVA).identity() == {"model": NOVA, "region": REGION}
    server.deny_control = True
    with pytest.raises(ProviderError, match="AccessDeniedException") as error:
        endpoint(DEPLOYMENT).identity()
    assert "bedrock:GetCustomModelDeployment" in str(error.value.hint)


def test_the_region_is_told_by_flag_arn_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert open_endpoint("bedrock", Settings(NOVA, region="us-east-1")).identity()["region"] == "us-east-1"
    assert isinstance(arn := open_endpoint("bedrock", Settings(DEPLOYMENT)), BedrockEndpoint)
    assert arn.region == "eu-central-1"
    with pytest.raises(InputError, match="which AWS region"):
        open_endpoint("bedrock", Settings(NOVA))
    with pytest.raises(InputError, match="of the region eu-central-1, not us-east-1"):
        open_endpoint("bedrock", Settings(DEPLOYMENT, region="us-east-1"))
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert open_endpoint("bedrock", Settings(NOVA)).identity()["region"] == "ap-south-1"


def test_without_boto3_stored_answers_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    monkeypatch.setenv("AWS_REGION", REGION)
    asked = open_endpoint("bedrock", Settings(NOVA))
    assert asked.identity() == {"model": NOVA, "region": REGION}
    with pytest.raises(MissingExtra, match=r"liftgate\[aws\]"):
        list(asked.complete(requests(), [0]))


def test_two_models_of_one_address_are_asked_in_turn(server: BedrockServer) -> None:
    first, second = endpoint(NOVA, concurrency=1), endpoint(PROVISIONED, concurrency=1)
    both = requests(4)
    turns = [index for index, _ in first.complete_both(second, both, 2, [0, 2, 3, 1])]
    assert sorted(turns) == [0, 1, 2, 3]
    assert json.dumps(server.bodies).count("question 3") == 1
