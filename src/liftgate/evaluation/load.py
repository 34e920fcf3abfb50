"""Presses an OpenAI-compatible endpoint with a fixed number of requests in flight, and keeps how each one ended.

Unlike an evaluation, nothing is asked again: a request that is turned away is what the test is about. Whoever is
turned away waits, as a client would, before its next request.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from liftgate.errors import ProviderError
from liftgate.evaluation.completion import Completion, Request
from liftgate.evaluation.endpoints.openai import OpenAIEndpoint
from liftgate.evaluation.faults import Fault, Retry, Unsendable
from liftgate.evaluation.load_result import Load, Shot, limit_headers

if TYPE_CHECKING:
    import aiohttp

WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 30.0
# An endpoint that has answered nothing by then has nothing to be measured.
HOPELESS: Final = 20
_MAYBE_BILLED: Final = frozenset({Retry.CONNECTION, Retry.TIMEOUT, Retry.GARBLED})
_STATUS: ContextVar[int | None] = ContextVar("status", default=None)


class LoadEndpoint(OpenAIEndpoint):
    """An endpoint that is asked without pause or second try. `said` is what its replies tell of limits."""

    said: Mapping[str, str] = {}

    def read(
        self, status: int, headers: Mapping[str, str], payload: bytes, latency_ms: float, request: Request
    ) -> Completion | Fault:
        """What a whole reply means, after a look at its head."""
        _STATUS.set(status)
        self.said = {**self.said, **limit_headers(headers)}
        return super().read(status, headers, payload, latency_ms, request)

    def press(
        self,
        requests: Sequence[Request],
        *,
        most: int | None = None,
        seconds: float | None = None,
        told: Callable[[Shot], object] = lambda shot: None,
    ) -> Load:
        """Send the requests over and over, `concurrency` at a time, until `most` went or `seconds` have passed.

        Ends early where the budget has no room. Raises `ProviderError` for what every request would meet, and for an
        endpoint that answers nothing.
        """
        self.check_key()
        self.said = {}
        return asyncio.run(_Press(self, requests, most, seconds, told).run())

    async def shoot(
        self, session: aiohttp.ClientSession, request: Request
    ) -> tuple[Completion | Fault, int | None]:
        """One request and the status of its reply; a newer name for the limit of tokens is learned on the way."""
        while True:
            _STATUS.set(None)
            sent = self.sent(request)
            reply = await self._attempt(session, request, sent)
            if isinstance(reply, Completion) or not self.adapts(reply, sent):
                return reply, _STATUS.get()

    def failed(self, fault: Fault, request: Request) -> ProviderError:
        """The fault as an error that ends the test."""
        return self._failed(fault, request)


class _Press:
    def __init__(
        self,
        endpoint: LoadEndpoint,
        requests: Sequence[Request],
        most: int | None,
        seconds: float | None,
        told: Callable[[Shot], object],
    ) -> None:
        self._endpoint, self._seconds, self._told = endpoint, seconds, told
        endless: Iterator[Request] = itertools.cycle(requests)
        self._waiting = endless if most is None else itertools.islice(endless, most)
        self._shots: list[Shot] = []
        self._answered = False
        self._stopped: str | None = None
        self._now = endpoint.clocks.now
        self._started = 0.0

    async def run(self) -> Load:
        endpoint = self._endpoint
        async with endpoint.session() as session:
            self._started = self._now()
            workers = [asyncio.create_task(self._work(session)) for _ in range(endpoint.concurrency)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
            duration_s = max(self._now() - self._started, 1e-6)
        return Load(self._shots, duration_s, endpoint.concurrency, endpoint.said, self._stopped)

    def _next(self) -> Request | None:
        limits = self._endpoint.limits
        if self._stopped or (self._seconds is not None and self._left_s() <= 0):
            return None
        request = next(self._waiting, None)
        if request is not None and not limits.reserve(request):
            self._stopped = limits.reached or "a limit is reached"
            return None
        return request

    def _left_s(self) -> float:
        return float("inf") if self._seconds is None else self._started + self._seconds - self._now()

    async def _work(self, session: aiohttp.ClientSession) -> None:
        endpoint = self._endpoint
        while (request := self._next()) is not None:
            try:
                reply, status = await endpoint.shoot(session, request)
            except Unsendable as error:
                raise ProviderError(f"a golden case cannot be sent: {error}") from None
            if isinstance(reply, Completion):
                self._answered = True
                endpoint.limits.settle(request, reply)
                asked, said = reply.input_tokens or 0, reply.output_tokens or 0
                self._keep(Shot(status, reply.latency_ms, None, asked, said))
                continue
            self._fault(reply, status, request)
            await endpoint.clocks.sleep(min(_wait_s(reply), max(0.0, self._left_s())))

    def _fault(self, fault: Fault, status: int | None, request: Request) -> None:
        from liftgate.evaluation.completion import Failure

        limits = self._endpoint.limits
        if fault.retry in _MAYBE_BILLED:
            limits.lost(request)
        limits.settle(request, Failure(fault.kind, fault.message))
        self._keep(Shot(status, None, fault.kind))
        if fault.retry is Retry.RUN or (not self._answered and len(self._shots) >= HOPELESS):
            raise self._endpoint.failed(fault, request)

    def _keep(self, shot: Shot) -> None:
        self._shots.append(shot)
        self._told(shot)


def _wait_s(fault: Fault) -> float:
    if fault.retry is Retry.NO:
        return 0.0
    return min(fault.retry_after_s if fault.retry_after_s is not None else WAIT_S, LONGEST_WAIT_S)
