"""Any OpenAI-compatible server: the provider itself, Azure, vLLM, a gateway, a local model server.

The wire format and what a reply means are those of `chat_format`; asking over HTTP is that of `http`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from liftgate.errors import InputError
from liftgate.evaluation import chat_format
from liftgate.evaluation.completion import Completion, Request
from liftgate.evaluation.endpoints import Settings
from liftgate.evaluation.faults import Fault
from liftgate.evaluation.http import Clocks, HttpEndpoint, Sent, http_address, is_loopback
from liftgate.evaluation.limits import Limits

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"


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
    parts = urlsplit(http_address(base_url, "http://127.0.0.1:8000/v1"))
    path = parts.path.removesuffix("/chat/completions") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/chat/completions", parts.query, ""))


class OpenAIEndpoint(HttpEndpoint):
    """Chat completions over HTTP. A key of None is one that is missing, an empty one is none."""

    kind = "openai"

    def __init__(
        self,
        model: str,
        url: str,
        api_key: str | None = "",
        concurrency: int = 8,
        timeout_s: float = 60.0,
        *,
        limits: Limits | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        super().__init__(model, url, concurrency, timeout_s, limits or Limits(), clocks or Clocks())
        self.hints = _HINTS
        self._key, self._limit_key = api_key, "max_tokens"

    def identity(self) -> dict[str, Any]:
        """Model and address: two servers may call different models by one name."""
        return {"model": self.model, "url": self.url}

    def check_key(self) -> None:
        """Refuse to ask a server away from this machine without a key."""
        if self._key is None:
            raise InputError(
                f"no key for {urlsplit(self.url).hostname}",
                hint="export OPENAI_API_KEY=..., or name another variable with --api-key-env ('' for no key)",
            )

    def sent(self, request: Request) -> Sent:
        """A chat completion's body, and the key."""
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        key = self._limit_key
        return Sent(chat_format.body(request, self.model, limit_key=key), headers, key)

    def read(
        self, status: int, headers: Mapping[str, str], payload: bytes, latency_ms: float, request: Request
    ) -> Completion | Fault:
        """What a whole reply means."""
        unix_s = self.clocks.unix_time()
        return chat_format.read_reply(
            status, headers, payload, latency_ms, tools=bool(request.tools), unix_s=unix_s
        )

    def adapts(self, fault: Fault, sent: Sent) -> bool:
        """Newer models call the limit by another name, and say so."""
        if fault.kind != chat_format.WANTS_OTHER_LIMIT or sent.variant != "max_tokens":
            return False
        self._limit_key = "max_completion_tokens"
        return True

    def secrets(self) -> Sequence[str]:
        """The key."""
        return (self._key,) if self._key else ()


_HINTS: Final = {
    "unauthorized": "check the key in OPENAI_API_KEY, or in the variable that --api-key-env names",
    "model-not-found": "check --model and --base-url; `curl BASE_URL/models` lists what the server has",
    "no-quota": "add credit, then run the same command again: it asks only for what is missing",
    "certificate": "check --base-url, and the certificates this machine trusts",
    "redirected": "name the final address with --base-url",
    "unreachable": "check that the server runs and listens at --base-url, then run the same command again",
    "bad-request": "the server accepts none of the requests: check the suite's sampling and --base-url",
}
