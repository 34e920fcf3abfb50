"""OpenTelemetry GenAI spans and events (OTLP as JSON, one export a line) in the form of a request log. Pure.

Names are those of the semantic conventions: `gen_ai.request.model`, `error.type`, `gen_ai.evaluation.result`. Which
alias was asked stands in `liftgate.alias`, or in `feature_flag.key` where a flag chose the model.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

_INFERENCE: Final = frozenset({"chat", "text_completion", "generate_content", None})
_SCORE: Final = "gen_ai.evaluation.result"
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_ERROR: Final = 2
_KINDS: Final = {"resourceSpans": ("scopeSpans", "spans"), "resourceLogs": ("scopeLogs", "logRecords")}

Row = dict[str, Any]


def is_export(line: Mapping[str, Any]) -> bool:
    """True for a line that an OTLP exporter wrote."""
    return "resourceSpans" in line or "resourceLogs" in line


def rows_of(line: Mapping[str, Any]) -> Iterator[Row | None]:
    """A row for each request and each evaluation in an export; None for one that cannot be read.

    Spans of other work (tools, retrieval, agents) are passed over: they are no requests to a model.
    """
    for kind, (scopes, items) in _KINDS.items():
        for resource in _list(line.get(kind)):
            shared = _attributes(_object(_object(resource).get("resource")).get("attributes"))
            for scope in _list(_object(resource).get(scopes)):
                for item in _list(_object(scope).get(items)):
                    yield from _item(_object(item), shared, spans=kind == "resourceSpans")


def _item(item: Mapping[str, Any], shared: Row, *, spans: bool) -> Iterator[Row | None]:
    said = {**shared, **_attributes(item.get("attributes"))}
    if not spans:
        if (item.get("eventName") or said.get("event.name")) == _SCORE:
            yield _scored(said, item.get("timeUnixNano"))
        return
    model = said.get("gen_ai.request.model")
    if model is None or said.get("gen_ai.operation.name") not in _INFERENCE:
        return
    row, started = _named(said, item.get("startTimeUnixNano")), _nanoseconds(item.get("startTimeUnixNano"))
    ended = _nanoseconds(item.get("endTimeUnixNano"))
    if row is None or started is None:
        yield None
        return
    failed = "error.type" in said or _object(item.get("status")).get("code") in (_ERROR, "STATUS_CODE_ERROR")
    row["status"] = "error" if failed else "ok"
    if ended is not None and ended > started:
        row["latency_ms"] = (ended - started) / 1e6
    for key, name in (("shadow", "liftgate.shadow"), ("escalated", "liftgate.escalated")):
        if isinstance(said.get(name), bool):
            row[key] = said[name]
    scores = [_score(_attributes(_object(e).get("attributes"))) for e in _list(item.get("events"))
              if _object(e).get("name") == _SCORE]  # fmt: skip
    if known := {name: value for each in scores if each is not None for name, value in (each,)}:
        row["scores"] = known
    yield _with_text(row, said)


def _scored(said: Row, at: Any) -> Row | None:
    row, score = _named(said, at), _score(said)
    return None if row is None or score is None else {**row, "scores": dict([score])}


def _score(said: Row) -> tuple[str, float] | None:
    name, value = said.get("gen_ai.evaluation.name"), said.get("gen_ai.evaluation.score.value")
    if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return name, float(value)


def _named(said: Row, at: Any) -> Row | None:
    nanoseconds = _nanoseconds(at)
    try:
        time = _EPOCH + datetime.timedelta(microseconds=(nanoseconds or 0) // 1000)
    except OverflowError:
        return None
    row: Row = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "model": said.get("gen_ai.request.model")}
    for key, names in (
        ("alias", ("liftgate.alias", "feature_flag.key")),
        ("variant", ("liftgate.variant", "feature_flag.result.variant")),
        ("id", ("liftgate.request.id", "gen_ai.response.id")),
    ):
        if (value := next((said[name] for name in names if name in said), None)) is not None:
            row[key] = value
    return row if nanoseconds is not None else None


def _with_text(row: Row, said: Row) -> Row:
    asked, answered = said.get("gen_ai.input.messages"), said.get("gen_ai.output.messages")
    if (messages := _messages(asked)) is not None:
        row["messages"] = messages
    if (answers := _messages(answered)) is not None:
        row["output"] = "".join(each["content"] for each in answers)
    return row


def _messages(value: Any) -> list[dict[str, str]] | None:
    """The conventions' messages of parts as role and content; None where there are none, or no text in them."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    found = []
    for message in _list(value):
        parts = [_object(part) for part in _list(_object(message).get("parts"))]
        text = "".join(part["content"] for part in parts if isinstance(part.get("content"), str))
        role = _object(message).get("role")
        if isinstance(role, str):
            found.append({"role": role, "content": text})
    return found or None


def _attributes(value: Any) -> Row:
    found = {}
    for each in _list(value):
        pair = _object(each)
        if isinstance(key := pair.get("key"), str):
            found[key] = _value(_object(pair.get("value")))
    return found


def _value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "intValue":
            return _nanoseconds(content)
        if kind == "arrayValue":
            return [_value(_object(each)) for each in _list(_object(content).get("values"))]
        if kind == "kvlistValue":
            return _attributes(_object(content).get("values"))
        return content
    return None


def _nanoseconds(value: Any) -> int | None:
    """A 64-bit number, which OTLP writes as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= 20 else None
    return value if isinstance(value, int) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
