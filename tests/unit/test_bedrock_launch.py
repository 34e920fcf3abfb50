"""The launch with the trainer for Bedrock over HTTP: whatever goes wrong, one job, and the ledger knows it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="needs the extra aws")
pytest.importorskip("moto.server", reason="needs moto[server]")

from bedrock_world import KEY_ID, ROW_TEXT, SECRET, World, moto_server, submission, world
from launch_world import START, Memory
from liftgate.errors import LiftgateError
from liftgate.training.approval import Terms, issue
from liftgate.training.job_log import Clock, Permit
from liftgate.training.jobs import Job, JobState
from liftgate.training.launch import Launch, Order
from liftgate.training.ledger import Ledger
from liftgate.training.standing import read_standing
from liftgate.training.trainers import Settings, open_trainer

PRICE = "c" * 64


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


class Desk:
    """Where launches start: one ledger, and a clock that only sleeping moves."""

    def __init__(self, there: World, tmp_path: Path) -> None:
        self.there, self.at, self.holders = there, START, 0
        self.submission = submission(tmp_path)
        self.ledger = Ledger(Memory())
        self.errors: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.at += datetime.timedelta(seconds=seconds)

    def launch(self) -> Launch:
        """A launch of a process of its own, with a trainer of its own."""
        self.holders += 1
        terms = Terms(
            self.submission.manifest, Decimal("1.50"), PRICE, "d" * 64, "ann", "octocat/toy", "pull/7"
        )
        approval = issue(terms, approver="owner", at=START, max_age_hours=72, run=None)
        permit = Permit(Decimal("1.50"), PRICE, 10_000, Decimal(100), approval)
        order = Order(self.submission, permit, f"run-{self.holders}", "liftgate train --alias support-intent")
        trainer = open_trainer(Settings("bedrock", self.there.environment, timeout_s=10.0))
        return Launch(order, trainer, self.ledger, Clock(lambda: self.at, self.sleep))

    def run(self) -> Job | None:
        try:
            return self.launch().start()
        except LiftgateError as error:
            self.errors.append(str(error))
            return None

    def recorded(self) -> list[str]:
        return [each["job_id"] for each in read_standing(self.ledger, self.submission.manifest.digest).jobs]


CALLS = (
    "CreateModelCustomizationJob",
    "ListModelCustomizationJobs",
    "ListTagsForResource",
    "GetModelCustomizationJob",
)


@pytest.mark.parametrize("late", [0, 2])
@pytest.mark.parametrize("fault", ["lost", "500-done", "500", "throttle", "denied", "expired"])
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_at_any_call_costs_one_job_and_loses_none(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, fault: str, late: int
) -> None:
    with world(endpoint, tmp_path, monkeypatch, faults={call: [fault]}, late=late) as there:
        desk = Desk(there, tmp_path)
        job = None
        for _ in range(4):
            job = desk.run() or job
        created = there.control.created["CreateModelCustomizationJob"]
        if (call, fault) == (CALLS[0], "500"):
            # Nobody can tell that nothing was created: without a new approval nothing is tried again.
            assert created == 0
            assert "its job is not listed yet; nothing else was created" in desk.errors[-1]
            return
        assert created == 1
        assert job is not None
        assert desk.recorded() == [job.id] == list(there.control.jobs)
        there.control.finish(job.id, losses=[1.0, 0.5])
        done = desk.run()
        assert done is not None
        assert done.state is JobState.SUCCEEDED
        said = "\n".join(desk.errors)
        assert not any(secret in said for secret in (SECRET, KEY_ID, ROW_TEXT, "row text", "X-Amz", "http"))


def test_two_launches_at_once_make_one_job(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(endpoint, tmp_path, monkeypatch) as there:
        desk = Desk(there, tmp_path)
        gate, jobs = threading.Barrier(4), []

        def one() -> None:
            gate.wait()
            jobs.append(desk.run())

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        last = desk.run()
        assert last is not None
        assert {job.id for job in jobs if job} == {last.id}
        assert there.control.created["CreateModelCustomizationJob"] == 1
        assert desk.recorded() == [last.id]


def test_without_any_lock_or_ledger_the_token_alone_keeps_it_at_one(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(endpoint, tmp_path, monkeypatch, late=9) as there:
        sent = submission(tmp_path)
        ids = set()
        for _ in range(3):
            ids.add(open_trainer(Settings("bedrock", there.environment)).submit(sent).id)
        assert len(ids) == 1
        assert there.control.created["CreateModelCustomizationJob"] == 1
