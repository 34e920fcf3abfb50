"""What is published about: a commit, the open pull requests that ask to merge it, or a group of the merge queue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from liftgate.errors import InputError
from liftgate.files import read_bytes
from liftgate.github.api import GitHub, PullRequest
from liftgate.github.event import Event, parse
from liftgate.github.subject import MergeGroup, Nothing, resolve

_SHA = re.compile(r"[0-9a-f]{40}")
# The code that a pull request or a queue runs is its own; only these run the default branch's.
_TRUSTED = frozenset({"workflow_run", "workflow_dispatch"})


@dataclass(frozen=True)
class Target:
    """`pulls` share the head `sha`; those to the default branch come first. A merge group has none.

    `base_ref` is what it would be merged into. `base_sha` is the commit to judge it against, where one was named; else
    it is the default branch as it is now. `begun` says that the run which asks for the verdict only started.
    """

    sha: str
    default_branch: str
    base_ref: str
    pulls: tuple[PullRequest, ...] = ()
    base_sha: str | None = None
    begun: bool = False
    run_url: str | None = None

    @property
    def elsewhere(self) -> bool:
        """True when it does not go into the default branch, so that nothing here may pass it."""
        return self.base_ref != self.default_branch

    @property
    def judged(self) -> PullRequest | None:
        """The pull request whose change is judged; None for a merge group, and when none asks for that branch."""
        return None if self.elsewhere or not self.pulls else self.pulls[0]

    @property
    def told_base(self) -> str:
        """A base commit to name before the default branch was looked at."""
        return self.base_sha or (self.pulls[0].base_sha if self.pulls else "")


def of_pull(github: GitHub, number: int, run_url: str | None = None) -> Target | Nothing:
    """The head of a pull request as it is now."""
    pull = github.pull(number)
    if pull is None:
        raise InputError(
            f"{github.repository} has no pull request {number}", hint="--pull takes the number in its address"
        )
    return (
        of_head(github, pull, run_url=run_url) if pull.state == "open" else Nothing("closed", pull.head_sha)
    )


def of_group(github: GitHub, sha: str, base: str, run_url: str | None = None) -> Target:
    """A group of the merge queue: its own head, judged against the commit that it stands on."""
    for name, value in (("--merge-group", sha), ("--base", base)):
        if not _SHA.fullmatch(value):
            raise InputError(f"{name} is not a commit's 40 hex digits")
    branch = github.default_branch()
    return Target(sha, branch, branch, base_sha=base, run_url=run_url)


def of_event(github: GitHub, environment: Mapping[str, str], run_url: str | None = None) -> Target | Nothing:
    """What the event of this workflow run is about. Raises `InputError` for an event that runs code of a change."""
    name, path = environment.get("GITHUB_EVENT_NAME", ""), environment.get("GITHUB_EVENT_PATH", "")
    if not path:
        raise InputError(
            "nothing says what to publish about",
            hint="give --pull N, or --dry-run --base REF to publish nothing",
        )
    if name not in _TRUSTED:
        raise InputError(
            "publish runs on workflow_run, whose code is the default branch's",
            hint="--dry-run --base REF is the preview that a pull request's own run makes",
        )
    event = parse(name, read_bytes(Path(path), "event file"))
    subject = resolve(event, github)
    if isinstance(subject, Nothing):
        return subject
    begun = _begun(github, event)
    if isinstance(subject, MergeGroup):
        # One entry may stand on another that is not merged: seen from the default branch both are one change.
        return Target(
            subject.head_sha, github.default_branch(), subject.base_ref, begun=begun, run_url=run_url
        )
    return of_head(github, subject.pull, subject.others, begun=begun, run_url=run_url)


def of_head(
    github: GitHub,
    pull: PullRequest,
    others: tuple[PullRequest, ...] = (),
    *,
    begun: bool = False,
    run_url: str | None = None,
) -> Target:
    """Every open pull request with this head: a status belongs to a commit, so one verdict is for all of them.

    Whoever opens a second pull request with somebody's head neither passes nor fails it: one to the default branch
    comes before others, one from here before one from a fork, an older one before a newer.
    """
    branch = github.default_branch()
    found = {each.number: each for each in (*github.pulls_of_commit(pull.head_sha), *others, pull)}
    sharing = [each for each in found.values() if each.state == "open" and each.head_sha == pull.head_sha]
    here = github.repository
    sharing.sort(key=lambda each: (each.base_ref != branch, each.from_fork(here), each.number))
    return Target(pull.head_sha, branch, sharing[0].base_ref, tuple(sharing), begun=begun, run_url=run_url)


def still(github: GitHub, target: Target) -> bool:
    """Whether what was judged is still what would be merged. A merge group's commit never changes."""
    if not target.pulls:
        return True
    now = github.pull(target.pulls[0].number)
    return (
        now is not None
        and now.state == "open"
        and now.head_sha == target.sha
        and now.base_ref == target.base_ref
        and target.default_branch == github.default_branch()
    )


def _begun(github: GitHub, event: Event) -> bool:
    """True while the gate's own run goes on. Events come late: a run that has ended is judged now."""
    if event.run is None or event.action == "completed":
        return False
    run = github.run(event.run.id)
    return run is None or run.status != "completed"
