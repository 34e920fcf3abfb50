"""What the gate asks of GitHub and what it gets back. `client.connect` answers it over HTTP.

Everything that comes from here was written by somebody else: names, titles, labels and bodies are hostile text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from liftgate.errors import ProviderError

StatusState = Literal["pending", "success", "failure", "error"]


class GitHubRefused(ProviderError):
    """GitHub said no, or could not be reached; `code` is the HTTP status, None when there was no answer.

    `lost` is True when a request that changes something got no answer and may have been done.
    """

    lost = False

    def __init__(self, sentence: str, *, code: int | None = None, hint: str | None = None) -> None:
        super().__init__(sentence, hint=hint)
        self.code = code


@dataclass(frozen=True)
class PullRequest:
    """A pull request as it is now. `head_repository` is None when the fork was deleted. Shas are 40 hex digits."""

    number: int
    state: Literal["open", "closed"]
    merged: bool
    draft: bool
    author: str
    title: str
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repository: str | None
    labels: tuple[str, ...]

    def from_fork(self, repository: str) -> bool:
        """True when its commits are not in this repository."""
        return self.head_repository is None or self.head_repository.lower() != repository.lower()


@dataclass(frozen=True)
class Comment:
    """A comment under a pull request or an issue."""

    id: int
    author: str
    body: str
    url: str


@dataclass(frozen=True)
class CommitStatus:
    """One published status; the newest of a context counts. Times are RFC 3339."""

    state: StatusState
    context: str
    description: str
    target_url: str | None
    creator: str | None
    created_at: str


@dataclass(frozen=True)
class WorkflowRun:
    """A run of a workflow. `path` is its file, such as .github/workflows/gate.yml; `event` what started it."""

    id: int
    path: str
    event: str
    head_sha: str
    head_branch: str | None
    head_repository: str | None
    actor: str
    status: str
    conclusion: str | None
    created_at: str
    url: str


@dataclass(frozen=True)
class Labelled:
    """A label set or taken off, by whom and when (RFC 3339)."""

    event: Literal["labeled", "unlabeled"]
    label: str
    actor: str
    at: str


@dataclass(frozen=True)
class RunReview:
    """What a reviewer of an environment said to a waiting run."""

    state: Literal["approved", "rejected", "pending"]
    reviewer: str
    environments: tuple[str, ...]


@dataclass(frozen=True)
class Issue:
    """An issue that this program keeps: one for each subject."""

    number: int
    state: Literal["open", "closed"]
    author: str
    title: str
    body: str
    labels: tuple[str, ...]


class GitHub(Protocol):
    """One repository, `owner/name`. Every method raises `GitHubRefused`; a lookup of one thing gives None on 404."""

    repository: str

    def login(self) -> str:
        """The account that this token acts as, such as github-actions[bot]."""
        ...

    def default_branch(self) -> str: ...  # noqa: D102

    def permission(self, user: str) -> str:
        """admin, maintain, write, triage, read or none."""
        ...

    # pull requests
    def pull(self, number: int) -> PullRequest | None: ...  # noqa: D102

    def pulls_with_head(self, owner: str, branch: str) -> Sequence[PullRequest]:
        """Open pull requests whose head is `owner:branch`."""
        ...

    def pulls_of_commit(self, sha: str) -> Sequence[PullRequest]:
        """Pull requests that hold this commit, closed ones included."""
        ...

    def label_events(self, number: int) -> Sequence[Labelled]:
        """Labels set and taken off, oldest first, over all pages."""
        ...

    def pushed_at(self, number: int) -> str | None:
        """When the head of the pull request last moved, by GitHub's clock, never by a commit's own date.

        None when GitHub does not say, in which case nothing is proven.
        """
        ...

    def open_pull(self, *, title: str, body: str, head: str, base: str) -> int:
        """Open a pull request; its number. An open one of the same head is found instead."""
        ...

    # comments and issues
    def comments(self, number: int) -> Iterator[Comment]:
        """Every comment, over all pages, oldest first."""
        ...

    def create_comment(self, number: int, body: str) -> Comment: ...  # noqa: D102
    def edit_comment(self, comment_id: int, body: str) -> Comment: ...  # noqa: D102
    def issues(self, label: str) -> Iterator[Issue]:
        """Open and closed issues that carry a label, oldest first; pull requests are none."""
        ...

    def create_issue(self, *, title: str, body: str, labels: Sequence[str]) -> Issue: ...  # noqa: D102
    def edit_issue(self, number: int, *, body: str | None = None, state: str | None = None) -> Issue: ...  # noqa: D102
    def add_label(self, number: int, label: str) -> None: ...  # noqa: D102
    def remove_label(self, number: int, label: str) -> None: ...  # noqa: D102

    # statuses and checks
    def set_status(
        self, sha: str, state: StatusState, *, context: str, description: str, target_url: str | None = None
    ) -> None:
        """Publish a commit status; `description` is cut to 140 characters by the caller."""
        ...

    def statuses(self, sha: str) -> Sequence[CommitStatus]:
        """Newest first."""
        ...

    # runs, artifacts, dispatches
    def run(self, run_id: int) -> WorkflowRun | None: ...  # noqa: D102

    def runs(self, workflow: str, *, head_sha: str | None = None) -> Sequence[WorkflowRun]:
        """Runs of a workflow file (`train.yml`), newest first, at most 100."""
        ...

    def run_reviews(self, run_id: int) -> Sequence[RunReview]:
        """Who let a run pass an environment."""
        ...

    def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
        """Start a workflow file by workflow_dispatch."""
        ...

    def workflow_enabled(self, workflow: str) -> bool: ...  # noqa: D102
    def enable_workflow(self, workflow: str, enabled: bool) -> None: ...  # noqa: D102

    # set-up
    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Any other call, `path` relative to the repository (`/rulesets`): its JSON, or None on 404."""
        ...
