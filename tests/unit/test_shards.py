"""Shards: a partition of the requests, and a merge that refuses whatever does not belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.evaluation.shards import Shard, ShardRun, merged, part_of


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 12))
def test_every_request_is_in_exactly_one_shard_and_batches_stay_together(groups: list[int], of: int) -> None:
    groups = sorted(groups)
    groups = [sorted(set(groups)).index(group) for group in groups]
    shares = []
    for number in range(1, of + 1):
        try:
            shares.append(Shard(number, of).share(groups))
        except InputError as error:
            assert "holds no case" in str(error)
    assert sorted(index for share in shares for index in share) == list(range(len(groups)))
    if max(groups) + 1 >= of:
        assert len(shares) == of
        for share in shares:
            others = set(range(len(groups))) - set(share)
            assert not {groups[i] for i in share} & {groups[i] for i in others}


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4", "1.5/4", "²/4"])
def test_only_k_of_n_is_a_shard(text: str) -> None:
    with pytest.raises(ValueError, match="is not a shard such as 2/4"):
        Shard.parse(text)


def shard(number: int, of: int = 2, **more: Any) -> ShardRun:
    positions = list(range(number - 1, 5, of))
    usage = {"answers": len(positions), "input_tokens": 2, "usd": "0.10"}
    meta = {"model": "m", "golden_sha256": "a" * 64, "usage": usage, "results_sha256": str(number)}
    meta |= {"part": part_of(Shard(number, of), positions, 5), **more}
    return ShardRun(f"s{number}", meta, [b"row%d" % place for place in positions])


def test_rows_come_back_in_the_order_of_the_run_and_usage_adds_up() -> None:
    meta, lines = merged([shard(2), shard(1)])
    assert lines == [b"row0", b"row1", b"row2", b"row3", b"row4"]
    assert meta == {
        "model": "m",
        "golden_sha256": "a" * 64,
        "usage": {"answers": 5, "input_tokens": 4, "usd": "0.2"},
    }


def test_a_count_that_one_shard_does_not_know_is_unknown_for_the_whole() -> None:
    one = shard(1, usage={"answers": 3, "input_tokens": None, "usd": None})
    assert merged([one, shard(2)])[0]["usage"] == {"answers": 5, "input_tokens": None, "usd": None}


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([shard(1)], "shards: missing: 2/2"),
        ([shard(1, 3), shard(3, 3)], "shards: missing: 2/3"),
        ([shard(1), shard(2), replace(shard(2), path="again")], "again: shard 2/2 stands also in s2"),
        ([shard(1), shard(2, 3)], "s2: shard 2/3, but s1 is one of 2"),
        ([shard(1), shard(2, model="n")], "s2: model is 'n', in s1 'm'"),
        ([shard(1), shard(2, golden_sha256="b" * 64)], "s2: golden_sha256 is 'bbbbbb"),
        ([shard(1), shard(2, sampling={"seed": 1})], "s2: sampling is {'seed': 1}, in s1 None"),
        ([shard(1), ShardRun("whole", {"model": "m", "usage": {}}, [])], "whole: this is not a shard"),
        ([shard(1), shard(2, part={"shard": "2/2", "rows": 5, "positions": "1 x"})], "s2: this is not a"),
        (
            [shard(1), shard(2, part={"shard": "2/2", "rows": 5, "positions": "1"})],
            "s2: 2 rows, but run.json places 1",
        ),
        (
            [shard(1), shard(2, part={"shard": "2/2", "rows": 5, "positions": "1 2"})],
            "s2: row 3 of the run stands in two shards",
        ),
        (
            [shard(1), shard(2, part={"shard": "2/2", "rows": 5, "positions": "1 9"})],
            "s2: 2 rows, but run.json places 2",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused_by_name(shards: list[ShardRun], said: str) -> None:
    with pytest.raises(InputError, match="these folders are not the shards of one run") as error:
        merged(shards)
    assert said in str(error.value)
