"""A provider and a ledger in memory, and a scheduler that lets launches run one effect at a time.

Before and after every effect a launch waits for its turn; there it may be killed, frozen, or overtaken. All of it
is decided by one seed, and time passes only where everybody waits.
"""

from __future__ import annotations

import datetime
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from liftgate.errors import ProviderError, ReplyLost
from liftgate.training.job_log import Clock, Permit
from liftgate.training.jobs import Job, JobState, Submission
from liftgate.training.launch import Launch, Order
from liftgate.training.ledger import Backend, Entry, Ledger, LedgerRefused
from liftgate.training.manifest import Manifest

START = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
MANIFEST = Manifest(
    alias="toy",
    provider="openai",
    base="gpt-4.1-nano-2025-04-14",
    base_revision="gpt-4.1-nano-2025-04-14",
    method="supervised",
    seed=0,
    dataset_version="1.0.0",
    train_sha256="a" * 64,
    validation_sha256=None,
    hyperparameters={"epochs": 3},
)
PRICE = "c" * 64


def submission(manifest: Manifest = MANIFEST) -> Submission:
    metadata = {"liftgate_digest": manifest.digest}
    return Submission(manifest, Path("train.jsonl"), None, "toy", metadata)


def order(holder: str = "run-1", *, approval: Entry | None = None, relaunch: bool = False) -> Order:
    permit = Permit(Decimal("1.50"), PRICE, 10_000, Decimal(100), approval)
    return Order(submission(), permit, holder, "liftgate train --alias toy", relaunch)


@dataclass
class Memory:
    """A ledger's backend. `fault` is asked at each write: `refuse` writes nothing, `lose` writes and fails."""

    files: dict[str, bytes] = field(default_factory=dict)
    step: Callable[[str], None] = lambda what: None
    fault: Callable[[str], str | None] = lambda name: None

    def get(self, name: str) -> bytes | None:
        self.step("ledger read")
        return self.files.get(name)

    def names(self, folder: str) -> list[str]:
        self.step("ledger list")
        return sorted(name for name in self.files if name.startswith(f"{folder}/"))

    def all_in(self, folder: str) -> list[tuple[str, bytes]]:
        found = [(name, self.get(name)) for name in self.names(folder)]
        return [(name, data) for name, data in found if data is not None]

    def put_new(self, name: str, data: bytes) -> bool:
        self.step("before ledger write")
        fault = self.fault(name)
        if fault == "refuse":
            raise LedgerRefused("the ledger takes no entry")
        new = name not in self.files
        self.files.setdefault(name, data)
        self.step("after ledger write")
        if fault == "lose":
            raise LedgerRefused("the ledger's answer was lost")
        return new


@dataclass
class Provider:
    """Jobs as one account has them. A job is listed `lag_s` after its create, and ends `runs_s` after it.

    `fault` is asked at each call and answers an error to raise, or `lost-before` and `lost-after` for a create
    whose request or whose reply does not arrive.
    """

    now: Callable[[], datetime.datetime]
    lag_s: float = 0.0
    runs_s: float = 600.0
    ends: Callable[[int], JobState] = lambda number: JobState.SUCCEEDED
    step: Callable[[str], None] = lambda what: None
    fault: Callable[[str], str | Exception | None] = lambda call: None
    jobs: list[Job] = field(default_factory=list)
    born: dict[str, datetime.datetime] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    name: str = "openai"

    def submit(self, submission: Submission) -> Job:
        fault = self._call("submit")
        if fault == "lost-before":
            raise ReplyLost("the connection broke")
        number = len(self.jobs) + 1
        job = Job("openai", f"ftjob-{number}", JobState.RUNNING, "running", submission.manifest.digest)
        self.jobs.append(job)
        self.born[job.id] = self.now()
        self.attempts.append(submission.metadata["liftgate_attempt"])
        self.step("after create")
        if fault == "lost-after":
            raise ReplyLost("the connection broke")
        return job

    def poll(self, job_id: str) -> Job:
        self._call("poll")
        return self._now(next(job for job in self.jobs if job.id == job_id))

    def cancel(self, job_id: str) -> Job:
        self._call("cancel")
        for index, job in enumerate(self.jobs):
            if job.id == job_id:
                self.jobs[index] = replace(job, state=JobState.CANCELLED)
        return self.poll(job_id)

    def find(self, digest: str) -> list[Job]:
        self._call("find")
        listed = [job for job in self.jobs if self._age_s(job) >= self.lag_s and job.digest == digest]
        self.step("after find")
        return [self._now(job) for job in listed]

    def _age_s(self, job: Job) -> float:
        return (self.now() - self.born[job.id]).total_seconds()

    def _now(self, job: Job) -> Job:
        if job.state.is_final or self._age_s(job) < self.runs_s:
            return job
        state = self.ends(int(job.id.removeprefix("ftjob-")))
        if state is not JobState.SUCCEEDED:
            return replace(job, state=state, error_code="server_error")
        return replace(job, state=state, model_id=f"ft:{job.id}", trained_tokens=12_345)

    def _call(self, call: str) -> str | None:
        self.step(f"before {call}")
        self.calls.append(call)
        fault = self.fault(call)
        if isinstance(fault, Exception):
            raise fault
        return fault


