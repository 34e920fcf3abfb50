"""Whether GitHub proves that somebody other than the author agreed to a training. Pure.

Two ways count: a reviewer of the environment `training-approval` let this very run pass, or one of the policy's
approvers set its label after the last push. Whatever is not said by GitHub itself proves nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from liftgate.training.approval import same_person

if TYPE_CHECKING:
    from liftgate.github.api import Labelled, PullRequest, RunReview, WorkflowRun
    from liftgate.policy import ApprovalPolicy

ENVIRONMENT: Final = "training-approval"
WORKFLOW: Final = "train.yml"


@dataclass(frozen=True)
class Asked:
    """What is to be trained, and for whom. `authors` are all accounts that are known to have written it."""

    pull: PullRequest
    alias: str
    digest: str
    repository: str
    default_branch: str
    authors: tuple[str, ...]

    @property
    def change(self) -> str:
        """The name under which an approval keeps the pull request."""
        return f"pull/{self.pull.number}"


@dataclass(frozen=True)
class Consent:
    """Who agreed. `source` is kept with the approval; `at` is GitHub's time of it, where it tells one."""

    approver: str
    source: str
    at: datetime.datetime | None = None


@dataclass(frozen=True)
class Unproven:
    """Why nothing proves that somebody agreed."""

    reason: str
    hint: str


def train_title(pull: int, alias: str, digest: str) -> str:
    """The title of the run that trains it: GitHub tells a run's title, never its inputs."""
    return f"liftgate train pull/{pull} {alias} {digest}"


def not_approvable(asked: Asked, head_sha: str | None = None) -> Unproven | None:
    """Why the pull request as it is now cannot be approved at all."""
    pull = asked.pull
    if pull.state != "open":
        return Unproven(f"{asked.change} is closed", "only an open pull request is trained for")
    if pull.base_ref != asked.default_branch:
        return Unproven(
            f"{asked.change} does not go into the default branch",
            "retarget it: what measures is read from the default branch alone",
        )
    if head_sha is not None and pull.head_sha != head_sha:
        return Unproven(
            f"{asked.change} has moved on since {head_sha[:12]}", "start again from its newest commit"
        )
    return None


def by_reviewers(
    run: WorkflowRun | None,
    title: str | None,
    reviews: Iterable[RunReview],
    asked: Asked,
    policy: ApprovalPolicy,
) -> Consent | Unproven:
    """Who let this very run pass the environment. `title` is the run's, as GitHub tells it."""
    if "environment" not in policy.modes:
        return _off("environment")
    if run is None:
        return Unproven("GitHub knows no such run here", "--from-run takes $GITHUB_RUN_ID of train.yml")
    of = run.path.partition("@")[0]
    if of != f".github/workflows/{WORKFLOW}":
        return Unproven(
            f"run {run.id} is of another workflow than {WORKFLOW}", f"only {WORKFLOW} asks for consent"
        )
    here = run.head_repository is not None and run.head_repository.lower() == asked.repository.lower()
    if run.event != "workflow_dispatch" or not here or run.head_branch != asked.default_branch:
        return Unproven(
            f"run {run.id} was not started by workflow_dispatch on the default branch",
            f"start {WORKFLOW} there: only its code is trusted",
        )
    if title != train_title(asked.pull.number, asked.alias, asked.digest):
        return Unproven(
            f"run {run.id} was started for another training",
            f"its title must be `{train_title(asked.pull.number, asked.alias, asked.digest)}`",
        )
    said = [review for review in reviews if ENVIRONMENT in review.environments]
    if any(review.state == "rejected" for review in said):
        return Unproven(f"a reviewer rejected run {run.id}", f"start {WORKFLOW} anew and ask again")
    agreed = [review.reviewer for review in said if review.state == "approved"]
    if not agreed:
        return Unproven(
            f"nobody let run {run.id} pass {ENVIRONMENT}",
            f"give the environment {ENVIRONMENT} required reviewers, or use the label of approval.approvers",
        )
    for who in agreed:
        if policy.self_approval or not _wrote(who, asked):
            return Consent(who, f"run/{run.id}")
    return Unproven(f"{agreed[0]} wrote the change and cannot approve it", "somebody else approves")


def by_label(
    events: Sequence[Labelled],
    pushed_at: str | None,
    asked: Asked,
    policy: ApprovalPolicy,
    *,
    now: datetime.datetime,
    in_team: Callable[[str, str], bool] = lambda team, who: False,
) -> Consent | Unproven:
    """Who set the label that stands on the pull request. `events` are oldest first; times are GitHub's own.

    `in_team(team, account)` is asked for approvers that are teams; what cannot be proven is False.
    """
    label, again = policy.label, f"one of approval.approvers sets `{policy.label}` after the last push"
    if "label" not in policy.modes:
        return _off("label")
    if not policy.approvers:
        return Unproven("the policy names no approvers, so no label counts", "approval.approvers names them")
    mine = [event for event in events if event.label.casefold() == label.casefold()]
    stands = any(each.casefold() == label.casefold() for each in asked.pull.labels)
    if not mine or not stands or mine[-1].event != "labeled":
        return Unproven(f"{asked.change} does not carry the label {label}", again)
    last = mine[-1]
    at, pushed = _time(last.at), _time(pushed_at)
    if at is None or pushed is None:
        return Unproven(
            f"GitHub does not say when {asked.change} was labelled and when it was last pushed",
            "approve through the environment instead",
        )
    # Both clocks are GitHub's and count whole seconds: a tie proves no order.
    if at <= pushed:
        return Unproven(
            f"the label {label} was set before the last push", f"read what was pushed, then {again}"
        )
    if now >= at + datetime.timedelta(hours=policy.max_age_hours):
        return Unproven(f"the label {label} is older than approval.max_age_hours", f"take it off; {again}")
    if not _listed(last.actor, policy.approvers, in_team):
        return Unproven(f"{last.actor} set the label {label} and is none of approval.approvers", again)
    if not policy.self_approval and _wrote(last.actor, asked):
        return Unproven(f"{last.actor} wrote the change and cannot approve it", again)
    return Consent(last.actor, f"label/{asked.pull.head_sha}", at)


def _wrote(who: str, asked: Asked) -> bool:
    return any(same_person(who, author) for author in (asked.pull.author, *asked.authors))


def _listed(who: str, approvers: Iterable[str], in_team: Callable[[str, str], bool]) -> bool:
    # A robot and a person may share all of a name but its ending; only the very account counts.
    return any(
        in_team(each, who) if each.startswith("@") else each.casefold() == who.casefold()
        for each in approvers
    )


def _off(mode: str) -> Unproven:
    return Unproven(
        f"the policy does not count this way of approving ({mode})", "approval.modes of evals/policy.yaml"
    )


def _time(text: str | None) -> datetime.datetime | None:
    """An RFC 3339 time with its zone, or None for anything else."""
    try:
        at = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return None if at.tzinfo is None else at
