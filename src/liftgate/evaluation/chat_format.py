"""The wire format of OpenAI-compatible chat completions: a request's body, and what a reply means.

Pure: any status, headers and bytes have one defined meaning, an answer or a fault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson

from liftgate.evaluation.completion import Completion, Request, with_well_formed_text
from liftgate.evaluation.faults import Fault, Retry, garbled, retry_after_s

WANTS_OTHER_LIMIT: Final = "wants-max-completion-tokens"
_PASSING: Final = frozenset({408, 409, 425})
_ABSENT_MODEL: Final = "the provider does not know this model or address"
_ABSENT_MODEL_CODES: Final = frozenset(
    {"model_not_found", "deploymentnotfound", "modelnotfound", "invalid_model"}
)
_ABSENT_PHRASES: Final = ("does not exist", "not found", "no such model", "unknown model")
_NO_QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_FILTER_CODES: Final = frozenset({"content_filter", "content_policy_violation"})
_TOO_LONG_CODES: Final = frozenset({"context_length_exceeded", "string_above_max_length"})


def body(request: Request, model: str, *, limit_key: str = "max_tokens") -> bytes:
    """The JSON that asks for one answer. What sampling leaves open is left out.

    Repeats of a seeded request get seeds of their own, or they would be copies.
    """
    sampling = request.sampling
    fields: dict[str, Any] = {"model": model, "messages": request.messages}
    if sampling.temperature is not None:
        fields["temperature"] = sampling.temperature
    if sampling.max_tokens is not None:
        fields[limit_key] = sampling.max_tokens
    if sampling.top_p is not None:
        fields["top_p"] = sampling.top_p
    if sampling.seed is not None:
        fields["seed"] = sampling.seed + request.repeat
    if request.tools:
        fields["tools"] = request.tools
    if request.answer_schema is not None:
        named = {"name": "answer", "strict": True, "schema": request.answer_schema}
        fields["response_format"] = {"type": "json_schema", "json_schema": named}
    return orjson.dumps(fields)


def read_reply(
    status: int, headers: Mapping[str, str], payload: bytes, latency_ms: float, *, tools: bool, unix_s: float
) -> Completion | Fault:
    """What a whole reply means. `tools` says whether tools were on offer; `unix_s` is the time of day."""
    if status == 200:
        return _answer(payload, latency_ms, tools=tools)
    return _refusal(status, headers, payload, unix_s)


def _answer(payload: bytes, latency_ms: float, *, tools: bool) -> Completion | Fault:
    reply = parsed(payload)
    if not isinstance(reply, dict):
        return garbled("not-json", "the server's reply is not a JSON object")
    if isinstance(reply.get("error"), dict):
        # Some gateways answer 200 and put the provider's error inside.
        return _refusal(_inner_status(reply["error"]), {}, payload, 0.0)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        return garbled("empty-choices", "the server's reply holds no choice")
    if not isinstance(choices[0], dict) or not isinstance(choices[0].get("message"), dict):
        return garbled("no-message", "the server's choice holds no message")
    usage = reply.get("usage")
    return _completion(choices[0], usage if isinstance(usage, dict) else {}, latency_ms, tools=tools)


def _completion(
    choice: Mapping[str, Any], usage: Mapping[str, Any], latency_ms: float, *, tools: bool
) -> Completion | Fault:
    if choice.get("finish_reason") == "content_filter":
        return Fault("content-filter", "the provider's content filter withheld the answer", Retry.NO)
    text, calls = _text(choice["message"]), _calls(choice["message"])
    if text is None:
        return garbled("no-text", "the server's message holds neither text nor tool calls")
    if calls and not tools:
        return Fault("unexpected-tool-call", "the model called a tool although none was on offer", Retry.NO)
    ended = "length" if choice.get("finish_reason") == "length" else "tool_calls" if calls else "stop"
    return with_well_formed_text(
        Completion(
            text=text,
            latency_ms=latency_ms,
            input_tokens=_count(usage, "prompt_tokens"),
            output_tokens=_count(usage, "completion_tokens"),
            finish_reason=ended,
            tool_calls=calls or None,
        )
    )


def _text(message: Mapping[str, Any]) -> str | None:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    if content is None:
        # A structured refusal has a key of its own; a model that stops at once says nothing: an answer too.
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    return None


def _calls(message: Mapping[str, Any]) -> list[dict[str, str]]:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    return [
        {"name": str(function.get("name")), "arguments": _arguments(function.get("arguments"))}
        for function in functions
        if isinstance(function, dict)
    ]


def _arguments(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _count(usage: Mapping[str, Any], key: str) -> int | None:
    value = usage.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _refusal(status: int, headers: Mapping[str, str], payload: bytes, unix_s: float) -> Fault:
    reply = parsed(payload)
    error = reply.get("error") if isinstance(reply, dict) else None
    if not isinstance(error, dict):
        error = reply if isinstance(reply, dict) else {"message": error if isinstance(error, str) else ""}
    detail = next((error[key] for key in ("message", "detail") if isinstance(error.get(key), str)), "")
    # Servers disagree on where the word stands: code, type, or only in the sentence.
    codes = {str(error.get(key)).lower() for key in ("code", "type") if error.get(key)}
    said = detail.lower()
    named = f"HTTP {status}" + "".join(f", {code}" for code in sorted(codes) if _is_word(code))
    asks_other_limit = error.get("param") == "max_tokens" and "max_completion_tokens" in said
    # The first that fits; the sentence must tell a person what to do, whatever the server wrote.
    readings: list[tuple[bool, str, str, Retry]] = [
        (status in {401, 403}, "unauthorized", "the provider refuses the key", Retry.RUN),
        (_is_absent_model(status, codes, said), "model-not-found", _ABSENT_MODEL, Retry.RUN),
        (
            status == 402 or bool(codes & _NO_QUOTA_CODES),
            "no-quota",
            "the account has no quota left",
            Retry.RUN,
        ),
        (bool(codes & _FILTER_CODES), "content-filter", "the content filter refused the prompt", Retry.NO),
        (
            bool(codes & _TOO_LONG_CODES) or status == 413 or "maximum context length" in said,
            "prompt-too-long",
            "the prompt is longer than the model can read",
            Retry.NO,
        ),
        (
            300 <= status < 400,
            "redirected",
            "the server sends elsewhere; give the final --base-url",
            Retry.RUN,
        ),
        (status == 429, "throttled", "the provider asks for fewer requests", Retry.THROTTLED),
        (status in _PASSING or status >= 500, "server-error", "the provider failed", Retry.OVERLOADED),
        (asks_other_limit, WANTS_OTHER_LIMIT, "the model wants max_completion_tokens", Retry.NO),
        (True, "bad-request", "the provider refuses the request", Retry.NO),
    ]
    _, kind, message, retry = next(reading for reading in readings if reading[0])
    return Fault(kind, f"{message} ({named})", retry, retry_after_s(headers, unix_s), detail)


def _is_absent_model(status: int, codes: set[str], said: str) -> bool:
    if status == 404 or codes & _ABSENT_MODEL_CODES:
        return True
    return 400 <= status < 500 and "model" in said and any(phrase in said for phrase in _ABSENT_PHRASES)


def _is_word(code: str) -> bool:
    return len(code) <= 40 and code.replace("_", "").replace("-", "").isalnum() and not code.isdigit()


def _inner_status(error: Mapping[str, Any]) -> int:
    code = error.get("code")
    code = int(code) if isinstance(code, str) and code.isdigit() and len(code) == 3 else code
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def parsed(payload: bytes) -> Any:
    """The JSON value in a reply; None when there is none."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        pass
    try:
        # orjson refuses an escaped lone surrogate, which byte-level models do produce.
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None
