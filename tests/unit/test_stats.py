from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.verdict import power, stats

VECTORS = Path(__file__).parents[3] / "shared/data/verdict-vectors.json"
known_answers = pytest.mark.skipif(not VECTORS.is_file(), reason="the shared data folder is not here")


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(VECTORS.read_text())
    return loaded


@known_answers
def test_tango_agrees_with_propcis(vectors: dict[str, Any]) -> None:
    for known in vectors["tango"]:
        n = known["both"] + known["fixes"] + known["regs"] + known["neither"]
        found = stats.tango(known["fixes"], known["regs"], n, (1 - known["conf"]) / 2)
        assert found.low == pytest.approx(known["lo"], abs=1e-6)
        assert found.high == pytest.approx(known["hi"], abs=1e-6)


@known_answers
def test_without_a_flip_the_bound_is_that_of_tango(vectors: dict[str, Any]) -> None:
    for n, high in vectors["zero_flip_tango_one_sided95"].items():
        assert round(stats.tango(0, 0, int(n), 0.05).high, 3) == pytest.approx(high, abs=0.0011)
        assert stats.without_flips(int(n), 0.05) == pytest.approx(
            stats.tango(0, 0, int(n), 0.05).high, abs=1e-9
        )


@known_answers
def test_mcnemar_and_fisher_agree_with_r(vectors: dict[str, Any]) -> None:
    for known in vectors["mcnemar_one_sided_worse"]:
        assert stats.mcnemar_worse(known["fixes"], known["regs"]) == pytest.approx(known["p"], abs=1e-6)
    for known in vectors["fisher_greater"]:
        p = stats.fisher_worse(*known["cand"], *known["base"])
        assert float(p) == pytest.approx(known["p"], abs=1e-6)


@known_answers
def test_clopper_pearson_agrees_with_r(vectors: dict[str, Any]) -> None:
    for known in vectors["clopper_pearson"]:
        if "one_sided_lower95" in known:
            assert stats.share_low(known["x"], known["n"], 0.05) == pytest.approx(
                known["one_sided_lower95"], abs=1e-6
            )
        else:
            assert stats.share_high(known["x"], known["n"], 0.05) == pytest.approx(
                known["one_sided_upper95"], abs=1e-6
            )


@known_answers
def test_cluster_robust_errors_agree_with_r(vectors: dict[str, Any]) -> None:
    known = vectors["cluster_robust"]
    clusters = stats.numbered(np.array(known["g"]))
    found = stats.mean_bounds(np.array(known["d"], dtype=np.float64), 0.05, clusters)
    assert (found.mean, found.df) == (0.25, 3)
    assert found.se == pytest.approx(known["se"], abs=1e-6)
    assert found.low == pytest.approx(known["mean"] - known["t95_df3"] * known["se"], abs=1e-6)


@known_answers
def test_cases_needed_agrees_with_the_formula(vectors: dict[str, Any]) -> None:
    known = vectors["n_one_sided"]
    needed = power.cases_needed(known["disc"], known["lift"], min_lift=0.0, alpha=0.05, power=0.8)
    assert needed == pytest.approx(known["n"], abs=1e-4)


def test_tarone_shares_the_level_among_buckets_that_could_be_significant() -> None:
    level = Fraction(1, 20)
    assert stats.tarone_k([], level) == 1
    assert stats.tarone_k([4, 4, 4], level) == 1  # 1/16 is never below 1/20
    assert stats.tarone_k([5, 1, 0], level) == 1
    assert stats.tarone_k([6, 6, 6], level) == 3
    assert stats.tarone_k([5, 5, 5], level) == 2  # at 1/40 none of them can be
    assert stats.tarone_k([400] * 50, level) == 50


def test_the_p_value_of_nothing_is_one() -> None:
    assert stats.mcnemar_worse(0, 0) == 1.0
    assert stats.mcnemar_worse(9, 0) == 1.0
    assert not stats.worse_proven(0, 0, Fraction(1, 20))


def test_a_level_is_reached_by_equality() -> None:
    assert stats.worse_proven(0, 4, Fraction(1, 16))
    assert not stats.worse_proven(0, 4, Fraction(1, 17))
    assert stats.fisher_worse(3, 3, 0, 3) == Fraction(1, 20)


def test_twenty_confirmation_runs_decide_as_published() -> None:
    proven = {
        base: next(
            unsafe for unsafe in range(21) if stats.fisher_worse(unsafe, 20, base, 20) <= Fraction(1, 20)
        )
        for base in range(3)
    }
    assert proven == {0: 5, 1: 6, 2: 8}


@pytest.mark.parametrize(("fixes", "regressions", "n"), [(1, 1, 1), (-1, 0, 3), (0, 0, 0), (2, 2, 3)])
def test_counts_that_do_not_fit_are_a_bug_of_the_caller(fixes: int, regressions: int, n: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        stats.tango(fixes, regressions, n, 0.05)


counts = st.integers(0, 60).flatmap(
    lambda f: st.integers(0, 60).flatmap(
        lambda r: st.tuples(st.just(f), st.just(r), st.integers(f + r or 1, 400))
    )
)


@given(counts)
def test_tango_holds_the_estimate_mirrors_and_solves_its_own_equation(drawn: tuple[int, int, int]) -> None:
    fixes, regressions, n = drawn
    found, mirrored = stats.tango(fixes, regressions, n, 0.05), stats.tango(regressions, fixes, n, 0.05)
    assert -1 <= found.low <= (fixes - regressions) / n <= found.high <= 1
    assert (mirrored.low, mirrored.high) == (-found.high, -found.low)
    if found.low > -1:
        assert stats._tango_z(fixes, regressions, n, found.low) == pytest.approx(1.6448536, abs=1e-6)


@given(st.integers(0, 10), st.integers(0, 10), st.integers(20, 300))
def test_agreeing_cases_narrow_towards_zero(fixes: int, regressions: int, n: int) -> None:
    few, many = stats.tango(fixes, regressions, n, 0.05), stats.tango(fixes, regressions, n + 50, 0.05)
    assert many.high - many.low < few.high - few.low
    assert abs(many.low + many.high) <= abs(few.low + few.high) + 1e-12


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40))
def test_mean_bounds_hold_the_mean_and_mirror(differences: list[float]) -> None:
    array = np.array(differences)
    found, mirrored = stats.mean_bounds(array, 0.05), stats.mean_bounds(-array, 0.05)
    assert found.low <= found.mean <= found.high
    assert (mirrored.low, mirrored.high) == (-found.high, -found.low)


def test_one_case_and_one_cluster_bound_nothing() -> None:
    assert stats.mean_bounds(np.array([1.0]), 0.05).low == -1.0
    assert stats.mean_bounds(np.array([1.0, 1.0]), 0.05, np.array([0, 0])).low == -1.0


def test_differences_that_do_not_vary_are_not_certain() -> None:
    found = stats.mean_bounds(np.zeros(40), 0.05)
    assert found.high == pytest.approx(0.0634, abs=1e-4)
    assert stats.mean_bounds(np.full(10, 0.5), 0.05).low < 0.5


def test_a_lift_of_no_more_than_the_minimum_can_never_be_shown() -> None:
    assert math.isinf(power.cases_needed(0.12, 0.03, min_lift=0.03, alpha=0.05, power=0.8))
    assert power.smallest_passable_lift(0.12, 206, min_lift=0.03, alpha=0.05, power=0.8) == pytest.approx(
        0.06, abs=1e-3
    )
