"""`liftgate approve --pull`: GitHub says who agreed, or nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")
pytest.importorskip("github", reason="needs the extra github")

from openai_finetuning_server import FineTuningServer
from pull_world import PullWorld, pull_world
from toy_project import git


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PullWorld]:
    with FineTuningServer() as provider, pull_world(tmp_path, monkeypatch, provider) as made:
        yield made


def test_a_reviewer_of_the_run_approves_once(world: PullWorld, capsys: pytest.CaptureFixture[str]) -> None:
    digest = world.open()
    run = world.run_of_train(7, digest)
    assert world.approve(digest, "--from-run", run, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["approver"], first["author"], first["run"]) == ("owner", "ann", f"run/{run}")
    assert (first["repository"], first["change"], first["digest"]) == ("octocat/toy", "pull/7", digest)
    assert world.approve(digest, "--from-run", run, "--json") == 0
    again = capsys.readouterr()
    assert json.loads(again.out) == first
    assert again.err == (
        f"owner has approved {digest[:12]}… of toy at ${first['usd']}, until {first['expires_at']}\n"
        f"  liftgate train --pull 7 --alias toy --digest {digest}\n"
    )
    assert len(world.entries("approvals")) == 1
    assert world.provider.calls == []


def test_a_label_of_an_approver_approves_once_and_again_when_it_is_set_again(world: PullWorld) -> None:
    digest = world.open()
    world.repo.label(7, "liftgate-approve", by="lead")
    assert world.approve(digest, "--from-label") == 0
    assert world.approve(digest, "--from-label") == 0
    (entry,) = world.entries("approvals")
    head = world.repo.pulls[7].head_sha
    assert (entry["approver"], entry["run"]) == ("lead", f"label/{head}")
    world.repo.unlabel(7, "liftgate-approve", by="lead")
    world.repo.label(7, "liftgate-approve", by="lead")
    assert world.approve(digest, "--from-label") == 0
    assert len(world.entries("approvals")) == 2


def test_either_way_counts_where_both_are_asked(world: PullWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = world.open()
    run = world.run_of_train(7, digest, by=None)
    monkeypatch.setenv("GITHUB_RUN_ID", run)
    assert world.approve(digest, "--from-github") == 10
    world.repo.label(7, "liftgate-approve", by="owner")
    assert world.approve(digest, "--from-github") == 0
    assert [entry["run"].partition("/")[0] for entry in world.entries("approvals")] == ["label"]


def test_an_approval_lets_its_own_pull_request_be_trained(world: PullWorld) -> None:
    digest = world.open()
    assert world.train(digest) == 10
    assert world.approve(digest, "--from-run", world.run_of_train(7, digest)) == 0
    assert world.train(digest) == 5
    assert len(world.provider.jobs) == 1
    (submitted,) = world.entries(f"jobs/{digest}")
    assert submitted["approval"] == world.entries("approvals")[0]["entry_sha256"]


def test_a_price_that_rose_since_is_not_what_was_agreed_to(
    world: PullWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = world.open(rows=400)
    run = world.run_of_train(7, digest)
    assert world.approve(digest, "--from-run", run, "--usd", "0.01") == 10
    assert "more than the $0.01 that was shown" in capsys.readouterr().err
    assert world.approve(digest, "--from-run", run) == 0
    prices = (world.work / "evals" / "prices.yaml").read_text()
    world.merge("evals/prices.yaml", prices.replace('"3.00"', '"30.00"'))
    world.repo.pulls[7].base_sha = git(world.clone, "rev-parse", "HEAD").strip()
    capsys.readouterr()
    assert world.approve(digest, "--from-run", run) == 10
    assert "its price or policy changed since" in capsys.readouterr().err
    assert len(world.entries("approvals")) == 1
    assert world.train(digest) == 10


def test_words_that_do_not_belong_together_are_refused(
    world: PullWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = world.open()
    for words in (
        (),
        ("--from-label", "--from-github"),
        ("--from-label", "--by", "owner"),
        ("--from-label", "--author", "bob"),
        ("--from-label", "--change", "pull/8"),
        ("--from-label", "--base", "main"),
        ("--from-github",),
    ):
        assert world.approve(digest, *words) == 2
    assert capsys.readouterr().err.count("error: ") == 7
    assert world.entries("approvals") == []


def test_nothing_is_approved_when_github_cannot_be_asked(
    world: PullWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = world.open()
    world.repo.label(7, "liftgate-approve", by="owner")
    for path in ("/events", "/activity", "/commits"):
        world.github.fail("forbidden", path=path)
        assert world.approve(digest, "--from-label") == 4
    monkeypatch.delenv("GITHUB_TOKEN")
    assert world.approve(digest, "--from-label") == 2
    assert "GITHUB_TOKEN not set" in capsys.readouterr().err
    assert world.entries("approvals") == []


def test_no_error_names_the_folder_that_the_head_was_written_into(
    world: PullWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = world.open()
    world.push(path="datasets/toy/card.yaml", text="version: 1\nalias: other\n")
    assert world.approve(digest, "--from-label") == 2
    told = capsys.readouterr().err
    assert "datasets/toy/card.yaml" in told
    assert "liftgate-pull-" not in told
