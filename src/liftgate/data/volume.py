"""How many training rows a task needs: what teams are advised to collect before a tuned model beats a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST: Final = 10
"""Rows of a file, or of a class, below which there is nothing to learn; providers refuse smaller files."""


@dataclass(frozen=True)
class Volume:
    """Training rows in all, and rows of each class."""

    rows: int
    per_class: int


VOLUMES: Final[dict[str, Volume]] = {
    "binary": Volume(rows=500, per_class=50),
    "classification": Volume(rows=500, per_class=50),
    "extraction": Volume(rows=800, per_class=100),
    "style": Volume(rows=200, per_class=50),
    "tools": Volume(rows=500, per_class=80),
}
"""By the task that the suite or the card names. `classification` is meant for three classes; with more of them
each still needs its fifty, so the whole grows by itself."""
