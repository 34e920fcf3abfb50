"""The client against GitHub on loopback: what it reads and writes, how long it tries, how it says no."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from github_call import Reply
from github_server import MODES, GitHubServer
from github_world import Repository

pytest.importorskip("github")

from liftgate.errors import InputError
from liftgate.github.api import GitHub, GitHubRefused, Labelled, PullRequest, RunReview
from liftgate.github.client import connect

BASE, HEAD, LATER = "b" * 40, "a" * 40, "c" * 40
TOKEN = "ghs_" + "s3cret" * 5


class World:
    """A server, its one repository, a client, and the seconds that the client would have slept."""

    def __init__(self, server: GitHubServer) -> None:
        self.server = server
        self.slept: list[float] = []
        self.repo: Repository = server.repository("octocat/toy")
        self.repo.add_pull(
            7, author="alice", head_ref="data", head_sha=HEAD, base_sha=BASE, head_repository="alice/toy"
        )
        self.github: GitHub = connect(TOKEN, "octocat/toy", server.url, sleep=self.slept.append)


@pytest.fixture
def world() -> Iterator[World]:
    with GitHubServer() as server:
        yield World(server)
        assert server.violations == []


def refused(call: Callable[[], Any]) -> GitHubRefused:
    with pytest.raises(GitHubRefused) as caught:
        call()
    assert TOKEN not in str(caught.value)
    assert isinstance(caught.value, GitHubRefused)
    return caught.value


# what it reads
def test_a_pull_request_is_read_as_it_is_now(world: World) -> None:
    world.repo.label(7, "liftgate-approve", by="bob")
    assert world.github.pull(7) == PullRequest(
        number=7, state="open", merged=False, draft=False, author="alice", title="A change", base_ref="main",
        base_sha=BASE, head_ref="data", head_sha=HEAD, head_repository="alice/toy", labels=("liftgate-approve",),
    )  # fmt: skip
    world.repo.delete_fork(7)
    world.repo.close(7, merged=True)
    gone = world.github.pull(7)
    assert gone is not None
    assert (gone.head_repository, gone.state, gone.merged, gone.from_fork("octocat/toy")) == (
        None,
        "closed",
        True,
        True,
    )
    assert world.github.pull(8) is None


def test_pull_requests_of_a_head_are_its_open_ones_alone(world: World) -> None:
    world.repo.add_pull(
        8,
        author="alice",
        head_ref="data",
        head_sha=HEAD,
        base_sha=BASE,
        base_ref="dev",
        head_repository="alice/toy",
    )
    world.repo.add_pull(
        9, author="m", head_ref="data", head_sha=LATER, base_sha=BASE, head_repository="mallory/toy"
    )
    assert [pull.number for pull in world.github.pulls_with_head("alice", "data")] == [8, 7]
    world.repo.close(8)
    assert [pull.number for pull in world.github.pulls_with_head("alice", "data")] == [7]
    assert [pull.number for pull in world.github.pulls_of_commit(HEAD)] == [7, 8]
    assert world.github.pulls_with_head("alice", "\ud800") == []


def test_a_list_is_read_over_all_its_pages(world: World) -> None:
    for number in range(250):
        world.repo.comment(7, "reader", f"comment {number}")
    assert [comment.body for comment in world.github.comments(7)] == [f"comment {n}" for n in range(250)]
    assert len(world.server.made("GET", "/comments")) == 3


def test_labels_have_who_and_when_oldest_first(world: World) -> None:
    world.repo.label(7, "liftgate-approve", by="bob")
    world.repo.unlabel(7, "liftgate-approve", by="carol")
    assert world.github.label_events(7) == [
        Labelled("labeled", "liftgate-approve", "bob", "2026-11-01T00:00:03Z"),
        Labelled("unlabeled", "liftgate-approve", "carol", "2026-11-01T00:00:04Z"),
    ]


def test_the_head_moved_when_github_says_so(world: World) -> None:
    assert world.github.pushed_at(7) == "2026-11-01T00:00:02Z"
    world.repo.push(7, LATER, force=True)
    assert world.github.pushed_at(7) == "2026-11-01T00:00:03Z"


@pytest.mark.parametrize(
    "why", ["late", "fork gone", "fork private", "no such pull request", "another branch"]
)
def test_nothing_is_proven_about_a_head_of_which_github_says_nothing(world: World, why: str) -> None:
    number = 7
    if why == "late":
        world.repo.pulls[7].head_sha = LATER
    elif why == "fork gone":
        world.repo.delete_fork(7)
    elif why == "fork private":
        world.server.fail("forbidden", path="/repos/alice/toy/activity")
    elif why == "another branch":
        world.repo.activity[0]["ref"] = "refs/heads/other"
    else:
        number = 8
    assert world.github.pushed_at(number) is None


def test_somebody_may_do_what_the_role_says(world: World) -> None:
    for login, role in (("ann", "admin"), ("mat", "maintain"), ("tri", "triage"), ("own", "release-manager")):
        world.repo.add_user(login, role)
    said = {
        login: world.github.permission(login) for login in ("ann", "mat", "tri", "own", "stranger", "../../x")
    }
    world.repo.private = True
    said["outsider"] = world.github.permission("outsider")
    assert said == {
        "ann": "admin", "mat": "maintain", "tri": "triage", "own": "none",
        "stranger": "read", "../../x": "read", "outsider": "none",
    }  # fmt: skip


def test_it_knows_whose_token_it_has_and_the_default_branch(world: World) -> None:
    assert (world.github.login(), world.github.default_branch()) == ("github-actions[bot]", "main")
    world.github.login()
    assert len(world.server.made("POST", "/graphql")) == 1


def test_runs_and_who_let_them_pass(world: World) -> None:
    run = world.repo.add_run(
        head_sha=HEAD, head_branch="data", head_repository="alice/toy", path=".github/workflows/train.yml"
    )
    world.repo.approve_run(run["id"], by="bob")
    world.repo.runs[run["id"]]["path"] += "@refs/heads/main"
    read = world.github.run(run["id"])
    assert read is not None
    assert (read.path, read.head_repository, read.conclusion) == (
        ".github/workflows/train.yml",
        "alice/toy",
        "success",
    )
    assert world.github.run(1) is None
    assert world.github.run_reviews(run["id"]) == [RunReview("approved", "bob", ("training-approval",))]
    assert [each.id for each in world.github.runs("train.yml", head_sha=HEAD)] == [run["id"]]
    assert world.github.runs("train.yml", head_sha=LATER) == []
    assert world.github.runs("nothing.yml") == []


# what it writes
def test_a_status_a_comment_a_label_an_issue_are_written_and_read_back(world: World) -> None:
    hub = world.github
    hub.set_status(HEAD, "pending", context="liftgate/verdict", description="judging")
    hub.set_status(
        HEAD, "success", context="liftgate/verdict", description="merge", target_url="https://x.example/1"
    )
    assert [(s.state, s.description, s.target_url, s.creator) for s in hub.statuses(HEAD)] == [
        ("success", "merge", "https://x.example/1", "github-actions[bot]"),
        ("pending", "judging", None, "github-actions[bot]"),
    ]
    comment = hub.create_comment(7, "first")
    assert hub.edit_comment(comment.id, "second").body == "second"
    hub.add_label(7, "needs-eval")
    hub.remove_label(7, "needs-eval")
    hub.remove_label(7, "needs-eval")
    issue = hub.create_issue(title="Model gone", body="gpt-9", labels=["watch"])
    hub.edit_issue(issue.number, body="gpt-10", state="closed")
    world.repo.label(7, "watch", by="bob")
    assert [(i.number, i.state, i.body) for i in hub.issues("watch")] == [(issue.number, "closed", "gpt-10")]


def test_a_workflow_is_started_and_switched(world: World) -> None:
    world.repo.add_workflow("train.yml", inputs=["pr"])
    world.github.dispatch("train.yml", "main", {"pr": "7"})
    assert [sent["inputs"] for sent in world.repo.dispatches] == [{"pr": "7"}]
    assert world.github.workflow_enabled("train.yml")
    world.github.enable_workflow("train.yml", False)
    assert not world.github.workflow_enabled("train.yml")
    assert refused(lambda: world.github.dispatch("none.yml", "main", {})).code == 404


def test_a_pull_request_of_a_branch_is_opened_once(world: World) -> None:
    opened = [
        world.github.open_pull(title="Roll back", body="why", head="rollback", base="main") for _ in range(2)
    ]
    assert opened == [8, 8]
    assert len(world.server.made("POST", "/pulls")) == 1


# tries and waits
@pytest.mark.parametrize(
    ("mode", "waits"), [("secondary", [2.0]), ("429", [2.0]), ("secondary-without-time", [60.0])]
)
def test_a_limit_is_waited_for_even_by_a_write(world: World, mode: str, waits: list[float]) -> None:
    world.server.fail(mode, method="POST", path="/comments")
    world.github.create_comment(7, "once")
    assert (world.slept, len(world.repo.comments)) == (waits, 1)


def test_a_limit_that_stays_ends_after_four_tries(world: World) -> None:
    world.server.fail("429", path="/statuses", times=99)
    error = refused(lambda: world.github.set_status(HEAD, "pending", context="c", description=""))
    assert (error.code, world.slept, len(world.server.requests)) == (429, [2.0, 2.0, 2.0], 4)
    assert str(error) == (
        "GitHub limits this token for now (publishing the status c): 429 You have exceeded a secondary rate limit. "
        "Please wait.\n  hint: run it again later; nothing is lost"
    )


@pytest.mark.parametrize("mode", ["secondary-for-hours", "primary"])
def test_a_limit_of_hours_is_not_waited_for(world: World, mode: str) -> None:
    world.server.fail(mode, times=99)
    assert refused(lambda: world.github.pull(7)).code == 403
    assert (world.slept, len(world.server.requests)) == ([], 1)


@pytest.mark.parametrize("mode", ["502", "500", "reset"])
def test_a_read_that_fails_is_tried_again(world: World, mode: str) -> None:
    world.server.fail(mode, times=2)
    assert world.github.pull(7) is not None
    assert world.slept == [1.0, 2.0]


@pytest.mark.parametrize(("mode", "code"), [("502", 502), ("reset", None)])
def test_a_server_that_stays_away_is_named_in_one_sentence(world: World, mode: str, code: int | None) -> None:
    world.server.fail(mode, times=99)
    error = refused(lambda: world.github.pull(7))
    how = "failed with 502" if code else "gave no answer"
    assert str(error) == f"GitHub cannot be reached (reading pull request 7): 127.0.0.1 {how}, 4 times"
    assert (error.code, int(error.exit_code)) == (code, 4)


@pytest.mark.parametrize("mode", ["lost", "cut", "502", "reset"])
def test_a_create_whose_answer_was_lost_is_looked_up_before_it_is_sent_again(world: World, mode: str) -> None:
    world.server.fail(mode, method="POST", path="/comments")
    made = world.github.create_comment(7, "sticky\n\n")
    world.server.fail(mode, method="POST", path="/issues", times=2)
    issue = world.github.create_issue(title="t", body="b", labels=["watch"])
    world.server.fail(mode, method="POST", path="/pulls")
    number = world.github.open_pull(title="t", body="b", head="rollback", base="main")
    assert [c["id"] for c in world.repo.comments_of(7)] == [made.id]
    assert list(world.repo.issues) == [issue.number]
    assert sorted(world.repo.pulls) == [7, number]


def test_a_comment_pasted_by_a_stranger_is_not_taken_for_the_lost_one(world: World) -> None:
    world.repo.comment(7, "mallory", "sticky")
    world.server.fail("reset", method="POST", path="/comments")
    assert world.github.create_comment(7, "sticky").author == "github-actions[bot]"


@pytest.mark.parametrize("mode", ["lost", "cut", "502"])
def test_a_dispatch_whose_answer_was_lost_is_never_sent_again(world: World, mode: str) -> None:
    world.repo.add_workflow("train.yml")
    world.server.fail(mode, method="POST", path="/dispatches")
    error = refused(lambda: world.github.dispatch("train.yml", "main", {}))
    assert error.lost
    assert len(world.server.made("POST", "/dispatches")) == 1
    assert error.hint == "look on GitHub before it is done again"


@pytest.mark.parametrize("mode", ["lost", "cut"])
def test_what_may_be_done_twice_is_done_again(world: World, mode: str) -> None:
    comment = world.repo.comment(7, "github-actions[bot]", "first")
    for method in ("POST", "PATCH"):
        world.server.fail(mode, method=method)
    world.github.set_status(HEAD, "failure", context="c", description="d")
    world.github.edit_comment(comment["id"], "second")
    assert world.repo.comments[comment["id"]]["body"] == "second"
    assert {status["state"] for status in world.repo.statuses[HEAD]} == {"failure"}


# how it says no
def test_a_missing_permission_is_named(world: World) -> None:
    world.server.token(TOKEN, "github-actions[bot]", {"pull-requests": "read"})
    error = refused(
        lambda: world.github.set_status(HEAD, "success", context="liftgate/verdict", description="")
    )
    assert str(error) == (
        "GitHub refuses (publishing the status liftgate/verdict): 403 Resource not accessible by integration\n"
        "  hint: the token needs `statuses: write`: in a workflow that is `permissions:` of the job"
    )
    assert refused(lambda: world.github.create_comment(7, "x")).hint == (
        "the token needs `pull-requests: write`: in a workflow that is `permissions:` of the job"
    )
    assert world.slept == []


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("401", "GitHub refuses (reading pull request 7): 401 Bad credentials\n"
                "  hint: the token is not valid here, or has ended"),
        ("409", "GitHub refuses (reading pull request 7): 409 Git Repository is empty."),
        ("422", "GitHub refuses (reading pull request 7): 422 Validation Failed"),
        ("html", "127.0.0.1 does not answer as GitHub does (reading pull request 7)\n"
                 "  hint: GITHUB_API_URL has to be GitHub's API, such as https://api.github.com"),
        ("strange", "GitHub's answer has a form that is not known (reading pull request 7)"),
    ],
)  # fmt: skip
def test_every_refusal_is_a_sentence(world: World, mode: str, sentence: str) -> None:
    world.server.fail(mode)
    assert str(refused(lambda: world.github.pull(7))) == sentence


def test_a_token_that_github_repeats_is_not_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"message": f"{'x' * 180} {TOKEN} is not valid\u202e"}
    monkeypatch.setitem(MODES, "told", Reply(403, told))
    world.server.fail("told")
    error = refused(lambda: world.github.pull(7))
    assert TOKEN[:8] not in str(error)
    assert "\u202e" not in str(error)


def test_a_comment_that_is_too_long_is_refused_without_its_text(world: World) -> None:
    error = refused(lambda: world.github.create_comment(7, "secret row " * 6_000))
    assert str(error) == "GitHub refuses (commenting on 7): 422 Validation Failed (data unprocessable)"


def test_every_strange_answer_to_every_call_is_a_refusal_or_nothing(world: World) -> None:
    hub = world.github
    calls: list[Callable[[], Any]] = [
        lambda: hub.pull(7), lambda: hub.pulls_with_head("a", "b"), lambda: hub.pulls_of_commit(HEAD),
        lambda: hub.label_events(7), lambda: hub.pushed_at(7), lambda: list(hub.comments(7)),
        lambda: list(hub.issues("x")), lambda: hub.statuses(HEAD), lambda: hub.run(1), lambda: hub.runs("x.yml"),
        lambda: hub.run_reviews(1), lambda: hub.workflow_enabled("x.yml"), lambda: hub.permission("x"),
        hub.default_branch, hub.login, lambda: hub.create_comment(7, "x"),
        lambda: hub.create_issue(title="t", body="b", labels=[]), lambda: hub.edit_comment(1, "x"),
    ]  # fmt: skip
    for call in calls:
        world.server.faults.clear()
        world.server.fail("strange", times=99)
        assert "form that is not known" in str(refused(call))


@pytest.mark.parametrize("sent", ["", " ", "two words", "t\u00f6ken", "line\nbreak"])
def test_what_is_no_token_is_never_sent(sent: str) -> None:
    with pytest.raises(InputError) as caught:
        connect(sent, "octocat/toy")
    assert not sent.strip() or sent not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["toy", "octocat/toy/more", "../toy", "octocat/..", "o/t?x=1", "octocat/toy\n"]
)
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="owner/name"):
        connect("t", name)


@pytest.mark.parametrize(
    "url", ["http://github.example", "ftp://x", "https://user:word@x.example", "api.github.com"]
)
def test_a_token_goes_to_no_address_that_can_be_listened_to(url: str) -> None:
    with pytest.raises(InputError, match="https://"):
        connect("t", "octocat/toy", url)


def test_importing_the_client_imports_no_sdk() -> None:
    script = (
        "import sys, liftgate.github.client; print([m for m in ('github', 'requests') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
