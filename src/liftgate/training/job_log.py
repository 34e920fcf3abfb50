"""The events in the life of a manifest's jobs, written to the ledger each once and in one order."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any

from liftgate.data.text import is_identifier
from liftgate.errors import LiftgateError, ProviderError
from liftgate.training.approval import rfc3339
from liftgate.training.jobs import Job
from liftgate.training.ledger import Entry, Ledger, job_name, lock_name
from liftgate.training.standing import Standing, read_standing


@dataclass(frozen=True)
class Clock:
    """Time, given in tests. `now` is UTC."""

    now: Callable[[], datetime.datetime]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Permit:
    """What was allowed: the price, and the approval unless the policy starts so small a training by itself."""

    usd: Decimal
    price_sha256: str
    tokens: int
    usd_per_mtok: Decimal | None = None
    approval: Entry | None = None


class Unrecorded(ProviderError):
    """A job is known to run, and the ledger did not take its record."""


@dataclass(frozen=True)
class JobLog:
    """Writes the events of one manifest's jobs. `holder` is unique to this process; `command` goes on."""

    digest: str
    holder: str
    command: str
    ledger: Ledger
    clock: Clock

    def standing(self) -> Standing:
        """What the ledger says now."""
        return read_standing(self.ledger, self.digest)

    def submitted(self, job: Job, attempt: int, *, found: bool) -> None:
        """Write down a job; `found` when its create was answered to nobody, or recorded by nobody."""
        lock = self.ledger.read(lock_name(self.digest, attempt)) or {}
        try:
            self.append(
                "submitted",
                attempt=attempt,
                once="job_id",
                job_id=job.id,
                provider=job.provider,
                found=found,
                approval=lock.get("approval"),
                estimated_usd=lock.get("usd", "0"),
                estimated_tokens=lock.get("tokens", 0),
            )
        except LiftgateError as error:
            raise Unrecorded(
                f"job {job.id} runs at {job.provider}, and the ledger did not take its record: {error.sentence}",
                hint=f"mend the ledger, then: {self.command} (it finds the job and creates no other)",
            ) from error

    def ended(self, job: Job) -> None:
        """Write down how a job ended, when it has."""
        if not job.state.is_final:
            return
        self.append(
            "finished",
            once="job_id",
            job_id=job.id,
            provider=job.provider,
            state=str(job.state),
            model_id=job.model_id,
            checkpoints=[each.model_id for each in job.checkpoints][:100],
            trained_tokens=job.trained_tokens,
            usd=self._usd(job),
            error_code=_code(job.error_code),
            error_lines=sorted(set(job.error_lines))[:1000],
        )

    def _usd(self, job: Job) -> str | None:
        """What was paid by the price of its launch, up to the cent, where that is one of tokens."""
        standing = self.standing()
        attempt = next((each["attempt"] for each in standing.jobs if each["job_id"] == job.id), None)
        lock: Entry = next((each for each in standing.locks if each["attempt"] == attempt), {})
        rate = lock.get("usd_per_mtok")
        if rate is None or job.trained_tokens is None:
            return None
        usd = job.trained_tokens * Decimal(rate) / 1_000_000
        return f"{usd.quantize(Decimal('0.01'), rounding=ROUND_UP):f}"

    def append(
        self, event: str, *, attempt: int | None = None, once: str | None = None, **about: Any
    ) -> None:
        """Write the next event. The number decides who was first; with `once`, a second one of its kind is left out."""
        while True:
            standing = self.standing()
            if once is not None and _has(standing, event, once, about[once]):
                return
            number = len(standing.events) + 1
            body = {
                "schema_version": 1,
                "entry": "job",
                "digest": self.digest,
                "number": number,
                "event": event,
                "attempt": attempt or max(standing.attempt, 1),
                "holder": self.holder,
                "at": rfc3339(self.clock.now()),
                **about,
            }
            if self.ledger.create(job_name(self.digest, number), body):
                return


def _has(standing: Standing, event: str, key: str, value: Any) -> bool:
    return any(each["event"] == event and each.get(key) == value for each in standing.events)


def _code(code: str | None) -> str | None:
    """A provider's word for its error; anything longer than a word may quote a row."""
    if code is None:
        return None
    return code if is_identifier(code) and not {":", "/"} & set(code) else "other"
