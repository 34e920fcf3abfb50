"""How the arms of a suite will ask: what a training row is held against, since drift and leaks begin there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Asking:
    """One arm's words around the question. `trained` is true for the arm that the rows are meant to train."""

    arm: str
    path: str
    system: str | None = None
    examples: Sequence[tuple[str, str]] = ()
    """(user's turn, assistant's turn) pairs of a few-shot prompt."""
    example_lines: Sequence[int] = ()
    """The line of each example in the file at `path`; none when the lines are not known."""
    trained: bool = False
