"""Asks a model server over HTTP, again and again while its faults allow: what every such endpoint shares.

Raw aiohttp. What a request and a reply look like is the endpoint's own business, how fast to ask is decided in
`pacing`, and `streams` runs the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from liftgate.errors import InputError, ProviderError
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request
from liftgate.evaluation.faults import Fault, Retry, Unsendable
from liftgate.evaluation.limits import OVER_BUDGET, Limits
from liftgate.evaluation.pacing import LONGEST_RETRY_AFTER_S, Pace
from liftgate.evaluation.streams import Report, outcomes, settle

if TYPE_CHECKING:
    import aiohttp

MAX_REPLY_BYTES: Final = 64 * 1024 * 1024
# Attempts of these sorts were sent and may be billed, though nothing usable came back.
_MAYBE_BILLED: Final = frozenset({Retry.CONNECTION, Retry.TIMEOUT, Retry.GARBLED})
_WITHHELD: Final = frozenset({"content-filter", "unexpected-tool-call", "malformed-output"})


class Sent(NamedTuple):
    """One attempt as it goes out. `variant` is a word of the endpoint's own, given back to `adapts`."""

    body: bytes
    headers: Mapping[str, str]
    variant: str = ""


@dataclass(frozen=True)
class Clocks:
    """Time and chance, given in tests. `now` is monotonic."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.perf_counter
    unix_time: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random


@dataclass
class HttpEndpoint:
    """One model behind an address. An endpoint fills in the methods of the first half.

    `exact` addresses are percent-encoded already and sent as they stand, since a signature covers them.
    """

    kind = ""
    exact = False
    deterministic = False
    hints: Mapping[str, str] = field(default_factory=dict, init=False)

    model: str
    url: str
    concurrency: int = 8
    timeout_s: float = 60.0
    limits: Limits = field(default_factory=Limits)
    clocks: Clocks = field(default_factory=Clocks)

    def identity(self) -> dict[str, Any]:
        """What decides the answers."""
        raise NotImplementedError

    def check_key(self) -> None:
        """Refuse to ask without what the provider asks for; called before anything is sent."""

    def sent(self, request: Request) -> Sent:
        """Body and headers of one attempt. Raises `Unsendable`."""
        raise NotImplementedError

    def read(
        self, status: int, headers: Mapping[str, str], payload: bytes, latency_ms: float, request: Request
    ) -> Completion | Fault:
        """What a whole reply means."""
        raise NotImplementedError

    def adapts(self, fault: Fault, sent: Sent) -> bool:
        """Whether the fault says how to ask instead, and the next attempt will."""
        return False

    def secrets(self) -> Sequence[str]:
        """What must never be quoted."""
        return ()

    @property
    def patience(self) -> str:
        """Endpoints of one name share a server's patience: host and port."""
        return urlsplit(self.url).netloc

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Ask for every wanted request, at most `concurrency` at a time, and yield outcomes as they come."""
        yield from _complete([self], lambda index: 0, requests, wanted)

    def complete_both(
        self, other: Any, requests: Sequence[Request], seam: int, wanted: Sequence[int]
    ) -> Iterator[tuple[int, Outcome]]:
        """The same for two models in one stream; requests from number `seam` on are the other's."""
        if not isinstance(other, HttpEndpoint):
            raise TypeError("both endpoints must speak HTTP")
        yield from _complete([self, other], lambda index: int(index >= seam), requests, wanted)

    def session(self) -> aiohttp.ClientSession:
        """A session of the running event loop with this endpoint's time limit."""
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=self.timeout_s),
            trust_env=not is_loopback(self.url),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def pace(self) -> Pace:
        """How fast this endpoint may be asked."""
        return Pace(self.concurrency, now=self.clocks.now, jitter=self.clocks.jitter)

    async def ask(self, session: aiohttp.ClientSession, pace: Pace, request: Request) -> Outcome:
        """One request, asked again for as long as its faults allow."""
        made: Counter[Retry] = Counter()
        while True:
            await self._turn(pace)
            try:
                sent = self.sent(request)
                reply = await self._attempt(session, request, sent)
            except Unsendable as error:
                return Failure("unsendable", str(error))
            finally:
                pace.leave()
            if isinstance(reply, Completion):
                pace.answered()
                return reply
            if self.adapts(reply, sent):
                continue
            made[reply.retry] += 1
            pace.faulted(reply)
            if ends_the_run(reply, pace):
                raise self._failed(reply, request)
            may_be_billed = reply.retry in _MAYBE_BILLED or reply.kind in _WITHHELD
            affordable = self.limits.lost(request) if may_be_billed else True
            if not pace.may_retry(reply, made):
                if reply.retry is Retry.UNREACHABLE:
                    raise self._failed(reply, request)
                return Failure(reply.kind, _after(made.total(), reply.message))
            if not affordable:
                return Failure(OVER_BUDGET, "the budget has no room for another attempt")
            await self.clocks.sleep(pace.wait_s(reply, made.total()))

    async def _turn(self, pace: Pace) -> None:
        while (pause_s := pace.pause_s()) > 0:
            await self.clocks.sleep(pause_s)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not pace.enter(lambda: settle(turn)):
            await turn

    async def _attempt(
        self, session: aiohttp.ClientSession, request: Request, sent: Sent
    ) -> Completion | Fault:
        from yarl import URL

        started = self.clocks.now()
        address = URL(self.url, encoded=self.exact)
        try:
            async with session.post(
                address, data=sent.body, headers=sent.headers, allow_redirects=False
            ) as response:
                payload = await _read(response)
                latency_ms = (self.clocks.now() - started) * 1000
        except Exception as error:
            return _broken_exchange(error, self.timeout_s)
        if payload is None:
            return Fault("too-large", f"the reply is larger than {MAX_REPLY_BYTES:,} bytes", Retry.GARBLED)
        return self.read(response.status, response.headers, payload, latency_ms, request)

    def _failed(self, fault: Fault, request: Request) -> ProviderError:
        where = urlunsplit((*urlsplit(self.url)[:3], "", ""))
        said = quotable(fault.detail, request, secrets=self.secrets())
        sentence = f"{where}: {fault.message}" + (f": {said}" if said else "")
        return ProviderError(
            sentence, hint=self.hints.get(fault.kind, "run the same command again once it is up")
        )


