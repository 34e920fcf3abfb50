"""Which pull request or merge group an event is about, asked of GitHub and never read from what a fork can write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from liftgate.github.api import GitHub, PullRequest
from liftgate.github.event import Event, Head, queued

GATE: Final = ".github/workflows/gate.yml"
Reason = Literal[
    "closed", "fork-gone", "head-moved", "no-pull-request", "not-asked", "not-the-gate", "other-repository"
]
_SENTENCES: Final[dict[Reason, str]] = {
    "closed": "the pull request is closed: nothing is judged any more",
    "fork-gone": "the fork that holds these commits is gone: what cannot be read is not judged",
    "head-moved": "the head has moved since this run began: the run of the new head judges",
    "no-pull-request": "no open pull request has this head",
    "not-asked": "this event asks for no judgement",
    "not-the-gate": f"the run is not one of {GATE}",
    "other-repository": "the event is of another repository",
}


@dataclass(frozen=True)
class PullSubject:
    """A pull request to judge. A status on its head is seen by the `others` that have the same head, too.

    `to_default` is False when it is not to be merged into the default branch: then it never gets a success, for
    what guards the default branch would take that for its own after the base was changed.
    """

    pull: PullRequest
    to_default: bool
    others: tuple[PullRequest, ...] = ()


@dataclass(frozen=True)
class MergeGroup:
    """An entry of the merge queue: the status goes on `head_sha`.

    `base_sha` is what it was put upon, and may be another entry of the queue. Where only the branch's name says so
    (`named` True) the caller has to see with git that it lies under the head.
    """

    head_sha: str
    base_ref: str
    base_sha: str
    number: int
    named: bool
    to_default: bool


@dataclass(frozen=True)
class Nothing:
    """There is nothing to judge, or nothing that can be. `head_sha` is where a waiting status would be."""

    reason: Reason
    head_sha: str | None = None

    @property
    def sentence(self) -> str:
        """Why, in words."""
        return _SENTENCES[self.reason]


Subject = PullSubject | MergeGroup | Nothing


def resolve(event: Event, github: GitHub, *, gate: str = GATE) -> Subject:
    """What an event asks to judge. Raises `GitHubRefused` when GitHub cannot be asked."""
    if event.repository.lower() != github.repository.lower():
        return Nothing("other-repository")
    if event.name == "workflow_run" and event.run is not None and event.head is not None:
        if event.run.path != gate:
            return Nothing("not-the-gate", event.head.sha)
        if event.run.event == "merge_group":
            return _group(event, event.head, None, github)
        if event.run.event == "pull_request":
            return _of_head(event.head, github)
    if event.name == "merge_group" and event.head is not None and event.action == "checks_requested":
        return _group(event, event.head, event.base.sha if event.base else None, github)
    if event.name == "pull_request" and event.head is not None and event.number is not None:
        return _of_number(event.number, event.head.sha, github)
    if event.name == "workflow_dispatch" and "pr" in event.inputs:
        number = event.inputs["pr"]
        if not (number.isascii() and number.isdigit() and len(number) < 11):
            return Nothing("no-pull-request")
        return _of_number(int(number), event.inputs.get("head-sha") or None, github)
    return Nothing("not-asked", event.head.sha if event.head else None)


def _of_head(head: Head, github: GitHub) -> Subject:
    if head.repository is None:
        return Nothing("fork-gone", head.sha)
    owner = head.repository.split("/")[0]
    # Two forks may belong to one owner, so that owner and branch alone are not the whole name.
    found = [
        pull
        for pull in (github.pulls_with_head(owner, head.branch) if head.branch else ())
        if (pull.head_repository or "").lower() == head.repository.lower() and pull.head_ref == head.branch
    ]
    of_this = [pull for pull in found if pull.state == "open" and pull.head_sha == head.sha]
    if of_this:
        return _chosen(of_this, github)
    if found:
        return Nothing("head-moved", head.sha)
    closed = [
        pull
        for pull in github.pulls_of_commit(head.sha)
        if pull.state == "closed" and pull.head_sha == head.sha
    ]
    return Nothing("closed" if closed else "no-pull-request", head.sha)


def _of_number(number: int, sha: str | None, github: GitHub) -> Subject:
    pull = github.pull(number)
    if pull is None:
        return Nothing("no-pull-request", sha)
    if sha is not None and pull.head_sha != sha:
        return Nothing("head-moved", sha)
    if pull.state != "open":
        return Nothing("closed", pull.head_sha)
    if pull.head_repository is None:
        return Nothing("fork-gone", pull.head_sha)
    return PullSubject(pull, pull.base_ref == github.default_branch())


def _chosen(pulls: Sequence[PullRequest], github: GitHub) -> PullSubject:
    """The one to the default branch, which alone can get a success; else the oldest."""
    default = github.default_branch()
    pulls = sorted(pulls, key=lambda pull: (pull.base_ref != default, pull.number))
    return PullSubject(pulls[0], pulls[0].base_ref == default, tuple(pulls[1:]))


def _group(event: Event, head: Head, base_sha: str | None, github: GitHub) -> Subject:
    named = queued(head.branch)
    if named is None or head.repository is None or head.repository.lower() != github.repository.lower():
        return Nothing("no-pull-request", head.sha)
    base_ref, number, sha = named
    if event.base is not None and event.base.branch != base_ref:
        return Nothing("no-pull-request", head.sha)
    default = base_ref == github.default_branch()
    return MergeGroup(head.sha, base_ref, base_sha or sha, number, base_sha is None, default)
