"""What publishing starts: train.yml and evaluate.yml on the default branch, once, and never for a fork."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest

from github_server import GitHubServer
from liftgate.commands.publishing.dispatch import Dispatcher, failed
from liftgate.github.client import connect
from liftgate.publishing.outcome import AliasOutcome, ChangeReport, Waiting
from publish_world import BOT, NAME

DIGEST, HEAD, BASE = "d" * 64, "a" * 40, "b" * 40
TITLE = "liftgate {step} pull/{{pr}} {{alias}} {{digest}}"
PAGE = "https://github.example"
WAITING = AliasOutcome(
    "toy", ("data",), "waiting", "", digest=DIGEST, provider="openai",
    waiting=Waiting("an approval", digest=DIGEST, label="liftgate-approve"),
)  # fmt: skip
TRAINED = AliasOutcome(
    "toy",
    ("data",),
    "running",
    "",
    digest=DIGEST,
    provider="openai",
    next_step="evaluate",
    stage="evaluation",
)


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(login=BOT) as server:
        repo = server.repository(NAME)
        names = ["pr", "alias", "digest", "head-sha"]
        repo.add_workflow("train.yml", inputs=[*names, "provider"], run_name=TITLE.format(step="train"))
        repo.add_workflow("evaluate.yml", inputs=names, run_name=TITLE.format(step="evaluate"))
        repo.add_pull(7, author="bob", head_ref="data", head_sha=HEAD, base_sha=BASE)
        yield server
        assert server.violations == []


def go_on(server: GitHubServer, outcome: AliasOutcome, number: int = 7) -> ChangeReport:
    github = connect("token-of-this-job", NAME, server.url, sleep=lambda _: None)
    pull = github.pull(number)
    assert pull is not None
    change = ChangeReport(("data",), BASE, pull.head_sha, (outcome,))
    return Dispatcher(github, PAGE, "main").go_on(change, pull)


def started(server: GitHubServer) -> list[tuple[str, str, dict[str, str]]]:
    sent = server.repository(NAME).dispatches
    return [(each["workflow"], each["ref"], each["inputs"]) for each in sent]


def test_a_training_that_waits_for_its_approval_is_started_once(server: GitHubServer) -> None:
    first, second = go_on(server, WAITING), go_on(server, WAITING)
    inputs = {"pr": "7", "alias": "toy", "digest": DIGEST, "head-sha": HEAD, "provider": "openai"}
    assert started(server) == [("train.yml", "main", inputs)]
    run = server.repository(NAME).dispatches[0]["run_id"]
    assert first == second
    assert first.outcomes[0].waiting is not None
    assert first.outcomes[0].waiting.link == f"{PAGE}/octocat/toy/actions/runs/{run}"
    assert first.notes == ()


def test_what_is_trained_is_evaluated_once(server: GitHubServer) -> None:
    assert go_on(server, TRAINED) == go_on(server, TRAINED)
    inputs = {"pr": "7", "alias": "toy", "digest": DIGEST, "head-sha": HEAD}
    assert started(server) == [("evaluate.yml", "main", inputs)]


def test_nothing_is_started_for_what_waits_for_people_or_is_done(server: GitHubServer) -> None:
    go_on(server, replace(WAITING, waiting=Waiting("a review of the owners")))
    go_on(server, replace(WAITING, state="block", waiting=None))
    go_on(server, replace(WAITING, state="running", waiting=None))
    go_on(server, replace(TRAINED, digest=None))
    assert started(server) == []


def test_a_push_asks_for_a_run_of_its_own(server: GitHubServer) -> None:
    go_on(server, WAITING)
    server.repository(NAME).push(7, "c" * 40)
    go_on(server, WAITING)
    go_on(server, WAITING)
    assert [inputs["head-sha"] for _, _, inputs in started(server)] == [HEAD, "c" * 40]


def test_a_label_after_a_run_that_was_refused_starts_another(server: GitHubServer) -> None:
    repo = server.repository(NAME)
    go_on(server, WAITING)
    repo.runs[repo.dispatches[0]["run_id"]].update(status="completed", conclusion="failure")
    go_on(server, WAITING)
    repo.label(7, "other", by="alice")
    go_on(server, WAITING)
    assert len(started(server)) == 1
    repo.label(7, "liftgate-approve", by="alice")
    go_on(server, WAITING)
    assert len(started(server)) == 2


@pytest.mark.parametrize(("event", "branch"), [("pull_request", "main"), ("workflow_dispatch", "data")])
def test_a_title_alone_does_not_stop_a_training(server: GitHubServer, event: str, branch: str) -> None:
    repo = server.repository(NAME)
    forged = repo.add_run(head_sha=HEAD, head_branch=branch, path=".github/workflows/train.yml", event=event)
    forged["display_title"] = f"liftgate train pull/7 toy {DIGEST}"
    go_on(server, WAITING)
    assert len(started(server)) == 1


@pytest.mark.parametrize("outcome", [WAITING, TRAINED])
def test_nothing_is_started_for_a_fork_and_a_maintainer_reads_how(
    server: GitHubServer, outcome: AliasOutcome
) -> None:
    repo = server.repository(NAME)
    repo.add_pull(
        8, author="eve", head_ref="data", head_sha="e" * 40, base_sha=BASE, head_repository="eve/toy"
    )
    (note,) = go_on(server, outcome, 8).notes
    assert started(server) == []
    assert "the change comes from a fork. Start it by hand at https://github.example/octocat/toy/" in note
    assert f"with pr 8, alias toy, digest {DIGEST}, head-sha {'e' * 40}" in note


def test_a_token_that_may_not_start_it_says_where_to_do_it_by_hand(server: GitHubServer) -> None:
    server.fail("forbidden", method="POST", path="/dispatches", times=9)
    first, second = go_on(server, WAITING), go_on(server, WAITING)
    assert first == second
    assert first.notes == (
        "train.yml was not started: this job may not (it needs `permissions: actions: write`). Start it by hand at "
        f"{PAGE}/octocat/toy/actions/workflows/train.yml with pr 7, alias toy, digest {DIGEST}, "
        f"head-sha {HEAD}, provider openai",
    )


def test_a_workflow_that_is_not_there_or_an_answer_that_is_lost_is_told(server: GitHubServer) -> None:
    repo = server.repository(NAME)
    server.fail("cut", method="POST", path="/dispatches")
    (note,) = go_on(server, WAITING).notes
    assert "answer was lost" in note
    assert len(started(server)) == 1
    assert go_on(server, WAITING).notes == ()
    assert len(started(server)) == 1
    del repo.workflows["evaluate.yml"]
    (note,) = go_on(server, TRAINED).notes
    assert "the default branch has no such workflow" in note


APPROVED = AliasOutcome(
    "toy", ("data",), "running", "", digest=DIGEST, provider="local", next_step="train", stage="training",
    report={"estimate": {"usd_per_hour": "10.00"}},
)  # fmt: skip


def notes_of(
    server: GitHubServer, outcome: AliasOutcome, own_run: str = "", hours: float = 1.5
) -> tuple[str, ...]:
    github = connect("token-of-this-job", NAME, server.url, sleep=lambda _: None)
    pull = github.pull(7)
    assert pull is not None
    began = datetime.datetime.fromisoformat(next(iter(server.repository(NAME).runs.values()))["created_at"])
    now = began + datetime.timedelta(hours=hours)
    change = ChangeReport(("data",), BASE, pull.head_sha, (outcome,))
    return Dispatcher(github, PAGE, "main", own_run, lambda: now).go_on(change, pull).notes


def test_a_training_of_our_own_machine_that_goes_on_is_told_with_what_it_bills(server: GitHubServer) -> None:
    go_on(server, APPROVED)
    run = server.repository(NAME).runs[server.repository(NAME).dispatches[0]["run_id"]]
    run["status"], run["conclusion"] = "in_progress", None
    assert notes_of(server, APPROVED) == (
        "train.yml for toy is at work, for 1 h 30 min at most, and bills: 15.00 USD at most so far, "
        "at 10.00 USD an hour",
    )
    free = replace(APPROVED, report={"estimate": {"usd_per_hour": "0"}})
    assert notes_of(server, free) == ("train.yml for toy is at work, for 1 h 30 min at most",)
    assert notes_of(server, APPROVED, own_run=str(run["id"])) == ()
    assert notes_of(server, APPROVED, hours=-1) == ()
    assert notes_of(server, replace(APPROVED, provider="openai")) == ()
    run["status"] = "queued"
    assert notes_of(server, APPROVED) == ()


def test_a_failed_job_is_told_where_its_end_is_waited_for() -> None:
    told = list(failed(ChangeReport(("data",), BASE, HEAD, (APPROVED, replace(TRAINED, alias="other")))))
    assert told == [
        "a job of this run failed, so nothing goes on for toy: the job's log says why its training did not end. "
        "Mend that and re-run the failed jobs; what is trained and answered is kept",
        "a job of this run failed, so nothing goes on for other: the job's log says why its evaluation did not end. "
        "Mend that and re-run the failed jobs; what is trained and answered is kept",
    ]
    assert (
        list(failed(ChangeReport(("data",), BASE, HEAD, (WAITING, replace(APPROVED, state="block"))))) == []
    )
