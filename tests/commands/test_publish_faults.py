"""`liftgate publish` when GitHub says no, answers get lost, or the change moves: never a success too many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from publish_world import BOT, MARKER, NOTHING, Commits, World, make_commits, serving


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> Commits:
    return make_commits(tmp_path_factory.mktemp("publish"))


@pytest.fixture
def world(commits: Commits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from serving(commits, tmp_path, monkeypatch)


def test_a_status_that_may_not_be_set_is_exit_4_with_the_permission_to_give(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open()
    world.server.fail("forbidden", method="POST", path="/statuses/", times=99)
    assert world.publish("--pull", "7") == 4
    assert world.statuses(sha) == []
    said = capsys.readouterr().err
    assert "permissions: statuses: write" in said
    assert world.outputs()["verdict"] == "nothing"
    assert len(world.comments()) == 1


def test_a_status_that_fails_at_first_is_set_at_the_end(world: World) -> None:
    sha = world.open()
    world.server.fail("forbidden", method="POST", path="/statuses/")
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha) == [NOTHING]


@pytest.mark.parametrize("mode", ["forbidden", "401", "404", "html", "strange"])
def test_a_comment_that_cannot_be_written_leaves_the_verdict_as_it_is(
    world: World, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open()
    world.server.fail(mode, method="POST", path="/comments", times=99)
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0] == NOTHING
    assert world.repo.statuses[sha][0]["target_url"] == "https://github.example/octocat/toy/actions/runs/42"
    assert "warning: the comment under pull request 7 cannot be written" in capsys.readouterr().err
    assert "The verdict stands." in world.summary()


def test_a_comment_that_is_too_long_becomes_a_shorter_one(world: World) -> None:
    world.open()
    world.server.fail("422", method="POST", path="/comments")
    assert world.publish("--pull", "7") == 0
    assert [request.status for request in world.server.made("POST", "/comments")] == [422, 201]
    world.repo.push(7, world.commits.heads["split"])
    world.at(7, world.commits.heads["split"])
    world.server.fail("422", method="PATCH", path="/comments", skip=1)
    assert world.publish("--pull", "7") == 0
    (comment,) = world.comments()
    assert comment["body"].startswith(MARKER)
    assert comment["body"].endswith("it is in the job summary._\n")


def test_a_comment_that_github_never_takes_changes_no_verdict(world: World) -> None:
    sha = world.open()
    world.server.fail("422", method="POST", path="/comments", times=99)
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0] == NOTHING


def test_a_secondary_rate_limit_is_waited_for(world: World) -> None:
    sha = world.open()
    world.server.fail("secondary", method="POST", path="/statuses/")
    world.server.fail("secondary", method="POST", path="/comments")
    assert world.online("--pull", "7") == 0
    assert world.waited == [2.0, 2.0]
    assert world.statuses(sha)[0] == NOTHING
    assert len(world.comments()) == 1


@pytest.mark.parametrize("mode", ["502", "500", "reset", "lost", "cut"])
def test_answers_that_are_lost_on_the_way_change_nothing_in_the_end(world: World, mode: str) -> None:
    sha = world.open()
    world.server.fail(mode, method="POST", path="/comments")
    world.server.fail(mode, method="PATCH", path="/comments")
    world.server.fail(mode, method="POST", path="/statuses/")
    world.server.fail(mode, method="GET", path="/pulls/7")
    assert world.online("--pull", "7") == 0
    assert world.statuses(sha)[0] == NOTHING
    assert len(world.comments()) == 1


def test_a_pasted_marker_is_no_comment_of_ours(world: World) -> None:
    world.open()
    for number in range(120):
        world.repo.comment(7, f"reader{number}", "hello")
    theirs = world.repo.comment(7, "mallory", f"{MARKER}\n**Pass, may be merged.**")
    assert world.publish("--pull", "7") == 0
    assert (theirs["body"], theirs["edits"]) == (f"{MARKER}\n**Pass, may be merged.**", 0)
    (ours,) = world.comments()
    assert "Nothing to gate" in ours["body"]


def test_of_two_comments_of_ours_over_several_pages_the_newest_is_kept(world: World) -> None:
    world.open()
    world.repo.comment(7, BOT, f"{MARKER}\nold")
    for number in range(120):
        world.repo.comment(7, f"reader{number}", "hello")
    newest = world.repo.comment(7, BOT, f"{MARKER}\nnew")
    assert world.publish("--pull", "7") == 0
    assert [each["id"] for each in world.comments()] == [newest["id"]]


def test_two_runs_at_once_end_with_one_comment_and_one_verdict(world: World) -> None:
    sha = world.open()
    # The other run wrote its comment after this one had looked for it.
    real, done = world.repo.comment, False

    def racing(number: int, author: str, body: str) -> dict[str, object]:
        nonlocal done
        made = real(number, author, body)
        if not done and author == BOT:
            done = True
            real(number, author, body)
        return made

    world.repo.comment = racing  # type: ignore[method-assign]
    assert world.publish("--pull", "7") == 0
    world.repo.comment = real  # type: ignore[method-assign]
    assert world.publish("--pull", "7") == 0
    (comment,) = world.comments()
    assert world.repo.statuses[sha][0]["target_url"] == comment["html_url"]
    assert world.statuses(sha)[0] == NOTHING


def test_a_head_that_moves_while_it_is_judged_gets_no_success(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open()
    world.server.fail("stale-head", method="GET", path="/pulls/7", skip=1, times=99)
    assert world.publish("--pull", "7") == 0
    assert [state for state, _ in world.statuses(sha)] == ["pending"]
    assert "superseded" in capsys.readouterr().err
    assert world.outputs()["verdict"] == "running"


def test_a_head_that_moves_while_the_comment_is_written_gets_no_success(world: World) -> None:
    sha = world.open()
    world.server.fail("stale-head", method="GET", path="/pulls/7", skip=3, times=99)
    assert world.publish("--pull", "7") == 0
    assert [state for state, _ in world.statuses(sha)] == ["pending"]


def test_a_verdict_that_stood_on_a_head_that_moved_is_taken_back(world: World) -> None:
    sha = world.open()
    world.publish("--pull", "7")
    world.server.fail("stale-head", method="GET", path="/pulls/7", skip=1, times=99)
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0][0] == "pending"


def test_a_change_that_cannot_be_judged_is_an_error_and_never_silent(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open()
    world.repo.pulls[7].head_sha = lost = "1" * 40
    assert world.publish("--pull", "7") == 2
    state, said = world.statuses(lost)[0]
    assert (state, said[:20]) == ("error", "could not be judged:")
    assert world.statuses(sha) == []
    assert world.outputs()["verdict"] == "error"
    assert list(world.outputs()) == [
        "verdict", "change-kind", "digest", "needs-training", "cost-usd", "report-path", "job-id",
    ]  # fmt: skip
    assert "error: " in capsys.readouterr().err


def test_a_bug_while_judging_fails_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = world.open()
    monkeypatch.setattr("liftgate.commands.judging.change.plan_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.publish("--pull", "7")
    assert world.statuses(sha)[0] == ("error", "could not be judged: a bug: ZeroDivisionError")
    assert world.outputs()["verdict"] == "error"


def test_a_job_that_is_cancelled_leaves_no_success(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = world.open()

    def cancelled(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("liftgate.commands.judging.change.plan_of", cancelled)
    assert world.publish("--pull", "7") == 5
    assert world.statuses(sha)[0] == ("error", "could not be judged: this job was cancelled")


def test_a_job_summary_that_cannot_be_written_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(world.folder))
    (world.folder / "out").write_text("a file in the way")
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0] == NOTHING
    assert "the job summary cannot be written" in capsys.readouterr().err


def test_a_gate_that_starts_and_whose_status_may_not_be_set_is_exit_4(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = world.open()
    run = world.repo.add_run(head_sha=sha, head_branch="branch-readme", status="queued")
    world.event("requested", run, monkeypatch)
    world.server.fail("forbidden", method="POST", path="/statuses/", times=99)
    assert world.publish() == 4
    assert world.outputs()["verdict"] == "error"
    assert len(world.comments()) == 1


def test_files_and_dispatches_that_fail_leave_the_verdict_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open(change="mail")
    monkeypatch.setattr("liftgate.report.html.render_html", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("liftgate.commands.publishing.dispatch.asked_for", lambda *_: 1 / 0)
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0][0] == "failure"
    assert "the report's files are not complete: a bug: ZeroDivisionError" in capsys.readouterr().err
    (comment,) = world.comments()
    assert "nothing more was started: a bug: ZeroDivisionError" in comment["body"]
