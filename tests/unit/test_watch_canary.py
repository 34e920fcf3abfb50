from __future__ import annotations

import datetime
import random
from dataclasses import replace

import pytest

from liftgate.watch.canary import (
    Look,
    canary_findings,
    chosen,
    compare_looks,
    known_change,
    look_of,
    unasked,
    week_of,
)


def look(at: str, answers: dict[str, list[str]], model: str = "m", sampling: str = "s") -> Look:
    rows = [
        {"case_id": name, "output": text, "error": None} for name, texts in answers.items() for text in texts
    ]
    return look_of("support", model, at, sampling, rows)


def noisy(
    seed: int, flip: float, moved: int = 0, prompts: int = 20, repeats: int = 3
) -> dict[str, list[str]]:
    chance = random.Random(seed)  # noqa: S311
    return {
        f"c{n}": [
            ("changed" if n < moved else "usual") + (" odd" if chance.random() < flip else "")
            for _ in range(repeats)
        ]
        for n in range(prompts)
    }


def test_the_same_answers_change_nothing_and_one_prompt_proves_nothing() -> None:
    then = look("1", noisy(1, 0.0))
    assert compare_looks(then, look("2", noisy(2, 0.0))).p == 1.0
    assert not compare_looks(then, look("2", noisy(2, 0.0, moved=1))).proven
    assert not compare_looks(then, look("2", noisy(2, 0.0, moved=3, prompts=4))).proven


def test_answers_that_changed_beyond_their_noise_are_found() -> None:
    change = compare_looks(look("1", noisy(1, 0.2)), look("2", noisy(2, 0.2, moved=10)))
    assert change.proven and change.prompts == 20 and change.moved == 10
    assert compare_looks(look("1", noisy(1, 0.0)), look("2", noisy(2, 0.0, moved=4))).proven


@pytest.mark.parametrize("flip", [0.0, 0.1, 0.5])
def test_noise_alone_is_hardly_ever_a_change(flip: float) -> None:
    changes = [
        compare_looks(look("1", noisy(seed, flip)), look("2", noisy(seed + 1000, flip))) for seed in range(15)
    ]
    assert not any(each.proven for each in changes)


def test_spaces_are_no_change_and_failed_answers_no_answers() -> None:
    spaced = look_of("support", "m", "1", "s", [{"case_id": "a", "output": "x  y\n", "error": None}])
    assert spaced.answers == look("1", {"a": ["x y"]}).answers
    failed = look_of("support", "m", "1", "s", [{"case_id": "a", "output": "x", "error": {"kind": "k"}}])
    assert failed.answers == {}


def test_a_look_holds_no_text() -> None:
    assert "secret words" not in str(look("1", {"a": ["secret words"]}).to_dict())


def test_the_newest_look_is_held_against_the_model_as_it_was_evaluated() -> None:
    old, new = noisy(1, 0.0), noisy(1, 0.0, moved=20)
    looks = [
        look("2026-11-01", old),
        look("2026-11-08", old),
        look("2026-11-15", new),
        look("2026-11-22", new),
    ]
    [finding] = canary_findings(looks, None)
    assert finding.message.startswith(
        "the same prompts are answered differently since 2026-11-01: 100.0% (20 of 20) of them have no answer in common"
    )
    looks = [replace(each, at=f"{each.at}T06:00:00Z") for each in looks]
    assert canary_findings(looks, "2026-11-05T00:00:00Z") != []
    # It changed between the 8th and the 15th: nobody can tell whether before the evaluation or after.
    assert "since 2026-11-08" in canary_findings(looks, "2026-11-10T00:00:00Z")[0].message
    assert canary_findings(looks, "2026-11-16T00:00:00Z") == []
    assert canary_findings(looks, "2026-11-30T00:00:00Z") == []
    # The look before is too old to stand for what was evaluated.
    late = [looks[0], *looks[2:]]
    assert canary_findings(late, "2026-11-13T00:00:00Z") == []


def test_another_way_of_asking_is_no_comparison() -> None:
    then = look("1", noisy(1, 0.0))
    assert canary_findings([then, look("2", noisy(1, 0.0, moved=20), sampling="t")], None) == []
    assert canary_findings([then, look("2", noisy(1, 0.0, moved=20), model="n")], None) == []


def test_a_golden_set_that_was_replaced_starts_anew() -> None:
    then = look("1", noisy(1, 0.0))
    replaced = {f"other {name}": answers for name, answers in noisy(1, 0.0, moved=20).items()}
    other = look("2", replaced)
    mixed = look("3", {**noisy(1, 0.0, moved=20, prompts=4), **replaced})
    assert canary_findings([then, other], None) == []
    assert canary_findings([then, other, mixed], None) == []


def test_a_change_that_was_evaluated_is_told_for_a_week() -> None:
    then, now = (
        look("2026-11-09T06:00:00Z", noisy(1, 0.0)),
        look("2026-11-16T06:00:00Z", noisy(1, 0.0, moved=20)),
    )
    evaluated = "2026-11-16T08:00:00Z"

    def told(day: str) -> list[str]:
        at = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)
        return [each.message for each in known_change(then, now, evaluated, at)]

    assert told("2026-11-16T09:00") == told("2026-11-23T07:59")
    assert told("2026-11-16T09:00") == [
        "the same prompts are answered differently since 2026-11-09T06:00:00Z: 100.0% (20 of 20) of them have no "
        "answer in common, p = 0.0002; it was evaluated again on 2026-11-16, so the verdict is of the answers of "
        "today; this is told for a week"
    ]
    assert told("2026-11-23T08:00") == []
    assert (
        list(known_change(then, then, evaluated, datetime.datetime(2026, 11, 17, tzinfo=datetime.UTC))) == []
    )


def test_a_look_that_is_missing_is_told() -> None:
    newest = look("2026-11-02T06:00:00Z", noisy(1, 0.0))
    assert [each.severity for each in unasked(None, datetime.date(2026, 11, 2))] == ["notice"]
    assert list(unasked(newest, datetime.date(2026, 11, 16))) == []
    [finding] = unasked(newest, datetime.date(2026, 11, 17))
    assert (finding.rule, finding.severity) == ("no-canary", "warning")
    assert finding.message.startswith(
        "no canary has asked it for 15 days, so weights that changed since 2026-11-02"
    )


def test_the_prompts_are_the_same_each_week_and_one_case_more_moves_one_of_them_at_most() -> None:
    cases = [f"case-{n}" for n in range(300)]
    first = chosen(cases)
    assert len(first) == 20 and chosen(reversed(cases)) == first
    for new in range(300, 340):
        assert len(set(chosen([*cases, f"case-{new}"])) & set(first)) >= 19
    assert chosen(["b", "a"]) != [] and len(chosen(["b", "a"])) == 2


def test_weeks_sort_as_their_days_do() -> None:
    days = [datetime.date(2026, 12, 20) + datetime.timedelta(days=n) for n in range(30)]
    assert sorted(map(week_of, days)) == [week_of(day) for day in days]
    assert week_of(datetime.date(2027, 1, 3)) == "2026-W53"
