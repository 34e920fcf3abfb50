"""`liftgate publish` in report.yml: what an event is about, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from github_world import Body
from publish_world import NOTHING, Commits, World, make_commits, serving


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> Commits:
    return make_commits(tmp_path_factory.mktemp("publish"))


@pytest.fixture
def world(commits: Commits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from serving(commits, tmp_path, monkeypatch)


def gate_run(world: World, change: str = "readme", **more: Any) -> Body:
    """A run of the gate of a pull request's head, or of something else."""
    given = {"head_branch": f"branch-{change}", **more}
    return world.repo.add_run(head_sha=world.commits.heads[change], **given)


def test_a_gate_that_starts_takes_an_old_success_back_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = world.open()
    world.publish("--pull", "7")
    run = gate_run(world, status="queued")
    world.event("requested", run, monkeypatch)
    assert world.publish() == 0
    assert world.statuses(sha)[0] == ("pending", "judging this commit")
    (comment,) = world.comments()
    assert "**In progress, do not merge yet: judging this change" in comment["body"]
    before = len(world.server.writes)
    assert world.publish() == 0
    assert world.server.writes[before:] == []


@pytest.mark.parametrize("conclusion", ["success", "failure", "cancelled", "timed_out", "action_required"])
def test_whatever_became_of_the_gates_own_run_the_change_is_judged_here(
    world: World, conclusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = world.open(change="split", head_repository="bob/toy")
    run = gate_run(world, "split", conclusion=conclusion, head_repository="bob/toy")
    world.event("completed", run, monkeypatch)
    assert world.publish() == 0
    assert world.statuses(sha)[0][0] == "failure"


def test_a_start_that_is_told_after_the_end_is_judged_like_an_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = world.open()
    run = gate_run(world, status="completed")
    world.event("requested", {**run, "status": "queued", "conclusion": None}, monkeypatch)
    assert world.publish() == 0
    assert world.statuses(sha)[0] == NOTHING


def test_a_run_of_an_older_head_touches_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open()
    run = gate_run(world)
    world.repo.push(7, world.commits.heads["again"])
    world.event("completed", run, monkeypatch)
    assert world.publish() == 0
    assert world.server.writes == []


def test_another_workflow_that_calls_itself_the_gate_is_not_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.open()
    world.event("completed", gate_run(world, path=".github/workflows/mine.yml"), monkeypatch)
    assert world.publish() == 0
    assert world.server.writes == []


def test_a_pull_request_number_in_the_event_or_an_artifact_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha, other = world.open(7), world.open(8, "split", head_repository="mallory/toy")
    run = gate_run(world, "split", head_repository="mallory/toy")
    run["pull_requests"] = [{"number": 7}]
    world.repo.artifacts[run["id"]] = [{"id": 1, "name": "liftgate-preview", "expired": False}]
    world.event("completed", run, monkeypatch)
    assert world.publish() == 0
    assert world.statuses(sha) == []
    assert world.statuses(other)[0][0] == "failure"
    assert [each for each in world.server.requests if "artifacts" in each.path] == []


def test_a_fork_that_is_gone_is_told_on_the_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = world.open(head_repository="bob/toy")
    run = gate_run(world, head_repository="bob/toy")
    run["head_repository"] = None
    world.event("completed", run, monkeypatch)
    assert world.publish() == 0
    assert world.statuses(sha)[0][0] == "error"


def test_a_merge_group_of_the_event_is_judged_against_the_default_branch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = world.commits.heads["split"]
    branch = f"gh-readonly-queue/main/pr-7-{world.commits.base}"
    run = gate_run(world, "split", event="merge_group", head_branch=branch)
    world.event("completed", run, monkeypatch)
    assert world.publish() == 0
    assert world.statuses(sha)[0][0] == "failure"
    assert world.repo.comments == {}


def test_a_merge_group_into_another_branch_never_passes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = world.commits.heads["readme"]
    branch = f"gh-readonly-queue/release/pr-7-{world.commits.base}"
    world.event("completed", gate_run(world, event="merge_group", head_branch=branch), monkeypatch)
    assert world.publish() == 0
    assert world.statuses(sha)[0] == (
        "failure",
        "not judged: it is based on release, and only changes to main are",
    )


def test_an_event_that_runs_code_of_the_change_publishes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open()
    world.event("completed", gate_run(world), monkeypatch)
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    assert world.publish() == 2
    assert world.server.writes == []
    assert "--dry-run --base REF" in capsys.readouterr().err


def test_a_retargeted_pull_request_is_judged_again_and_loses_its_success(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = world.open()
    world.publish("--pull", "7")
    world.repo.retarget(7, "release", world.commits.base)
    for action, status in (("requested", "queued"), ("completed", "completed")):
        world.event(action, gate_run(world, status=status), monkeypatch)
        assert world.publish() == 0
        assert world.statuses(sha)[0][0] != "success"
    assert world.statuses(sha)[0][0] == "failure"
