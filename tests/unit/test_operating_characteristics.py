"""The quick version of the table in docs/operating-characteristics.md; `python -m` runs the full one."""

from __future__ import annotations

import pytest

from operating_characteristics import Cell, Outcome, Want, cells, outcomes

SEED = 20260115
# So that a true rate on its limit misses by chance once in about 30,000 runs of the whole table.
LEVEL = 1e-6
DRAWS = 120


def name(cell: Cell) -> str:
    return f"{cell.truth}, {cell.size}"


@pytest.mark.parametrize("cell", cells(), ids=name)
def test_the_verdict_is_right_as_often_as_promised(cell: Cell) -> None:
    counted = outcomes(cell, DRAWS, SEED)
    for want in cell.wants:
        assert not want.refuted(counted[want.outcome], DRAWS, LEVEL), f"{counted}, promised {want}"


@pytest.mark.parametrize("constant", ["pass", "block", "insufficient-evidence"])
def test_a_gate_that_always_says_the_same_misses_the_table(constant: Outcome) -> None:
    missed = [
        name(cell)
        for cell in cells()
        if any(want.refuted(DRAWS * (want.outcome == constant), DRAWS, LEVEL) for want in cell.wants)
    ]
    assert missed


def test_a_limit_is_refuted_by_what_it_makes_unlikely_only() -> None:
    limit = Want("pass", "≤", 0.07)
    assert not limit.refuted(11, 120, LEVEL)
    assert limit.refuted(40, 120, LEVEL)
    assert Want("pass", "≤", 0.0).refuted(1, 120, LEVEL)
    assert Want("block", "≥", 0.9).refuted(80, 120, LEVEL)
    assert not Want("block", "≥", 0.9).refuted(104, 120, LEVEL)
