"""A training at a provider, through the workflows: approved once, launched once however often it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from act_cases import act_or_skip, new_row, release
from world import World, make_world

from hosted_project import make_hosted_project
from openai_finetuning_server import KEY, FineTuningServer
from pull_world import APPROVAL, LENIENT

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def provider() -> Iterator[FineTuningServer]:
    with FineTuningServer() as serving:
        yield serving


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, provider: FineTuningServer) -> Iterator[World]:
    act_or_skip()
    folder = tmp_path_factory.mktemp("act")
    policy = APPROVAL.replace("owner, lead", "carol") + LENIENT
    made = make_world(folder, lambda root: make_hosted_project(root, provider.url, policy=policy))
    made.runner.env["OPENAI_BASE_URL"] = provider.url
    made.runner.secrets["OPENAI_API_KEY"] = KEY
    with made.server:
        yield made


def rows(root: Path) -> None:
    release(root, *(new_row(number, "order", f"where is letter {number}") for number in range(3)))


def test_two_runs_of_train_make_one_job(world: World, provider: FineTuningServer) -> None:
    sha = world.commit("rows", rows)
    world.open_pull(7, "rows", sha)
    run = world.gate_run(7)
    run["status"], run["conclusion"] = "completed", "failure"
    world.show(world.report(run))
    world.show_pull(7)
    assert world.status(sha).startswith("pending: Waiting")
    assert [sent["workflow"] for sent in world.hub.dispatches] == ["train.yml"]
    (first,) = world.dispatched(0, approved_by="carol")
    world.show(first)
    assert first.code == 0, first.log
    second = world.by_hand(
        "train.yml", world.hub.dispatches[0]["inputs"], run_id=world.rerun(0, approved_by="carol")
    )
    world.show(second)
    assert second.code == 0, second.log
    assert provider.count("POST /fine_tuning/jobs") == 1
    assert world.hub.workflows["poll.yml"]["state"] == "active"
    assert KEY not in first.log + second.log
    assert world.server.violations == []


def test_a_poll_finds_the_model_and_shards_answer_it_once(world: World, provider: FineTuningServer) -> None:
    world.step("the job ended; poll.yml looks")
    sha = world.hub.pulls[7].head_sha
    (job_id,) = provider.jobs
    provider.run(job_id)
    tuned = provider.succeed(job_id, trained_tokens=4000)
    provider.answer = lambda body: json.dumps(
        {"intent": "order"} if body["model"] == tuned else {"intent": "?"}
    )
    seen = len(world.hub.dispatches)
    polled = world.show(
        world.act("poll.yml", "workflow_dispatch", {}, at=world.main, run_id=world.hub.next_id())
    )
    assert polled.code == 0, polled.log
    assert [sent["workflow"] for sent in world.hub.dispatches[seen:]] == ["evaluate.yml"]
    assert world.hub.workflows["poll.yml"]["state"] != "active", "no job is open any more"

    world.step("evaluate.yml: four shards, one verdict")
    (judged,) = world.dispatched(seen)
    world.show(judged)
    world.show_pull(7)
    assert judged.code == 0, judged.log
    assert world.status(sha).startswith("success: Pass, may be merged")
    asked = provider.count("POST /chat/completions")

    world.step("evaluate.yml once more, and poll.yml")
    before = world.snapshot()
    sent = world.hub.dispatches[seen]
    again = world.show(world.by_hand("evaluate.yml", sent["inputs"], run_id=world.hub.next_id()))
    assert again.code == 0, again.log
    world.show(world.act("poll.yml", "workflow_dispatch", {}, at=world.main, run_id=world.hub.next_id()))
    assert provider.count("POST /chat/completions") == asked
    assert world.snapshot() == before
    assert KEY not in polled.log + judged.log
    assert world.server.violations == []
