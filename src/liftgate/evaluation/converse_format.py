"""The wire format of Bedrock's Converse: a request's body from chat messages, and what a reply means.

Pure: any status, headers and bytes have one defined meaning, an answer or a fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from liftgate.evaluation.chat_format import parsed
from liftgate.evaluation.completion import Completion, Message, Request, with_well_formed_text
from liftgate.evaluation.faults import Fault, Retry, Unsendable, garbled, retry_after_s

_SYSTEM: Final = frozenset({"system", "developer"})
_WITHHELD: Final = frozenset({"guardrail_intervened", "content_filtered"})
_MALFORMED: Final = frozenset({"malformed_model_output", "malformed_tool_use"})
_CUT: Final = frozenset({"max_tokens", "model_context_window_exceeded"})

_ABSENT_PHRASES: Final = (
    "model identifier is invalid",
    "on-demand throughput isn",
    "end of its life",
    "access to the model",
    "not authorized to invoke",
)
_CANNOT_PHRASES: Final = (
    "doesn't support",
    "does not support",
    "isn't supported",
    "is not supported",
    "you requested exceeds",
)
_TOO_LONG_PHRASES: Final = (
    "input is too long",
    "prompt is too long",
    "too many input tokens",
)


def body(request: Request) -> bytes:
    """The JSON that asks for one answer. Raises `Unsendable` for what Converse has no place for.

    System messages go where Converse keeps them; turns of one side that follow each other become one. It knows
    no seed, so repeats draw afresh.
    """
    return orjson.dumps(fields(request))


def fields(request: Request) -> dict[str, Any]:
    """As `body`, before it is JSON."""
    sampling = request.sampling
    system = [text for m in request.messages if m.get("role") in _SYSTEM for text in _texts(m)]
    turns = _turns([m for m in request.messages if m.get("role") not in _SYSTEM])
    found: dict[str, Any] = {"messages": turns}
    if system:
        found["system"] = system
    drawn = {
        "maxTokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
    }
    if set_ := {name: value for name, value in drawn.items() if value is not None}:
        found["inferenceConfig"] = set_
    if request.tools:
        found["toolConfig"] = {"tools": [_tool(tool) for tool in request.tools]}
    elif any(
        key in block for turn in turns for block in turn["content"] for key in ("toolUse", "toolResult")
    ):
        raise Unsendable(
            "the messages call tools, and Converse wants to know those tools: give the case `tools`"
        )
    if request.answer_schema is not None:
        schema = {"name": "answer", "schema": orjson.dumps(dict(request.answer_schema)).decode()}
        found["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    return found


def _turns(messages: Iterable[Message]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in messages:
        role, blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> tuple[str, list[dict[str, Any]]]:
    role = message.get("role")
    if role == "user":
        return "user", _texts(message)
    if role == "tool":
        result = {"toolUseId": str(message.get("tool_call_id")), "content": _texts(message)}
        return "user", [{"toolResult": result}]
    if role != "assistant" or "function_call" in message:
        raise Unsendable(f"Converse has no place for a message of this sort ({str(role)[:20]!r})")
    calls = message.get("tool_calls") or []
    said = [] if calls and not message.get("content") else _texts(message)
    return "assistant", [*said, *(_use(call) for call in calls)]


def _texts(message: Message) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"text": content}]
    if isinstance(content, list) and all(isinstance(part, Mapping) and "text" in part for part in content):
        return [{"text": str(part["text"])} for part in content]
    raise Unsendable("a message holds something other than text")


def _use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    value = parsed(arguments.encode()) if isinstance(arguments, str) else arguments
    if not isinstance(value, dict):
        raise Unsendable("a tool call's arguments are not a JSON object")
    return {"toolUse": {"toolUseId": str(call.get("id")), "name": str(function.get("name")), "input": value}}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function") or {}
    described = {"description": function["description"]} if function.get("description") else {}
    strict = {"strict": True} if function.get("strict") else {}
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return {
        "toolSpec": {"name": function.get("name"), **described, "inputSchema": {"json": schema}, **strict}
    }


def read_reply(
    status: int, headers: Mapping[str, str], payload: bytes, latency_ms: float, *, tools: bool, unix_s: float
) -> Completion | Fault:
    """What a whole reply means. `tools` says whether tools were on offer; `unix_s` is the time of day."""
    reply = parsed(payload)
    if status != 200:
        return refusal(status, headers, reply if isinstance(reply, dict) else {}, unix_s)
    if not isinstance(reply, dict):
        return garbled("not-json", "the server's reply is not a JSON object")
    return answer(reply, latency_ms, tools=tools)


def answer(reply: Mapping[str, Any], latency_ms: float | None, *, tools: bool) -> Completion | Fault:
    """What a Converse output means."""
    output, stop = reply.get("output"), reply.get("stopReason")
    message = output.get("message") if isinstance(output, dict) else None
    blocks = message.get("content") if isinstance(message, dict) else None
    if stop in _WITHHELD:
        return Fault("content-filter", "a guardrail or content filter withheld the answer", Retry.NO)
    if stop in _MALFORMED:
        return Fault("malformed-output", "the model wrote what the provider cannot read", Retry.NO)
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return garbled("no-message", "the server's reply holds no message")
    calls = _calls(blocks)
    if calls and not tools:
        return Fault("unexpected-tool-call", "the model called a tool although none was on offer", Retry.NO)
    usage = reply.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return with_well_formed_text(
        Completion(
            text="".join(block["text"] for block in blocks if isinstance(block.get("text"), str)),
            latency_ms=latency_ms,
            input_tokens=_count(counts, "inputTokens"),
            output_tokens=_count(counts, "outputTokens"),
            finish_reason="length" if stop in _CUT else "tool_calls" if calls else "stop",
            tool_calls=calls or None,
        )
    )


def _calls(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    uses = [block["toolUse"] for block in blocks if isinstance(block.get("toolUse"), dict)]
    return [{"name": str(use.get("name")), "arguments": json.dumps(use.get("input"))} for use in uses]


def _count(usage: Mapping[str, Any], key: str) -> int | None:
    value = usage.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def refusal(status: int, headers: Mapping[str, str], reply: Mapping[str, Any], unix_s: float) -> Fault:
    """What an AWS error means: its class stands in a header, or in the body."""
    named = headers.get("x-amzn-ErrorType") or reply.get("__type") or reply.get("code") or ""
    name = str(named).split(":")[0].rsplit("#", 1)[-1]
    name = name if name.isalnum() and len(name) <= 60 else ""
    said = next((reply[key] for key in ("message", "Message") if isinstance(reply.get(key), str)), "")
    lower = said.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    code = f"HTTP {status}" + (f", {name}" if name else "")

    def holds(phrases: Sequence[str]) -> bool:
        return any(phrase in lower for phrase in phrases)

    invalid = name == "ValidationException" or status == 400
    # The first that fits; the sentence must tell a person what to do, whatever the server wrote.
    readings: list[tuple[bool, str, str, Retry]] = [
        (
            name.startswith("ExpiredToken") or "token included in the request is expired" in lower,
            "expired",
            "the AWS credentials have expired",
            Retry.RUN,
        ),
        (
            name == "AccessDeniedException",
            "no-access",
            "these AWS credentials may not use this model",
            Retry.RUN,
        ),
        (status in {401, 403}, "unauthorized", "AWS refuses the credentials", Retry.RUN),
        (
            status == 404 or (invalid and holds(_ABSENT_PHRASES)),
            "model-not-found",
            "Bedrock does not serve this model under this name here",
            Retry.RUN,
        ),
        (
            name == "ServiceQuotaExceededException" or (status == 429 and "per day" in lower),
            "no-quota",
            "the account has no quota left",
            Retry.RUN,
        ),
        (
            status == 413 or (invalid and holds(_TOO_LONG_PHRASES)),
            "prompt-too-long",
            "the prompt is longer than the model can read",
            Retry.NO,
        ),
        (
            invalid and "model" in lower and holds(_CANNOT_PHRASES),
            "model-cannot",
            "the model cannot do what the suite asks of it",
            Retry.RUN,
        ),
        (
            300 <= status < 400,
            "redirected",
            "the server sends elsewhere; give the final --base-url",
            Retry.RUN,
        ),
        # A custom model is loaded when it is first asked, which takes as long as a throttled account.
        (
            name == "ModelNotReadyException",
            "model-not-ready",
            "the model is still being loaded",
            Retry.THROTTLED,
        ),
        (status == 429, "throttled", "the provider asks for fewer requests", Retry.THROTTLED),
        (
            name == "ModelTimeoutException",
            "timeout",
            "the model took longer than Bedrock waits",
            Retry.TIMEOUT,
        ),
        (
            status in {408, 409, 424, 425} or status >= 500,
            "server-error",
            "the provider failed",
            Retry.OVERLOADED,
        ),
        (True, "bad-request", "the provider refuses the request", Retry.NO),
    ]
    _, kind, message, retry = next(reading for reading in readings if reading[0])
    return Fault(kind, f"{message} ({code})", retry, retry_after_s(headers, unix_s), said)
