"""`liftgate poll`: one look at each open job, whatever became of the polls before; and two launches at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="needs the extra openai")
pytest.importorskip("github", reason="needs the extra github")

from liftgate.cli import main
from openai_finetuning_server import FineTuningServer
from pull_world import PullWorld, pull_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PullWorld]:
    with FineTuningServer() as provider, pull_world(tmp_path, monkeypatch, provider) as made:
        yield made


def launched(world: PullWorld, number: int = 7, text: str = "where is it") -> tuple[str, str]:
    """A training that runs: its digest and its job."""
    before = set(world.provider.jobs)
    digest = world.open(number, text=text)
    run = world.run_of_train(number, digest)
    assert world.approve(digest, "--from-run", run, number=number) == 0
    assert world.train(digest, number=number) == 5
    (job_id,) = set(world.provider.jobs) - before
    return digest, job_id


def poll(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["poll", "--ledger", "git:origin", "--json", *words]) == 0
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


def test_from_running_to_evaluated_once(
    world: PullWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    world.repo.workflows["poll.yml"]["state"] = "disabled_manually"
    digest, job_id = launched(world)
    assert world.repo.workflows["poll.yml"]["state"] == "active"
    seen = poll(capsys, "--dispatch")
    assert (seen["open"], seen["ready"], seen["publish"]) == (1, [], [])
    world.provider.succeed(job_id, 4321, "step,train_loss\n1,2.0\n2,1.0\n")
    # Without --dispatch it only looks and writes down.
    assert poll(capsys)["open"] == 0
    assert world.repo.dispatches == []
    seen = poll(capsys, "--dispatch")
    head = world.repo.pulls[7].head_sha
    assert seen["ready"] == [
        {"pull": 7, "alias": "toy", "digest": digest, "head_sha": head, "job_id": job_id}
    ]
    (sent,) = world.repo.dispatches
    assert (sent["workflow"], sent["ref"]) == ("evaluate.yml", "main")
    assert sent["inputs"] == {"pr": "7", "alias": "toy", "digest": digest, "head-sha": head}
    assert world.repo.workflows["poll.yml"]["state"] != "active"
    for _ in range(2):
        poll(capsys, "--dispatch")
    assert len(world.repo.dispatches) == 1
    finished = [each["event"] for each in world.entries(f"jobs/{digest}")]
    assert finished == ["submitted", "finished", "smoke"]
    assert (tmp_path / "out").read_text().splitlines()[-3:] == [
        "open=0",
        f'ready=[{{"pull":7,"alias":"toy","digest":"{digest}","head_sha":"{head}","job_id":"{job_id}"}}]',
        "publish=[]",
    ]


def test_a_failed_job_is_written_down_and_told_for_publishing(
    world: PullWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, job_id = launched(world)
    world.provider.fail_job(job_id, "invalid_training_file", "Line 3: zanzibar")
    seen = poll(capsys, "--dispatch")
    assert (seen["open"], seen["ready"], seen["publish"]) == (0, [], [7])
    assert world.entries(f"jobs/{digest}")[-1]["state"] == "failed"
    assert poll(capsys, "--dispatch")["jobs"] == []
    assert world.repo.dispatches == []


def test_a_provider_without_a_key_is_told_and_others_are_looked_at(
    world: PullWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(world)
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["poll", "--ledger", "git:origin", "--dispatch"]) == 0
    told = capsys.readouterr().err
    assert "not looked at: " in told
    assert world.repo.workflows["poll.yml"]["state"] == "active"
    assert main(["poll", "--ledger", "git:origin", "--deadline", "0.000001"]) == 0
    assert "no time left, the next poll does" in capsys.readouterr().err


def test_a_closed_pull_request_and_a_refusal_of_github_start_nothing(
    world: PullWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    _, job_id = launched(world)
    world.provider.succeed(job_id, 4321, "step,train_loss\n1,2.0\n2,1.0\n")
    world.github.fail("forbidden", method="POST", path="/dispatches")
    assert len(poll(capsys, "--dispatch")["ready"]) == 1
    assert world.repo.dispatches == []
    poll(capsys, "--dispatch")
    assert len(world.repo.dispatches) == 1
    world.repo.close(7)
    assert poll(capsys, "--dispatch")["ready"] == []


def test_two_trainings_started_at_once_are_one_job(world: PullWorld) -> None:
    digest = world.open()
    assert world.approve(digest, "--from-run", world.run_of_train(7, digest)) == 0
    words = ["train", "--pull", "7", "--alias", "toy", "--digest", digest, "--ledger", "git:origin"]
    command = [sys.executable, "-m", "liftgate", *words]
    both = [
        subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[1].decode() for process in both]
    assert [process.returncode for process in both] == [5, 5], told
    assert len(world.provider.jobs) == 1
    created = [call for call in world.provider.calls if call.startswith("POST ") and call.endswith("/jobs")]
    assert len(created) == 1
    assert len(world.entries(f"locks/{digest}")) == 1
