"""One request to GitHub and its answer: waits, repeats and refusals. PyGithub carries it; nothing else imports that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from liftgate.errors import InputError, MissingExtra
from liftgate.github.api import GitHubRefused

PUBLIC: Final = "https://api.github.com"
TRIES: Final = 4
# A job that waits longer than this for a limit costs more than a job that is started again.
LONGEST_WAIT_S: Final = 90.0
WAIT_WITHOUT_WORD_S: Final = 60.0
TIMEOUT_S: Final = 30
PER_PAGE: Final = 100
MOST_PAGES: Final = 300
# What is shorter is a placeholder of a test, and may be a part of any word.
SHORTEST_TOKEN: Final = 8
API_VERSION: Final = "2022-11-28"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_ACCEPTED: Final = re.compile(r"[a-z_]+=(?:read|write)(?:[,;] ?[a-z_]+=(?:read|write))*")


@dataclass(frozen=True)
class Answer:
    """Status, headers by small name, and the JSON; `page` when it was something else."""

    code: int
    headers: Mapping[str, str]
    json: Any
    page: bool = False


class Wire:
    """Sends requests as one token. `sleep` takes seconds."""

    def __init__(self, token: str, api_url: str | None, sleep: Callable[[float], None]) -> None:
        self.address = _address(api_url)
        if not token.strip():
            raise InputError(
                "there is no GitHub token", hint="set GITHUB_TOKEN, in a workflow: ${{ github.token }}"
            )
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise InputError("the GitHub token holds a character that no token has")
        self._token, self._sleep = token, sleep
        self._requester, self._errors = _requester(token, self.address)

    def ask(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        repeat: bool = True,
    ) -> Answer:
        """Send a request until it is answered; 404 is an answer, every other refusal raises `GitHubRefused`.

        `doing` says in words what it is for. `repeat` False: it is not sent again when its answer was lost, because
        it may have been done; that raises with `lost` True.
        """
        for attempt in range(1, TRIES + 1):
            answer = self._once(method, path, query, body)
            if answer is not None and answer.code < 300 and not answer.page:
                return answer
            if answer is not None and answer.code == 404:
                return Answer(404, answer.headers, None)
            wait = self._wait(answer, attempt, repeat)
            if wait is None or attempt == TRIES:
                raise self._refused(answer, doing, method, repeat)
            self._sleep(wait)
        raise AssertionError  # pragma: no cover

    def pages(
        self, path: str, doing: str, query: Mapping[str, Any], within: str | None = None
    ) -> Iterator[Any]:
        """Every item of a list, asked for page by page; `within` names the list when it lies in an object."""
        for page in range(1, MOST_PAGES + 1):
            answer = self.ask("GET", path, doing, query={**query, "per_page": PER_PAGE, "page": page})
            if answer.code == 404:
                return
            items = (
                answer.json
                if within is None
                else answer.json.get(within)
                if isinstance(answer.json, dict)
                else None
            )
            if not isinstance(items, list):
                raise strange(doing)
            yield from items
            if 'rel="next"' not in answer.headers.get("link", ""):
                return
        raise GitHubRefused(f"GitHub has too much of it to read: {doing}")

    def _once(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None
    ) -> Answer | None:
        url = self._requester.graphql_url if path == "/graphql" else path
        try:
            code, headers, text = self._requester.requestJson(
                method, url, _encodable(query or {}), None, None if body is None else dict(body)
            )
        except self._errors:
            return None
        named = {str(name).lower(): str(value) for name, value in headers.items()}
        if not text:
            return Answer(code, named, None)
        try:
            return Answer(code, named, json.loads(text))
        except (ValueError, RecursionError):
            return Answer(code, named, None, page=True)

    def _wait(self, answer: Answer | None, attempt: int, repeat: bool) -> float | None:
        """Seconds to wait before the next try, None when there is none to make."""
        if answer is not None and _limited(answer):
            # A request over a limit was not done: any may be sent again.
            said = answer.headers.get("retry-after", "")
            seconds = float(said) if re.fullmatch(r"\d{1,6}", said) else WAIT_WITHOUT_WORD_S
            return None if seconds > LONGEST_WAIT_S or _spent(answer) else seconds
        if _lost(answer):
            return float(2 ** (attempt - 1)) if repeat else None
        return None

    def _refused(self, answer: Answer | None, doing: str, method: str, repeat: bool) -> GitHubRefused:
        host = urlsplit(self.address).hostname
        if _lost(answer):
            code = None if answer is None else answer.code
            how = f"{host} gave no answer" if code is None else f"{host} failed with {code}"
            if not repeat:
                error = GitHubRefused(
                    f"GitHub's answer was lost ({doing}): {how}, so it may have been done or not",
                    code=code,
                    hint="look on GitHub before it is done again",
                )
                error.lost = True
                return error
            return GitHubRefused(f"GitHub cannot be reached ({doing}): {how}, {TRIES} times", code=code)
        if answer is None:  # pragma: no cover
            raise AssertionError
        said = self._said(answer)
        if _limited(answer):
            hint = "run it again later; nothing is lost"
            return GitHubRefused(
                f"GitHub limits this token for now ({doing}): {said}", code=answer.code, hint=hint
            )
        if answer.page:
            hint = "GITHUB_API_URL has to be GitHub's API, such as https://api.github.com"
            return GitHubRefused(
                f"{host} does not answer as GitHub does ({doing})", code=answer.code, hint=hint
            )
        return GitHubRefused(
            f"GitHub refuses ({doing}): {said}", code=answer.code, hint=_hint(answer, said, method)
        )

    def _said(self, answer: Answer) -> str:
        """GitHub's own words, without what a request held: codes and fields, never values."""
        message = answer.json.get("message") if isinstance(answer.json, dict) else None
        words = "".join(
            letter for letter in str(message or "no reason given") if letter.isprintable() or letter == "\n"
        )
        if len(self._token) >= SHORTEST_TOKEN:
            words = words.replace(self._token, "(token)")
        words = " ".join(words.split())[:200]
        errors = answer.json.get("errors") if isinstance(answer.json, dict) else None
        named = {
            f"{each.get('field', each.get('resource', ''))} {each.get('code', '')}".strip()
            for each in (errors if isinstance(errors, list) else [])
            if isinstance(each, dict)
        }
        plain = sorted(name for name in named if re.fullmatch(r"[A-Za-z_ ]{1,60}", name))
        return f"{answer.code} {words}" + (f" ({', '.join(plain[:5])})" if plain else "")


