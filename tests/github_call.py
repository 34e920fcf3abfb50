"""One request to the GitHub fake and what a route may do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from github_world import Body, Repository, user_id

PER_PAGE, MOST_PER_PAGE = 30, 100


class Refusal(Exception):
    """GitHub says no."""

    def __init__(self, status: int, message: str, errors: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, list(errors)


@dataclass
class Reply:
    """Status, JSON and headers of an answer."""

    status: int = 200
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """A request that found its route; `names` are the parts of its path."""

    method: str
    path: str
    names: dict[str, str]
    query: dict[str, str]
    body: Body
    base: str
    actor: str
    repositories: dict[str, Repository]
    teams: dict[str, int]
    integration: bool

    @property
    def repo(self) -> Repository:
        """The repository that the path names, or 404."""
        name = f"{self.names['owner']}/{self.names['repo']}"
        found = self.repositories.get(name.lower())
        if found is None:
            raise Refusal(404, "Not Found")
        return found

    def number(self, name: str) -> int:
        """A number in the path, or 404."""
        if not self.names[name].isdigit():
            raise Refusal(404, "Not Found")
        return int(self.names[name])

    def page(
        self, items: Sequence[Any], *, within: str | None = None, render: Callable[[Any], Any] = lambda i: i
    ) -> Reply:
        """One page of a list, with the Link header; `within` names the list when it lies in an object."""
        size = min(int(self.query.get("per_page", PER_PAGE)), MOST_PER_PAGE)
        page = int(self.query.get("page", 1))
        last = max(1, -(-len(items) // size))
        shown = [render(each) for each in items[(page - 1) * size : page * size]]
        rest = "&".join(f"{n}={v}" for n, v in self.query.items() if n != "page")
        link = ", ".join(
            f'<{self.base}{self.path}?{rest}&page={number}>; rel="{rel}"'
            for rel, number in (("next", page + 1), ("last", last))
            if page < last
        )
        body = shown if within is None else {"total_count": len(items), within: shown}
        return Reply(200, body, {"Link": link} if link else {})


Handler = Callable[[Call], Reply]
Routes = dict[tuple[str, str], tuple[Handler, str]]


def user(login: str) -> Body:
    """A user as the API shows one."""
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"login": login, "id": user_id(login), "type": kind}
