"""Cohen's kappa against published numbers and scikit-learn 1.9."""

from __future__ import annotations

import numpy as np
import pytest

from liftgate.evaluation.agreement import agreement, confusion, kappa


def test_kappa_of_the_textbook_table_is_two_fifths() -> None:
    # 50 proposals, two readers: both yes 20, both no 15, split 5 and 10.
    assert kappa(np.array([[20.0, 5.0], [10.0, 15.0]]), ordinal=False) == pytest.approx(0.4, abs=1e-12)


PEOPLE = [1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 3, 3, 4, 2, 5]
JUDGE = [1, 2, 3, 4, 4, 5, 5, 3, 1, 1, 2, 2, 4, 4, 5, 2, 3, 3, 2, 4]


def test_kappa_of_grades_is_what_scikit_learn_says() -> None:
    # cohen_kappa_score(PEOPLE, JUDGE, labels=[1, 2, 3, 4, 5], weights=None and "quadratic")
    counts = confusion([grade - 1 for grade in PEOPLE], [grade - 1 for grade in JUDGE], 5)
    assert kappa(counts, ordinal=False) == pytest.approx(0.4984326018808777, abs=1e-12)
    assert kappa(counts, ordinal=True) == pytest.approx(0.8857142857142857, abs=1e-12)


def test_agreement_on_one_grade_alone_is_none_and_chance_is_zero() -> None:
    assert agreement([0, 0, 0], [0, 0, 0], 2, ordinal=False, seed=0) is None
    assert agreement([], [], 2, ordinal=False, seed=0) is None
    assert kappa(confusion([0, 1, 0], [0, 0, 0], 2), ordinal=False) == 0.0


def test_the_interval_is_seeded_and_narrows_with_more_pairs() -> None:
    few = agreement([grade - 1 for grade in PEOPLE], [grade - 1 for grade in JUDGE], 5, ordinal=True, seed=1)
    again = agreement(
        [grade - 1 for grade in PEOPLE], [grade - 1 for grade in JUDGE], 5, ordinal=True, seed=1
    )
    many = agreement(
        [grade - 1 for grade in PEOPLE] * 10, [grade - 1 for grade in JUDGE] * 10, 5, ordinal=True, seed=1
    )
    assert few is not None and many is not None
    assert few == again
    assert few.low is not None and few.high is not None and many.low is not None and many.high is not None
    assert few.low < few.kappa < few.high
    assert many.high - many.low < (few.high - few.low) / 2
