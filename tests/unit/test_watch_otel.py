from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from liftgate.watch.otel import is_export, rows_of
from liftgate.watch.tally import refusal

START = 1_795_597_200_000_000_000  # 2026-11-25T09:00:00Z


def attributes(**values: Any) -> list[dict[str, Any]]:
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return [
        {"key": key.replace("__", "."), "value": {kinds[type(v)]: str(v) if type(v) is int else v}}
        for key, v in values.items()
    ]


def span(**changes: Any) -> dict[str, Any]:
    return {
        "name": "chat m",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 250_500_000),
        "attributes": attributes(
            gen_ai__operation__name="chat",
            gen_ai__provider__name="openai",
            gen_ai__request__model="plain-model",
            gen_ai__response__model="plain-model-2026-01-01",
            gen_ai__response__id="resp-1",
            gen_ai__usage__input_tokens=12,
        ),
        **changes,
    }


def export(*spans: Any, resource: Any = None) -> dict[str, Any]:
    shared = {} if resource is None else {"resource": {"attributes": resource}}
    return {"resourceSpans": [{**shared, "scopeSpans": [{"spans": list(spans)}]}]}


def test_a_span_is_a_request_under_the_model_that_was_asked_for() -> None:
    assert list(rows_of(export(span(), resource=attributes(liftgate__alias="support")))) == [
        {
            "at": "2026-11-25T09:00:00Z",
            "model": "plain-model",
            "alias": "support",
            "id": "resp-1",
            "status": "ok",
            "latency_ms": 250.5,
        }
    ]


def test_an_error_is_what_the_span_calls_one() -> None:
    typed = span(attributes=attributes(gen_ai__request__model="m", error__type="timeout"))
    coded = span(status={"code": 2})
    named = span(status={"code": "STATUS_CODE_ERROR"})
    assert [row["status"] for row in rows_of(export(typed, coded, named)) if row] == ["error"] * 3


def test_other_work_is_passed_over_and_a_flag_names_alias_and_variant() -> None:
    tool = span(attributes=attributes(gen_ai__operation__name="execute_tool", gen_ai__request__model="m"))
    flagged = span(
        attributes=attributes(
            gen_ai__request__model="m", feature_flag__key="support", feature_flag__result__variant="v1.1.0"
        )
    )
    [row] = rows_of(export(tool, {"name": "GET /"}, flagged))
    assert row is not None and (row["alias"], row["variant"]) == ("support", "v1.1.0")


def test_scores_come_as_events_of_the_span_or_as_records_of_their_own() -> None:
    score = attributes(gen_ai__evaluation__name="faithfulness", gen_ai__evaluation__score__value=0.75)
    event = {"name": "gen_ai.evaluation.result", "attributes": score}
    [with_event] = rows_of(export(span(events=[event, {"name": "other"}])))
    assert with_event is not None and with_event["scores"] == {"faithfulness": 0.75}
    record = {
        "timeUnixNano": str(START),
        "eventName": "gen_ai.evaluation.result",
        "attributes": [*score, *attributes(gen_ai__request__model="m")],
    }
    lines = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record, {"body": {"stringValue": "x"}}]}]}]}
    assert is_export(lines)
    assert list(rows_of(lines)) == [
        {"at": "2026-11-25T09:00:00Z", "model": "m", "scores": {"faithfulness": 0.75}}
    ]


def test_texts_are_read_from_parts() -> None:
    asked = (
        '[{"role":"user","parts":[{"type":"text","content":"Where is "},{"type":"text","content":"it?"}]}]'
    )
    answered = '[{"role":"assistant","parts":[{"type":"text","content":"Here."}],"finish_reason":"stop"}]'
    texts = attributes(
        gen_ai__request__model="m", gen_ai__input__messages=asked, gen_ai__output__messages=answered
    )
    [row] = rows_of(export(span(attributes=texts)))
    assert row is not None and row["messages"] == [{"role": "user", "content": "Where is it?"}]
    assert row["output"] == "Here."


def test_a_span_without_a_time_is_a_line_that_cannot_be_used() -> None:
    assert list(rows_of(export(span(startTimeUnixNano="soon"), span(startTimeUnixNano=True)))) == [None, None]
    assert refusal(None) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "spans", "attributes", "key", "value", "intValue", "events",
                         "resource", "startTimeUnixNano", "arrayValue", "values"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON, JSON)
def test_whatever_an_export_holds_it_is_read_or_refused(spans: Any, logs: Any) -> None:
    for row in rows_of({"resourceSpans": spans, "resourceLogs": [logs]}):
        assert row is None or isinstance(row, dict)
