"""A stateful stand-in for OpenAI's Files and fine-tuning API on loopback, for the real SDK.

A job moves only when the test says so (`run`, `succeed`, `fail_job`, ...), and every call can be made to fail:

    with FineTuningServer() as server:
        server.fail("POST", "/fine_tuning/jobs", "lost")      # carried out, and the reply never comes
        ... environment=server.environment ... len(server.jobs) == 1

It refuses what the real service refuses. Where OpenAI's API description and `openapi-core` are there, every
request is held against it too, and leaving the `with` block fails on any that does not fit.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import openai_description
from openai_finetuning_account import Account
from openai_finetuning_rules import Refused

KEY: Final = "sk-planted-9f3c71e2a4b85d60"


@dataclass
class Fault:
    """One call that goes wrong, `times` times."""

    method: str
    path: str
    mode: str
    times: int


@dataclass
class FineTuningServer(Account):
    """The account of one key. `judged`: hold requests against the description, where it is there.

    `strike` is called before or after request number `strike_at` (from 0) is carried out, e.g. to kill who asks.
    """

    judged: bool = True
    strike: Callable[[], None] = lambda: None
    strike_at: tuple[int, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.calls: list[str] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._judging = self.judged and openai_description.missing() is None

    def __enter__(self) -> FineTuningServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)
        if kind is None:
            assert self.violations == []

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """Key and address for every profile."""
        names = ("OPENAI", "AZURE_OPENAI", "TOGETHER", "FIREWORKS")
        return {f"{n}_API_KEY": KEY for n in names} | {f"{n}_BASE_URL": self.url for n in names}

    def count(self, call: str) -> int:
        """How often a call came in, e.g. `POST /files`."""
        return self.calls.count(call)

    def fail(self, method: str, path: str, mode: str, times: int = 1) -> None:
        """The next calls of this method whose path matches the pattern go wrong.

        Modes: a status (`429`, `500`, ...); `reset` (nothing happens, the connection ends); `lost` (it happens, the
        connection ends); `garbled`, `cut` (it happens, no or half a JSON comes back); `hang` (it happens, nothing comes
        back).
        """
        self.faults.append(Fault(method, path, mode, times))

    def handle(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        """Carry out one call of somebody with a key."""
        with self._lock:
            parts = urlsplit(target)
            self.calls.append(f"{method} {parts.path}")
            if self._judging:
                self.violations += openai_description.violations(method, target, headers, body)
            if headers.get("authorization") != f"Bearer {KEY}":
                raise Refused(401, "Incorrect API key provided: sk-pl***.", "invalid_api_key")
            return self.route(method, parts.path, dict(parse_qsl(parts.query)), headers, body)

    def take_fault(self, method: str, path: str) -> str | None:
        """The mode in which this call goes wrong, used up."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and re.fullmatch(fault.path, path):
                    fault.times -= 1
                    return fault.mode
        return None

    def wait_for_the_end(self) -> None:
        """Where a call hangs."""
        self._closing.wait(30)


def _handler(service: FineTuningServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None: ...

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            target = self.path.removeprefix("/v1")
            mode = service.take_fault(self.command, urlsplit(target).path)
            number = len(service.calls)
            if service.strike_at == (number, "before"):
                service.strike_at = None
                service.strike()
                mode = "reset"
            if mode == "reset":
                self._hang_up()
            elif mode and mode.isdecimal():
                service.calls.append(f"{self.command} {urlsplit(target).path}")
                self._send(int(mode), {"error": {"message": "no", "type": "x", "code": None, "param": None}})
            else:
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    status, reply = 200, service.handle(self.command, target, headers, body)
                except Refused as refused:
                    status, reply = refused.status, refused.body
                except ValueError:
                    status, reply = 400, {"error": {"message": "We could not parse the JSON body"}}
                if service.strike_at == (number, "after"):
                    service.strike_at = None
                    service.strike()
                    mode = "lost"
                self._finish(status, reply, mode)

        def _finish(self, status: int, reply: Any, mode: str | None) -> None:
            if mode == "hang":
                service.wait_for_the_end()
            if mode in {"lost", "hang"}:
                self._hang_up()
            elif mode == "garbled":
                self._send(200, b"<html>a gateway says hello</html>", "text/html")
            elif mode == "cut":
                self._send(200, json.dumps(reply).encode()[:20], "application/json")
            else:
                self._send(status, reply)

        def _send(self, status: int, reply: Any, kind: str = "application/json") -> None:
            raw = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header(
                "Content-Type", "application/octet-stream" if reply is raw and kind[-4:] == "json" else kind
            )
            self.send_header("Content-Length", str(len(raw)))
            if status in {429, 500, 503}:
                self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(raw)

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    return Handler