def _complete(
    endpoints: Sequence[HttpEndpoint],
    owner: Callable[[int], int],
    requests: Sequence[Request],
    wanted: Sequence[int],
) -> Iterator[tuple[int, Outcome]]:
    """Ask the endpoints in one stream; `owner` says which one a request belongs to."""
    if not wanted:
        return
    for endpoint in endpoints:
        endpoint.check_key()

    async def ask_all(report: Report) -> None:
        by_server: dict[str, Pace] = {}
        paces = [by_server.setdefault(endpoint.patience, endpoint.pace()) for endpoint in endpoints]
        waiting = iter(wanted)
        async with contextlib.AsyncExitStack() as stack:
            sessions = [await stack.enter_async_context(endpoint.session()) for endpoint in endpoints]

            async def work() -> None:
                for index in waiting:
                    one = owner(index)
                    outcome = await endpoints[one].ask(sessions[one], paces[one], requests[index])
                    await report(index, outcome)

            at_once = min(endpoints[0].concurrency, len(wanted))
            workers = [asyncio.create_task(work()) for _ in range(at_once)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    yield from outcomes(ask_all, remaining_s=endpoints[0].limits.remaining_s)


def is_loopback(url: str) -> bool:
    """True for an address on this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def http_address(base_url: str, example: str) -> str:
    """A base URL without its last slash. Raises `InputError` when it is none, or holds a secret."""
    parts = urlsplit(base_url if "://" in base_url else f"http://{base_url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(f"--base-url: {base_url!r} is not an address", hint=f"for example {example}")
    if parts.username or parts.password:
        raise InputError("--base-url must not hold a name or password", hint="put the key into --api-key-env")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, ""))


def ends_the_run(fault: Fault, pace: Pace) -> bool:
    """True for a fault that every other request would meet, or that has lasted too long."""
    too_long = (fault.retry_after_s or 0.0) > LONGEST_RETRY_AFTER_S and fault.retry is not Retry.NO
    return fault.retry is Retry.RUN or too_long or pace.hopeless(fault)


def quotable(detail: str, request: Request, *, secrets: Sequence[str] = ()) -> str:
    """The provider's remark in one short line, or nothing when it may quote the prompt."""
    texts = [message["content"] for message in request.messages if isinstance(message.get("content"), str)]
    for text in texts:
        pieces = (text[start : start + 20] for start in range(max(1, len(text) - 19)))
        if any(piece.strip() and piece in detail for piece in pieces):
            return ""
    for secret in secrets:
        detail = detail.replace(secret, "***") if secret else detail
    line = " ".join("".join(char if char.isprintable() else " " for char in detail).split())
    return line if len(line) <= 200 else line[:197] + "..."


def _broken_exchange(error: Exception, timeout_s: float) -> Fault:
    import aiohttp

    sorts: list[tuple[type[Exception], Fault]] = [
        (TimeoutError, Fault("timeout", f"no whole reply within {timeout_s:g} s", Retry.TIMEOUT)),
        (aiohttp.ClientSSLError, Fault("certificate", "the server's certificate is not trusted", Retry.RUN)),
        (
            aiohttp.ClientConnectorError,
            Fault("unreachable", "the server cannot be reached", Retry.UNREACHABLE),
        ),
        (aiohttp.ClientPayloadError, Fault("cut-short", "the reply broke off", Retry.CONNECTION)),
        (aiohttp.ClientError, Fault("connection-lost", "the connection was lost", Retry.CONNECTION)),
        (OSError, Fault("connection-lost", "the connection was lost", Retry.CONNECTION)),
    ]
    for sort, fault in sorts:
        if isinstance(error, sort):
            return fault
    raise error


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    if response.content_length is not None and "Content-Encoding" not in response.headers:
        return await response.read() if response.content_length <= MAX_REPLY_BYTES else None
    chunks = bytearray()
    async for chunk in response.content.iter_any():
        chunks += chunk
        if len(chunks) > MAX_REPLY_BYTES:
            return None
    return bytes(chunks)


def _after(attempts: int, message: str) -> str:
    return message if attempts == 1 else f"{message}; {attempts} attempts"
