"""kill -9 of a launch at every request to OpenAI's API, on both sides of it: real processes, one job, none lost."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from launch_world import PRICE, START
from liftgate.errors import LiftgateError
from liftgate.training.approval import Terms, issue
from liftgate.training.job_log import Clock, Permit
from liftgate.training.launch import RELAUNCH_AFTER_S, Launch, Order
from liftgate.training.ledger import Ledger
from liftgate.training.ledger_folder import Folder
from liftgate.training.standing import read_standing
from liftgate.training.trainers import Settings, open_trainer
from openai_finetuning_server import FineTuningServer
from openai_submissions import submission

# find; per half: list files, upload; per half: look at the file; create.
REQUESTS = 8


def launch(environment: dict[str, str], folder: Path, hours: float, relaunch: bool) -> str:
    """One `liftgate train`, started so many hours after the first: the job it ends with, or why there is none."""
    at = START + datetime.timedelta(hours=hours)
    sent = replace(submission(folder), suffix="toy")
    terms = Terms(sent.manifest, Decimal("1.50"), PRICE, "d" * 64, "ann", "octocat/toy", "pull/7")
    approval = issue(terms, approver="owner", at=at, max_age_hours=72, run=None)
    permit = Permit(Decimal("1.50"), PRICE, 10_000, Decimal(100), approval)
    order = Order(sent, permit, f"process-{os.getpid()}", "liftgate train", relaunch)
    trainer = open_trainer(Settings("openai", environment, timeout_s=5.0))
    start = time.monotonic()
    waited = [0.0]

    def now() -> datetime.datetime:
        return at + datetime.timedelta(seconds=time.monotonic() - start + waited[0])

    def sleep(seconds: float) -> None:
        waited[0] += seconds

    return Launch(order, trainer, Ledger(Folder(folder / "ledger")), Clock(now, sleep)).start().id


def process(environment: dict[str, str], folder: Path) -> None:
    launch(environment, folder, 0.0, relaunch=False)


@pytest.fixture(scope="module")
def spawner() -> Iterator[multiprocessing.context.ForkServerContext]:
    # Forked from a process that has loaded everything and runs no thread: a child costs milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_openai_kill", "openai"])
    yield context


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("request_number", range(REQUESTS))
def test_a_launch_that_is_killed_leads_to_one_job(
    spawner: multiprocessing.context.ForkServerContext, tmp_path: Path, request_number: int, side: str
) -> None:
    with FineTuningServer(judged=False) as server:
        child = spawner.Process(target=process, args=(server.environment, tmp_path))
        server.strike_at = (request_number, side)
        server.strike = lambda: os.kill(child.pid or 0, signal.SIGKILL)
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        created = len(server.jobs)
        ends = []
        for hours, relaunch in ((0.1, False), (RELAUNCH_AFTER_S / 3600 + 1, True), (9.0, False)):
            try:
                ends.append(launch(server.environment, tmp_path, hours, relaunch))
            except LiftgateError as error:
                ends.append(type(error).__name__)
        (job_id,) = server.jobs
        assert ends == [job_id if created else "StillRunning", job_id, job_id]
        assert len(server.files) == 2
    ledger = Ledger(Folder(tmp_path / "ledger"))
    events = read_standing(ledger, submission(tmp_path).manifest.digest).events
    assert [each["job_id"] for each in events if each["event"] == "submitted"] == [job_id]
