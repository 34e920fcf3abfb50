"""What the GitHub fake knows: repositories, people, pull requests, runs; set up by tests and read by them.

Time is a clock that ticks one second an event, so an order of events is an order of times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Body = dict[str, Any]
DispatchCallback = Callable[[str, str, Mapping[str, str]], None]


class Clock:
    """GitHub's clock."""

    def __init__(self, start: datetime = datetime(2026, 11, 1, tzinfo=UTC)) -> None:
        self.at = start

    def tick(self, seconds: float = 1) -> str:
        """The next moment, RFC 3339."""
        self.at += timedelta(seconds=seconds)
        return self.at.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Pull:
    """A pull request; `heads` are the shas it had before, oldest first, `writers` who wrote its commits."""

    number: int
    author: str
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repository: str | None
    created_at: str
    title: str = "A change"
    body: str = ""
    state: str = "open"
    merged: bool = False
    draft: bool = False
    labels: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    writers: list[str | None] = field(default_factory=list)


def user_id(login: str) -> int:
    """A number that is the same every time."""
    return int.from_bytes(hashlib.sha256(login.encode()).digest()[:3], "big")


class Repository:
    """One repository. Lists hold plain JSON as the API answers it; `pulls` are `Pull` by number."""

    def __init__(self, full_name: str, clock: Clock, default_branch: str = "main") -> None:
        self.full_name, self.clock, self.default_branch = full_name, clock, default_branch
        self.private = False
        self.plan_has_reviewers = True
        self.apps: set[int] = set()
        self.on_dispatch: DispatchCallback | None = None
        self.permissions: dict[str, str] = {}
        self.pulls: dict[int, Pull] = {}
        self.issues: dict[int, Body] = {}
        self.comments: dict[int, Body] = {}
        self.label_events: dict[int, list[Body]] = {}
        self.labels: dict[str, Body] = {}
        self.statuses: dict[str, list[Body]] = {}
        self.check_runs: dict[int, Body] = {}
        self.activity: list[Body] = []
        self.runs: dict[int, Body] = {}
        self.reviews: dict[int, list[Body]] = {}
        self.artifacts: dict[int, list[Body]] = {}
        self.workflows: dict[str, Body] = {}
        self.dispatches: list[Body] = []
        self.rulesets: dict[int, Body] = {}
        self.environments: dict[str, Body] = {}
        self.branch_policies: dict[str, list[Body]] = {}
        self.contents: dict[str, bytes] = {}
        self.refs: dict[str, str] = {}
        self._last = 1000

    def next_id(self) -> int:
        """A number nobody has yet."""
        self._last += 1
        return self._last

    # people
    def add_user(self, login: str, permission: str = "read") -> None:
        """Somebody with a permission: admin, maintain, write, triage, read."""
        self.permissions[login] = permission

    # pull requests
    def add_pull(
        self,
        number: int,
        *,
        author: str,
        head_ref: str,
        head_sha: str,
        base_sha: str,
        base_ref: str | None = None,
        head_repository: str | None = None,
        title: str = "A change",
        body: str = "",
        files: Sequence[str] = (),
        draft: bool = False,
    ) -> Pull:
        """An open pull request; its head lies in this repository unless a fork is named."""
        pull = Pull(
            number, author, base_ref or self.default_branch, base_sha, head_ref, head_sha,
            head_repository or self.full_name, self.clock.tick(), title, body, draft=draft, files=list(files),
        )  # fmt: skip
        self.pulls[number] = pull
        self._moved(pull, "0" * 40, "branch_creation", author)
        return pull

    def _moved(self, pull: Pull, before: str, kind: str, by: str) -> None:
        self.activity.insert(
            0,
            {
                "id": self.next_id(),
                "before": before,
                "after": pull.head_sha,
                "ref": f"refs/heads/{pull.head_ref}",
                "timestamp": self.clock.tick(),
                "activity_type": kind,
                "actor": {"login": by, "id": user_id(by)},
                "repository": pull.head_repository,
            },
        )

    def push(self, number: int, sha: str, *, by: str | None = None, force: bool = False) -> None:
        """Move the head of a pull request."""
        pull = self.pulls[number]
        before, pull.head_sha = pull.head_sha, sha
        pull.heads.append(before)
        self._moved(pull, before, "force_push" if force else "push", by or pull.author)

    def retarget(self, number: int, base_ref: str, base_sha: str) -> None:
        """Give a pull request another base; its head stays."""
        pull = self.pulls[number]
        pull.base_ref, pull.base_sha = base_ref, base_sha

    def close(self, number: int, *, merged: bool = False) -> None:
        """Close or merge a pull request."""
        pull = self.pulls[number]
        pull.state, pull.merged = "closed", merged

    def delete_fork(self, number: int) -> None:
        """The repository of a pull request's head goes away."""
        self.pulls[number].head_repository = None

    def label(self, number: int, name: str, *, by: str) -> None:
        """Set a label."""
        held = self.labels_of(number)
        if name not in held:
            held.append(name)
        self._labelled(number, "labeled", name, by)

    def unlabel(self, number: int, name: str, *, by: str) -> None:
        """Take a label off."""
        held = self.labels_of(number)
        if name in held:
            held.remove(name)
        self._labelled(number, "unlabeled", name, by)

    def labels_of(self, number: int) -> list[str]:
        """The names of the labels, as a list to change."""
        labels: list[str] = (
            self.pulls[number].labels if number in self.pulls else self.issues[number]["labels"]
        )
        return labels

    def _labelled(self, number: int, event: str, name: str, by: str) -> None:
        self.label_events.setdefault(number, []).append(
            {
                "id": self.next_id(),
                "event": event,
                "actor": {"login": by, "id": user_id(by)},
                "label": {"name": name, "color": "ededed"},
                "created_at": self.clock.tick(),
            }
        )

    # comments and issues
    def comment(self, number: int, author: str, body: str) -> Body:
        """Write a comment as somebody."""
        identity = self.next_id()
        at = self.clock.tick()
        self.comments[identity] = {
            "id": identity,
            "number": number,
            "user": {"login": author, "id": user_id(author)},
            "body": body,
            "html_url": f"https://github.example/{self.full_name}/pull/{number}#issuecomment-{identity}",
            "created_at": at,
            "updated_at": at,
            "edits": 0,
        }
        return self.comments[identity]

    def comments_of(self, number: int) -> list[Body]:
        """Comments of one pull request or issue, oldest first."""
        return [each for each in self.comments.values() if each["number"] == number]

    def open_issue(self, author: str, title: str, body: str = "", labels: Sequence[str] = ()) -> Body:
        """An issue as somebody opens it."""
        number = max([0, *self.pulls, *self.issues]) + 1
        self.issues[number] = {
            "number": number,
            "state": "open",
            "title": title,
            "body": body,
            "labels": list(labels),
            "user": {"login": author, "id": user_id(author)},
            "created_at": self.clock.tick(),
        }
        return self.issues[number]

    # runs
    def add_workflow(
        self,
        file: str,
        *,
        state: str = "active",
        inputs: Sequence[str] | None = None,
        run_name: str | None = None,
    ) -> Body:
        """A workflow file such as train.yml; `inputs` are the ones that it declares, None when any will do.

        `run_name` is what `run-name:` makes of them, such as `train {digest}`.
        """
        path = f".github/workflows/{file}"
        found = {"id": self.next_id(), "name": file, "path": path, "state": state}
        self.workflows[file] = {**found, "inputs": None if inputs is None else list(inputs)}
        self.workflows[file]["run_name"] = run_name
        return self.workflows[file]

    def add_run(
        self,
        *,
        head_sha: str,
        head_branch: str | None,
        path: str = ".github/workflows/gate.yml",
        event: str = "pull_request",
        head_repository: str | None = None,
        actor: str = "octocat",
        status: str = "completed",
        conclusion: str | None = "success",
        identity: int | None = None,
    ) -> Body:
        """A run of a workflow; its `id` is in what comes back."""
        identity = identity or self.next_id()
        file = path.rsplit("/", 1)[-1]
        workflow = self.workflows.get(file) or self.add_workflow(file)
        at = self.clock.tick()
        self.runs[identity] = {
            "id": identity,
            "name": file,
            "display_title": file,
            "workflow_id": workflow["id"],
            "path": path,
            "event": event,
            "head_sha": head_sha,
            "head_branch": head_branch,
            "head_repository": {"full_name": head_repository or self.full_name},
            "repository": {"full_name": self.full_name},
            "actor": {"login": actor, "id": user_id(actor)},
            "triggering_actor": {"login": actor, "id": user_id(actor)},
            "status": status,
            "conclusion": conclusion if status == "completed" else None,
            "created_at": at,
            "updated_at": at,
            "run_attempt": 1,
            "html_url": f"https://github.example/{self.full_name}/actions/runs/{identity}",
            "pull_requests": [],
        }
        return self.runs[identity]

    def approve_run(
        self, run_id: int, *, by: str, environment: str = "training-approval", state: str = "approved"
    ) -> None:
        """A reviewer lets a run pass an environment, or not."""
        self.reviews.setdefault(run_id, []).append(
            {
                "state": state,
                "comment": "",
                "user": {"login": by, "id": user_id(by)},
                "environments": [{"id": user_id(environment), "name": environment}],
            }
        )

    def put_file(self, path: str, text: str) -> None:
        """A file on the default branch."""
        self.contents[path] = text.encode()

    def state(self) -> Body:
        """Everything as JSON, for tests that watch from another process."""
        whole = {
            name: value for name, value in vars(self).items() if not name.startswith(("_", "clock", "on_"))
        }
        whole["pulls"] = {number: vars(pull) for number, pull in self.pulls.items()}
        whole["apps"] = sorted(self.apps)
        whole["contents"] = {path: raw.decode("utf-8", "replace") for path, raw in self.contents.items()}
        return whole
