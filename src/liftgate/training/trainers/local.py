"""LoRA on this machine: transformers' `Trainer` and peft, around them our rendering, checks and resume.

The output folder of `Trainer` holds pickles; it stays in the store's work folder and only the adapter's
safetensors and config are published, by one rename.
"""

from __future__ import annotations

import shutil
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError, MissingExtra, ProviderError, StillRunning
from liftgate.progress import Progress
from liftgate.training.adapters import PUBLISHED, Adapter, read_adapter, seal
from liftgate.training.base_model import Base, polite_threads
from liftgate.training.batching import LengthGroupedSampler
from liftgate.training.manifest import Manifest
from liftgate.training.rendering import Renderer, TokenizedRow

CHECKPOINT_STEPS: Final = 20


@dataclass(frozen=True)
class Job:
    """One training to do: what, on which rows, from which base, kept where."""

    manifest: Manifest
    base: Base
    renderer: Renderer
    train: Sequence[TokenizedRow]
    validation: Sequence[TokenizedRow]
    store: Path
    resume_command: str


@dataclass
class _Watch:
    """What the callbacks see: whether a person asked to stop, whether gradients flow."""

    stop: bool = False
    checked: bool = False
    dead: list[str] = field(default_factory=list)


def train(job: Job) -> Adapter:
    """Train, or go on from the last checkpoint, and publish the adapter under the manifest's digest.

    Raises `StillRunning` after Ctrl-C or SIGTERM (the last step is kept), `ProviderError` when the training
    itself fails: no gradient, a loss that is not a number, an adapter that did not move.
    """
    # Deprecation notes of these libraries are for us, not for whoever reads a training log.
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch, transformers, peft = _libraries()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    work = job.store / "work" / job.manifest.digest
    work.mkdir(parents=True, exist_ok=True)
    job.base.verify()
    started = time.monotonic()
    model, modules = _lora(job, torch, transformers, peft)
    watch = _Watch()
    trainer = _trainer(job, model, work, watch, torch, transformers)
    checkpoint = _last_checkpoint(work)
    steps = trainer.expected_steps
    done = int(checkpoint.name.split("-")[1]) if checkpoint else 0
    with _stoppable(watch), Progress(steps, "train", unit="step", already=done) as progress:
        trainer.add_callback(_callback(watch, progress, transformers))
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if watch.stop:
        raise StillRunning(
            f"training stopped at step {trainer.state.global_step} of {steps}; the step is kept",
            hint=job.resume_command,
        )
    losses = [
        {"step": int(entry["step"]), "loss": float(entry["loss"])}
        for entry in trainer.state.log_history
        if "loss" in entry
    ]
    _check_moved(model, losses, torch)
    evidence = {
        "steps": int(trainer.state.global_step),
        "rows": len(job.train),
        "tokens": sum(len(row.input_ids) for row in job.train),
        "target_tokens": sum(row.target_tokens for row in job.train),
        "losses": losses,
        "validation_loss": _validation_loss(trainer, job.validation),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "adapted_modules": modules,
        "seconds": round(time.monotonic() - started, 1),
        "resumed_from_step": done,
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "peft": peft.__version__,
        },
    }
    return _publish(job, model, work, evidence)


def _libraries() -> tuple[Any, Any, Any]:
    polite_threads()
    try:
        import peft
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("local", error.name or "torch") from None
    # A repository of ours has a folder `datasets/`. On the import path Python takes it for the package of that
    # name, and `Trainer` would look inside it; our rows are plain lists, which need no such package.
    transformers.trainer.is_datasets_available = lambda: False
    return torch, transformers, peft


