"""GitHub over HTTP: `connect` gives what `api.GitHub` describes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

from liftgate.errors import InputError
from liftgate.github import answers
from liftgate.github.api import (
    Comment,
    CommitStatus,
    GitHub,
    GitHubRefused,
    Issue,
    Labelled,
    PullRequest,
    RunReview,
    StatusState,
    WorkflowRun,
)
from liftgate.github.wire import Answer, Wire, strange

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_ROLES: Final = ("admin", "maintain", "write", "triage", "read", "none")
_OLD_ROLES: Final = ("admin", "write", "read", "none")
_MOST_RUNS: Final = 100
Thing = TypeVar("Thing")


def connect(
    token: str, repository: str, api_url: str | None = None, *, sleep: Callable[[float], None] = time.sleep
) -> GitHub:
    """Speak to one repository, `owner/name`, as a token. Raises `MissingExtra`, and `InputError` for odd arguments."""
    if not _REPOSITORY.fullmatch(repository) or set(repository.split("/")) & {".", ".."}:
        raise InputError(
            "the repository has to be written owner/name", hint="GITHUB_REPOSITORY is set by the runner"
        )
    return _Client(Wire(token, api_url, sleep), repository)


class _Client:
    def __init__(self, wire: Wire, repository: str) -> None:
        self.repository = repository
        self._wire = wire
        self._root = f"/repos/{repository}"
        self._known: dict[str, str] = {}

    def login(self) -> str:
        # `/user` is closed to the token of a workflow; this is open to all.
        if "login" not in self._known:
            doing = "asking who this token is"
            answer = self._wire.ask("POST", "/graphql", doing, body={"query": "query { viewer { login } }"})
            self._known["login"] = self._read(
                lambda json: answers.at(json, "data", "viewer", "login", kind=str), answer, doing
            )
        return self._known["login"]

    def default_branch(self) -> str:
        if "branch" not in self._known:
            doing = "reading the repository"
            answer = self._found(self._wire.ask("GET", self._root, doing), doing)
            self._known["branch"] = self._read(
                lambda j: answers.at(j, "default_branch", kind=str), answer, doing
            )
        return self._known["branch"]

    def permission(self, user: str) -> str:
        doing = "asking what somebody may do here"
        answer = self._wire.ask("GET", f"{self._root}/collaborators/{_part(user)}/permission", doing)
        if answer.code == 404:
            return "none"

        def role(json: Any) -> str:
            # A role that an organization made itself has a name of its own; the old field says what it amounts to.
            named, old = answers.maybe(json, "role_name"), answers.at(json, "permission", kind=str)
            return next((each for each in (named, old) if each in _ROLES), "none")

        return self._read(role, answer, doing)

    # pull requests
    def pull(self, number: int) -> PullRequest | None:
        doing = f"reading pull request {number}"
        answer = self._wire.ask("GET", f"{self._root}/pulls/{number:d}", doing)
        return None if answer.code == 404 else self._read(answers.pull, answer, doing)

    def pulls_with_head(self, owner: str, branch: str) -> Sequence[PullRequest]:
        doing = "looking for the pull requests of a branch"
        found = self._list(f"{self._root}/pulls", answers.pull, doing, state="open", head=f"{owner}:{branch}")
        # GitHub ignores a head that it cannot read and lists every pull request.
        return [
            p for p in found if p.head_ref == branch and _owner(p.head_repository) in {None, owner.lower()}
        ]

    def pulls_of_commit(self, sha: str) -> Sequence[PullRequest]:
        doing = "looking for the pull requests of a commit"
        return list(self._list(f"{self._root}/commits/{_part(sha)}/pulls", answers.pull, doing))

    def label_events(self, number: int) -> Sequence[Labelled]:
        doing = f"reading who labelled pull request {number}"
        events = self._list(f"{self._root}/issues/{number:d}/events", answers.labelled, doing)
        return sorted((event for event in events if event is not None), key=lambda event: event.at)

    def pushed_at(self, number: int) -> str | None:
        """GitHub's record of activity on the head branch, in the fork it lies in.

        The newest entry has to end at the present head: an entry that is late, or a fork nobody may read, proves
        nothing. Dates of commits are their authors' and are never asked.
        """
        pull = self.pull(number)
        if pull is None or pull.head_repository is None or not _REPOSITORY.fullmatch(pull.head_repository):
            return None
        ref, doing = f"refs/heads/{pull.head_ref}", f"asking when pull request {number} was last pushed to"
        query = {"ref": ref, "direction": "desc", "per_page": 1}
        try:
            answer = self._wire.ask("GET", f"/repos/{pull.head_repository}/activity", doing, query=query)
        except GitHubRefused as refused:
            if refused.code == 403 and pull.from_fork(self.repository):
                return None
            raise
        newest = (
            self._read(lambda json: [answers.moved(each) for each in json], answer, doing)
            if answer.json
            else []
        )
        return newest[0][2] if newest and newest[0][:2] == (ref, pull.head_sha) else None

    def open_pull(self, *, title: str, body: str, head: str, base: str) -> int:
        doing = "opening a pull request"
        owner, branch = head.split(":", 1) if ":" in head else (self.repository.split("/")[0], head)

        def there() -> int | None:
            found = [pull for pull in self.pulls_with_head(owner, branch) if pull.base_ref == base]
            return found[0].number if found else None

        if (number := there()) is not None:
            return number
        wanted = {"title": title, "body": body, "head": head, "base": base}
        return self._create(
            f"{self._root}/pulls", wanted, lambda j: answers.at(j, "number", kind=int), doing, there
        )

    # comments and issues
    def comments(self, number: int) -> Iterator[Comment]:
        return self._list(
            f"{self._root}/issues/{number:d}/comments", answers.comment, f"reading comments of {number}"
        )

    def create_comment(self, number: int, body: str) -> Comment:
        def there() -> Comment | None:
            me = self.login().lower()
            same = [
                c for c in self.comments(number) if c.author.lower() == me and _lines(c.body) == _lines(body)
            ]
            return same[-1] if same else None

        path = f"{self._root}/issues/{number:d}/comments"
        return self._create(path, {"body": body}, answers.comment, f"commenting on {number}", there)

    def edit_comment(self, comment_id: int, body: str) -> Comment:
        doing = "editing a comment"
        path = f"{self._root}/issues/comments/{comment_id:d}"
        answer = self._found(self._wire.ask("PATCH", path, doing, body={"body": body}), doing)
        return self._read(answers.comment, answer, doing)

    def issues(self, label: str) -> Iterator[Issue]:
        query = {"labels": label, "state": "all", "sort": "created", "direction": "asc"}
        found = self._list(f"{self._root}/issues", _issue_or_none, "reading issues", **query)
        return (issue for issue in found if issue is not None)

    def create_issue(self, *, title: str, body: str, labels: Sequence[str]) -> Issue:
        def there() -> Issue | None:
            me = self.login().lower()
            query = {"state": "open", "sort": "created", "direction": "desc", "creator": self.login()}
            for issue in self._list(f"{self._root}/issues", _issue_or_none, "looking for an issue", **query):
                if (
                    issue
                    and issue.author.lower() == me
                    and (issue.title, _lines(issue.body)) == (title, _lines(body))
                ):
                    return issue
            return None

        wanted = {"title": title, "body": body, "labels": list(labels)}
        return self._create(f"{self._root}/issues", wanted, answers.issue, "opening an issue", there)

    def edit_issue(self, number: int, *, body: str | None = None, state: str | None = None) -> Issue:
        doing = f"editing issue {number}"
        wanted = {name: value for name, value in (("body", body), ("state", state)) if value is not None}
        answer = self._found(
            self._wire.ask("PATCH", f"{self._root}/issues/{number:d}", doing, body=wanted), doing
        )
        return self._read(answers.issue, answer, doing)

    def add_label(self, number: int, label: str) -> None:
        doing = f"setting a label on {number}"
        path = f"{self._root}/issues/{number:d}/labels"
        self._found(self._wire.ask("POST", path, doing, body={"labels": [label]}), doing)

    def remove_label(self, number: int, label: str) -> None:
        # A label that is not there is taken off already.
        path = f"{self._root}/issues/{number:d}/labels/{_part(label)}"
        self._wire.ask("DELETE", path, f"taking a label off {number}")

    # statuses
    def set_status(
        self, sha: str, state: StatusState, *, context: str, description: str, target_url: str | None = None
    ) -> None:
        # Sent again when the answer was lost: the newest of a context counts, and the second says the same.
        doing = f"publishing the status {context}"
        wanted = {"state": state, "context": context, "description": description}
        body = wanted | ({} if target_url is None else {"target_url": target_url})
        self._found(self._wire.ask("POST", f"{self._root}/statuses/{_part(sha)}", doing, body=body), doing)

    def statuses(self, sha: str) -> Sequence[CommitStatus]:
        path = f"{self._root}/commits/{_part(sha)}/statuses"
        return list(self._list(path, answers.status, "reading the statuses of a commit"))

    # runs and dispatches
    def run(self, run_id: int) -> WorkflowRun | None:
        doing = f"reading run {run_id}"
        answer = self._wire.ask("GET", f"{self._root}/actions/runs/{run_id:d}", doing)
        return None if answer.code == 404 else self._read(answers.run, answer, doing)

    def runs(self, workflow: str, *, head_sha: str | None = None) -> Sequence[WorkflowRun]:
        doing = f"reading the runs of {workflow}"
        query: dict[str, Any] = {"per_page": _MOST_RUNS} | (
            {} if head_sha is None else {"head_sha": head_sha}
        )
        answer = self._wire.ask("GET", f"{self._workflow(workflow)}/runs", doing, query=query)
        if answer.code == 404:
            return []
        return self._read(
            lambda json: [answers.run(each) for each in answers.at(json, "workflow_runs", kind=list)],
            answer,
            doing,
        )

    def run_reviews(self, run_id: int) -> Sequence[RunReview]:
        doing = f"reading who let run {run_id} pass"
        answer = self._wire.ask("GET", f"{self._root}/actions/runs/{run_id:d}/approvals", doing)
        if answer.code == 404:
            return []
        return self._read(lambda json: [answers.review(each) for each in _listed(json)], answer, doing)

    def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
        # A run has no mark of who asked for it, so that one whose answer was lost cannot be looked up.
        doing = f"starting {workflow}"
        path, body = f"{self._workflow(workflow)}/dispatches", {"ref": ref, "inputs": dict(inputs)}
        self._found(self._wire.ask("POST", path, doing, body=body, repeat=False), doing)

    def workflow_enabled(self, workflow: str) -> bool:
        doing = f"looking at {workflow}"
        answer = self._found(self._wire.ask("GET", self._workflow(workflow), doing), doing)
        return self._read(lambda json: answers.at(json, "state", kind=str), answer, doing) == "active"

    def enable_workflow(self, workflow: str, enabled: bool) -> None:
        verb = "enable" if enabled else "disable"
        doing = f"switching {workflow} {'on' if enabled else 'off'}"
        self._found(self._wire.ask("PUT", f"{self._workflow(workflow)}/{verb}", doing), doing)

    # set-up
    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        doing = f"{method} {path.partition('?')[0]}"
        return self._wire.ask(method, f"{self._root}{path}", doing, body=body, repeat=method != "POST").json

    def _workflow(self, workflow: str) -> str:
        return f"{self._root}/actions/workflows/{_part(workflow)}"

    def _list(self, path: str, read: Callable[[Any], Thing], doing: str, **query: Any) -> Iterator[Thing]:
        for item in self._wire.pages(path, doing, query):
            try:
                thing = read(item)
            except answers.Strange:
                raise strange(doing) from None
            yield thing

    def _create(
        self,
        path: str,
        body: Mapping[str, Any],
        read: Callable[[Any], Thing],
        doing: str,
        there: Callable[[], Thing | None],
    ) -> Thing:
        """Make something once: whenever the answer was lost, look whether it is there before it is sent again."""
        for _ in range(2):
            try:
                answer = self._wire.ask("POST", path, doing, body=body, repeat=False)
            except GitHubRefused as refused:
                if not refused.lost:
                    raise
                found = there()
                if found is not None:
                    return found
            else:
                return self._read(read, self._found(answer, doing), doing)
        answer = self._wire.ask("POST", path, doing, body=body, repeat=False)
        return self._read(read, self._found(answer, doing), doing)

    def _read(self, read: Callable[[Any], Thing], answer: Answer, doing: str) -> Thing:
        try:
            return read(answer.json)
        except answers.Strange:
            raise strange(doing) from None

    def _found(self, answer: Answer, doing: str) -> Answer:
        if answer.code == 404:
            hint = "what does not exist and what the token may not see look the same"
            raise GitHubRefused(f"GitHub finds nothing there ({doing})", code=404, hint=hint)
        return answer


def _part(text: str) -> str:
    """A name as one part of a path: nothing in it can name another path."""
    quoted = quote(text, safe="", errors="replace")
    return quoted if text.strip(".") else quoted.replace(".", "%2E")


def _owner(repository: str | None) -> str | None:
    return None if repository is None else repository.split("/")[0].lower()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _listed(json: Any) -> list[Any]:
    if not isinstance(json, list):
        raise answers.Strange("list")
    return json


def _issue_or_none(json: Any) -> Issue | None:
    return None if isinstance(json, dict) and "pull_request" in json else answers.issue(json)
