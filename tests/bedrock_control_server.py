"""Bedrock's control plane on loopback, as far as training and serving need it: stateful, strict, faulty on demand.

Requests and replies are held against botocore's own service model, so this server takes nothing that Bedrock
would refuse by form, and answers nothing that Bedrock could not. In a test:

    with BedrockControl(faults={"CreateModelCustomizationJob": ["lost"]}) as control:
        ... AWS_ENDPOINT_URL_BEDROCK=control.url ...
        control.finish(arn)

Faults, one for each call of an operation, in order; "" is none:
    lost       does it, then closes the connection without an answer
    500-done   does it, then answers 500
    500, 503, throttle, quota, denied, expired   answers so and does nothing

As a process of its own: `python bedrock_control_server.py` prints its address and serves until it is killed.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from bedrock_control_account import HANDLERS, REGION, BedrockAccount, Record, Refusal

FAULTS: Final = {
    "500": (500, "InternalServerException"),
    "503": (503, "ServiceUnavailableException"),
    "throttle": (429, "ThrottlingException"),
    "quota": (400, "ServiceQuotaExceededException"),
    "denied": (403, "AccessDeniedException"),
    "expired": (403, "ExpiredTokenException"),
}


@functools.cache
def service_model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("bedrock")


def complaints(shape: Any, value: Any, path: str = "") -> list[str]:
    """What of a value breaks the constraints of a shape of botocore's model."""
    kind = shape.type_name
    wanted: Any = _PYTHON[kind]
    if not isinstance(value, wanted) or (kind != "boolean" and isinstance(value, bool)):
        return [f"{path}: not a {kind}"]
    found: list[str] = []
    if kind == "structure":
        found += [f"{path}.{name}: required" for name in shape.required_members if name not in value]
        found += [f"{path}.{name}: no such member" for name in value if name not in shape.members]
        if shape.metadata.get("union") and len(value) != 1:
            found.append(f"{path}: exactly one member of a union")
        for name in value.keys() & shape.members.keys():
            found += complaints(shape.members[name], value[name], f"{path}.{name}")
    elif kind == "list":
        for index, item in enumerate(value):
            found += complaints(shape.member, item, f"{path}[{index}]")
    elif kind == "map":
        for key, item in value.items():
            found += complaints(shape.key, key, f"{path}.{key}") + complaints(
                shape.value, item, f"{path}.{key}"
            )
    return found + _beyond_limits(shape, value, path)


_PYTHON: Final = {
    "structure": dict,
    "list": list,
    "map": dict,
    "timestamp": (datetime.datetime, str),
    "string": str,
    "integer": int,
    "float": (int, float),
    "boolean": bool,
}


def _beyond_limits(shape: Any, value: Any, path: str) -> list[str]:
    rules, kind, found = shape.metadata, shape.type_name, []
    if kind in {"boolean", "structure", "timestamp"}:
        return []
    size = value if kind in {"integer", "float"} else len(value)
    if "min" in rules and size < rules["min"]:
        found.append(f"{path}: below {rules['min']}")
    if "max" in rules and size > rules["max"]:
        found.append(f"{path}: above {rules['max']}")
    if kind == "string" and "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        found.append(f"{path}: pattern")
    if kind == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        found.append(f"{path}: not one of {', '.join(shape.enum)}")
    return found


class BedrockControl(BedrockAccount):
    """A context manager: serves an account from threads of its own between enter and exit.

    `calls` names every operation in order, `requests` keeps what each one asked.
    """

    def __init__(self, *, faults: Mapping[str, Sequence[str]] | None = None, **account: Any) -> None:
        super().__init__(**account)
        self.faults = {name: list(modes) for name, modes in (faults or {}).items()}
        self.calls: list[str] = []
        self.requests: list[tuple[str, Record]] = []
        self._lock = threading.RLock()
        self._model = service_model()
        self._routes = [self._route(name) for name in HANDLERS]
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> BedrockControl:
        control = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                reply = control.handle(self.command, self.path, dict(self.headers), self.rfile.read(length))
                if reply is None:
                    self.close_connection = True
                    return
                status, headers, body = reply
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def handle(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes] | None:
        """One request; None closes the connection."""
        name = "unknown"
        try:
            with self._lock:
                name, operation, parameters = self._parsed(method, target, body)
                self.calls.append(name)
                signed = headers.get("Authorization", "")
                if not re.match(
                    rf"AWS4-HMAC-SHA256 Credential=[^/]+/\d+/{REGION}/bedrock/aws4_request", signed
                ):
                    raise Refusal(403, "MissingAuthenticationToken")
                fault = self.faults.get(name, []).pop(0) if self.faults.get(name) else ""
                if fault in FAULTS:
                    raise Refusal(*FAULTS[fault], "sensitive: row text AKIAIOSFODNN7EXAMPLE")
                if wrong := complaints(operation.input_shape, parameters):
                    raise Refusal(400, "ValidationException", "; ".join(wrong))
                self.requests.append((name, parameters))
                answer = HANDLERS[name](self, parameters)
                strange = complaints(operation.output_shape, answer)
                assert not strange, strange
            if fault == "lost":
                return None
            if fault == "500-done":
                raise Refusal(500, "InternalServerException")
            payload = json.dumps(answer, default=_as_json).encode()
            return operation.http.get("responseCode", 200), {"Content-Type": "application/json"}, payload
        except Refusal as refusal:
            payload = json.dumps({"message": refusal.message}).encode()
            return (
                refusal.status,
                {"x-amzn-ErrorType": refusal.code, "Content-Type": "application/json"},
                payload,
            )

    def _route(self, name: str) -> tuple[str, str, re.Pattern[str], Any]:
        operation = self._model.operation_model(name)
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation.http["requestUri"]))
        return name, operation.http["method"], re.compile(pattern), operation

    def _parsed(self, method: str, target: str, body: bytes) -> tuple[str, Any, Record]:
        parts = urlsplit(target)
        for name, verb, pattern, operation in self._routes:
            match = pattern.fullmatch(parts.path)
            if verb != method or match is None:
                continue
            parameters: Record = {key: unquote(value) for key, value in match.groupdict().items()}
            members = operation.input_shape.members
            queried = {m.serialization.get("name", key): key for key, m in members.items()}
            for key, values in parse_qs(parts.query).items():
                member = queried.get(key, key)
                whole = member in members and members[member].type_name == "integer"
                parameters[member] = int(values[0]) if whole else values[0]
            if body:
                parameters.update(json.loads(body))
            return name, operation, parameters
        raise Refusal(404, "UnknownOperationException")


def _as_json(value: Any) -> str:
    assert isinstance(value, datetime.datetime)
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    with BedrockControl() as serving:
        print(serving.url, flush=True)  # noqa: T201
        while True:
            time.sleep(3600)
