"""Where a manifest's launches stand, read from its locks and events alone. Pure.

A lock is the right to create one job; it is never given back by deleting it. An event `released` says that its
holder created nothing, `submitted` which job it created or found, `finished` how that ended. A lock with neither
`released` nor `submitted` is unresolved: its holder is still at work, or died, and may have created a job.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from liftgate.training.ledger import Entry, Ledger


@dataclass(frozen=True)
class Standing:
    """Locks by attempt and events by number."""

    locks: tuple[Entry, ...]
    events: tuple[Entry, ...]

    @property
    def attempt(self) -> int:
        """The number of the newest lock; 0 before the first."""
        return len(self.locks)

    @property
    def lock(self) -> Entry | None:
        """The newest lock."""
        return self.locks[-1] if self.locks else None

    @property
    def released(self) -> bool:
        """True when the newest lock's holder says that it created nothing."""
        return any(each["attempt"] == self.attempt for each in self._of("released"))

    @property
    def jobs(self) -> tuple[Entry, ...]:
        """Every job that is known, as it was submitted or found."""
        return self._of("submitted")

    @property
    def finished(self) -> dict[str, Entry]:
        """How jobs ended, by job id."""
        return {each["job_id"]: each for each in self._of("finished")}

    @property
    def current(self) -> Entry | None:
        """The job that stands for this manifest: one that succeeded, else one that has not ended."""
        ended = self.finished
        succeeded = [job for job in self.jobs if ended.get(job["job_id"], {}).get("state") == "succeeded"]
        open_ones = [job for job in self.jobs if job["job_id"] not in ended]
        return next(iter([*succeeded, *open_ones]), None)

    @property
    def unresolved(self) -> bool:
        """True when the newest lock may have led to a job that nobody wrote down."""
        resolved = any(job["attempt"] == self.attempt for job in self.jobs)
        return self.attempt > 0 and not self.released and not resolved

    @property
    def may_have_created(self) -> bool:
        """True when a job was created, or may have been: whoever goes on needs a fresh approval."""
        return bool(self.jobs) or len(self.consumed_locks) > 0

    @property
    def consumed_locks(self) -> tuple[Entry, ...]:
        """Locks that their holders did not give back unused."""
        released = {each["attempt"] for each in self._of("released")}
        return tuple(lock for lock in self.locks if lock["attempt"] not in released)

    @property
    def consumed(self) -> frozenset[str]:
        """Seals of the approvals that launches have used."""
        return frozenset(lock["approval"] for lock in self.consumed_locks if lock["approval"])

    def knows(self, job_id: str) -> bool:
        """True when the job is written down."""
        return any(job["job_id"] == job_id for job in self.jobs)

    def _of(self, event: str) -> tuple[Entry, ...]:
        return tuple(each for each in self.events if each["event"] == event)


def read_standing(ledger: Ledger, digest: str) -> Standing:
    """What the ledger says now. Events are read first: a lock that is newer than they are reads as unresolved."""
    events = tuple(entry for _, entry in ledger.entries(f"jobs/{digest}"))
    return Standing(_in_order(ledger.entries(f"locks/{digest}"), "attempt"), events)


def _in_order(found: Iterable[tuple[str, Entry]], key: str) -> tuple[Entry, ...]:
    return tuple(sorted((entry for _, entry in found), key=lambda entry: int(entry[key])))
