from __future__ import annotations

import random

import pytest

from liftgate.watch.canary import Look, canary_findings, compare_looks, look_of


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


def test_the_newest_look_is_held_against_the_first_since_the_last_evaluation() -> None:
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
    assert canary_findings(looks, "2026-11-05") != []
    assert canary_findings(looks, "2026-11-10") == []
    assert canary_findings(looks, "2026-11-30") == []


def test_another_way_of_asking_is_no_comparison() -> None:
    then = look("1", noisy(1, 0.0))
    assert canary_findings([then, look("2", noisy(1, 0.0, moved=20), sampling="t")], None) == []
    assert canary_findings([then, look("2", noisy(1, 0.0, moved=20), model="n")], None) == []