def strange(doing: str) -> GitHubRefused:
    """GitHub's JSON is not of the documented form."""
    return GitHubRefused(f"GitHub's answer has a form that is not known ({doing})")


def _encodable(query: Mapping[str, Any]) -> dict[str, Any]:
    """A lone surrogate, which only hostile text holds, is no letter of any name."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in query.items()
    }


def _lost(answer: Answer | None) -> bool:
    return answer is None or answer.code >= 500


def _spent(answer: Answer) -> bool:
    return answer.headers.get("x-ratelimit-remaining") == "0" and "retry-after" not in answer.headers


def _limited(answer: Answer) -> bool:
    if answer.code not in {403, 429}:
        return False
    message = str(answer.json.get("message", "")).lower() if isinstance(answer.json, dict) else ""
    return answer.code == 429 or "retry-after" in answer.headers or "rate limit" in message or _spent(answer)


def _hint(answer: Answer, said: str, method: str) -> str | None:
    if answer.code == 401:
        return "the token is not valid here, or has ended"
    if answer.code == 403 and "not accessible by" in said:
        accepted = answer.headers.get("x-accepted-github-permissions", "")
        wanted = accepted.replace("_", "-").replace("=", ": ") if _ACCEPTED.fullmatch(accepted) else None
        if wanted and "administration" in wanted:
            return f"the token needs `{wanted}`, which no token of a workflow has: use an administrator's"
        needs = f"`{wanted}`" if wanted else "write access" if method != "GET" else "read access"
        return f"the token needs {needs}: in a workflow that is `permissions:` of the job"
    return None


def _address(api_url: str | None) -> str:
    """A base URL that a token may be sent to."""
    address = (api_url or PUBLIC).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return address
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return address
    raise InputError(
        "the address of GitHub's API has to begin with https://", hint="GITHUB_API_URL is set by the runner"
    )


def _requester(token: str, address: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """PyGithub's requester, and what it raises when there is no answer. Its own waits and repeats are off."""
    try:
        import github
        import requests
    except ImportError:
        raise MissingExtra("github", "PyGithub") from None
    hub = github.Github(
        auth=github.Auth.Token(token),
        base_url=address,
        timeout=TIMEOUT_S,
        per_page=PER_PAGE,
        user_agent="liftgate",
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
        lazy=True,
        api_version=API_VERSION,
    )
    # A redirect to another host is refused there with a RuntimeError, before a token goes to it.
    return hub.requester, (
        requests.exceptions.RequestException,
        github.GithubException,
        RuntimeError,
        AssertionError,
    )
