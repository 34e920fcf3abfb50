"""Consent to a training: who let the run pass, or who set the label; everything else proves nothing."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from liftgate.errors import InputError
from liftgate.github.api import Labelled, PullRequest, RunReview, WorkflowRun
from liftgate.policy import ApprovalPolicy, Policy
from liftgate.training.consent import (
    Asked,
    Consent,
    Unproven,
    by_label,
    by_reviewers,
    not_approvable,
    train_title,
)

DIGEST, HEAD = "d" * 64, "a" * 40
PULL = PullRequest(
    7, "open", False, False, "ann", "New rows", "main", "b" * 40, "rows", HEAD, "octocat/toy", ("Liftgate-Approve",)
)  # fmt: skip
ASKED = Asked(PULL, "toy", DIGEST, "octocat/toy", "main", ("ann", "cowriter"))
RUN = WorkflowRun(
    12, ".github/workflows/train.yml", "workflow_dispatch", "b" * 40, "main", "octocat/toy", "ann", "in_progress",
    None, "2026-11-25T09:00:00Z", "https://github.invalid/runs/12",
)  # fmt: skip
TITLE = train_title(7, "toy", DIGEST)
AGREED = RunReview("approved", "owner", ("training-approval",))
POLICY = ApprovalPolicy(approvers=("owner", "@octocat/ml-leads"))
NOW = datetime.datetime(2026, 11, 25, 10, 0, tzinfo=datetime.UTC)
PUSHED = "2026-11-25T09:00:00Z"


def reviewed(
    run: WorkflowRun | None = RUN,
    title: str | None = TITLE,
    reviews: tuple[RunReview, ...] = (AGREED,),
    policy: ApprovalPolicy = POLICY,
) -> str:
    found = by_reviewers(run, title, reviews, ASKED, policy)
    return f"{found.approver} by {found.source}" if isinstance(found, Consent) else found.reason


def label(actor: str = "owner", at: str = "2026-11-25T09:30:00Z", event: Any = "labeled") -> Labelled:
    return Labelled(event, "liftgate-approve", actor, at)


def labelled(*events: Labelled, pushed: str | None = PUSHED, asked: Asked = ASKED, **more: Any) -> str:
    policy = more.pop("policy", POLICY)
    found = by_label(events, pushed, asked, policy, now=more.pop("now", NOW), **more)
    return f"{found.approver} by {found.source}" if isinstance(found, Consent) else found.reason


def test_a_reviewer_who_let_this_run_pass_consents() -> None:
    assert reviewed() == "owner by run/12"
    assert reviewed(replace(RUN, path=".github/workflows/train.yml@main")) == "owner by run/12"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run": None}, "GitHub knows no such run here"),
        (
            {"run": replace(RUN, path=".github/workflows/gate.yml")},
            "run 12 is of another workflow than train.yml",
        ),
        (
            {"run": replace(RUN, path="dynamic/.github/workflows/train.yml")},
            "run 12 is of another workflow than train.yml",
        ),
        (
            {"run": replace(RUN, event="push")},
            "run 12 was not started by workflow_dispatch on the default branch",
        ),
        (
            {"run": replace(RUN, head_branch="evil")},
            "run 12 was not started by workflow_dispatch on the default branch",
        ),
        (
            {"run": replace(RUN, head_repository="mallory/toy")},
            "run 12 was not started by workflow_dispatch on the default branch",
        ),
        (
            {"run": replace(RUN, head_repository=None)},
            "run 12 was not started by workflow_dispatch on the default branch",
        ),
        ({"title": None}, "run 12 was started for another training"),
        ({"title": train_title(8, "toy", DIGEST)}, "run 12 was started for another training"),
        ({"title": train_title(7, "toy", "e" * 64)}, "run 12 was started for another training"),
        ({"title": f"{TITLE} {'e' * 64}"}, "run 12 was started for another training"),
        ({"reviews": ()}, "nobody let run 12 pass training-approval"),
        (
            {"reviews": (RunReview("approved", "owner", ("training",)),)},
            "nobody let run 12 pass training-approval",
        ),
        (
            {"reviews": (RunReview("pending", "owner", ("training-approval",)),)},
            "nobody let run 12 pass training-approval",
        ),
        (
            {"reviews": (AGREED, RunReview("rejected", "bob", ("training-approval",)))},
            "a reviewer rejected run 12",
        ),
        (
            {"reviews": (RunReview("approved", "Ann", ("training-approval",)),)},
            "Ann wrote the change and cannot approve it",
        ),
        (
            {"reviews": (RunReview("approved", "cowriter", ("training-approval",)),)},
            "cowriter wrote the change and cannot approve it",
        ),
        (
            {"policy": replace(POLICY, modes=("label",))},
            "the policy does not count this way of approving (environment)",
        ),
    ],
)
def test_a_run_that_proves_nothing(change: dict[str, Any], reason: str) -> None:
    assert reviewed(**change) == reason


def test_one_reviewer_beside_the_author_is_enough_and_policy_may_let_the_author() -> None:
    author = RunReview("approved", "ann", ("training-approval",))
    assert reviewed(reviews=(author, AGREED)) == "owner by run/12"
    assert reviewed(reviews=(author,), policy=replace(POLICY, self_approval=True)) == "ann by run/12"


def test_a_label_of_an_approver_after_the_last_push_consents() -> None:
    assert labelled(label()) == f"owner by label/{HEAD}"
    assert labelled(label("Owner")) == f"Owner by label/{HEAD}"
    assert labelled(
        label("lead"), in_team=lambda team, who: (team, who) == ("@octocat/ml-leads", "lead")
    ) == (f"lead by label/{HEAD}")


NO_LABEL = "pull/7 does not carry the label liftgate-approve"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((), NO_LABEL),
        ((label(), label(event="unlabeled", at="2026-11-25T09:40:00Z")), NO_LABEL),
        ((label("mallory"),), "mallory set the label liftgate-approve and is none of approval.approvers"),
        ((label("lead"),), "lead set the label liftgate-approve and is none of approval.approvers"),
        ((label("owner[bot]"),), "owner[bot] set the label liftgate-approve and is none of approval.approvers"),
        (
            (label(), label("mallory", event="unlabeled"), label("mallory", at="2026-11-25T09:40:00Z")),
            "mallory set the label liftgate-approve and is none of approval.approvers",
        ),
        ((label(at="2026-11-25T08:59:59Z"),), "the label liftgate-approve was set before the last push"),
        ((label(at=PUSHED),), "the label liftgate-approve was set before the last push"),
        ((label(at="2026-11-25T10:30:00+02:00"),), "the label liftgate-approve was set before the last push"),
        (
            (label(at="yesterday"),),
            "GitHub does not say when pull/7 was labelled and when it was last pushed",
        ),
    ],
)  # fmt: skip
def test_a_label_that_proves_nothing(events: tuple[Labelled, ...], reason: str) -> None:
    assert labelled(*events) == reason


def moved(**change: Any) -> Callable[[], str]:
    return lambda: labelled(label(), asked=replace(ASKED, pull=replace(PULL, **change)))


def test_a_label_proves_nothing_without_a_push_an_approver_a_mode_or_in_time() -> None:
    unknown = "GitHub does not say when pull/7 was labelled and when it was last pushed"
    assert labelled(label(), pushed=None) == unknown
    assert labelled(label(), pushed="2026-11-25T09:00:00") == unknown
    assert labelled(label(), policy=ApprovalPolicy()) == "the policy names no approvers, so no label counts"
    off = "the policy does not count this way of approving (label)"
    assert labelled(label(), policy=replace(POLICY, modes=("environment",))) == off
    late = NOW + datetime.timedelta(hours=72)
    assert labelled(label(), now=late) == "the label liftgate-approve is older than approval.max_age_hours"
    assert moved(labels=())() == NO_LABEL
    assert moved(author="owner")() == "owner wrote the change and cannot approve it"
    wrote = replace(ASKED, authors=("OWNER",))
    assert labelled(label(), asked=wrote) == "OWNER wrote the change and cannot approve it".replace(
        "OWNER", "owner"
    )
    own = replace(POLICY, self_approval=True)
    assert labelled(label(), asked=wrote, policy=own) == f"owner by label/{HEAD}"


def test_only_an_open_pull_request_into_the_default_branch_that_stands_still_is_approved() -> None:
    def why(head: str | None = None, **change: Any) -> str:
        found = not_approvable(replace(ASKED, pull=replace(PULL, **change)), head)
        return "" if found is None else found.reason

    assert why() == why(HEAD) == ""
    assert why("c" * 40) == "pull/7 has moved on since cccccccccccc"
    assert why(state="closed") == "pull/7 is closed"
    assert why(base_ref="release") == "pull/7 does not go into the default branch"
    assert isinstance(not_approvable(ASKED, "c" * 40), Unproven)


@pytest.mark.parametrize(
    "approval",
    [
        {"modes": []},
        {"modes": ["file"]},
        {"label": "a\nb"},
        {"label": "`x`"},
        {"approvers": ["@octocat"]},
        {"approvers": ["a b"]},
        {"approvers": ["ann\n"]},
        {"approvers": ["ann", "ann"]},
    ],
)
def test_the_policy_takes_no_label_and_no_approver_that_cannot_be_one(approval: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Policy.from_dict({"approval": approval})


def test_the_policy_reads_its_lists() -> None:
    written = {
        "modes": ["label"],
        "label": "spend",
        "approvers": ["owner", "@octocat/ml-leads", "bot-1[bot]"],
    }
    policy = Policy.from_dict({"approval": written})
    assert policy.approval.approvers == ("owner", "@octocat/ml-leads", "bot-1[bot]")
    assert Policy.from_dict(policy.to_dict()) == policy
