from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.config import schema
from liftgate.errors import InputError
from liftgate.evaluation.result_rows import row_problems
from liftgate.evaluation.run_folder import read_run, write_run
from liftgate.evaluation.runs import EvalRun, Result

WHOLE: dict[str, Any] = {
    "case_id": "c1",
    "repeat": 0,
    "suite": "quality",
    "buckets": {"intent": "billing"},
    "scores": {"exact_match": 1.0, "judge": None},
    "output": "{}",
    "latency_ms": 12.5,
    "input_tokens": 10,
    "output_tokens": 3,
    "cached": False,
    "error": None,
}


def refused(rows: list[Any], **meta: Any) -> str:
    with pytest.raises(InputError) as caught:
        EvalRun.from_rows(rows, **meta)
    return str(caught.value)


def row(case_id: str, **changes: Any) -> dict[str, Any]:
    return {"case_id": case_id, "scores": {"exact_match": 1.0}, **changes}


def test_a_result_survives_its_own_form() -> None:
    assert Result.from_dict(WHOLE).to_dict() == WHOLE
    clustered = {**WHOLE, "cluster_id": "g1", "error": {"kind": "timeout", "message": "30 s"}}
    assert Result.from_dict(clustered).to_dict() == clustered


def test_only_the_case_and_its_scores_are_needed() -> None:
    result = Result.from_dict({"case_id": "a", "scores": {}})
    assert (result.repeat, result.suite, result.buckets, result.error) == (0, "quality", {}, None)


def test_columns_are_sorted_by_case_and_repeat_whatever_the_order_of_the_rows() -> None:
    rows = [row(f"c{i}", repeat=k, latency_ms=10 * i + k) for i in range(5) for k in range(3)]
    expected = EvalRun.from_rows(rows).quality
    rows = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    shuffled = EvalRun.from_rows(rows).quality
    assert shuffled.case_ids == expected.case_ids == ["c0", "c1", "c2", "c3", "c4"]
    assert np.array_equal(shuffled.latency_ms, expected.latency_ms)
    assert shuffled.row_counts.tolist() == [3] * 5
    assert shuffled.sums(shuffled.scores["exact_match"]).tolist() == [3.0] * 5


def test_quality_and_safety_cases_are_kept_apart() -> None:
    run = EvalRun.from_rows([row("a"), row("a", suite="safety")])
    assert (run.quality.case_ids, run.safety.case_ids) == (["a"], ["a"])


def test_a_failed_answer_has_neither_score_nor_latency() -> None:
    failed = row("a", latency_ms=5.0, error={"kind": "timeout", "message": ""})
    table = EvalRun.from_rows(
        [failed, row("b", latency_ms=5.0, cached=True), row("c", latency_ms=5.0)]
    ).quality
    assert np.isnan(table.scores["exact_match"]).tolist() == [True, False, False]
    assert np.isnan(table.latency_ms).tolist() == [True, True, False]


def test_every_unusable_row_is_named_at_once_and_none_of_its_text() -> None:
    secret = "my card is 4111"
    rows = [
        row("a", scores={"exact_match": float("nan")}),
        row("b", scores={"exact_match": secret}),
        row("c", scores={"exact_match": 1.5}, suite=secret),
        row("d", scores={"exact_match": True}),
        secret,
        row("e", repeat=-1, buckets={"intent": 3}, latency_ms="12", cached=1, error=secret, output=7),
        {},
    ]
    assert refused(rows) == (
        "results has 14 problems\n"
        "  results:1: score 'exact_match' is nan; scores lie between 0 and 1, null means unscored\n"
        "  results:2: score 'exact_match' must be a number or null, found text\n"
        "  results:3: 'suite' is neither 'quality' nor 'safety'\n"
        "  results:3: score 'exact_match' is 1.5; scores lie between 0 and 1, null means unscored\n"
        "  results:4: score 'exact_match' must be a number or null, found true or false (write 1 or 0)\n"
        "  results:5: expected an object, found text\n"
        "  results:6: 'output' must be text or null, found 7\n"
        "  results:6: 'repeat' must be a whole number from 0, found -1\n"
        "  results:6: bucket 'intent' must be text, found 3\n"
        "  results:6: 'latency_ms' must be a number from 0 or null, found text\n"
        "  results:6: 'cached' must be true or false, found 1\n"
        "  results:6: 'error' must be null or an object with 'kind' and 'message'\n"
        "  results:7: the key 'case_id' is missing\n"
        "  results:7: the key 'scores' is missing\n"
        "  hint: the form of a row: src/liftgate/schemas/result.schema.json"
    )


def test_duplicates_are_refused_with_every_place() -> None:
    rows = [row("a"), row("b"), row("a"), row("a"), row("b", repeat=1)]
    assert "results:1: case 'a' repeat 0 stands also at results:3, results:4" in refused(rows)


def test_repeats_of_a_case_agree_on_its_buckets_and_cluster() -> None:
    rows = [row("a", buckets={"intent": "x"}, cluster_id="1"), row("a", repeat=1)]
    table = EvalRun.from_rows(rows).quality
    assert table.slice_names[table.slices[0]] == {"intent": "x"}
    assert table.cluster_ids == ["1"]
    message = refused([*rows, row("a", repeat=2, buckets={"intent": "y"}, cluster_id="2")])
    assert "results:3: bucket 'intent' differs" in message
    assert "results:3: 'cluster_id' differs" in message


