"""What `Trainer` is told, for every method alike."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from liftgate.errors import InputError
from liftgate.training.batching import LengthGroupedSampler
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.layout import Layout, lay_out
from liftgate.training.tuning.libraries import Libraries

EVAL_BATCH = 16
# A look at every validation row costs a third of a training on as many; a curve needs few of them.
MOST_LOOKS = 3


def training_arguments(job: Job, libraries: Libraries, precision: str, layout: Layout) -> dict[str, Any]:
    """Keyword arguments of `TrainingArguments` and of `DPOConfig`, which is one of them."""
    settings = job.settings
    usual = lay_out(settings["batch_size"], settings["gradient_accumulation"], layout.processes)
    return {
        "output_dir": str(job.work),
        "num_train_epochs": settings["epochs"],
        "per_device_train_batch_size": layout.at_once,
        # Where memory ran out, validation rows get no more of it than training rows.
        "per_device_eval_batch_size": EVAL_BATCH if layout == usual else layout.at_once,
        "gradient_accumulation_steps": layout.accumulation,
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
        "ddp_find_unused_parameters": False,
        **_looking(job, settings),
        **_stopping(job, settings),
    }


def shard_on_cpu(arguments: Any, libraries: Libraries) -> None:
    """Let processes without a GPU share a model where the launcher asks for that: accelerate would replicate it.

    Between two GPUs nothing is done here. It is what lets a machine without one prove the configuration.
    """
    asked = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    if asked and arguments.device.type == "cpu" and arguments.world_size > 1:
        kinds = libraries.accelerate.DistributedType
        libraries.accelerate.PartialState._shared_state["distributed_type"] = kinds.MULTI_GPU


def order_of(job: Job, layout: Layout) -> LengthGroupedSampler:
    """The order of rows, which is the manifest's whatever the layout."""
    lengths = [row.tokens for row in job.train]
    # Two answers are compared whole, so a pair without a target is none: accelerate repeats first rows instead.
    filled = layout.processes > 1 and job.manifest.method != "dpo"
    blanks = -len(lengths) % (layout.at_once * layout.processes) if filled else 0
    return LengthGroupedSampler(lengths, job.settings["batch_size"], job.manifest.seed, blanks)


def stopping_callback(job: Job, libraries: Libraries) -> Any:
    """The callback that ends a training whose validation loss no longer falls; None without the setting."""
    stopping = job.settings["early_stopping"]
    if stopping is None:
        return None
    return libraries.transformers.EarlyStoppingCallback(
        early_stopping_patience=stopping["patience"],
        early_stopping_threshold=stopping.get("min_delta", 0.0),
    )


def _looking(job: Job, settings: Mapping[str, Any]) -> dict[str, Any]:
    """At the validation rows: with every checkpoint where it may end the training, else a few times."""
    if not job.validation:
        return {}
    every = settings["checkpoints"]["steps"]
    if settings["early_stopping"] is None:
        together = settings["batch_size"] * settings["gradient_accumulation"]
        steps = settings["epochs"] * math.ceil(len(job.train) / together)
        every *= max(1, math.ceil(steps / (MOST_LOOKS * every)))
    return {
        "eval_strategy": "steps",
        "eval_steps": every,
        "prediction_loss_only": True,
    }


def look_aside(trainer: Any, libraries: Libraries) -> None:
    """Let a look at the validation rows draw no number of the training's: the weights must not depend on it.

    Of several processes each looks at every row. Shared out, rows would be repeated to come out even, and the loss
    that early stopping goes by would depend on the number of processes.
    """
    look = trainer.evaluate

    def evaluate(*given: Any, **named: Any) -> Any:
        with libraries.torch.random.fork_rng():
            return look(*given, **named)

    def all_rows(eval_dataset: Any = None) -> Any:
        return libraries.torch.utils.data.DataLoader(
            trainer.eval_dataset if eval_dataset is None else eval_dataset,
            batch_size=trainer.args.eval_batch_size,
            collate_fn=trainer.data_collator,
        )

    trainer.evaluate = evaluate
    if trainer.accelerator.num_processes > 1:
        trainer.get_eval_dataloader = all_rows


def _stopping(job: Job, settings: Mapping[str, Any]) -> dict[str, Any]:
    if settings["early_stopping"] is None:
        return {}
    if not job.validation:
        raise InputError(
            "early_stopping needs validation rows, and this release names none",
            hint="add a validation file to the release, or take early_stopping out of the card",
        )
    return {
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        # How many checkpoints went by without a gain is part of where a training stands.
        "restore_callback_states_from_checkpoint": True,
    }
