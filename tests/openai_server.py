"""An OpenAI-compatible server on loopback that answers, counts, and fails in every way a real one does.

Raw asyncio, so that it can reset a connection, break a reply off half-way or never reply. In a test:

    with OpenAIServer(faults={0: "429", 3: "reset"}) as server:
        ... server.url ... server.count ...

As a process of its own (benchmarks, other people's clients): `python openai_server.py --latency-ms 100`
prints its base URL and serves until it is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from openai_batches import Desk

MODES = (
    "429",
    "429-no-header",
    "503",
    "500",
    "reset",
    "half",
    "half-json",
    "non-json",
    "empty-choices",
    "null-message",
    "content_filter",
    "filter-400",
    "length",
    "401",
    "404",
    "400-model",
    "400",
    "too-long",
    "no-quota",
    "hang",
    "tool-call",
    "error-in-200",
    "wants-max-completion-tokens",
)
Body = dict[str, Any]
Fault = str | Callable[[int, Body], str | None] | Mapping[int, str] | None


def echo(body: Body) -> str:
    """The last user's text: an answer a test can predict."""
    return str(body["messages"][-1]["content"])


class OpenAIServer:
    """A context manager: serves from a thread of its own between enter and exit. `desk` takes files and batches.

    `faults` is a mode for every request, a mapping from request number (0-based) to mode, or a function of
    number and body. `always` are headers of every reply to a chat. `bodies`, `headers` and `times` (monotonic
    seconds) record every request as it came.
    """

    def __init__(
        self,
        answer: Callable[[Body], str] = echo,
        *,
        faults: Fault = None,
        latency_s: float = 0.0,
        retry_after: str = "1",
        always: Mapping[str, str] | None = None,
    ) -> None:
        self.answer, self.faults, self.latency_s, self.retry_after = answer, faults, latency_s, retry_after
        self.always = dict(always or {})
        self.desk = Desk(lambda body: completion(body, self.answer(body)))
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The base URL for `--base-url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def count(self) -> int:
        """Requests received so far, failed ones included."""
        return len(self.bodies)

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        # A connection that was just accepted is known some turns of the loop later, and a closed one gone. One that
        # becomes known when the server is closed already would never be closed itself.
        await _turns()
        server.close()
        talks = list(self._talks)
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await _turns()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # No coroutine: one that is cancelled before its first step would leave its connection open.
        self._writers.add(writer)
        talk = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target = head[0].split(" ")[:2]
        if target.startswith(("/v1/files", "/v1/batches")):
            reply = self.desk.reply(method, target, headers, raw)
            if reply is None:
                writer.transport.abort()
                return False
            await _send(writer, *reply)
            return True
        if method == "GET":
            await _send(writer, 200, {"object": "list", "data": [{"id": "mock", "object": "model"}]})
            return True
        body = json.loads(raw)
        number = len(self.bodies)
        self.bodies.append(body)
        self.headers.append(headers)
        self.times.append(time.monotonic())
        mode = self._mode(number, body)
        if self.latency_s and mode in {None, "length"}:
            await asyncio.sleep(self.latency_s)
        return await self._reply(writer, body, mode)

    def _mode(self, number: int, body: Body) -> str | None:
        if self.faults is None or isinstance(self.faults, str):
            return self.faults
        return self.faults.get(number) if isinstance(self.faults, Mapping) else self.faults(number, body)

    async def _reply(self, writer: asyncio.StreamWriter, body: Body, mode: str | None) -> bool:
        if mode == "hang":
            await asyncio.sleep(3600)
        if mode == "reset":
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        good = completion(body, self.answer(body))
        if mode in {"half", "non-json", "half-json"}:
            payload = json.dumps(good).encode()
            sent = b"<html>502 Bad Gateway</html>" if mode == "non-json" else payload[: len(payload) // 2]
            promised = len(payload) if mode == "half" else len(sent)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n".encode() + sent)
            await writer.drain()
            return mode != "half"
        status, reply = self._refusal(mode, body) or (200, _bent(good, mode))
        extra = {"Retry-After": self.retry_after} if mode in {"429", "503"} and self.retry_after else {}
        await _send(writer, status, reply, {**self.always, **extra})
        return True

    def _refusal(self, mode: str | None, body: Body) -> tuple[int, Body] | None:
        def error(status: int, message: str, code: str | None, **more: Any) -> tuple[int, Body]:
            return status, {
                "error": {"message": message, "type": "invalid_request_error", "code": code, **more}
            }

        model = body.get("model")
        quoted = body["messages"][-1].get("content")
        absent = f"The model `{model}` does not exist or you do not have access to it."
        wants = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        known = {
            "429": error(429, "Rate limit reached", "rate_limit_exceeded"),
            "429-no-header": error(429, "Rate limit reached", "rate_limit_exceeded"),
            "503": error(503, "The server is overloaded", None),
            "500": error(500, "The server had an error", None),
            "401": error(401, "Incorrect API key provided", "invalid_api_key"),
            "404": error(404, absent, "model_not_found"),
            "400-model": error(400, f"model {model} not found", None),
            "400": error(400, f"cannot use this: {quoted}", "invalid_value"),
            "filter-400": error(400, "The response was filtered", "content_filter"),
            "too-long": error(
                400, "This model's maximum context length is 16 tokens", "context_length_exceeded"
            ),
            "no-quota": error(429, "You exceeded your current quota", "insufficient_quota"),
            "error-in-200": (200, {"error": {"message": "Provider returned error", "code": 502}}),
        }
        if mode == "wants-max-completion-tokens" and "max_tokens" in body:
            return error(400, wants, "unsupported_parameter", param="max_tokens")
        return known.get(mode or "")


async def _turns() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


def completion(body: Body, text: str) -> Body:
    """A whole chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model"),
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {
            "prompt_tokens": sum(len(str(message.get("content")).split()) for message in body["messages"]),
            "completion_tokens": len(text.split()),
            "total_tokens": 0,
        },
    }


def _bent(reply: Body, mode: str | None) -> Body:
    choice = reply["choices"][0]
    if mode == "empty-choices":
        reply["choices"] = []
    elif mode == "null-message":
        choice["message"] = None
    elif mode in {"content_filter", "length"}:
        choice["finish_reason"] = mode
    elif mode == "tool-call":
        choice["finish_reason"] = "tool_calls"
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "refund", "arguments": '{"order": 1}'},
        }
        choice["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
    return reply


async def _send(
    writer: asyncio.StreamWriter, status: int, reply: Body | bytes, extra: Mapping[str, str] | None = None
) -> None:
    payload = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(payload)}"]
    lines += [f"{name}: {value}" for name, value in (extra or {}).items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
    await writer.drain()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--fault", action="append", default=[], metavar="MODE=SHARE", help="e.g. 429=0.15")
    arguments = parser.parse_args()
    shares = [(mode, float(share)) for mode, _, share in (fault.partition("=") for fault in arguments.fault)]
    dice = random.Random(0)  # noqa: S311

    def faults(number: int, body: Body) -> str | None:
        drawn = dice.random()
        for mode, share in shares:
            if drawn < share:
                return str(mode)
            drawn -= share
        return None

    server = OpenAIServer(faults=faults, latency_s=arguments.latency_ms / 1000)
    server.port = arguments.port
    with server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    _main()
