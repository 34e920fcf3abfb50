"""One training to do, and what its parts hand each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from liftgate.training.base_model import Base
from liftgate.training.manifest import Manifest, settings_of
from liftgate.training.rendering import Renderer, TrainedRow
from liftgate.training.tuning.world import World, world
from liftgate.training_policy import TrainingPolicy


@dataclass(frozen=True)
class Job:
    """What to train, on which rows, from which base, kept where.

    `train_path` is named when a row of it is refused; `allowed` is the policy's word on trainings; `files` are the
    rows as they were written, by `train` and `validation`, for another tool to read. `usd_per_hour` is the price of
    one device of this machine, `deadline_s` how long the command may take from now.
    """

    manifest: Manifest
    base: Base
    renderer: Renderer
    train: Sequence[TrainedRow]
    validation: Sequence[TrainedRow]
    store: Path
    resume_command: str
    train_path: str = "the training file"
    allowed: TrainingPolicy = field(default_factory=TrainingPolicy)
    files: Mapping[str, Path] = field(default_factory=dict)
    usd_per_hour: Decimal | None = None
    deadline_s: float | None = None
    world: World = field(default_factory=world)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The manifest's hyperparameters, defaults written out."""
        return settings_of(self.manifest.hyperparameters)

    @property
    def work(self) -> Path:
        """Where checkpoints lie until the result is published; pickles never leave it."""
        return self.store / "work" / self.manifest.digest
