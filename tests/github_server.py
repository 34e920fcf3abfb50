"""GitHub on loopback: stateful, over real HTTP, every request judged by GitHub's own description. In a test:

    with GitHubServer() as server:
        repo = server.repository("octocat/toy")
        repo.add_pull(7, author="alice", head_ref="data", head_sha=HEAD, base_sha=BASE)
        ... server.url ... repo.statuses[HEAD] ... repo.comments_of(7) ... server.requests ... server.violations == []

As a process of its own: `python tests/github_server.py --state world.json` prints its base URL and serves until it is
killed. world.json is a list of calls, `[["octocat/toy", "add_pull", {"number": 7, ...}], ...]`; POST /_/call makes one
more, GET /_/state shows everything.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import github_conversation
import github_setup_routes
from github_call import Call, Refusal, Reply, Routes
from github_description import answer_violations, missing, violations
from github_world import Body, Clock, Repository

ROUTES: Routes = {**github_conversation.ROUTES, **github_setup_routes.ROUTES}
_SLOW_DOWN = {"message": "You have exceeded a secondary rate limit. Please wait."}
# Before the work is done; `lost` and `cut` do it first and then lose the answer.
MODES: Mapping[str, Reply | None] = {
    "forbidden": Reply(403, {"message": "Resource not accessible by integration"}),
    "secondary": Reply(403, _SLOW_DOWN, {"Retry-After": "2"}),
    "429": Reply(429, _SLOW_DOWN, {"Retry-After": "2"}),
    "secondary-without-time": Reply(403, _SLOW_DOWN),
    "secondary-for-hours": Reply(403, _SLOW_DOWN, {"Retry-After": "7200"}),
    "primary": Reply(
        403, {"message": "API rate limit exceeded for installation."},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": "1800000000"},
    ),
    "401": Reply(401, {"message": "Bad credentials"}),
    "404": Reply(404, {"message": "Not Found"}),
    "409": Reply(409, {"message": "Git Repository is empty."}),
    "422": Reply(422, {"message": "Validation Failed", "errors": []}),
    "500": Reply(500, {"message": "Server Error"}),
    "502": Reply(502, "<html>Bad Gateway</html>"),
    "html": Reply(200, "<html>a proxy of somebody</html>"),
    "strange": Reply(200, {"surprise": [1]}),
    "reset": None,
    "lost": Reply(502, "<html>Bad Gateway</html>"),
    "cut": None,
    "stale-head": None,
}  # fmt: skip
DONE_FIRST = ("lost", "cut", "stale-head")


@dataclass
class Fault:
    """What goes wrong, for which requests, how many times, after how many that go well."""

    mode: str
    method: str | None
    path: str
    times: int
    skip: int


@dataclass
class Request:
    """One request as it came, and the status of its answer (0: none was given)."""

    method: str
    path: str
    query: dict[str, str]
    body: Body
    headers: dict[str, str]
    status: int = 0


@dataclass
class Identity:
    """Who a token is; `permissions` None: everything is allowed."""

    login: str
    permissions: Mapping[str, str] | None = None
    integration: bool = True


@dataclass
class GitHubServer:
    """A context manager; serves from threads of its own between enter and exit. `login` is who unknown tokens are.

    `judges_itself` holds its answers, too, against GitHub's description: slow, for the test of the fake.
    """

    login: str = "github-actions[bot]"
    port: int = 0
    repositories: dict[str, Repository] = field(default_factory=dict)
    teams: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, Identity] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    judged: str | None = field(default_factory=missing)
    judges_itself: bool = False

    def repository(self, full_name: str, **options: Any) -> Repository:
        """A repository, made when it is not there."""
        if full_name.lower() not in self.repositories:
            self.repositories[full_name.lower()] = Repository(full_name, self.clock, **options)
        return self.repositories[full_name.lower()]

    def token(
        self,
        token: str,
        login: str,
        permissions: Mapping[str, str] | None = None,
        *,
        integration: bool = True,
    ) -> None:
        """A token with an owner and `permissions` such as {"statuses": "write"}; others get nothing but metadata."""
        self.tokens[token] = Identity(login, permissions, integration)

    def fail(
        self, mode: str, *, method: str | None = None, path: str = "", times: int = 1, skip: int = 0
    ) -> None:
        """Let the next `times` requests whose path holds `path` fail, after `skip` that do not."""
        if mode not in MODES:
            raise ValueError(f"no such fault: {mode}")
        self.faults.append(Fault(mode, method, path, times, skip))

    @property
    def url(self) -> str:
        """The base URL for GITHUB_API_URL."""
        return f"http://127.0.0.1:{self.port}"

    def made(self, method: str, part: str = "") -> list[Request]:
        """Requests of one method whose path holds `part`."""
        return [each for each in self.requests if each.method == method and part in each.path]

    @property
    def writes(self) -> list[Request]:
        """Requests that change something."""
        return [each for each in self.requests if each.method != "GET" and each.path != "/graphql"]

    def settle(self) -> None:
        """Wait for what dispatches started."""
        while self._followers:
            self._followers.pop().join()

    def __enter__(self) -> GitHubServer:
        self._lock = threading.RLock()
        self._followers: list[threading.Thread] = []
        handler = type("Handler", (_Handler,), {"github": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def answer(
        self, method: str, target: str, headers: dict[str, str], raw: bytes, base: str
    ) -> Reply | None:
        """The answer to a request; None closes the connection without one."""
        with self._lock:
            parts = urlsplit(target)
            if parts.path.startswith("/_/"):
                return self._controlled(method, parts.path, raw)
            body = _object(raw)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            request = Request(method, unquote(parts.path), query, body, headers)
            self.requests.append(request)
            reply = self._faulty(request, target, raw, base)
            request.status = 0 if reply is None else reply.status
            return reply

    def _faulty(self, request: Request, target: str, raw: bytes, base: str) -> Reply | None:
        fault = self._fault_for(request)
        if fault is None:
            return self._served(request, target, raw, base)
        if fault in DONE_FIRST:
            reply = self._served(request, target, raw, base)
            pulls = reply.json if isinstance(reply.json, list) else [reply.json]
            heads = [each["head"] for each in pulls if isinstance(each, dict) and "head" in each]
            if fault == "stale-head" and heads:
                for head in heads:
                    head["sha"] = "0" * 39 + "1"
                return reply
        return MODES[fault]

    def _fault_for(self, request: Request) -> str | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method in {None, request.method} and fault.path in request.path:
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault.mode
        return None

    def _served(self, request: Request, target: str, raw: bytes, base: str) -> Reply:
        found = _route(request.method, urlsplit(target).path)
        template, names = found if found else (None, {})
        # A path inside the path (contents, refs) is one parameter to the description.
        plain = (
            template.format(**{n: quote(v, safe="") for n, v in names.items()})
            if template
            else urlsplit(target).path
        )
        said = f"{plain}?{urlsplit(target).query}"
        wrong = violations(request.method, said, template, request.headers, raw)
        if wrong:
            self.violations += wrong
            return Reply(422, {"message": "Invalid request.", "errors": wrong})
        assert template is not None
        handler, permission = ROUTES[request.method, template]
        identity = self._identity(request.headers.get("authorization", ""))
        if identity is None:
            return Reply(401, {"message": "Requires authentication"})
        if not _allowed(identity, permission):
            needed = {"X-Accepted-GitHub-Permissions": permission.replace("-", "_").replace(":", "=")}
            return Reply(403, {"message": "Resource not accessible by integration"}, needed)
        call = Call(
            request.method, request.path, names, request.query, request.body, base, identity.login,
            self.repositories, self.teams, identity.integration,
        )  # fmt: skip
        try:
            reply = self._followed(call, handler(call))
            if self.judges_itself and self.judged is None:
                shown = json.loads(json.dumps(reply.json))
                self.violations += answer_violations(request.method, template, reply.status, shown)
            return reply
        except Refusal as refusal:
            return Reply(refusal.status, {"message": refusal.message, "errors": refusal.errors})

    def _followed(self, call: Call, reply: Reply) -> Reply:
        """Start what a dispatch starts, beside the answer: it may come back with requests of its own."""
        if call.path.endswith("/dispatches") and reply.status == 204 and call.repo.on_dispatch is not None:
            sent = call.repo.dispatches[-1]
            if "workflow" in sent:
                follow = (sent["workflow"], sent["ref"], sent["inputs"])
                self._followers.append(
                    threading.Thread(target=call.repo.on_dispatch, args=follow, daemon=True)
                )
                self._followers[-1].start()
        return reply

    def _identity(self, header: str) -> Identity | None:
        token = header.partition(" ")[2]
        return self.tokens.get(token, Identity(self.login)) if token else None

    def _controlled(self, method: str, path: str, raw: bytes) -> Reply:
        if path == "/_/state" and method == "GET":
            shown = {repo.full_name: repo.state() for repo in self.repositories.values()}
            requests = [
                {"method": r.method, "path": r.path, "body": r.body, "status": r.status}
                for r in self.requests
            ]
            return Reply(200, {"repositories": shown, "requests": requests, "violations": self.violations})
        if path == "/_/call" and method == "POST":
            self.set_up(json.loads(raw))
            return Reply(200, {})
        return Reply(404, {"message": "only /_/state and /_/call"})

    def set_up(self, call: list[Any]) -> None:
        """Make one call on a repository: its name, the method's, the arguments."""
        name, method, arguments = call
        target = self if method in {"fail", "token"} else self.repository(name)
        getattr(target, method)(**arguments)