def _lora(job: Job, torch: Any, transformers: Any, peft: Any) -> tuple[Any, int]:
    settings = job.manifest.hyperparameters
    torch.manual_seed(job.manifest.seed)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        job.base.folder, dtype=torch.float32, local_files_only=True
    )
    model.config.use_cache = False
    layers = model.config.num_hidden_layers
    named = {"all": None, "upper-half": list(range(layers // 2, layers))}
    asked = settings["layers"]
    chosen = named[asked] if isinstance(asked, str) else list(asked)
    config = peft.LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=list(settings["target_modules"]),
        layers_to_transform=chosen,
        layers_pattern=None if chosen is None else "layers",
        task_type="CAUSAL_LM",
    )
    try:
        model = peft.get_peft_model(model, config)
    except ValueError as error:
        raise InputError(
            f"no LoRA can be placed on {job.base.name}: {str(error).splitlines()[0]}",
            hint="check target_modules and layers in the card's training section",
        ) from None
    return model, sum(1 for name, _ in model.named_modules() if name.endswith("lora_A"))


def _trainer(job: Job, model: Any, work: Path, watch: _Watch, torch: Any, transformers: Any) -> Any:
    settings = job.manifest.hyperparameters
    pad = int(model.config.pad_token_id or model.config.eos_token_id or 0)

    class CompletionTrainer(transformers.Trainer):  # type: ignore[misc]
        """Computes logits only where a completion stands: the vocabulary is the widest matrix of a small model."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            lengths = [len(row.input_ids) for row in job.train]
            return LengthGroupedSampler(lengths, settings["batch_size"], job.manifest.seed)

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            labels = inputs.pop("labels")
            # Rows are padded on the left, so every completion ends at the batch's right edge.
            kept = int((labels != -100).any(dim=0).nonzero()[0]) - 1
            logits = model(**inputs, logits_to_keep=labels.shape[1] - kept).logits[:, :-1]
            targets = labels[:, kept + 1 :]
            loss = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]).float(), targets.reshape(-1), reduction="sum"
            )
            items = num_items_in_batch if num_items_in_batch is not None else (targets != -100).sum()
            loss = loss / items
            if not torch.isfinite(loss):
                raise ProviderError(
                    f"the loss is not a number at step {self.state.global_step + 1}",
                    hint="lower learning_rate in the card's training section; the last checkpoint is kept",
                )
            return (loss, {"logits": logits}) if return_outputs else loss

    def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), width), pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        labels = torch.full((len(rows), width), -100)
        for index, row in enumerate(rows):
            ids[index, width - len(row["input_ids"]) :] = torch.tensor(row["input_ids"])
            mask[index, width - len(row["input_ids"]) :] = 1
            labels[index, width - len(row["labels"]) :] = torch.tensor(row["labels"])
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        return {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "labels": labels}

    arguments = transformers.TrainingArguments(
        output_dir=str(work),
        num_train_epochs=settings["epochs"],
        per_device_train_batch_size=settings["batch_size"],
        per_device_eval_batch_size=16,
        gradient_accumulation_steps=settings["gradient_accumulation"],
        learning_rate=settings["learning_rate"],
        lr_scheduler_type=settings["scheduler"],
        warmup_steps=settings["warmup_steps"],
        weight_decay=settings["weight_decay"],
        seed=job.manifest.seed,
        logging_strategy="steps",
        logging_steps=1,
        save_strategy="steps",
        save_steps=CHECKPOINT_STEPS,
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=False,
    )
    trainer = CompletionTrainer(
        model=model, args=arguments, train_dataset=_Rows(job.train), data_collator=collate
    )
    # Trainer prints its logs as dicts; ours are the progress line and the evidence file.
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    batches = -(-len(job.train) // settings["batch_size"])
    trainer.expected_steps = max(1, -(-batches // settings["gradient_accumulation"])) * settings["epochs"]
    return trainer


class _Rows:
    """The rows as `Trainer` wants a dataset: length and items."""

    def __init__(self, rows: Sequence[TokenizedRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: Any) -> Any:
        row = self._rows[key]
        return {"input_ids": row.input_ids, "labels": row.labels}


def _callback(watch: _Watch, progress: Progress, transformers: Any) -> Any:
    class Watcher(transformers.TrainerCallback):  # type: ignore[misc]
        """Counts steps, looks at the first gradients, and turns a request to stop into a last checkpoint."""

        def on_pre_optimizer_step(
            self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
        ) -> None:
            if watch.checked:
                return
            watch.checked = True
            watch.dead = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
            if watch.dead:
                raise ProviderError(
                    f"{len(watch.dead)} trainable tensors got no gradient, the first is {watch.dead[0]}",
                    hint="check target_modules and layers in the card's training section",
                )

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                progress.advance(note=f"loss {float(logs['loss']):.3f}")

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            if watch.stop:
                control.should_save = True
                control.should_training_stop = True
            return control

    return Watcher()


@contextmanager
def _stoppable(watch: _Watch) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends after the running step; the second ends at once."""

    def ask(number: int, frame: Any) -> None:
        if watch.stop:
            raise KeyboardInterrupt
        watch.stop = True

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, ask)
    except ValueError:
        pass  # not the main thread: whoever runs us there handles signals
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_checkpoint(work: Path) -> Path | None:
    """The newest complete checkpoint; `trainer_state.json` is the last file that `Trainer` writes into one."""
    complete = [p for p in work.glob("checkpoint-*") if (p / "trainer_state.json").is_file()]
    return max(complete, key=lambda p: int(p.name.split("-")[1]), default=None)


def _check_moved(model: Any, losses: Sequence[dict[str, Any]], torch: Any) -> None:
    moved = any(bool(torch.count_nonzero(p)) for n, p in model.named_parameters() if "lora_B" in n)
    if not losses or not moved:
        raise ProviderError(
            "the training ended without changing the adapter",
            hint="check learning_rate, epochs and the number of rows",
        )


def _validation_loss(trainer: Any, rows: Sequence[TokenizedRow]) -> float | None:
    if not rows:
        return None
    trainer.args.prediction_loss_only = True
    return float(trainer.evaluate(eval_dataset=_Rows(rows))["eval_loss"])


def _publish(job: Job, model: Any, work: Path, evidence: dict[str, Any]) -> Adapter:
    final = job.store / "adapters" / job.manifest.digest
    fresh = work / "publish"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        model.save_pretrained(fresh, safe_serialization=True)
        for file in fresh.iterdir():
            if file.name not in PUBLISHED:
                file.unlink()
        base = job.base
        record = {
            "manifest": job.manifest.to_dict(),
            "base": {
                "name": base.name,
                "revision": base.revision,
                "base_sha256": base.base_sha256,
                "weights_sha256": base.weights_sha256,
                "tokenizer_sha256": base.tokenizer_sha256,
            },
            "rendering_sha256": job.renderer.sha256,
            "evidence": evidence,
        }
        seal(fresh, record, base.name)
        final.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(final)
    except OSError as error:
        raise InputError(
            f"{final}: the adapter cannot be written: {error.strerror}",
            hint=f"make room, then: {job.resume_command}",
        ) from None
    shutil.rmtree(work, ignore_errors=True)
    return read_adapter(final)
