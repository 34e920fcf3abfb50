"""Answers by the batch, at a provider's lower price, for work that can wait a day. One provider a module.

A batch is created once and paid for once. What it is comes from its content: the digest of the requests in it is
written down before it is created, sent along, and looked for before another one is.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from liftgate.errors import InputError
from liftgate.evaluation.completion import Outcome, Request
from liftgate.evaluation.endpoints import Settings

PROVIDERS: Final[dict[str, str]] = {
    "bedrock": "liftgate.evaluation.batches.bedrock",
    "openai": "liftgate.evaluation.batches.openai",
}


class State(StrEnum):
    """Where a batch stands, whatever words its provider has for it."""

    RUNNING = "running"
    ENDED = "ended"
    """There is output, though perhaps not for every request."""
    FAILED = "failed"
    """Nothing was answered, and nothing will be."""


@dataclass(frozen=True)
class Batch:
    """One batch as its provider tells it. `said` is the provider's own word for where it stands."""

    id: str
    state: State
    said: str
    done: int | None = None
    total: int | None = None
    why: str = ""

    @property
    def standing(self) -> str:
        """A person's line about it."""
        count = f", {self.done:,} of {self.total:,} done" if self.total and self.done is not None else ""
        return f"batch {self.id}: {self.said}{count}"


@dataclass(frozen=True)
class Places:
    """Where Bedrock's batches live: an S3 folder, and the role that may read and write it."""

    s3: str | None = None
    role: str | None = None


class Provider(Protocol):
    """The batches of one account. Any call may raise `ProviderError`; none repeats a creation by itself."""

    least: int
    """Fewest requests in a batch."""
    most: int
    """Most requests in a batch."""
    most_bytes: int

    def line_id(self, key: str) -> str:
        """What a request is called in a batch: a prefix of its key in the store."""
        ...

    def line(self, line_id: str, request: Request) -> bytes:
        """One line of the input. Raises `Unsendable`."""
        ...

    def find(self, digest: str) -> Batch | None:
        """A batch that was created with this digest and has not failed."""
        ...

    def create(self, digest: str, lines: Sequence[bytes]) -> Batch:
        """Upload and create, once. Raises `ReplyLost` when nobody can say whether it happened."""
        ...

    def look(self, batch_id: str) -> Batch:
        """The batch as it is now."""
        ...

    def results(
        self, batch: Batch, digest: str, asked: Mapping[str, Request]
    ) -> Iterator[tuple[str, Outcome]]:
        """Line ids with what came of them, in the provider's order, for an ended batch."""
        ...


def open_provider(kind: str, settings: Settings, places: Places) -> Provider:
    """The batches of an endpoint's kind. Raises `InputError` where a provider has none."""
    if kind not in PROVIDERS:
        raise InputError(
            f"--batch: {kind} has no batches", hint=f"endpoints with batches: {', '.join(PROVIDERS)}"
        )
    module: Any = importlib.import_module(PROVIDERS[kind])
    provider: Provider = module.connect(settings, places)
    return provider
