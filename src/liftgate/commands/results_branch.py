"""Finished run folders on a branch of their own, one archive a content key, written once by default-branch jobs.

An archive is trusted for nothing: it is unpacked within bounds, its report is made again from its answers, and the
ledger must say the same of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from liftgate.training.ledger_git import GitBranch

BRANCH: Final = "liftgate-results"


@dataclass(frozen=True)
class ResultsBranch:
    """The branch `liftgate-results` of a remote; `root` is any clone of it."""

    root: Path
    remote: str = "origin"

    @property
    def branch(self) -> GitBranch:
        """Where archives are read and written."""
        return GitBranch(self.root, self.remote, BRANCH)


def results_place(key: str) -> str:
    """What a ledger entry says of where an archive lies."""
    return f"{BRANCH}/{key}.tar.gz"
