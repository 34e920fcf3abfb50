"""Which process of a training this is, when `accelerate launch` or `torchrun` started several."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """`rank` of `size` processes, `local_rank` on its own machine."""

    size: int = 1
    rank: int = 0
    local_rank: int = 0

    @property
    def speaks(self) -> bool:
        """Whether this is the one that writes and talks."""
        return self.rank == 0


def world(environment: Mapping[str, str] = os.environ) -> World:
    """What the launcher says; one process where there was none."""
    size, rank, local = (environment.get(name, "") for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"))
    if not (size.isdecimal() and rank.isdecimal()) or int(size) <= 1:
        return World()
    return World(int(size), int(rank), int(local) if local.isdecimal() else int(rank))
