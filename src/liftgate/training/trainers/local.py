"""Training on this machine: LoRA, QLoRA, every weight, or preferences, by the card's method.

transformers' `Trainer` (TRL's `DPOTrainer` for preferences) has the loop; around it are our rendering, checks and
resume, in `training/tuning/`. The output folder of `Trainer` holds pickles; it stays in the store's work folder.
"""

from __future__ import annotations

import time
from typing import Any

from liftgate.errors import StillRunning
from liftgate.progress import Progress
from liftgate.training.adapters import Adapter
from liftgate.training.tuning.arguments import stopping_callback
from liftgate.training.tuning.checks import Watch, check_moved, fingerprint
from liftgate.training.tuning.completions import collator, completion_trainer, padding
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.labels import check_labels
from liftgate.training.tuning.libraries import Libraries, libraries
from liftgate.training.tuning.model import adapted_modules, parameters, trainable
from liftgate.training.tuning.preferences import pair_collator, preference_trainer
from liftgate.training.tuning.publish import publish
from liftgate.training.tuning.quantised import measure_base
from liftgate.training.tuning.stops import last_checkpoint, stoppable, watcher

__all__ = ["Job", "train"]


def train(job: Job) -> Adapter:
    """Train, or go on from the last checkpoint, and publish the result under the manifest's digest.

    Raises `StillRunning` after Ctrl-C or SIGTERM (the last step is kept), `ProviderError` when the training
    itself fails: no gradient, a loss that is not a number, weights that did not move; `InputError` for rows, a base
    or settings that cannot be trained.
    """
    libs = libraries()
    precision = libs.precision(job.settings["precision"])
    job.work.mkdir(parents=True, exist_ok=True)
    job.base.verify()
    started = time.monotonic()
    quantised = measure_base(job, libs, precision) if job.manifest.method == "qlora" else None
    model = trainable(job, libs, precision)
    trainer = _trainer(job, model, libs, precision)
    model, before = trainer.model, fingerprint(trainer.model)
    done, stopped_early = _run(job, trainer, libs)
    losses = _losses(trainer)
    check_moved(model, before, losses, libs)
    free, every = parameters(model)
    evidence = {
        "method": job.manifest.method,
        "steps": int(trainer.state.global_step),
        "rows": len(job.train),
        "tokens": sum(row.tokens for row in job.train),
        "target_tokens": sum(row.target_tokens for row in job.train),
        "losses": losses,
        "validation_losses": _validation_losses(trainer),
        "validation_loss": _validation_loss(trainer, job),
        "stopped_early": stopped_early,
        "trainable_parameters": free,
        "parameters": every,
        "adapted_modules": adapted_modules(model),
        "precision": precision,
        "device": libs.device,
        "seconds": round(time.monotonic() - started, 1),
        "resumed_from_step": done,
        "versions": libs.versions,
    }
    if quantised is not None:
        evidence["quantised"] = quantised.with_candidate(model).to_dict()
    return publish(job, model, evidence, "nf4" if quantised is not None else None)


def _trainer(job: Job, model: Any, libs: Libraries, precision: str) -> Any:
    """The method's trainer, after the labels of the first rows were looked at in its own batches."""
    pad = padding(model)
    collate: Any = pair_collator(libs, pad) if job.manifest.method == "dpo" else collator(libs, pad)
    check_labels(job.train, collate, job.renderer, job.train_path)
    make = preference_trainer if job.manifest.method == "dpo" else completion_trainer
    trainer = make(job, model, libs, precision, collate)
    # Trainer prints its logs as dicts; ours are the progress line and the evidence file.
    trainer.remove_callback(libs.transformers.trainer_callback.PrinterCallback)
    if (stopping := stopping_callback(job, libs)) is not None:
        trainer.add_callback(stopping)
    return trainer


def _run(job: Job, trainer: Any, libs: Libraries) -> tuple[int, bool]:
    """Train to the end; returns the step it went on from, and whether it ended before its last one."""
    checkpoint = last_checkpoint(job.work)
    done = int(checkpoint.name.split("-")[1]) if checkpoint else 0
    steps, watch = _expected_steps(job), Watch()
    with stoppable(watch), Progress(steps, "train", unit="step", already=done) as progress:
        trainer.add_callback(watcher(watch, progress, libs))
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if watch.stop:
        raise StillRunning(
            f"training stopped at step {trainer.state.global_step} of {steps}; the step is kept",
            hint=job.resume_command,
        )
    return done, int(trainer.state.global_step) < steps


def _expected_steps(job: Job) -> int:
    settings = job.settings
    batches = -(-len(job.train) // settings["batch_size"])
    return int(max(1, -(-batches // settings["gradient_accumulation"])) * settings["epochs"])


def _losses(trainer: Any) -> list[dict[str, Any]]:
    return [
        {"step": int(entry["step"]), "loss": float(entry["loss"])}
        for entry in trainer.state.log_history
        if "loss" in entry
    ]


def _validation_losses(trainer: Any) -> list[dict[str, Any]]:
    return [
        {"step": int(entry["step"]), "loss": float(entry["eval_loss"])}
        for entry in trainer.state.log_history
        if "eval_loss" in entry
    ]


def _validation_loss(trainer: Any, job: Job) -> float | None:
    """Of the weights that are published: after an early stop those of the best checkpoint."""
    if not job.validation:
        return None
    trainer.args.prediction_loss_only = True
    return float(trainer.evaluate()["eval_loss"])
