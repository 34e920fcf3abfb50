"""How fast to ask: adaptive concurrency, back-off, and when to stop hoping. No I/O; the clock is given.

Concurrency falls by a third when the server asks for patience or fails, at most once a second, and climbs by
one for every round of answers: a server that drops one request in seven is not asked one by one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from liftgate.evaluation.faults import Fault, Retry

# Attempts that one request may make for each sort of fault before its case counts as an error.
ATTEMPTS: Final = {
    Retry.NO: 1,
    Retry.RUN: 1,
    Retry.THROTTLED: 12,
    Retry.OVERLOADED: 7,
    Retry.CONNECTION: 6,
    Retry.UNREACHABLE: 7,
    Retry.TIMEOUT: 3,
    Retry.GARBLED: 4,
}
# A server that never answered gets less patience: it is most likely not there.
ATTEMPTS_BEFORE_FIRST_ANSWER: Final = {Retry.UNREACHABLE: 4, Retry.TIMEOUT: 2}
FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 20.0
LONGEST_RETRY_AFTER_S: Final = 300.0

# The run is given up after this many faults in a row and this many seconds without any answer.
HOPELESS: Final = {
    Retry.THROTTLED: (20, 180.0),
    Retry.OVERLOADED: (10, 20.0),
    Retry.CONNECTION: (10, 20.0),
    Retry.UNREACHABLE: (10, 15.0),
    Retry.TIMEOUT: (10, 20.0),
    Retry.GARBLED: (20, 10.0),
}
STORM: Final = 3
# A server that has answered nothing and refused this many requests as bad ones will refuse the rest too.
BAD_REQUESTS: Final = 10


class Pace:
    """The state shared by all requests of one run."""

    def __init__(self, concurrency: int, *, now: Callable[[], float], jitter: Callable[[], float]) -> None:
        self.ceiling = concurrency
        self.limit = float(concurrency)
        self.answers = 0
        self._now, self._jitter = now, jitter
        self._active = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._in_a_row = 0
        self._throttled_in_a_row = 0
        self._last_answer_s = now()
        self._last_cut_s = float("-inf")
        self.paused_until_s = float("-inf")

    def enter(self, wake: Callable[[], None]) -> bool:
        """True when a request may go now; else `wake` is called once it may."""
        if self._active < max(1, int(self.limit)):
            self._active += 1
            return True
        self._waiting.append(wake)
        return False

    def leave(self) -> None:
        """A request is no longer under way; let the next ones go."""
        self._active -= 1
        while self._waiting and self._active < max(1, int(self.limit)):
            self._active += 1
            self._waiting.popleft()()

    def answered(self) -> None:
        """One answer came: the server copes."""
        self.answers += 1
        self._in_a_row = self._throttled_in_a_row = 0
        self._last_answer_s = self._now()
        if self.limit < self.ceiling:
            self.limit = min(float(self.ceiling), self.limit + 1 / self.limit)

    def faulted(self, fault: Fault) -> None:
        """One attempt failed: slow down when the server is the reason."""
        now = self._now()
        self._in_a_row += 1
        self._throttled_in_a_row = self._throttled_in_a_row + 1 if fault.retry is Retry.THROTTLED else 0
        if fault.retry not in {Retry.THROTTLED, Retry.OVERLOADED}:
            return
        if now - self._last_cut_s >= 1.0:
            self.limit, self._last_cut_s = max(1.0, self.limit * 2 / 3), now
        if fault.retry_after_s and self._throttled_in_a_row >= max(STORM, self.limit / 2):
            # A lone 429 concerns its own request; several without an answer between concern everyone.
            self.paused_until_s = max(
                self.paused_until_s, now + min(fault.retry_after_s, LONGEST_RETRY_AFTER_S)
            )

    def pause_s(self) -> float:
        """Seconds for which no new request should go."""
        return max(0.0, self.paused_until_s - self._now())

    def hopeless(self, fault: Fault) -> bool:
        """True when faults of this sort have gone on so long that the run should stop."""
        if fault.kind == "bad-request":
            return not self.answers and self._in_a_row >= BAD_REQUESTS
        faults, seconds = HOPELESS.get(fault.retry, (0, 0.0))
        silent_s = self._now() - self._last_answer_s
        return bool(faults) and self._in_a_row >= faults and silent_s >= seconds

    def may_retry(self, fault: Fault, made: Counter[Retry]) -> bool:
        """Whether a request that made these attempts, this fault's included, may try again."""
        allowed = ATTEMPTS[fault.retry]
        if not self.answers:
            allowed = ATTEMPTS_BEFORE_FIRST_ANSWER.get(fault.retry, allowed)
        return made[fault.retry] < allowed

    def wait_s(self, fault: Fault, attempts: int) -> float:
        """Seconds to wait after the given number of attempts: doubling with jitter, never less than asked."""
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (attempts - 1)) * (0.5 + self._jitter() / 2)
        return max(wait, fault.retry_after_s or 0.0)
