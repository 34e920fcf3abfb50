"""What `Trainer` is told, for every method alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liftgate.errors import InputError
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.libraries import Libraries

EVAL_BATCH = 16


def training_arguments(job: Job, libraries: Libraries, precision: str) -> dict[str, Any]:
    """Keyword arguments of `TrainingArguments` and of `DPOConfig`, which is one of them."""
    settings = job.settings
    return {
        "output_dir": str(job.work),
        "num_train_epochs": settings["epochs"],
        "per_device_train_batch_size": settings["batch_size"],
        "per_device_eval_batch_size": EVAL_BATCH,
        "gradient_accumulation_steps": settings["gradient_accumulation"],
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": settings["scheduler"],
        "warmup_steps": settings["warmup_steps"],
        "weight_decay": settings["weight_decay"],
        "seed": job.manifest.seed,
        "use_cpu": libraries.device == "cpu",
        "bf16": precision == "bf16",
        "gradient_checkpointing": settings["gradient_checkpointing"],
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "logging_strategy": "steps",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": settings["checkpoints"]["steps"],
        "save_total_limit": settings["checkpoints"]["keep"],
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "dataloader_pin_memory": False,
        **_stopping(job, settings),
    }


def stopping_callback(job: Job, libraries: Libraries) -> Any:
    """The callback that ends a training whose validation loss no longer falls; None without the setting."""
    stopping = job.settings["early_stopping"]
    if stopping is None:
        return None
    return libraries.transformers.EarlyStoppingCallback(
        early_stopping_patience=stopping["patience"],
        early_stopping_threshold=stopping.get("min_delta", 0.0),
    )


def _stopping(job: Job, settings: Mapping[str, Any]) -> dict[str, Any]:
    if settings["early_stopping"] is None:
        return {}
    if not job.validation:
        raise InputError(
            "early_stopping needs validation rows, and this release names none",
            hint="add a validation file to the release, or take early_stopping out of the card",
        )
    return {
        "eval_strategy": "steps",
        "eval_steps": settings["checkpoints"]["steps"],
        "prediction_loss_only": True,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        # How many checkpoints went by without a gain is part of where a training stands.
        "restore_callback_states_from_checkpoint": True,
    }