def _allowed(identity: Identity, permission: str) -> bool:
    if identity.permissions is None:
        return True
    name, level = permission.split(":")
    held = identity.permissions.get(name, "read" if name == "metadata" else "none")
    return held in {"write", level}


def _object(raw: bytes) -> Body:
    try:
        read = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _pattern(template: str) -> re.Pattern[str]:
    deep = {"path"} if "/contents/" in template else {"ref"} if "/git/ref/" in template else set()
    return re.compile(
        re.sub(
            r"\\\{(\w+)\\\}",
            lambda found: f"(?P<{found[1]}>{'.+' if found[1] in deep else '[^/]+'})",
            re.escape(template),
        )
    )


_PATTERNS = [(key, _pattern(key[1])) for key in sorted(ROUTES, key=lambda key: key[1].count("{"))]


def _route(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    for (verb, template), pattern in _PATTERNS:
        if verb == method and (found := pattern.fullmatch(path)):
            return template, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


class _Handler(BaseHTTPRequestHandler):
    github: GitHubServer
    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece: in two, the second waits 40 ms for an acknowledgement of the first.
    wbufsize = -1

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        base = f"http://{self.headers.get('Host', '')}"
        reply = self.github.answer(self.command, self.path, headers, raw, base)
        if reply is None:
            self.close_connection = True
            return
        page = isinstance(reply.json, str)
        body = reply.json.encode() if page else b"" if reply.json is None else json.dumps(reply.json).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Type", "text/html" if page else "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay silent."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, help="calls that set the world up")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--login", default="github-actions[bot]")
    arguments = parser.parse_args()
    with GitHubServer(arguments.login, arguments.port) as server:
        for call in json.loads(arguments.state.read_text()) if arguments.state else []:
            server.set_up(call)
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
