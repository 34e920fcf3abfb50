"""Limits: never past the budget, whatever comes back; what is in flight counts at its worst."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.golden import read_cases
from liftgate.errors import ExitCode, InputError
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, Sampling
from liftgate.evaluation.limits import Admitted, Limits
from liftgate.evaluation.prompts import Prompt
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.runner import Unfinished, run_arm
from liftgate.evaluation.scorers import metric
from liftgate.evaluation.suite import questions
from liftgate.progress import Progress
from liftgate.training.cost import TokenPrice, money

PRICE = TokenPrice(Decimal("1"), Decimal("10"))  # $1 and $10 a million tokens
REQUEST = Request([{"role": "user", "content": "q"}], None, Sampling(max_tokens=100))
WORST = Limits(PRICE).worst_usd(REQUEST)
QUESTIONS = questions(
    read_cases(
        b"".join(b'{"id": "c%d", "input": "q%d", "expected": "x"}\n' % (n, n) for n in range(20)), "g"
    ),
    [metric("exact_match")],
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Answering:
    """Sends `at_once` requests before it yields the first answer of them."""

    kind, deterministic = "scripted", False

    def __init__(self, outcome: Any = None, at_once: int = 4) -> None:
        self.outcome = outcome or (lambda: Completion("x", 1.0, 10, 1))
        self.at_once, self.sent, self.most = at_once, 0, 0

    def identity(self) -> dict[str, Any]:
        return {"model": "m"}

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        waiting, flying = iter(wanted), list[int]()
        while True:
            while len(flying) < self.at_once and (index := next(waiting, None)) is not None:
                flying.append(index)
                self.sent += 1
            self.most = max(self.most, len(flying))
            if not flying:
                return
            yield flying.pop(0), self.outcome()


def ask(endpoint: Any, limits: Limits, store: ResponseStore | None = None, **more: Any) -> Any:
    more.setdefault("progress", partial(Progress, stream=io.StringIO()))
    sampling = Sampling(max_tokens=100)
    return run_arm(
        QUESTIONS, prompt=Prompt(), endpoint=endpoint, sampling=sampling, store=store, limits=limits, **more
    )


def test_the_worst_case_is_every_byte_of_the_prompt_and_every_token_allowed() -> None:
    assert Decimal("0.001") < WORST < Decimal("0.0013")
    longer = Request([{"role": "user", "content": "q" * 1001}], None, Sampling(max_tokens=100))
    assert Limits(PRICE).worst_usd(longer) - WORST == Decimal("0.001")


def test_a_run_within_its_budget_says_what_it_cost() -> None:
    run = ask(Answering(), Limits(PRICE, max_usd=Decimal(1)))
    assert run.usage.to_dict()["usd"] == "0.0004"


def test_a_run_without_a_price_says_nothing_about_cost() -> None:
    assert ask(Answering(), Limits()).usage.usd is None


def test_answers_that_nobody_counted_leave_the_cost_unknown_and_use_up_the_budget_at_their_worst() -> None:
    uncounted = Answering(lambda: Completion("x"))
    limits = Limits(PRICE, max_usd=WORST * 10 + Decimal("0.0001"))
    with pytest.raises(Unfinished):
        ask(uncounted, limits)
    assert 9 <= uncounted.sent <= 10
    assert ask(uncounted, Limits(PRICE)).usage.usd is None


def test_a_budget_stops_the_run_keeps_what_it_has_and_names_what_is_missing(tmp_path: Path) -> None:
    # An answer costs 20 millionths; the budget holds six beside one worst case.
    limits = Limits(PRICE, max_usd=WORST + Decimal("0.000130"))
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(Unfinished) as stopped:
            ask(Answering(), limits, store)
        assert stopped.value.exit_code == ExitCode.STILL_RUNNING
        kept = len(store)
        assert limits.usd == Decimal("0.00002") * kept
        assert limits.usd <= limits.max_usd  # type: ignore[operator]
        assert str(stopped.value) == (
            f"the budget of ${limits.max_usd} has no room for another request; spent $0.0001; "
            f"without an answer: {20 - kept} cases ({', '.join(f'c{n}' for n in range(kept, kept + 5))}, ...)"
        )
        rest = ask(Answering(), Limits(PRICE, max_usd=Decimal(1)), store)
    assert 5 <= kept <= 7
    assert (rest.usage.requested, rest.usage.errors) == (20 - kept, 0)


def test_near_the_limit_fewer_requests_are_under_way_and_nothing_is_left_that_fits(tmp_path: Path) -> None:
    endpoint, limits = Answering(at_once=8), Limits(PRICE, max_usd=WORST * 2 + Decimal("0.0003"))
    run = ask(endpoint, limits)
    assert endpoint.most == 2
    assert run.usage.answers == 20


def test_a_request_that_cannot_fit_at_all_is_not_sent() -> None:
    endpoint = Answering()
    with pytest.raises(Unfinished, match="without an answer: 20 cases"):
        ask(endpoint, Limits(PRICE, max_usd=Decimal("0.0001")))
    assert endpoint.sent == 0


def test_an_endpoint_that_lists_everything_first_gets_what_fits_at_the_worst() -> None:
    limits = Limits(PRICE, max_usd=WORST * 3 + Decimal("0.0001"))
    assert list(Admitted(range(20), [REQUEST] * 20, limits)) == [0, 1, 2]


def test_lost_attempts_count_as_billed_and_end_the_retries() -> None:
    limits = Limits(PRICE, max_usd=WORST * 3)
    assert limits.reserve(REQUEST)
    assert limits.lost(REQUEST)
    assert limits.lost(REQUEST)
    assert not limits.lost(REQUEST)
    assert "no room" in str(limits.reached)


def test_failures_give_back_what_was_set_aside() -> None:
    limits = Limits(PRICE, max_usd=WORST)
    for _ in range(5):
        assert limits.reserve(REQUEST)
        limits.settle(REQUEST, Failure("bad-request", ""))
    assert limits.usd == 0


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["cheap", "dear", "uncounted", "failed", "lost"]), max_size=60),
    st.integers(1, 8),
)
def test_the_budget_is_never_passed(kinds: list[str], at_once: int) -> None:
    limits, flying = Limits(PRICE, max_usd=WORST * 5), 0
    for kind in kinds:
        while flying < at_once and limits.reserve(REQUEST):
            flying += 1
        if not flying:
            break
        if kind == "lost":
            limits.lost(REQUEST)
            if limits.reached:
                break
            continue
        outcome = {
            "cheap": Completion("x", 1.0, 5, 1),
            "dear": Completion("x", 1.0, 60, 100),
            "uncounted": Completion("x"),
        }.get(kind, Failure("server-error", ""))
        limits.settle(REQUEST, outcome)
        flying -= 1
        assert limits.usd + limits.unconfirmed_usd <= WORST * 5
    assert limits.usd + limits.unconfirmed_usd <= WORST * 5


def test_a_deadline_stops_the_run_and_names_what_is_missing(tmp_path: Path) -> None:
    clock = Clock()

    def slow() -> Completion:
        clock.now_s += 1
        return Completion("x")

    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(Unfinished) as stopped:
            ask(Answering(slow), Limits(deadline_s=5, now=clock), store)
        assert len(store) == 8  # five seconds of answers, and the three that were under way
    assert str(stopped.value) == (
        "the deadline of 5 s has passed; without an answer: 12 cases (c8, c9, c10, c11, c12, ...)"
    )


def test_an_endpoint_that_minds_no_deadline_is_left_behind(tmp_path: Path) -> None:
    clock = Clock()

    def slow() -> Completion:
        clock.now_s += 3
        return Completion("x")

    endpoint = Answering(slow, at_once=20)
    with pytest.raises(Unfinished, match="without an answer"):
        ask(endpoint, Limits(deadline_s=5, now=clock))
    assert clock.now_s == 12


def test_progress_tells_what_is_spent() -> None:
    log, now_s = io.StringIO(), 0.0

    def tick() -> float:
        nonlocal now_s
        now_s += 5
        return now_s

    limits = Limits(PRICE, max_usd=Decimal("0.50"))
    ask(Answering(), limits, progress=partial(Progress, stream=log, now=tick))
    assert "evaluate: 20/20 answers (100%), took" in log.getvalue()
    assert "ETA" in log.getvalue()
    assert log.getvalue().endswith(", $0.0004 of $0.50\n")


def test_a_budget_needs_a_price_and_a_longest_answer() -> None:
    with pytest.raises(ValueError, match="a budget needs a price"):
        Limits(max_usd=Decimal(1))
    with pytest.raises(InputError, match="--max-usd cannot hold for answers without a limit"):
        Limits(PRICE, max_usd=Decimal(1)).check(Sampling())
    Limits(TokenPrice(Decimal(0), Decimal(0)), max_usd=Decimal(1)).check(Sampling())


def test_money_is_written_without_exponent_or_idle_zeros() -> None:
    assert [money(Decimal(text)) for text in ("0", "0.00", "1E+3", "0.000000100", "12.50")] == [
        "0",
        "0",
        "1000",
        "0.0000001",
        "12.5",
    ]
