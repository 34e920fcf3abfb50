"""The Batch API of OpenAI and of servers that speak it, through the `openai` SDK: files up, files down."""

from __future__ import annotations

import contextlib
import functools
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import orjson

from liftgate.errors import InputError, MissingExtra, ProviderError, ReplyLost
from liftgate.evaluation import chat_format
from liftgate.evaluation.batches import Batch, Places, State
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request
from liftgate.evaluation.endpoints import Settings
from liftgate.evaluation.http import http_address, is_loopback

if TYPE_CHECKING:
    import openai

DIGEST_KEY: Final = "liftgate_digest"
_DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
_ENDED: Final = frozenset({"completed", "expired", "cancelled"})
# Output of an older batch may be gone from the provider.
_LOOKED_BACK_S: Final = 30 * 86_400
_MOST_LOOKED_AT: Final = 2_000
_T = TypeVar("_T")


def connect(settings: Settings, places: Places) -> OpenAIBatches:
    """Check address and key; nothing is sent yet."""
    base_url = http_address(settings.base_url or _DEFAULT_BASE_URL, "https://api.openai.com/v1")
    base_url = base_url.removesuffix("/chat/completions")
    base_url = base_url if urlsplit(base_url).path else f"{base_url}/v1"
    if not settings.api_key and not is_loopback(base_url):
        raise InputError(
            f"no key for {urlsplit(base_url).hostname}",
            hint="export OPENAI_API_KEY=..., or name another variable with --api-key-env",
        )
    try:
        import openai
    except ImportError:
        raise MissingExtra("openai", "openai") from None
    # A redirect would carry prompts to an address that nobody named.
    http = openai.DefaultHttpxClient(follow_redirects=False, trust_env=not is_loopback(base_url))
    client = openai.OpenAI(
        api_key=settings.api_key or "none", base_url=base_url, timeout=settings.timeout_s, http_client=http
    )
    return OpenAIBatches(settings.model, client)


