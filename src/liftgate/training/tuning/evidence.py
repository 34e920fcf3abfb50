"""What is kept of a training that is done: its losses, its speed, what it took and cost, and what it ran on."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from liftgate.digests import digest
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.layout import Layout
from liftgate.training.tuning.libraries import Libraries
from liftgate.training.tuning.model import adapted_modules, parameters
from liftgate.training.tuning.record import line_of

_TRAINING: Final = (
    "accelerate",
    "bitsandbytes",
    "datasets",
    "liftgate",
    "numpy",
    "peft",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)
_CENT: Final = Decimal("0.01")


def evidence_of(
    job: Job,
    trainer: Any,
    model: Any,
    libraries: Libraries,
    *,
    precision: str,
    layout: Layout,
    done: int,
    stopped_early: bool,
    seconds: float,
    earlier_s: float,
    trained_seconds: float,
    peak_bytes: int,
) -> dict[str, Any]:
    """Everything but a quantised base's measurements. `done` is the step that this process went on from.

    `seconds` are those of this process, `earlier_s` those of the attempts before it, which cost as much.
    """
    free, every = parameters(model)
    history = [line for entry in trainer.state.log_history if (line := line_of(entry)) is not None]
    steps = int(trainer.state.global_step)
    tokens = sum(row.tokens for row in job.train)
    epochs = float(trainer.state.epoch or job.settings["epochs"])
    share = (steps - done) / steps if steps else 0.0
    return {
        "method": job.manifest.method,
        "steps": steps,
        "rows": len(job.train),
        "tokens": tokens,
        "target_tokens": sum(row.target_tokens for row in job.train),
        "losses": [{"step": line["step"], "loss": line["loss"]} for line in history if "loss" in line],
        "validation_losses": [
            {"step": line["step"], "loss": line["validation_loss"]}
            for line in history
            if "validation_loss" in line
        ],
        "validation_loss": _validation_loss(trainer, job),
        "stopped_early": stopped_early,
        "trainable_parameters": free,
        "parameters": every,
        "adapted_modules": adapted_modules(model),
        "precision": precision,
        "device": libraries.device,
        "layout": {
            "rows_at_once": layout.at_once,
            "accumulation": layout.accumulation,
            "processes": layout.processes,
            "shared": trainer.accelerator.distributed_type == "FSDP",
        },
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens * epochs * share / trained_seconds, 1) if trained_seconds else None,
        "peak_memory_bytes": peak_bytes,
        **paid(job, seconds + earlier_s, layout.processes),
        "resumed_from_step": done,
        "versions": libraries.versions,
        "environment": environment(libraries),
    }


def paid(job: Job, seconds: float, devices: int) -> dict[str, Any]:
    """Device-hours of every attempt and every process, and their price where the table has one."""
    hours = Decimal(str(round(seconds, 1))) * devices / 3600
    rate = job.usd_per_hour
    return {
        "device_hours": round(float(hours), 4),
        "usd_per_device_hour": None if rate is None else str(rate),
        "usd": None if rate is None else str((hours * rate).quantize(_CENT, rounding=ROUND_UP)),
    }


def environment(libraries: Libraries) -> Mapping[str, Any]:
    """What the training ran on: versions of what decides numbers, and one digest over every package installed."""
    installed = {
        str(each.metadata["Name"]).lower().replace("_", "-"): each.version
        for each in importlib.metadata.distributions()
        if each.metadata["Name"]
    }
    cuda = libraries.torch.version.cuda if libraries.device == "cuda" else None
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cuda": cuda,
        "device_name": libraries.torch.cuda.get_device_name() if libraries.device == "cuda" else None,
        "packages": {name: installed[name] for name in _TRAINING if name in installed},
        "packages_sha256": digest(installed),
    }


def _validation_loss(trainer: Any, job: Job) -> float | None:
    """Of the weights that are published: after an early stop those of the best checkpoint."""
    if not job.validation:
        return None
    trainer.args.prediction_loss_only = True
    return float(trainer.evaluate()["eval_loss"])
