"""What became of a dataset's rows when the base model's own template and tokenizer wrote them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RenderedRow:
    """One row: its tokens, and how many trained messages do not stand in the tokens that the loss falls on.

    `problem` says why the template could not write the row at all.
    """

    line: int
    tokens: int = 0
    dropped: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class Rendering:
    """All rows of a file, and the most tokens that the training takes."""

    most_tokens: int
    rows: Sequence[RenderedRow] = ()