class OpenAIBatches:
    """Batches of chat completions. `unix_time` is given in tests."""

    least = 1
    most = 50_000
    most_bytes = 200_000_000

    def __init__(self, model: str, client: openai.OpenAI, unix_time: Callable[[], float] = time.time) -> None:
        self._model, self._client, self._unix_time = model, client, unix_time
        weakref.finalize(self, client.close)

    def line_id(self, key: str) -> str:
        """Half of the key: as good as all of it, and half as long."""
        return key[:32]

    def line(self, line_id: str, request: Request) -> bytes:
        """A chat completion's body with its id. The limit goes by the name that every model of today knows."""
        body = orjson.loads(chat_format.body(request, self._model, limit_key="max_completion_tokens"))
        return orjson.dumps(
            {"custom_id": line_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
        )

    def find(self, digest: str) -> Batch | None:
        """The newest batch of the last thirty days whose metadata carries the digest."""

        def looked_for() -> Any:
            for number, raw in enumerate(self._client.batches.list(limit=100)):
                if number >= _MOST_LOOKED_AT or raw.created_at < self._unix_time() - _LOOKED_BACK_S:
                    break
                if (raw.metadata or {}).get(DIGEST_KEY) == digest and raw.status != "failed":
                    return raw
            return None

        found = self._asked("listing batches", looked_for)
        return None if found is None else _batch(found)

    def create(self, digest: str, lines: Sequence[bytes]) -> Batch:
        """Upload, then one request that is never sent again."""
        data = b"".join(line + b"\n" for line in lines)
        name = f"liftgate-{digest[:16]}.jsonl"
        uploaded = self._asked(
            "uploading the batch", lambda: self._client.files.create(file=(name, data), purpose="batch")
        )
        once = self._client.with_options(max_retries=0)
        raw = self._asked(
            "creating the batch",
            lambda: once.batches.create(
                input_file_id=uploaded.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={DIGEST_KEY: digest},
            ),
            creates=True,
        )
        return _batch(raw)

    def look(self, batch_id: str) -> Batch:
        """The batch as it is now."""
        return _batch(self._asked("reading the batch", lambda: self._client.batches.retrieve(batch_id)))

    def results(
        self, batch: Batch, digest: str, asked: Mapping[str, Request]
    ) -> Iterator[tuple[str, Outcome]]:
        """The lines of output and error file, whichever there is."""
        raw = self._asked("reading the batch", lambda: self._client.batches.retrieve(batch.id))
        for file_id in (raw.output_file_id, raw.error_file_id):
            if not file_id:
                continue
            content = self._asked("reading the answers", functools.partial(self._content, file_id))
            for line in content.splitlines():
                row = chat_format.parsed(line)
                if isinstance(row, dict) and (request := asked.get(str(row.get("custom_id")))) is not None:
                    yield str(row["custom_id"]), read_row(row, tools=bool(request.tools))

    def _content(self, file_id: str) -> bytes:
        return self._client.files.content(file_id).content

    def _asked(self, what: str, ask: Callable[[], _T], *, creates: bool = False) -> _T:
        import openai

        try:
            return ask()
        except openai.AuthenticationError as error:
            hint = "check the key in OPENAI_API_KEY, or in the variable that --api-key-env names"
            raise ProviderError(f"{what}: {_told(error)}", hint=hint) from None
        except openai.APIStatusError as error:
            if creates and error.status_code >= 500:
                raise _lost(what) from None
            raise ProviderError(f"{what}: {_told(error)}", hint="run the same command again") from None
        except openai.APIError as error:
            if creates:
                raise _lost(what) from None
            raise ProviderError(
                f"{what}: {type(error).__name__}", hint="run the same command again once it is up"
            ) from None


def _lost(what: str) -> ReplyLost:
    return ReplyLost(
        f"{what}: no answer came, so nobody can say whether it exists",
        hint="run the same command again: it looks the batch up before it creates one",
    )


def _told(error: openai.APIStatusError) -> str:
    code = error.code if isinstance(error.code, str) and error.code.replace("_", "").isalnum() else None
    return f"HTTP {error.status_code}" + (f", {code}" if code else "")


def _batch(raw: Any) -> Batch:
    # A word of tomorrow counts as running: to take it for a failure would be to pay again.
    state = State.ENDED if raw.status in _ENDED else State.FAILED if raw.status == "failed" else State.RUNNING
    counts = raw.request_counts
    done = None if counts is None else counts.completed + counts.failed
    return Batch(raw.id, state, str(raw.status), done, None if counts is None else counts.total, _why(raw))


def _why(raw: Any) -> str:
    """What the provider has against the file: its codes and lines, not its sentences, which may quote a prompt."""
    errors = (raw.errors.data if raw.errors is not None else None) or []
    said = [
        (error.code or "error") + (f" at line {error.line}" if error.line is not None else "")
        for error in errors[:5]
    ]
    return ", ".join(said)


def read_row(row: Mapping[str, Any], *, tools: bool) -> Outcome:
    """What one line of an output or error file means."""
    error, response = row.get("error"), row.get("response")
    if isinstance(error, dict):
        code = str(error.get("code") or "")
        code = code if code.replace("_", "").isalnum() and len(code) <= 40 else "error"
        kind = code.replace("_", "-") if code.startswith("batch_") else "batch-error"
        return Failure(kind, f"the batch did not answer this request ({code})")
    if not isinstance(response, dict) or not isinstance(response.get("status_code"), int):
        return Failure("not-json", "the batch's line holds no response")
    payload = b""
    with contextlib.suppress(TypeError):
        payload = orjson.dumps(response.get("body"))
    reply = chat_format.read_reply(response["status_code"], {}, payload, 0.0, tools=tools, unix_s=0.0)
    return reply if isinstance(reply, Completion) else Failure(reply.kind, reply.message)
