"""Pacing: how concurrency falls and climbs, how long to wait, when to stop hoping."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from liftgate.evaluation.faults import Fault, Retry
from liftgate.evaluation.pacing import ATTEMPTS, HOPELESS, Pace

THROTTLED = Fault("throttled", "", Retry.THROTTLED)
DOWN = Fault("unreachable", "", Retry.UNREACHABLE)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def pace(concurrency: int = 9) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(concurrency, now=clock, jitter=lambda: 1.0), clock


def test_a_throttled_server_is_asked_less_once_a_second_and_more_again_when_it_answers() -> None:
    state, clock = pace(9)
    state.faulted(THROTTLED)
    state.faulted(THROTTLED)
    assert state.limit == 6
    clock.now_s += 1
    state.faulted(THROTTLED)
    assert state.limit == 4
    for _ in range(100):
        state.answered()
    assert state.limit == 9


def test_concurrency_never_falls_below_one() -> None:
    state, clock = pace(2)
    for _ in range(20):
        state.faulted(THROTTLED)
        clock.now_s += 1
    assert state.limit == 1
    assert state.enter(lambda: None)


def test_those_who_wait_go_when_others_leave_in_their_order() -> None:
    state, _ = pace(1)
    woken: list[str] = []
    assert state.enter(lambda: None)
    assert not state.enter(lambda: woken.append("first"))
    assert not state.enter(lambda: woken.append("second"))
    state.leave()
    assert woken == ["first"]
    state.leave()
    assert woken == ["first", "second"]


def test_one_throttled_request_does_not_stop_the_others_but_a_storm_does() -> None:
    state, clock = pace(8)
    patience = Fault("throttled", "", Retry.THROTTLED, retry_after_s=7.0)
    state.faulted(patience)
    state.faulted(patience)
    assert state.pause_s() == 0
    state.faulted(patience)
    assert state.pause_s() == 7
    clock.now_s += 5
    assert state.pause_s() == 2


def test_waits_double_to_a_limit_and_are_never_shorter_than_asked() -> None:
    state, _ = pace()
    assert [state.wait_s(DOWN, made) for made in (1, 2, 3, 20)] == [0.25, 0.5, 1.0, 20.0]
    assert state.wait_s(Fault("throttled", "", Retry.THROTTLED, retry_after_s=9.0), 1) == 9.0


def test_a_server_that_never_answered_gets_less_patience() -> None:
    state, _ = pace()
    made = Counter({Retry.UNREACHABLE: 4})
    assert not state.may_retry(DOWN, made)
    state.answered()
    assert state.may_retry(DOWN, made)


def test_a_run_is_given_up_after_many_faults_and_a_long_silence_only() -> None:
    state, clock = pace()
    fault = Fault("server-error", "", Retry.OVERLOADED)
    for _ in range(50):
        state.faulted(fault)
    assert not state.hopeless(fault)
    clock.now_s += 21
    assert state.hopeless(fault)
    state.answered()
    assert not state.hopeless(fault)


def test_a_server_that_refuses_every_request_is_not_asked_a_thousand_times() -> None:
    state, _ = pace()
    fault = Fault("bad-request", "", Retry.NO)
    for _ in range(10):
        state.faulted(fault)
    assert state.hopeless(fault)


def test_every_sort_of_fault_has_a_bound() -> None:
    assert set(ATTEMPTS) == set(Retry)
    assert set(HOPELESS) == set(Retry) - {Retry.NO, Retry.RUN}


@given(st.lists(st.sampled_from(["enter", "leave", "answered", "faulted", "tick"])))
def test_the_limit_holds_whatever_happens(events: list[str]) -> None:
    state, clock = pace(4)
    active = waiting = 0

    def woken() -> None:
        nonlocal active, waiting
        active, waiting = active + 1, waiting - 1

    for event in events:
        if event == "enter":
            if state.enter(woken):
                active += 1
            else:
                waiting += 1
        elif event == "leave" and active:
            active -= 1
            state.leave()
        elif event == "answered":
            state.answered()
        elif event == "faulted":
            state.faulted(THROTTLED)
        else:
            clock.now_s += 1
        assert 0 <= active <= 4
        assert 1 <= state.limit <= 4
        assert active or not waiting
