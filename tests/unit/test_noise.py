"""Noise: what flips between runs of one model, and the lift that it can fake."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.verdict.noise import measure_noise


def runs(*scores: Mapping[str, float | None]) -> list[EvalRun]:
    return [
        EvalRun.from_rows([{"case_id": name, "scores": {"m": score}} for name, score in given.items()])
        for given in scores
    ]


def measured(*scores: Mapping[str, float | None]) -> Any:
    return measure_noise(runs(*scores), "m", Policy())


def test_two_runs_flip_the_cases_whose_scores_differ() -> None:
    first = {f"c{n}": 1.0 for n in range(100)}
    noise = measured(first, {**first, "c7": 0.0, "c9": 0.0})
    assert (noise.rate, noise.cases, noise.by_case) == (0.02, 100, {"c7": 1.0, "c9": 1.0})
    # Clopper-Pearson for 2 of 100, R: binom.test(2, 100)
    assert noise.low == pytest.approx(0.002431337, abs=1e-8)
    assert noise.high == pytest.approx(0.07038393, abs=1e-8)
    assert noise.fake_lift == pytest.approx(1.6448536 * math.sqrt(0.07038393 / 100), rel=1e-6)
    assert noise.widest_lift == pytest.approx(0.02)


def test_a_case_flips_by_the_share_of_its_pairs_that_differ() -> None:
    noise = measured({"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 1.0})
    assert noise.by_case == {"a": pytest.approx(2 / 3)}
    assert noise.rate == pytest.approx(1 / 3)


def test_a_rig_without_a_flip_is_still_not_certain() -> None:
    same = {f"c{n}": 1.0 for n in range(60)}
    for noise in (measured(same, same), measured(same, same, same)):
        assert (noise.rate, noise.low, noise.by_case) == (0.0, 0.0, {})
        assert noise.high > 0
        assert noise.fake_lift > 0


def test_unscored_answers_are_counted_and_are_no_flips() -> None:
    noise = measured({"a": 1.0, "b": None}, {"a": 1.0, "b": 1.0})
    assert (noise.cases, noise.unscored, noise.rate) == (1, 1, 0.0)
    assert measured({"a": None}, {"a": None}) is None


def test_one_run_flips_nothing() -> None:
    with pytest.raises(ValueError, match="one run"):
        measured({"a": 1.0})


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), min_size=3, max_size=3), min_size=1))
def test_every_number_is_a_ratio_in_order(scores: list[list[float | None]]) -> None:
    noise = measured(*({f"c{n}": given[run] for n, given in enumerate(scores)} for run in range(3)))
    if noise is not None:
        assert 0 <= noise.low <= noise.rate + 1e-9
        assert noise.rate <= noise.high + 1e-9
        assert max(noise.high, noise.fake_lift, noise.passable_lift, noise.widest_lift) <= 1
