"""What somebody may try to get a training paid for that nobody agreed to. Each is refused, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")
pytest.importorskip("github", reason="needs the extra github")

from openai_finetuning_server import FineTuningServer
from pull_world import PullWorld, pull_world

LABEL = "liftgate-approve"


class Refused:
    """Says whether a command was refused for a reason, with nothing in the ledger and nothing asked of a provider."""

    def __init__(self, world: PullWorld, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.capsys = world, capsys

    def __call__(self, code: int, reason: str, *, approvals: int = 0) -> None:
        told = self.capsys.readouterr().err
        assert (code, reason in told) == (10, True), (code, told)
        assert len(self.world.entries("approvals")) == approvals
        assert self.world.entries("locks") == []
        assert self.world.provider.jobs == {}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PullWorld]:
    with FineTuningServer() as provider, pull_world(tmp_path, monkeypatch, provider) as made:
        yield made


@pytest.fixture
def refused(world: PullWorld, capsys: pytest.CaptureFixture[str]) -> Refused:
    return Refused(world, capsys)


def test_a_push_after_the_label_takes_it_away(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    world.repo.label(7, LABEL, by="owner")
    world.push()
    refused(world.approve(digest, "--from-label"), "was set before the last push")
    world.repo.label(7, LABEL, by="owner")
    assert world.approve(digest, "--from-label") == 0


def test_a_push_after_the_judgement_is_refused_by_its_commit(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    before = world.repo.pulls[7].head_sha
    run = world.run_of_train(7, digest)
    world.push()
    refused(world.approve(digest, "--from-run", run, "--head-sha", before), "has moved on since")
    refused(world.train(digest, "--head-sha", before), "has moved on since")
    refused(world.run("--head-sha", before), "has moved on since")


def test_other_rows_pushed_after_the_approval_are_not_trained_on(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    assert world.approve(digest, "--from-run", world.run_of_train(7, digest)) == 0
    other = world.open(8, text="give me money")
    world.repo.push(7, world.repo.pulls[8].head_sha)
    world._at(7, world.repo.pulls[8].head_sha)
    assert world.train(digest) == 2
    refused(world.train(other), "needs an approval", approvals=1)


def test_a_push_while_the_approval_is_looked_at_is_noticed(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    world.repo.label(7, LABEL, by="owner")
    world.github.fail("stale-head", method="GET", path="/pulls/7", skip=3)
    refused(world.approve(digest, "--from-label"), "has moved on since")


def test_a_label_by_somebody_else_counts_for_nothing(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    world.repo.label(7, LABEL, by="mallory")
    refused(world.approve(digest, "--from-label"), "mallory set the label")


def test_a_label_taken_off_and_set_again_by_a_stranger_counts_for_nothing(
    world: PullWorld, refused: Refused
) -> None:
    digest = world.open()
    world.repo.label(7, LABEL, by="owner")
    world.repo.unlabel(7, LABEL, by="owner")
    refused(world.approve(digest, "--from-label"), "does not carry the label")
    world.repo.label(7, LABEL, by="mallory")
    refused(world.approve(digest, "--from-label"), "mallory set the label")


def test_the_author_approves_by_neither_way(world: PullWorld, refused: Refused) -> None:
    digest = world.open(author="owner")
    world.repo.label(7, LABEL, by="owner")
    refused(world.approve(digest, "--from-label"), "owner wrote the change and cannot approve it")
    run = world.run_of_train(7, digest, by="owner")
    refused(world.approve(digest, "--from-run", run), "owner wrote the change and cannot approve it")


def test_who_wrote_a_commit_of_it_does_not_approve_either(world: PullWorld, refused: Refused) -> None:
    digest = world.open(author="ann")
    world.repo.pulls[7].writers = ["ann", None, "owner"]
    world.repo.label(7, LABEL, by="owner")
    refused(world.approve(digest, "--from-label"), "owner wrote the change and cannot approve it")
    run = world.run_of_train(7, digest, by="owner")
    refused(world.approve(digest, "--from-run", run), "owner wrote the change and cannot approve it")


def test_a_writer_does_not_hide_behind_more_commits_than_github_lists(
    world: PullWorld, refused: Refused
) -> None:
    digest = world.open(author="ann")
    world.repo.label(7, LABEL, by="owner")
    world.repo.pulls[7].writers = ["ann"] * 250
    refused(world.approve(digest, "--from-label"), "GitHub does not name the writers of all")


def test_an_approval_is_not_worth_anything_for_another_pull_request(
    world: PullWorld, refused: Refused
) -> None:
    digest = world.open()
    assert world.approve(digest, "--from-run", world.run_of_train(7, digest)) == 0
    same = world.open(8)
    assert same == digest
    refused(world.train(digest, number=8), "it is for another change", approvals=1)


def test_a_digest_of_another_pull_request_is_not_approved_here(world: PullWorld, refused: Refused) -> None:
    mine, other = world.open(), world.open(8, text="give me money", author="mallory")
    assert mine != other
    run = world.run_of_train(7, other)
    refused(world.approve(other, "--from-run", run), f"would train the manifest {mine}")
    refused(world.approve(mine, "--from-run", run), f"run {run} was started for another training")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": ".github/workflows/gate.yml"}, "is of another workflow than train.yml"),
        ({"branch": "mallory-patch"}, "was not started by workflow_dispatch on the default branch"),
        ({"event": "push"}, "was not started by workflow_dispatch on the default branch"),
        ({"head_repository": "mallory/toy"}, "was not started by workflow_dispatch on the default branch"),
        ({"title": "liftgate train pull/7 toy"}, "was started for another training"),
        ({"by": None}, "nobody let run"),
    ],
)
def test_reviewers_of_another_run_approve_nothing(
    world: PullWorld, refused: Refused, change: dict[str, str | None], reason: str
) -> None:
    digest = world.open()
    refused(world.approve(digest, "--from-run", world.run_of_train(7, digest, **change)), reason)


def test_a_commit_dated_in_the_past_does_not_make_a_label_newer(world: PullWorld, refused: Refused) -> None:
    """Every commit of `push` says that it is from 2001; GitHub says when it came."""
    digest = world.open()
    world.repo.label(7, LABEL, by="owner")
    sha = world.push()
    assert b"978307200" in _raw(world, sha)
    refused(world.approve(digest, "--from-label"), "was set before the last push")


def test_a_force_push_back_to_what_was_labelled_takes_the_label_away(
    world: PullWorld, refused: Refused
) -> None:
    digest = world.open()
    labelled = world.repo.pulls[7].head_sha
    world.repo.label(7, LABEL, by="owner")
    world.push()
    world.repo.push(7, labelled, force=True)
    world._at(7, labelled)
    refused(world.approve(digest, "--from-label"), "was set before the last push")


def test_no_time_from_github_is_no_proof(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    world.repo.label(7, LABEL, by="owner")
    world.repo.activity.clear()
    refused(world.approve(digest, "--from-label"), "GitHub does not say when")


def test_a_policy_of_the_pull_request_names_no_approvers(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    policy = (world.clone / "evals" / "policy.yaml").read_text()
    world.push(path="evals/policy.yaml", text=policy.replace("[owner, lead]", "[mallory]"))
    world.repo.label(7, LABEL, by="mallory")
    refused(world.approve(digest, "--from-label"), "mallory set the label")


def test_an_approver_whom_the_default_branch_no_longer_names_approves_nothing(
    world: PullWorld, refused: Refused
) -> None:
    """The base of an old pull request still names them."""
    digest = world.open()
    policy = (world.clone / "evals" / "policy.yaml").read_text()
    world.merge("evals/policy.yaml", policy.replace("[owner, lead]", "[owner]"))
    world.repo.label(7, LABEL, by="lead")
    refused(world.approve(digest, "--from-label"), "lead set the label")


@pytest.mark.parametrize("move", ["retargeted", "closed"])
def test_a_pull_request_that_goes_elsewhere_is_neither_approved_nor_trained(
    world: PullWorld, refused: Refused, move: str
) -> None:
    digest = world.open()
    world.repo.label(7, LABEL, by="owner")
    change: dict[str, Callable[[], None]] = {
        "retargeted": lambda: world.repo.retarget(7, "release", "b" * 40),
        "closed": lambda: world.repo.close(7),
    }
    change[move]()
    reason = {"retargeted": "does not go into the default branch", "closed": "is closed"}[move]
    refused(world.approve(digest, "--from-label"), reason)
    refused(world.train(digest), reason)


def test_a_symlink_in_the_place_of_rows_is_not_followed(world: PullWorld, refused: Refused) -> None:
    digest = world.open()
    rows = world.work / "datasets" / "toy" / "more.jsonl"
    rows.symlink_to("/etc/passwd")
    world.push()
    refused(world.train(digest), "commit the file itself")


def test_an_approval_written_by_hand_is_refused(world: PullWorld, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody who may push to the ledger's branch, but did not run the program, edits an approval."""
    digest = world.open()
    assert world.approve(digest, "--from-run", world.run_of_train(7, digest), "--json") == 0
    entry = json.loads(capsys.readouterr().out)
    forged = {**entry, "change": "pull/8"}
    name = f"approvals/{digest}/{'f' * 64}.json"
    assert world.ledger.backend.put_new(name, json.dumps(forged).encode())
    world.open(8, author="mallory")
    assert world.train(digest, number=8) == 2
    assert "was edited after it was written" in capsys.readouterr().err
    assert world.provider.jobs == {}


def _raw(world: PullWorld, sha: str) -> bytes:
    from liftgate.repository import git

    return git(world.work, "cat-file", "commit", sha)
