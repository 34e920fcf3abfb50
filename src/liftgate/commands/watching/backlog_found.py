"""What a backlog found, and where its file lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.watch.backlog import Row
    from liftgate.watch.backlog_words import Standing


@dataclass(frozen=True)
class Found:
    """A backlog with everything that is said of it."""

    alias: str
    path: str
    known: bytes
    data: bytes
    rows: list[Row]
    fresh: list[Row]
    standing: Standing
    title: str
    body: str
    golden: str | None
    judge: str | None
    findings: list[Finding] = field(default_factory=list)


def place(alias: str) -> str:
    """Where the backlog of an alias lies."""
    return f"evals/{alias}/backlog.jsonl"
