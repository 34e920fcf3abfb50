"""A training job at a provider: what is sent, what is known of it afterwards. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from liftgate.training.manifest import Manifest


class JobState(StrEnum):
    """Where a job stands, whatever words its provider has for it. Unknown words count as running."""

    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Nothing will change any more."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True)
class Submission:
    """What a launch sends: the manifest and its rows, already in the form of the target.

    `metadata` goes to the provider with the job and must carry the manifest's digest under `liftgate_digest`:
    a launch whose reply was lost is found again by it.
    """

    manifest: Manifest
    train: Path
    validation: Path | None
    suffix: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A model from the middle of the training that can be asked like the last one."""

    model_id: str
    step: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One job as its provider tells it. `line` of an error is the 1-based row of the file that was uploaded."""

    provider: str
    id: str
    state: JobState
    provider_status: str
    digest: str | None = None
    model_id: str | None = None
    trained_tokens: int | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    losses: tuple[Mapping[str, Any], ...] = ()
    error_code: str | None = None
    error_message: str | None = None
    error_lines: tuple[int, ...] = ()
    created_at: str | None = None
    finished_at: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Trainer(Protocol):
    """A platform that trains. Every call may raise `ProviderError`; none repeats a submission by itself."""

    name: str

    def submit(self, submission: Submission) -> Job:
        """Upload and create, once. A lost reply raises `ReplyLost`: the caller looks the job up by its digest."""
        ...

    def poll(self, job_id: str) -> Job:
        """The job as it is now."""
        ...

    def cancel(self, job_id: str) -> Job:
        """Ask the provider to stop it."""
        ...

    def find(self, digest: str) -> list[Job]:
        """Every job of this account that carries the digest, oldest first; an empty list when there is none yet."""
        ...