class Killed(BaseException):
    """kill -9: nothing of the launch runs any more."""


@dataclass
class Actor:
    """One process. It runs only while `turn` is given to it, and gives `done` back."""

    name: str
    order: Order
    wakes: datetime.datetime
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: bool = False
    outcome: Any = None
    doomed: bool = False


class World:
    """One seed: its faults, its processes, its people."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.at = START
        self.current: Actor | None = None
        self.actors: list[Actor] = []
        self.trace: list[str] = []
        self.faulty = True
        self.crash = self.random.choice([0.0, 0.01, 0.03, 0.08])
        self.freeze = self.random.choice([0.0, 0.0, 0.01, 0.03])
        fails = self.random.random() < 0.15
        self.provider = Provider(
            now=lambda: self.at,
            lag_s=self.random.choice([0, 0, 3, 60, 130, 900, 3600]),
            ends=lambda number: JobState.FAILED if fails and number == 1 else JobState.SUCCEEDED,
            step=self.step,
            fault=self._provider_fault,
        )
        self.loss = self.random.choice([0.0, 0.2, 0.5])
        self.errors = self.random.choice([0.0, 0.05, 0.2])
        self.refusals = self.random.choice([0.0, 0.05, 0.2])
        self.memory = Memory(step=self.step, fault=self._ledger_fault)
        backend: Backend = self.memory
        self.ledger = Ledger(backend)

    # -- what goes wrong

    def _provider_fault(self, call: str) -> str | Exception | None:
        if not self.faulty:
            return None
        if self.random.random() < self.errors:
            return ProviderError("429 or 5xx")
        if call == "submit" and self.random.random() < self.loss:
            return self.random.choice(["lost-before", "lost-after"])
        return None

    def _ledger_fault(self, name: str) -> str | None:
        if self.faulty and self.random.random() < self.refusals:
            return self.random.choice(["refuse", "lose"])
        return None

    # -- turns

    def step(self, what: str) -> None:
        """Called by the running process around each effect: its turn ends here."""
        actor = self.current
        if actor is None:
            return
        self.trace.append(f"{self.at:%H:%M:%S} {actor.name} {what}")
        if self.faulty and self.random.random() < self.freeze:
            # No machine is frozen for longer than RELAUNCH_AFTER_S less HOLD_S and then goes on.
            actor.wakes = self.at + datetime.timedelta(seconds=self.random.uniform(1, 5400))
        if self.faulty and self.random.random() < self.crash:
            self.trace.append(f"{actor.name} killed")
            raise Killed
        self._hand_over(actor)

    def sleep(self, seconds: float) -> None:
        actor = self.current
        if actor is None:
            self.at += datetime.timedelta(seconds=seconds)
            return
        actor.wakes = self.at + datetime.timedelta(seconds=seconds)
        self._hand_over(actor)

    def _hand_over(self, actor: Actor) -> None:
        actor.done.release()
        actor.turn.acquire()
        if actor.doomed:
            raise Killed

    def spawn(self, order: Order, in_s: float = 0.0) -> Actor:
        actor = Actor(order.holder, order, self.at + datetime.timedelta(seconds=in_s))
        self.actors.append(actor)
        threading.Thread(target=self._live, args=(actor,), daemon=True).start()
        return actor

    def _live(self, actor: Actor) -> None:
        actor.turn.acquire()
        clock = Clock(lambda: self.at, self.sleep)
        launch = Launch(actor.order, self.provider, self.ledger, clock)
        try:
            job = launch.start()
            actor.outcome = launch.follow(job, deadline_s=1800, interval_s=60)
        except BaseException as error:
            actor.outcome = error
        actor.ended = True
        actor.done.release()

    def run(self, until: Callable[[Actor], None]) -> None:
        """Give turns until every process has ended; `until` hears of each end and may spawn others."""
        while living := [actor for actor in self.actors if not actor.ended]:
            ready = [actor for actor in living if actor.wakes <= self.at]
            if not ready:
                self.at = min(actor.wakes for actor in living)
                continue
            actor = self.random.choice(ready)
            self.current = actor
            actor.turn.release()
            actor.done.acquire()
            self.current = None
            if actor.ended:
                self.trace.append(f"{actor.name} ended: {actor.outcome!r}"[:200])
                until(actor)
