"""`liftgate publish` against GitHub over HTTP: one status and one comment, written when they say something new."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from publish_world import MARKER, NOTHING, Commits, World, make_commits, serving
from toy_project import git


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> Commits:
    return make_commits(tmp_path_factory.mktemp("publish"))


@pytest.fixture
def world(commits: Commits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from serving(commits, tmp_path, monkeypatch)


def test_a_change_without_anything_to_gate_is_green_with_one_comment(world: World) -> None:
    sha = world.open()
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha) == [NOTHING, ("pending", "judging this commit")]
    (comment,) = world.comments()
    assert comment["body"].startswith(MARKER)
    assert comment["edits"] == 1
    assert world.repo.statuses[sha][0]["target_url"] == comment["html_url"]
    assert world.outputs()["verdict"] == "nothing"
    assert (world.folder / "out" / "comment.md").is_file()


def test_the_second_run_writes_nothing_at_all(world: World) -> None:
    world.open()
    world.publish("--pull", "7")
    before = len(world.server.writes)
    assert world.publish("--pull", "7") == 0
    assert world.server.writes[before:] == []


def test_another_run_that_finds_the_same_writes_nothing_either(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.open(change="split")
    world.publish("--pull", "7")
    before = len(world.server.writes)
    monkeypatch.setenv("GITHUB_RUN_ID", "43")
    assert world.publish("--pull", "7") == 0
    assert world.server.writes[before:] == []


def test_a_blocked_change_is_a_failure_and_publishing_it_worked(world: World) -> None:
    sha = world.open(change="split")
    assert world.publish("--pull", "7") == 0
    state, said = world.statuses(sha)[0]
    assert state == "failure"
    assert len(said) <= 140
    assert said.startswith("Split this pull request, do not merge: ")
    assert world.outputs()["verdict"] == "block"
    assert world.outputs()["change-kind"] == "data,policy"


def test_a_push_edits_the_same_comment(world: World) -> None:
    first = world.open()
    world.publish("--pull", "7")
    second = world.commits.heads["split"]
    world.repo.push(7, second)
    world.at(7, second)
    assert world.publish("--pull", "7") == 0
    assert len(world.comments()) == 1
    assert world.statuses(first)[0][0] == "success"
    assert world.statuses(second)[0][0] == "failure"


def test_a_base_that_is_changed_while_it_is_judged_gets_no_success(world: World) -> None:
    sha = world.open()
    code = world.online("--pull", "7", before=lambda: world.repo.retarget(7, "release", "c" * 40))
    assert code == 0
    assert world.statuses(sha)[0] == (
        "failure",
        "not judged: it is based on release, and only changes to main are",
    )


def test_another_default_branch_while_it_is_judged_gets_no_success(world: World) -> None:
    sha = world.open(base_ref="release/v1;$(touch x)")
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0] == (
        "failure",
        "not judged: it is based on release/v1;$(touch x), and only changes to main are",
    )
    assert world.publish("--pull", "7") == 0
    assert len(world.statuses(sha)) == 2


def test_a_second_pull_request_with_somebodys_head_neither_passes_nor_fails_it(world: World) -> None:
    sha = world.open(7)
    world.open(5, author="mallory", head_repository="mallory/toy")
    world.open(8, author="mallory", base_ref="release", head_repository="mallory/toy")
    assert world.publish("--pull", "8") == 0
    assert world.statuses(sha)[0] == NOTHING
    assert world.comments(8) == []
    assert len(world.comments(7)) == 1


def test_a_forged_success_is_overwritten(world: World) -> None:
    sha = world.open(change="split")
    world.publish("--pull", "7")
    ours = dict(world.repo.statuses[sha][0])
    forged = {**ours, "state": "success", "creator": {"login": "mallory", "id": 5}}
    world.repo.statuses[sha].insert(0, forged)
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0][0] == "failure"


def test_a_closed_pull_request_is_left_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.open()
    world.repo.close(7)
    assert world.publish("--pull", "7") == 0
    assert world.server.writes == []
    assert "nothing to publish" in capsys.readouterr().err


def test_words_that_are_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.publish("--merge-group", "x", "--base", "y") == 2
    assert world.publish("--merge-group", world.commits.base) == 2
    assert world.publish("--pull", "99") == 2
    assert world.publish("--dry-run") == 2
    monkeypatch.delenv("GITHUB_TOKEN")
    assert world.publish("--pull", "7") == 2
    monkeypatch.delenv("GITHUB_REPOSITORY")
    assert world.publish("--pull", "7") == 2
    assert world.server.writes == []


def test_a_merge_group_has_a_status_and_no_comment(world: World) -> None:
    sha, base = world.commits.heads["readme"], world.commits.base
    assert world.publish("--merge-group", sha, "--base", base) == 0
    assert world.statuses(sha)[0] == NOTHING
    assert world.repo.comments == {}
    before = len(world.server.writes)
    assert world.publish("--merge-group", sha, "--base", base) == 0
    assert world.server.writes[before:] == []


def preview(world: World, change: str, *words: str) -> int:
    base, head = world.commits.base, world.commits.heads[change]
    return world.publish("--dry-run", "--base", base, "--head", head, *words)


def test_a_preview_needs_no_token_and_writes_nothing_to_github(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git(world.commits.clone, "fetch", "-q", "origin", *world.commits.heads.values())
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert preview(world, "mail", "--json") == 10
    said = capsys.readouterr()
    commands = [line for line in said.err.splitlines() if line.startswith("::")]
    assert re.match(r"::error file=datasets/toy/\S+,line=\d+,title=Liftgate%3A \S+::", commands[0])
    assert any("title=Liftgate%3A pii::" in line for line in commands)
    assert len([line for line in commands if line.startswith("::error")]) <= 10
    assert json.loads(said.out)["verdict"] == "block"
    assert "shop@example.com" not in said.err + said.out + world.summary()
    assert "do not merge" in world.summary().splitlines()[0]
    assert world.server.requests == []


def test_a_preview_exits_as_its_verdict_says(world: World) -> None:
    git(world.commits.clone, "fetch", "-q", "origin", *world.commits.heads.values())
    assert preview(world, "readme") == 0
    assert preview(world, "split") == 10
    assert world.publish("--dry-run", "--base", "1" * 40) == 2
    assert world.outputs()["verdict"] == "error"


def test_files_of_a_report_lie_in_a_folder_of_their_alias(world: World) -> None:
    world.open(change="mail")
    assert world.publish("--pull", "7") == 0
    files = sorted(
        str(path.relative_to(world.folder / "out")) for path in (world.folder / "out").rglob("*.*")
    )
    assert files == ["comment.md", "toy/comment.md", "toy/report.html", "toy/report.json"]


def test_names_of_files_and_branches_reach_no_shell_and_no_command(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open(
        head_ref="x;$(touch${IFS}pwned)`id`", title="::set-output name=verdict::pass", author="bob"
    )
    assert world.publish("--pull", "7") == 0
    assert world.statuses(sha)[0] == NOTHING
    said = capsys.readouterr().err
    assert not [line for line in said.splitlines() if line.startswith("::")]
    assert list(world.commits.clone.glob("**/pwned*")) == []
