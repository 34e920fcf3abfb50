"""Cases shared by shards, and a purse that pays for nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.data.golden import Case
from liftgate.errors import InputError
from liftgate.evaluation.completion import Request, Sampling
from liftgate.evaluation.limits import Limits, Purse
from liftgate.evaluation.shards import Shard, share_of_cases
from liftgate.training.cost import TokenPrice


def cases(texts: list[str], prefix: str = "c") -> list[Case]:
    return [
        Case(f"{prefix}{n}", [{"role": "user", "content": text}], "x", {}, n + 1)
        for n, text in enumerate(texts)
    ]


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30),
    st.lists(st.sampled_from("abc"), max_size=6),
    st.integers(1, 5),
)
def test_every_case_belongs_to_one_shard_and_those_that_ask_the_same_to_the_same(
    golden: list[str], safety: list[str], of: int
) -> None:
    suites = [cases(golden), cases(safety, "s")]
    if len(set(golden)) < of:
        with pytest.raises(InputError, match="cannot be shared"):
            share_of_cases(Shard(1, of), suites)
        return
    shares = [share_of_cases(Shard(number, of), suites) for number in range(1, of + 1)]
    assert sorted(case for share in shares for case in share) == sorted(c.id for s in suites for c in s)
    for suite in suites:
        for text in {str(case.messages) for case in suite}:
            same = {case.id for case in suite if str(case.messages) == text}
            assert sum(bool(same & share) for share in shares) == 1
    assert all(any(case.id in share for case in suites[0]) for share in shares)


def test_a_closed_purse_pays_for_nothing_not_even_what_is_free() -> None:
    limits = Limits(TokenPrice(Decimal(0), Decimal(0)), purse=Purse(closed=True))
    assert not limits.reserve(Request([{"role": "user", "content": "x"}], None, Sampling(), 0, "c1"))
    assert limits.reached == "no model is asked here: answers come from the shards alone"
    assert Limits(TokenPrice(Decimal(0), Decimal(0)), purse=Purse()).reserve(
        Request([{"role": "user", "content": "x"}], None, Sampling(), 0, "c1")
    )
