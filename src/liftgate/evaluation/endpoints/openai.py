"""Any OpenAI-compatible server: the provider itself, Azure, vLLM, a gateway, a local model server.

The hot path is raw aiohttp with the wire format of `chat_format`. What a reply means is decided in
`chat_format`, how fast to ask in `pacing`; `streams` runs the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from liftgate.errors import InputError, ProviderError
from liftgate.evaluation import chat_format
from liftgate.evaluation.chat_format import Fault, Retry
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request
from liftgate.evaluation.endpoints import Endpoint, Settings
from liftgate.evaluation.limits import OVER_BUDGET, Limits
from liftgate.evaluation.pacing import LONGEST_RETRY_AFTER_S, Pace
from liftgate.evaluation.streams import Report, outcomes, settle

if TYPE_CHECKING:
    import aiohttp

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
MAX_REPLY_BYTES: Final = 64 * 1024 * 1024
# Attempts of these sorts were sent and may be billed, though nothing usable came back.
_MAYBE_BILLED: Final = frozenset({Retry.CONNECTION, Retry.TIMEOUT, Retry.GARBLED})
_WITHHELD: Final = frozenset({"content-filter", "unexpected-tool-call"})


def connect(settings: Settings) -> OpenAIEndpoint:
    """Check address and key; nothing is sent yet. A missing key matters once something has to be asked."""
    url = chat_url(settings.base_url or DEFAULT_BASE_URL)
    key = None if settings.api_key is None and not is_loopback(url) else (settings.api_key or "").strip()
    if key and (not key.isascii() or any(char.isspace() for char in key)):
        raise InputError("the key holds a space or a character that no key has", hint="copy it again")
    return OpenAIEndpoint(
        settings.model, url, key, settings.concurrency, settings.timeout_s, limits=settings.limits
    )


def chat_url(base_url: str) -> str:
    """The address of chat completions under a base URL; a bare host gets `/v1`."""
    parts = urlsplit(base_url if "://" in base_url else f"http://{base_url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(
            f"--base-url: {base_url!r} is not an address", hint="for example http://127.0.0.1:8000/v1"
        )
    if parts.username or parts.password:
        raise InputError("--base-url must not hold a name or password", hint="put the key into --api-key-env")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/chat/completions", parts.query, ""))


def is_loopback(url: str) -> bool:
    """True for an address on this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


