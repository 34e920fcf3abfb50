"""A few steps of a training, measured and thrown away: how long the whole will take, and what memory it holds."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from liftgate.training.trainers.local import make_trainer
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.layout import lay_out, steps_of
from liftgate.training.tuning.libraries import libraries
from liftgate.training.tuning.memory import Peak
from liftgate.training.tuning.model import trainable

STEPS: Final = 10
_WARM: Final = 2


@dataclass(frozen=True)
class Calibration:
    """What was measured on this machine."""

    steps: int
    seconds_per_step: float
    seconds_before: float
    peak_memory_bytes: int

    @property
    def seconds(self) -> float:
        """Of the whole training."""
        return self.seconds_before + self.steps * self.seconds_per_step

    def to_dict(self) -> dict[str, Any]:
        """The form in estimate.json."""
        return {
            "steps": self.steps,
            "seconds_per_step": round(self.seconds_per_step, 4),
            "seconds": round(self.seconds, 1),
            "peak_memory_bytes": self.peak_memory_bytes,
        }


def calibrate(job: Job) -> Calibration:
    """Train for ten steps in a folder of its own; the first two pay for what happens once, and are left out.

    Raises what a training raises: rows or settings that cannot be trained are found here already.
    """
    began = time.monotonic()
    libs = libraries()
    peak = Peak(libs)
    settings = job.settings
    layout = lay_out(settings["batch_size"], settings["gradient_accumulation"], job.world.size)
    precision = libs.precision(settings["precision"])
    ends: list[float] = []

    class Clock(libs.transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        """Notes when each step ends."""

        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.monotonic())

    hyperparameters = {k: v for k, v in job.manifest.hyperparameters.items() if k != "early_stopping"}
    manifest = replace(job.manifest, hyperparameters=hyperparameters)
    with tempfile.TemporaryDirectory(prefix="liftgate-calibration-") as folder:
        tried = replace(job, manifest=manifest, store=Path(folder), validation=())
        trainer = make_trainer(tried, trainable(tried, libs, precision), libs, precision, layout)
        trainer.args.max_steps = STEPS
        trainer.args.save_strategy = "no"
        trainer.add_callback(Clock())
        before = time.monotonic() - began
        trainer.train()
    warm = min(_WARM, len(ends) - 1)
    each = (ends[-1] - ends[warm - 1]) / (len(ends) - warm) if warm else 0.0
    steps = steps_of(len(job.train), layout.step_rows, settings["epochs"])
    return Calibration(steps, each, before, peak.measured)
