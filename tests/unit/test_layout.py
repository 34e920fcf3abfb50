"""How a manifest's step lies on the devices at hand: always the same rows, however it is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.training.batching import LengthGroupedSampler
from liftgate.training.tuning.layout import Layout, lay_out, steps_of
from liftgate.training.tuning.world import World, world

sizes = st.integers(1, 64)


def test_one_process_trains_as_the_manifest_says() -> None:
    assert lay_out(8, 1) == Layout(8, 1, 1)
    assert lay_out(4, 4) == Layout(4, 4, 1)


def test_more_processes_take_the_gathering_first_and_then_the_rows() -> None:
    assert lay_out(4, 4, 2) == Layout(4, 2, 2)
    assert lay_out(8, 1, 2) == Layout(4, 1, 2)
    assert lay_out(1, 16, 8) == Layout(1, 2, 8)


@given(sizes, sizes, st.integers(1, 16))
def test_a_step_is_the_manifests_on_any_number_of_processes_or_is_refused(
    batch: int, accumulation: int, processes: int
) -> None:
    try:
        layout = lay_out(batch, accumulation, processes)
    except InputError:
        assert (batch * accumulation) % processes
        return
    assert layout.step_rows == batch * accumulation
    assert layout.at_once <= batch


@given(sizes, sizes)
def test_every_smaller_layout_trains_the_same_step_until_one_row_is_left(
    batch: int, accumulation: int
) -> None:
    layout: Layout | None = lay_out(batch, accumulation)
    seen = []
    while layout is not None:
        seen.append(layout.at_once)
        assert layout.step_rows == batch * accumulation
        layout = layout.smaller()
    assert seen[-1] == 1
    assert all(b <= a // 2 for a, b in itertools.pairwise(seen))


@given(st.integers(1, 500), st.integers(1, 12), st.integers(1, 12), st.integers(1, 4))
def test_the_number_of_steps_does_not_depend_on_the_layout(
    rows: int, batch: int, accumulation: int, epochs: int
) -> None:
    batches = -(-rows // batch)
    by_batches = max(1, -(-batches // accumulation)) * epochs
    assert steps_of(rows, batch * accumulation, epochs) == by_batches


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 4), st.integers(0, 3))
def test_several_processes_read_every_row_once_and_only_blanks_beside(
    rows: int, at_once: int, processes: int, epoch: int
) -> None:
    blanks = -rows % (at_once * processes)
    sampler = LengthGroupedSampler([1] * rows, at_once, 0, blanks)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert len(order) == len(sampler)
    assert len(order) % (at_once * processes) == 0
    assert sorted(order[:rows]) == list(range(rows))
    assert order[rows:] == list(range(rows, rows + blanks))


def test_a_step_that_cannot_be_shared_evenly_is_refused_with_numbers_that_fit() -> None:
    with pytest.raises(InputError) as refused:
        lay_out(6, 1, 4)
    assert str(refused.value) == (
        "a step of 6 rows cannot be shared by 4 processes\n"
        "  hint: start it with one of 1, 2, 3, 6 processes, or change batch_size in the card's training section"
    )


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, World()),
        ({"WORLD_SIZE": "1", "RANK": "0"}, World()),
        ({"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}, World(4, 3, 1)),
        ({"WORLD_SIZE": "many", "RANK": "0"}, World()),
    ],
)
def test_the_launchers_word_says_which_process_this_is(environment: dict[str, str], expected: World) -> None:
    assert world(environment) == expected