class OpenAIEndpoint:
    """Chat completions over HTTP. `sleep`, `now` (monotonic), `unix_time` and `jitter` are given in tests."""

    kind = "openai"
    deterministic = False

    def __init__(
        self,
        model: str,
        url: str,
        api_key: str | None = "",
        concurrency: int = 8,
        timeout_s: float = 60.0,
        *,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.perf_counter,
        unix_time: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._model, self._url, self._key = model, url, api_key
        self._concurrency, self._timeout_s = concurrency, timeout_s
        self._limits = limits or Limits()
        self._sleep, self._now, self._unix_time, self._jitter = sleep, now, unix_time, jitter
        self._limit_key = "max_tokens"

    def identity(self) -> dict[str, Any]:
        """Model and address: two servers may call different models by one name."""
        return {"model": self._model, "url": self._url}

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Ask for every wanted request, at most `concurrency` at a time, and yield outcomes as they come."""
        yield from _complete([self], lambda index: 0, requests, wanted)

    def complete_both(
        self, other: Endpoint, requests: Sequence[Request], seam: int, wanted: Sequence[int]
    ) -> Iterator[tuple[int, Outcome]]:
        """The same for two models in one stream; requests from number `seam` on are the other's."""
        if not isinstance(other, OpenAIEndpoint):
            raise TypeError("both endpoints must speak HTTP")
        yield from _complete([self, other], lambda index: int(index >= seam), requests, wanted)

    def check_key(self) -> None:
        """Refuse to ask a server away from this machine without a key."""
        if self._key is None:
            raise InputError(
                f"no key for {urlsplit(self._url).hostname}",
                hint="export OPENAI_API_KEY=..., or name another variable with --api-key-env ('' for no key)",
            )

    @property
    def concurrency(self) -> int:
        """Requests at once."""
        return self._concurrency

    def remaining_s(self) -> float:
        """Seconds until the run's deadline."""
        return self._limits.remaining_s()

    @property
    def server(self) -> str:
        """Host and port: two models behind one server share its patience."""
        return urlsplit(self._url).netloc

    def session(self) -> aiohttp.ClientSession:
        """A session of the running event loop with this endpoint's key and time limit."""
        import aiohttp

        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            trust_env=not is_loopback(self._url),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def pace(self) -> Pace:
        """How fast this endpoint may be asked."""
        return Pace(self._concurrency, now=self._now, jitter=self._jitter)

    async def ask(self, session: aiohttp.ClientSession, pace: Pace, request: Request) -> Outcome:
        """One request, asked again for as long as its faults allow."""
        made: Counter[Retry] = Counter()
        while True:
            await self._turn(pace)
            limit_key = self._limit_key
            try:
                reply = await self._attempt(session, request, limit_key)
            finally:
                pace.leave()
            if isinstance(reply, Completion):
                pace.answered()
                return reply
            if reply.kind == chat_format.WANTS_OTHER_LIMIT and limit_key == "max_tokens":
                self._limit_key = "max_completion_tokens"
                continue
            made[reply.retry] += 1
            pace.faulted(reply)
            if ends_the_run(reply, pace):
                raise self._failed(reply, request)
            may_be_billed = reply.retry in _MAYBE_BILLED or reply.kind in _WITHHELD
            affordable = self._limits.lost(request) if may_be_billed else True
            if not pace.may_retry(reply, made):
                if reply.retry is Retry.UNREACHABLE:
                    raise self._failed(reply, request)
                return Failure(reply.kind, _after(made.total(), reply.message))
            if not affordable:
                return Failure(OVER_BUDGET, "the budget has no room for another attempt")
            await self._sleep(pace.wait_s(reply, made.total()))

    async def _turn(self, pace: Pace) -> None:
        while (pause_s := pace.pause_s()) > 0:
            await self._sleep(pause_s)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not pace.enter(lambda: settle(turn)):
            await turn

    async def _attempt(
        self, session: aiohttp.ClientSession, request: Request, limit_key: str
    ) -> Completion | Fault:
        body = chat_format.body(request, self._model, limit_key=limit_key)
        started = self._now()
        try:
            async with session.post(self._url, data=body, allow_redirects=False) as response:
                payload = await _read(response)
                latency_ms = (self._now() - started) * 1000
        except Exception as error:
            return _broken_exchange(error, self._timeout_s)
        if payload is None:
            return Fault("too-large", f"the reply is larger than {MAX_REPLY_BYTES:,} bytes", Retry.GARBLED)
        return chat_format.read_reply(
            response.status,
            response.headers,
            payload,
            latency_ms,
            tools=bool(request.tools),
            unix_s=self._unix_time(),
        )

    def _failed(self, fault: Fault, request: Request) -> ProviderError:
        where = urlunsplit((*urlsplit(self._url)[:3], "", ""))
        said = quotable(fault.detail, request, secret=self._key or "")
        sentence = f"{where}: {fault.message}" + (f": {said}" if said else "")
        return ProviderError(
            sentence, hint=_HINTS.get(fault.kind, "run the same command again once it is up")
        )


def _complete(
    endpoints: Sequence[OpenAIEndpoint],
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
        paces = [by_server.setdefault(endpoint.server, endpoint.pace()) for endpoint in endpoints]
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

    yield from outcomes(ask_all, remaining_s=endpoints[0].remaining_s)


_HINTS: Final = {
    "unauthorized": "check the key in OPENAI_API_KEY, or in the variable that --api-key-env names",
    "model-not-found": "check --model and --base-url; `curl BASE_URL/models` lists what the server has",
    "no-quota": "add credit, then run the same command again: it asks only for what is missing",
    "certificate": "check --base-url, and the certificates this machine trusts",
    "redirected": "name the final address with --base-url",
    "unreachable": "check that the server runs and listens at --base-url, then run the same command again",
    "bad-request": "the server accepts none of the requests: check the suite's sampling and --base-url",
}


def ends_the_run(fault: Fault, pace: Pace) -> bool:
    """True for a fault that every other request would meet, or that has lasted too long."""
    too_long = (fault.retry_after_s or 0.0) > LONGEST_RETRY_AFTER_S and fault.retry is not Retry.NO
    return fault.retry is Retry.RUN or too_long or pace.hopeless(fault)


def quotable(detail: str, request: Request, *, secret: str = "") -> str:
    """The provider's remark in one short line, or nothing when it may quote the prompt."""
    texts = [message["content"] for message in request.messages if isinstance(message.get("content"), str)]
    for text in texts:
        pieces = (text[start : start + 20] for start in range(max(1, len(text) - 19)))
        if any(piece.strip() and piece in detail for piece in pieces):
            return ""
    if secret:
        detail = detail.replace(secret, "***")
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