def test_what_describes_a_run_is_checked_too() -> None:
    assert "$.deterministic: expected boolean" in refused([], deterministic="yes")
    assert EvalRun.from_rows([], model="m", anything=3).model == "m"


def test_numbers_of_other_libraries_are_numbers() -> None:
    run = EvalRun.from_rows([row("a", scores={"exact_match": np.float32(0.5)}, repeat=np.int64(0))])
    assert run.quality.scores["exact_match"].tolist() == [0.5]


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.floats(-1, 2),
    st.sampled_from(["", "quality", "x", 10**400, float("inf")]),
    st.dictionaries(
        st.sampled_from(["a", "kind", ""]), st.one_of(st.none(), st.text(max_size=2), st.integers(0, 2))
    ),
    st.lists(st.integers(), max_size=1),
)


@given(changes=st.dictionaries(st.sampled_from([*WHOLE, "cluster_id"]), values, max_size=3))
def test_fast_reader_careful_reader_and_schema_agree(changes: dict[str, Any]) -> None:
    changed = {**WHOLE, **changes}
    careful = list(row_problems(changed))
    try:
        EvalRun.from_rows([changed])
        accepted = True
    except InputError:
        accepted = False
    assert accepted == (not careful)
    whole_floats = any(isinstance(value, float) and value.is_integer() for value in changes.values())
    if not whole_floats:  # JSON Schema counts 1.0 among the integers
        try:
            by_schema = jsonschema_rs.validator_for(dict(schema("result"))).is_valid(
                json.loads(json.dumps(changed))
            )
        except ValueError:
            by_schema = False
        if "buckets" not in changes or changes["buckets"] is not None:
            assert accepted == by_schema


def test_a_run_survives_its_folder(tmp_path: Path) -> None:
    run = EvalRun.from_rows([WHOLE, row("b")], model="m", endpoint="recorded", primary_metric="exact_match")
    write_run(tmp_path, run)
    again = read_run(tmp_path)
    assert again.results == run.results
    assert again.meta["metrics"] == ["exact_match", "judge"]
    before = {name: (tmp_path / name).read_bytes() for name in ("run.json", "results.jsonl")}
    write_run(tmp_path, again)
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


def test_one_changed_byte_of_the_results_is_noticed_by_name(tmp_path: Path) -> None:
    write_run(tmp_path, EvalRun.from_rows([WHOLE], model="m"))
    results = tmp_path / "results.jsonl"
    results.write_bytes(results.read_bytes().replace(b"12.5", b"11.5"))
    with pytest.raises(InputError, match=r"results\.jsonl is not the file that run\.json describes"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("run_json", "results", "message"),
    [
        (None, "", "no such file"),
        ('{"schema_version": 2, "model": "m"}', "", "schema_version is 2, this Liftgate reads 1"),
        ('{"schema_version": 1, "model": 3}', "", r"run.json:1 \$.model: expected string"),
        ('{"schema_version": 1, "mod', "", "not valid JSON"),
        ('{"schema_version": 1, "model": "m"}', None, "no such results file"),
        (
            '{"schema_version": 1, "model": "m"}',
            '{"case_id":"a","scores":{"m":NaN}}\n',
            "1: NaN and Infinity",
        ),
        (
            '{"schema_version": 1, "model": "m"}',
            '{"case_id":"a","scores":{}}\n\n{"case',
            "results.jsonl:3: not JSON",
        ),
        (
            '{"schema_version": 1, "model": "m"}',
            '{"case_id":"a","scores":[]}\n',
            "results.jsonl:1: 'scores' must be",
        ),
    ],
)
def test_a_broken_folder_is_one_clear_error(
    tmp_path: Path, run_json: str | None, results: str | None, message: str
) -> None:
    if run_json is not None:
        (tmp_path / "run.json").write_text(run_json)
    if results is not None:
        (tmp_path / "results.jsonl").write_text(results)
    with pytest.raises(InputError, match=message):
        read_run(tmp_path)


def test_a_folder_that_is_not_there_says_which_command_writes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="liftgate evaluate"):
        read_run(tmp_path / "nowhere")


def test_a_run_file_may_hold_any_further_key(tmp_path: Path) -> None:
    write_run(tmp_path, EvalRun.from_rows([WHOLE], model="m", path="p", rows=3, cls="c"))
    assert read_run(tmp_path).meta["rows"] == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"case_id": "a\ud800"}, "'case_id' holds half a character"),
        ({"output": "\udfff"}, "'output' holds half a character"),
        ({"cluster_id": "\ud800"}, "'cluster_id' holds half a character"),
        ({"scores": {"\ud800": 1.0}}, "a metric's name"),
        ({"buckets": {"intent": "\ud800"}}, "bucket 'intent' must be text"),
        ({"buckets": {"\ud800": "x"}}, "a dimension's name"),
    ],
)
def test_half_a_character_is_refused_where_it_stands(change: dict[str, Any], said: str) -> None:
    good = [{"case_id": "é", "scores": {"m": 1.0}, "output": "naïve 😀"}]
    assert EvalRun.from_rows(good).rows
    with pytest.raises(InputError, match=f"results:2: {said}"):
        EvalRun.from_rows([*good, {"case_id": "b", "scores": {"m": 1.0}, **change}])
