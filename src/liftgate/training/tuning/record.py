"""What a training writes down while it runs: a line for each step, and a sign of life now and then."""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from liftgate.errors import InputError
from liftgate.files import write_jsonl
from liftgate.training.heartbeat import EVERY_S, Heartbeat, State, moment, read_heartbeat
from liftgate.training.tuning.job import Job

LOSSES: Final = "losses.jsonl"


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass
class Record:
    """The two files of a running training, written by the one process that speaks."""

    job: Job
    steps: int
    devices: int = 1
    writes: bool = True
    clock: Callable[[], datetime.datetime] = _utc_now
    now: Callable[[], float] = time.monotonic
    step: int = 0
    loss: float | None = None
    earlier_s: float = 0.0
    started_at: str = field(init=False)
    _first: tuple[int, float] | None = None
    _beaten: float | None = None

    def __post_init__(self) -> None:
        self.started_at = moment(self.clock())
        with contextlib.suppress(InputError):
            before = read_heartbeat(self.job.work)
            self.earlier_s = 0.0 if before is None else before.spent_s

    def begin(self, history: Sequence[Mapping[str, Any]], step: int) -> None:
        """Start, or go on: lines of steps after the checkpoint are gone, because they will be trained again."""
        self.step, self._first = step, (step, self.now())
        if self.writes:
            write_jsonl(self.path, [line for entry in history if (line := line_of(entry)) is not None])
        self.beat("running")

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """One line of losses, and a sign of life when the last is some seconds old."""
        line = line_of({**logs, "step": step})
        if line is None:
            return
        self.step = step
        self.loss = line.get("loss", self.loss)
        if self.writes:
            self._append(line)
        if self._beaten is None or self.now() - self._beaten >= EVERY_S:
            self.beat("running")

    def beat(self, state: State) -> None:
        """Write the sign of life."""
        self._beaten = self.now()
        if not self.writes:
            return
        rate = self.job.usd_per_hour
        try:
            Heartbeat(
                manifest_digest=self.job.manifest.digest,
                alias=self.job.manifest.alias,
                state=state,
                step=self.step,
                steps=self.steps,
                started_at=self.started_at,
                at=moment(self.clock()),
                process=os.getpid(),
                loss=self.loss,
                seconds_per_step=self._seconds_per_step(),
                earlier_s=self.earlier_s,
                usd_per_hour=None if rate is None else str(rate * self.devices),
                resume=self.job.resume_command,
            ).write(self.job.work)
        except InputError:
            # A full disk shows at the next checkpoint, which says what is kept; the sign of life decides nothing.
            return

    @property
    def path(self) -> Path:
        """The file of losses."""
        return self.job.work / LOSSES

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            with self.path.open("ab") as file:
                file.write(orjson.dumps(line) + b"\n")
        except OSError:
            return

    def _seconds_per_step(self) -> float | None:
        if self._first is None or self.step <= self._first[0]:
            return None
        return round((self.now() - self._first[1]) / (self.step - self._first[0]), 3)


def line_of(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """`Trainer`'s word on a step as a line of ours; None for what is no loss."""
    step = int(entry.get("step", 0))
    if "eval_loss" in entry:
        return {"step": step, "validation_loss": float(entry["eval_loss"])}
    if "loss" not in entry:
        return None
    more = {key: float(entry[key]) for key in ("learning_rate", "grad_norm") if entry.get(key) is not None}
    return {"step": step, "loss": float(entry["loss"]), **more}
