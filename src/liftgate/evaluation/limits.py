"""How much a run may cost and how long it may last, held while requests are under way.

A request goes only when its worst case still fits: every byte of its prompt a token, every token it may answer.
What is in flight stays reserved at that price, an attempt whose reply never came whole counts as if it had been
billed in full, and an answer whose tokens nobody counted costs what was reserved. So the limit is never passed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final, overload

import orjson

from liftgate.errors import InputError
from liftgate.evaluation.completion import Completion, Outcome, Request, Sampling
from liftgate.training.cost import TokenPrice

# What a chat template may add around one message, and around the whole prompt, in tokens.
PER_MESSAGE: Final = 16
PER_PROMPT: Final = 64
OVER_BUDGET: Final = "over-budget"
"""Kind of the failure of a request that could not afford another attempt: not an error of its case."""


class Purse:
    """Money that several runs share: what they spent, what lost attempts may have cost, what is in flight.

    From a `closed` one nothing is paid, free requests included: whoever holds it has every answer or stops.
    """

    def __init__(self, max_usd: Decimal | None = None, *, closed: bool = False) -> None:
        self.max_usd, self.closed = max_usd, closed
        self.usd = self.unconfirmed_usd = self.reserved = Decimal(0)
        self.over_budget = False
        self.lock = threading.RLock()

    def fits(self, usd: Decimal) -> bool:
        """Whether so much more may be spent."""
        spent = self.usd + self.unconfirmed_usd + self.reserved
        if self.closed:
            return False
        return self.max_usd is None or spent + usd <= self.max_usd


class Limits:
    """Spending and time of one run; shared by the runner's thread and an endpoint's.

    `price` is None where no price is known: the spending then is too. `max_usd` needs a price; `deadline_s`
    counts from now on. `usd` is what counted answers cost, `unconfirmed_usd` what lost attempts may have cost.
    `purse` takes the place of `max_usd` where several runs share one budget.
    """

    def __init__(
        self,
        price: TokenPrice | None = None,
        *,
        max_usd: Decimal | None = None,
        purse: Purse | None = None,
        deadline_s: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._purse = Purse(max_usd) if purse is None else purse
        self.max_usd = self._purse.max_usd
        if self.max_usd is not None and price is None:
            raise ValueError("a budget needs a price")
        self.price, self.deadline_s = price, deadline_s
        self.usd = self.unconfirmed_usd = Decimal(0)
        self._now, self._started_s = now, now()

    @property
    def over_budget(self) -> bool:
        """Whether the last request that was to go did not fit any more."""
        return self._purse.over_budget

    def check(self, sampling: Sampling) -> None:
        """Refuse a budget for answers that may grow without end."""
        endless = sampling.max_tokens is None
        if endless and self.max_usd is not None and self.price and self.price.output_usd_per_mtok:
            raise InputError(
                "--max-usd cannot hold for answers without a limit",
                hint="set max_tokens in the suite's sampling, or give --max-tokens",
            )

    def remaining_s(self) -> float:
        """Seconds until the deadline; negative once it has passed, infinite without one."""
        if self.deadline_s is None:
            return math.inf
        return self._started_s + self.deadline_s - self._now()

    @property
    def reached(self) -> str | None:
        """Which limit has stopped the run, as a person says it."""
        if self.over_budget and self._purse.closed:
            return "no model is asked here: answers come from the shards alone"
        if self.over_budget:
            return f"the budget of ${self.max_usd} has no room for another request"
        if self.remaining_s() <= 0:
            return f"the deadline of {self.deadline_s:g} s has passed"
        return None

    def worst_usd(self, request: Request) -> Decimal:
        """The most that one attempt can cost."""
        if self.price is None or self.price.is_free:
            return Decimal(0)
        text = sum(len(orjson.dumps(dict(message))) for message in request.messages)
        tools = 0 if request.tools is None else len(orjson.dumps(list(map(dict, request.tools))))
        prompt = text + tools + PER_MESSAGE * len(request.messages) + PER_PROMPT
        return self.price.usd(prompt, request.sampling.max_tokens or 0)

    def reserve(self, request: Request) -> bool:
        """Whether the request may go now; if so, its worst case is set aside."""
        if self.remaining_s() <= 0:
            return False
        worst = self.worst_usd(request)
        purse = self._purse
        with purse.lock:
            purse.over_budget = not purse.fits(worst)
            if not purse.over_budget:
                purse.reserved += worst
            return not purse.over_budget

    def settle(self, request: Request, outcome: Outcome) -> None:
        """The request came back: what was set aside becomes what it cost."""
        if self.price is None:
            return
        worst = self.worst_usd(request)
        with self._purse.lock:
            self._purse.reserved -= worst
            if isinstance(outcome, Completion):
                counted = outcome.input_tokens is not None and outcome.output_tokens is not None
                asked, said = outcome.input_tokens or 0, outcome.output_tokens or 0
                paid = self.price.usd(asked, said) if counted else worst
                self.usd += paid
                self._purse.usd += paid

    def lost(self, request: Request) -> bool:
        """An attempt was sent and gave no usable answer: it may be billed. Whether another one still fits."""
        worst = self.worst_usd(request)
        with self._purse.lock:
            self.unconfirmed_usd += worst
            self._purse.unconfirmed_usd += worst
            # The request's own reservation stands for the next attempt.
            fits = self._purse.fits(Decimal(0))
            self._purse.over_budget = self._purse.over_budget or not fits
            return fits


class Admitted(Sequence[int]):
    """The wanted requests as an endpoint may send them.

    To iterate is to send: each step sets a request's worst case aside, and iteration ends where a limit is
    reached. An endpoint that lists everything before it sends gets what fits at the worst case. It may be
    iterated once; `sent` says what went.
    """

    def __init__(self, wanted: Sequence[int], requests: Sequence[Request], limits: Limits) -> None:
        self._wanted, self._requests, self._limits = wanted, requests, limits
        self.sent: list[int] = []

    def __len__(self) -> int:
        return len(self._wanted)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        return self._wanted[place]

    def __iter__(self) -> Iterator[int]:
        for index in self._wanted[len(self.sent) :]:
            if not self._limits.reserve(self._requests[index]):
                return
            self.sent.append(index)
            yield index

    @property
    def held(self) -> Sequence[int]:
        """What did not go."""
        return self._wanted[len(self.sent) :]
