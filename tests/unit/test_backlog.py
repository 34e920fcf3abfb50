"""Rows of a backlog: named once, joined, never shrinking; and words in which hostile names do nothing."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate import EvalRun, Policy
from liftgate.data.golden import read_cases
from liftgate.errors import InputError
from liftgate.verdict.decisions import ReviewDecision
from liftgate.watch.backlog import (
    Row,
    from_decisions,
    from_prompts,
    from_shadow,
    merged,
    read_backlog,
    row_id,
    write_backlog,
)
from liftgate.watch.backlog_words import Standing, data_body, golden_body, judge_note
from liftgate.watch.prompt_versions import Version, in_sequence, natural, plateau, stubborn, version_of

GOLDEN = "a" * 64
BUCKETS = {"a": {"intent": "refund"}}


def version(number: int, golden: str = GOLDEN, **scores: float | None) -> Version:
    return Version(f"prompts/v{number}.yaml", f"{number}" * 64, "m", "exact_match", golden, scores, BUCKETS)


def decision(case: str, kind: str = "fix", suite: str = "quality") -> ReviewDecision:
    day = datetime.date(2026, 11, 20)
    return ReviewDecision(case, suite, frozenset({"0" * 16}), kind, "ana", "why", day, day, "waivers.yaml", 3)  # type: ignore[arg-type]


def test_a_case_is_stubborn_only_when_the_newest_three_all_fail_it() -> None:
    versions = [version(1, a=0, b=1, c=0), version(2, a=0, b=0, c=0), version(3, a=0, b=0, c=0)]
    assert stubborn(versions) == ["a", "c"]
    assert stubborn(versions[:2]) == []
    assert stubborn([*versions, version(4, a=1, b=0, c=0)]) == ["b", "c"]


def test_silence_is_neither_a_failure_nor_a_cure() -> None:
    versions = [version(1, a=0, b=0), version(2, a=None, b=0), version(3, a=0)]
    assert stubborn(versions) == []


def test_repeats_fail_together_and_one_lost_answer_leaves_the_case_unknown() -> None:
    rows = [
        {"case_id": "a", "repeat": r, "scores": {"exact_match": s}, "buckets": {"intent": "x"}}
        for r, s in enumerate((0.0, 0.0, 1.0))
    ]
    lost = {"case_id": "b", "scores": {"exact_match": 0.0}, "error": {"kind": "timeout", "message": "late"}}
    run = EvalRun.from_rows([*rows, lost], prompt_sha256="1" * 64, golden_sha256=GOLDEN)
    found = version_of(run, "exact_match", "p")
    assert found is not None
    assert found.fails("a") and not found.fails("b")
    assert version_of(EvalRun.from_rows(rows), "exact_match", "p") is None


def test_runs_on_another_golden_set_are_left_out_and_said() -> None:
    versions, findings = in_sequence([version(1), version(2, golden="b" * 64), version(3)], GOLDEN, "g")
    assert [each.prompt for each in versions] == ["prompts/v1.yaml", "prompts/v3.yaml"]
    assert [each.rule for each in findings] == ["another-golden", "too-few-prompt-versions"]


def test_the_same_prompt_asked_again_is_one_version_with_its_newest_answers() -> None:
    versions, _ = in_sequence([version(1, a=0), version(2, a=0), version(1, a=1)], GOLDEN, "g")
    assert [(each.prompt, each.scores["a"]) for each in versions] == [
        ("prompts/v1.yaml", 1),
        ("prompts/v2.yaml", 0),
    ]


def test_prompts_that_gain_less_than_the_minimum_lift_have_reached_their_plateau() -> None:
    cases = [f"c{i}" for i in range(100)]

    def reaching(number: int, right: int) -> Version:
        made = version(number)
        return replace(made, scores={case: float(i < right) for i, case in enumerate(cases)})

    flat = plateau([reaching(1, 70), reaching(2, 72), reaching(3, 71)], Policy())
    rising = plateau([reaching(1, 70), reaching(2, 72), reaching(3, 74)], Policy())
    assert flat is not None and flat.reached and round(flat.gain, 9) == 0.02
    assert rising is not None and not rising.reached
    assert plateau([reaching(1, 70), reaching(2, 72)], Policy()) is None


def test_three_roads_to_one_case_are_one_row_with_more_slots() -> None:
    versions = [version(1, a=0), version(2, a=0), version(3, a=0)]
    cases = {
        "quality": read_cases(b'{"id":"a","input":"q","expected":"x","buckets":{"intent":"refund"}}\n', "g")
    }
    fixes, findings = from_decisions("toy", [decision("a"), decision("gone"), decision("a", "accept")], cases)
    (row,) = merged([], [*from_prompts("toy", versions), *fixes])
    assert [source["source"] for source in row.sources] == ["prompts", "review"]
    assert (len(row.slots), row.slots[0]) == (10, f"{row_id('toy', 'quality', 'a')}-1")
    assert [each.rule for each in findings] == ["decision-unknown-case"]


def test_newer_prompts_replace_what_is_said_of_older_ones() -> None:
    known = list(from_prompts("toy", [version(1, a=0), version(2, a=0), version(3, a=0)]))
    found = list(from_prompts("toy", [version(2, a=0), version(3, a=0), version(4, a=0)]))
    (row,) = merged(known, found)
    assert [each["prompt"] for each in row.sources[0]["versions"]] == [
        f"prompts/v{n}.yaml" for n in (2, 3, 4)
    ]


def test_what_is_cured_stays_until_a_person_takes_it_out() -> None:
    known = list(from_prompts("toy", [version(1, a=0), version(2, a=0), version(3, a=0)]))
    assert merged(known, []) == known


_ROWS = st.lists(
    st.builds(
        lambda case, more: next(
            iter(
                from_shadow(
                    "toy",
                    {"variant": f"v{more}", "model_id": "m", "regressions": [{"request_id": case}]},
                    "c" * 64,
                )
            )
        ),
        st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
        st.integers(0, 3),
    ),
    max_size=8,
)


@given(_ROWS, _ROWS)
def test_joining_twice_or_in_another_order_gives_the_same_bytes(one: list[Row], two: list[Row]) -> None:
    first = write_backlog(merged(merged([], one), two))
    assert write_backlog(merged(merged([], two), one)) == first
    again = read_backlog(first, "b")
    assert write_backlog(merged(again, [*two, *one])) == first


def test_hostile_names_do_nothing_in_a_body() -> None:
    bad = "</details><img src=x> @ops | `[x](javascript:1)`\u202e"
    rows = list(
        from_shadow(
            "toy",
            {"variant": bad, "model_id": bad, "regressions": [{"request_id": bad, "buckets": {bad: bad}}]},
            "c" * 64,
        )
    )
    standing = Standing(1, 500, 5, 0, None)
    said = data_body(bad, rows, rows, standing)
    said += str(golden_body("toy", [replace(decision(bad, "bad-label"), reason=bad, owner=bad)], {}))
    said += str(judge_note("toy", [decision(bad, "judge-wrong")], (bad, 60, 0.71), Policy()))
    for piece in ("<img", "</details>", "@ops", "](javascript", "\u202e"):
        assert piece not in said
    assert "is 0.71 from 60 human pairs" in said


def test_the_words_name_the_rows_that_are_shown_and_count_the_rest() -> None:
    found = [
        next(
            iter(
                from_shadow(
                    "toy",
                    {"variant": "v", "model_id": "m", "regressions": [{"request_id": f"r{i}"}]},
                    "c" * 64,
                )
            )
        )
        for i in range(80)
    ]
    said = data_body(
        "toy",
        found,
        found,
        Standing(600, 500, 400, 3, plateau([version(n, a=0) for n in (1, 2, 3)], Policy())),
    )
    assert "and 20 more in backlog.jsonl" in said
    assert "Rows and prompts both say: train next." in said
    assert len(said) < 60_000


def test_a_row_with_another_key_is_refused() -> None:
    line = (
        b'{"id":"bl-000000000000","suite":"quality","case_id":"a","buckets":{},"sources":[],"input":"text"}\n'
    )
    with pytest.raises(InputError) as caught:
        read_backlog(line, "b.jsonl")
    assert "b.jsonl:1" in str(caught.value.problems[0].place)
    assert "text" not in caught.value.sentence


def test_versions_are_sorted_as_people_count() -> None:
    assert sorted(["v10", "v9", "v1"], key=natural) == ["v1", "v9", "v10"]
