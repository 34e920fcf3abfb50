"""GitHub's JSON as the types of `api`; whatever has another form than the documented one is refused, never guessed."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from liftgate.github.api import (
    Comment,
    CommitStatus,
    Issue,
    Labelled,
    PullRequest,
    RunReview,
    StatusState,
    WorkflowRun,
)

_SHA: Final = re.compile(r"[0-9a-f]{40}")
_STATES: Final[tuple[StatusState, ...]] = ("pending", "success", "failure", "error")
Kind = TypeVar("Kind", str, int, bool, list[Any])


class Strange(Exception):
    """A field is missing or of another type."""


def at(json: Any, *path: str, kind: type[Kind]) -> Kind:
    """The value at a path of keys."""
    found = _within(json, path)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise Strange(".".join(path))
    return found


def maybe(json: Any, *path: str) -> str | None:
    """The text at a path, None when it or anything above it is null."""
    found = _within(json, path)
    if found is None or isinstance(found, str):
        return found
    raise Strange(".".join(path))


def _within(json: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if json is None:
            return None
        if not isinstance(json, dict):
            raise Strange(".".join(path))
        json = json.get(key)
    return json


def _sha(json: Any, *path: str) -> str:
    text = at(json, *path, kind=str)
    if not _SHA.fullmatch(text):
        raise Strange(".".join(path))
    return text


def _state(json: Any) -> Any:
    state = at(json, "state", kind=str)
    if state not in {"open", "closed"}:
        raise Strange("state")
    return state


def _labels(json: Any) -> tuple[str, ...]:
    return tuple(at(label, "name", kind=str) for label in at(json, "labels", kind=list))


def _login(json: Any, *path: str) -> str:
    """Who did it; an account that is gone has no name, and is nobody."""
    return maybe(json, *path, "login") or ""


def pull(json: Any) -> PullRequest:
    """A pull request, of the list or by number."""
    return PullRequest(
        number=at(json, "number", kind=int),
        state=_state(json),
        merged=maybe(json, "merged_at") is not None,
        draft=json.get("draft") is True,
        author=_login(json, "user"),
        title=maybe(json, "title") or "",
        base_ref=at(json, "base", "ref", kind=str),
        base_sha=_sha(json, "base", "sha"),
        head_ref=at(json, "head", "ref", kind=str),
        head_sha=_sha(json, "head", "sha"),
        head_repository=maybe(json, "head", "repo", "full_name"),
        labels=_labels(json),
    )


def comment(json: Any) -> Comment:
    """A comment."""
    return Comment(
        id=at(json, "id", kind=int),
        author=_login(json, "user"),
        body=maybe(json, "body") or "",
        url=at(json, "html_url", kind=str),
    )


def issue(json: Any) -> Issue:
    """An issue."""
    return Issue(
        number=at(json, "number", kind=int),
        state=_state(json),
        author=_login(json, "user"),
        title=maybe(json, "title") or "",
        body=maybe(json, "body") or "",
        labels=_labels(json),
    )


def status(json: Any) -> CommitStatus:
    """A commit status; a state nobody knows is an error."""
    said = at(json, "state", kind=str)
    return CommitStatus(
        state=next((state for state in _STATES if state == said), "error"),
        context=at(json, "context", kind=str),
        description=maybe(json, "description") or "",
        target_url=maybe(json, "target_url"),
        creator=maybe(json, "creator", "login"),
        created_at=at(json, "created_at", kind=str),
    )


def run(json: Any) -> WorkflowRun:
    """A workflow run. Some paths name the ref they were read from behind an @."""
    return WorkflowRun(
        id=at(json, "id", kind=int),
        path=at(json, "path", kind=str).partition("@")[0],
        event=at(json, "event", kind=str),
        head_sha=_sha(json, "head_sha"),
        head_branch=maybe(json, "head_branch"),
        head_repository=maybe(json, "head_repository", "full_name"),
        actor=_login(json, "actor"),
        status=at(json, "status", kind=str),
        conclusion=maybe(json, "conclusion"),
        created_at=at(json, "created_at", kind=str),
        url=at(json, "html_url", kind=str),
    )


def labelled(json: Any) -> Labelled | None:
    """A label set or taken off; None for an event of another kind."""
    event = at(json, "event", kind=str)
    if event not in {"labeled", "unlabeled"}:
        return None
    return Labelled(
        event="labeled" if event == "labeled" else "unlabeled",
        label=at(json, "label", "name", kind=str),
        actor=_login(json, "actor"),
        at=at(json, "created_at", kind=str),
    )


def review(json: Any) -> RunReview:
    """What a reviewer said to a run; anything but an approval in known words is none."""
    said = at(json, "state", kind=str)
    return RunReview(
        state="approved" if said == "approved" else "pending" if said == "pending" else "rejected",
        reviewer=_login(json, "user"),
        environments=tuple(at(each, "name", kind=str) for each in at(json, "environments", kind=list)),
    )


def moved(json: Any) -> tuple[str, str, str]:
    """The ref, the sha it has after it moved, and when."""
    return at(json, "ref", kind=str), at(json, "after", kind=str), at(json, "timestamp", kind=str)
