"""The group `training` of evals/policy.yaml: what a training on a machine of one's own may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingPolicy:
    """What a training on this machine may do.

    `commands` are the command lines that a card may name; `remote_code` the models whose own Python may run.
    `max_quantised_perplexity_ratio` holds a quantised base, and what is trained on it, against the base itself.
    """

    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    remote_code: Sequence[str] = ()
    max_quantised_perplexity_ratio: float = 1.05

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> TrainingPolicy:
        """Build from the form of the file, which has passed the schema."""
        commands = {name: tuple(argv) for name, argv in written.get("commands", {}).items()}
        return cls(**{**written, "commands": commands, "remote_code": tuple(written.get("remote_code", ()))})
