"""The mix of two halves: exact where it is exact, and silent about random splits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.strata import (
    Stratum,
    chi_square_tail,
    differs,
    hypergeometric_p,
    missing,
    strata,
    uneven,
)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_the_hypergeometric_tail_is_scipys(data: st.DataObject) -> None:
    from scipy.stats import hypergeom

    total = data.draw(st.integers(2, 3000))
    drawn = data.draw(st.integers(1, total - 1))
    size = data.draw(st.integers(1, total))
    seen = data.draw(st.integers(max(0, drawn + size - total), min(size, drawn)))
    upper = seen * total >= size * drawn
    law = hypergeom(total, size, drawn)
    tail = law.sf(seen - 1) if upper else law.cdf(seen)
    assert hypergeometric_p(seen, size, drawn, total) == pytest.approx(
        min(1.0, 2 * tail), rel=1e-8, abs=1e-14
    )


@given(st.floats(0, 2000), st.integers(1, 600))
@settings(max_examples=300, deadline=None)
def test_the_chi_square_tail_is_scipys(statistic: float, freedom: int) -> None:
    from scipy.stats import chi2

    expected = chi2.sf(statistic, freedom)
    assert chi_square_tail(statistic, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-14)


@pytest.mark.parametrize(("classes", "each"), [(3, 200), (12, 100), (77, 60)])
def test_a_random_split_of_balanced_classes_is_flagged_less_than_once_in_a_hundred(
    classes: int, each: int
) -> None:
    chance = random.Random(f"{classes}/{each}")  # noqa: S311
    members = [f"c{number % classes}" for number in range(classes * each)]
    times, flagged = 300, 0
    for _ in range(times):
        chance.shuffle(members)
        cut = len(members) * 17 // 100
        found = strata(members[cut:], members[:cut])
        flagged += bool(missing(found) or uneven(found) or differs(found))
    assert flagged < times / 100


def test_a_class_that_is_drawn_at_half_the_rate_is_named() -> None:
    found = [Stratum("a", 830, 170), Stratum("b", 830, 170), Stratum("c", 915, 85)]
    assert [one.name for one in uneven(found)] == ["c"]


def test_many_small_shifts_are_seen_together_though_none_is_seen_alone() -> None:
    found = [Stratum(f"c{n}", 83 + (9 if n % 2 else -9), 17 - (9 if n % 2 else -9)) for n in range(40)]
    assert uneven(found) == []
    assert differs(found)


def test_a_class_with_enough_prompts_must_stand_on_both_sides() -> None:
    found = [Stratum("a", 50, 10), Stratum("lost", 8, 0), Stratum("rare", 7, 0), Stratum("late", 0, 9)]
    assert [one.name for one in missing(found)] == ["lost", "late"]


def test_classes_are_counted_on_both_sides_the_nameless_last() -> None:
    counted = [Stratum("a", 2, 0), Stratum("b", 1, 1), Stratum(None, 1, 1)]
    assert strata(["a", None, "b", "a"], [None, "b"]) == counted


@pytest.mark.parametrize("found", [[], [Stratum("a", 9, 0)], [Stratum("a", 0, 9)], [Stratum("a", 900, 100)]])
def test_with_one_class_or_one_half_there_is_no_mix(found: list[Stratum]) -> None:
    assert uneven(found) == []
    assert not differs(found)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=30))
@settings(deadline=None)
def test_no_counts_break_the_tests(counts: list[tuple[int, int]]) -> None:
    found = [Stratum(str(n), *pair) for n, pair in enumerate(counts)]
    missing(found)
    uneven(found)
    differs(found)
