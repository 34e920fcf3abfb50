"""Training on this machine: LoRA, QLoRA, every weight, or preferences, by the card's method.

transformers' `Trainer` (TRL's `DPOTrainer` for preferences) has the loop; around it are our rendering, checks and
resume, in `training/tuning/`. The output folder of `Trainer` holds pickles; it stays in the store's work folder.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import Any

from liftgate.errors import InputError, ProviderError, StillRunning
from liftgate.progress import Progress
from liftgate.training.adapters import Adapter
from liftgate.training.tuning.arguments import look_aside, stopping_callback
from liftgate.training.tuning.checks import Watch, check_moved, fingerprint
from liftgate.training.tuning.completions import collator, completion_trainer, padding
from liftgate.training.tuning.evidence import evidence_of
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.labels import check_labels
from liftgate.training.tuning.layout import Layout, lay_out, steps_of
from liftgate.training.tuning.libraries import Libraries, libraries
from liftgate.training.tuning.memory import Peak, most_at_once, ran_out, release, remember
from liftgate.training.tuning.model import trainable
from liftgate.training.tuning.preferences import pair_collator, preference_trainer
from liftgate.training.tuning.publish import publish
from liftgate.training.tuning.quantised import Quantised, measure_base
from liftgate.training.tuning.record import Record
from liftgate.training.tuning.stops import bounded, drop_broken, keep_checkpoints, last_checkpoint, stoppable
from liftgate.training.tuning.watching import agreement, watcher

__all__ = ["Job", "make_trainer", "train"]


def train(job: Job) -> Adapter:
    """Train, or go on from the last checkpoint, and publish the result under the manifest's digest.

    Where memory runs out it goes on from there with half the rows at once and twice the accumulation: the step of the
    manifest stays what it is. Raises `StillRunning` after Ctrl-C, SIGTERM or the deadline (the last step is kept),
    `ProviderError` when the training itself fails: no gradient, a loss that is not a number, weights that did not
    move; `InputError` for rows, a base, settings or a disk that cannot be trained with.
    """
    started = time.monotonic()
    libs = libraries()
    precision = libs.precision(job.settings["precision"])
    try:
        job.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{job.work}: cannot be made: {error.strerror}", hint="choose another --store"
        ) from None
    job.base.verify()
    watch = Watch()
    with stoppable(watch), bounded(watch, job.deadline_s, started):
        quantised = measure_base(job, libs, precision) if job.manifest.method == "qlora" else None
        settings = job.settings
        layout = lay_out(settings["batch_size"], settings["gradient_accumulation"], job.world.size)
        if (most := most_at_once(job.work)) is not None:
            layout = layout.within(most)
        steps = steps_of(len(job.train), layout.step_rows, settings["epochs"])
        record = Record(job, steps, layout.processes, writes=job.world.speaks)
        while True:
            try:
                return _Attempt(job, libs, precision, layout, watch, started, record).publish(quantised)
            except Exception as error:
                if not ran_out(error, libs):
                    raise
            layout = _smaller(job, layout, libs)


class _Attempt:
    """One try at a training, with so many rows at once; when memory runs out, nothing of it stays."""

    def __init__(
        self,
        job: Job,
        libs: Libraries,
        precision: str,
        layout: Layout,
        watch: Watch,
        started: float,
        record: Record,
    ) -> None:
        self.job, self.libs, self.precision, self.layout = job, libs, precision, layout
        self.watch, self.started, self.record = watch, started, record

    def publish(self, quantised: Quantised | None) -> Adapter:
        """Train to the end, look at what came of it, and move it into the store."""
        job, libs = self.job, self.libs
        peak = Peak(libs)
        model = trainable(job, libs, self.precision)
        trainer = make_trainer(job, model, libs, self.precision, self.layout)
        model, before = trainer.model, fingerprint(trainer.model)
        began = time.monotonic()
        done, stopped_early = self._run(trainer)
        trained_s = time.monotonic() - began
        losses = [entry for entry in trainer.state.log_history if "loss" in entry]
        check_moved(model, before, losses, libs)
        evidence = evidence_of(
            job,
            trainer,
            model,
            libs,
            precision=self.precision,
            layout=self.layout,
            done=done,
            stopped_early=stopped_early,
            seconds=time.monotonic() - self.started,
            earlier_s=self.record.earlier_s,
            trained_seconds=trained_s,
            peak_bytes=peak.measured,
        )
        if quantised is not None:
            evidence["quantised"] = quantised.with_candidate(model).to_dict()
        return publish(job, trainer, evidence, "nf4" if quantised is not None else None)

    def _run(self, trainer: Any) -> tuple[int, bool]:
        """Train to the end; returns the step it went on from, and whether it ended before its last one."""
        job, libs, watch, record = self.job, self.libs, self.watch, self.record
        if job.world.speaks:
            drop_broken(job.work)
        trainer.accelerator.wait_for_everyone()
        checkpoint = last_checkpoint(job.work)
        done = int(checkpoint.name.split("-")[1]) if checkpoint else 0
        keep_checkpoints(trainer, job.work, watch, libs, job.resume_command)
        with ExitStack() as stack:
            progress = (
                stack.enter_context(Progress(record.steps, "train", unit="step", already=done))
                if job.world.speaks
                else None
            )
            agree = agreement(trainer, libs)
            trainer.add_callback(
                watcher(watch, progress, record, libs, agree=agree, sampler=lambda: trainer.order)
            )
            try:
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            except KeyboardInterrupt:
                record.beat("stopped")
                raise
            except Exception:
                record.beat("failed")
                raise
        if watch.stop:
            record.beat("stopped")
            why = "its deadline came; " if watch.late else ""
            raise StillRunning(
                f"training stopped at step {trainer.state.global_step} of {record.steps}: {why}the step is kept",
                hint=job.resume_command,
            )
        return done, int(trainer.state.global_step) < record.steps


def _smaller(job: Job, layout: Layout, libs: Libraries) -> Layout:
    """What to try after memory ran out. Raises `ProviderError` when not even one row fits, or when others wait."""
    release(libs)
    smaller = layout.smaller()
    longest = max(row.tokens for row in job.train)
    if smaller is None:
        raise ProviderError(
            f"memory ran out with one row at once; the longest row has {longest:,} tokens",
            hint="set gradient_checkpointing: true or method: qlora in the card's training section, or take a machine "
            "with more memory (liftgate estimate says how much); the last checkpoint is kept",
        )
    remember(job.work, smaller.at_once)
    said = (
        f"memory ran out with {layout.at_once} rows at once: going on with {smaller.at_once}, gathered "
        f"{smaller.accumulation} times; a step still trains on {smaller.step_rows} rows"
    )
    if layout.processes > 1:
        # The others wait for this process inside a step that it left; only a new start brings them together again.
        raise ProviderError(said, hint=f"start it again: {job.resume_command}")
    sys.stderr.write(f"warning: {said}\n")
    return smaller


def make_trainer(job: Job, model: Any, libs: Libraries, precision: str, layout: Layout) -> Any:
    """The method's trainer, after the labels of the first rows were looked at in its own batches."""
    pad = padding(model)
    collate: Any = pair_collator(libs, pad) if job.manifest.method == "dpo" else collator(libs, pad)
    check_labels(job.train, collate, job.renderer, job.train_path)
    make = preference_trainer if job.manifest.method == "dpo" else completion_trainer
    trainer = make(job, model, libs, precision, collate, layout)
    # Trainer prints its logs as dicts; ours are the progress line and the evidence file.
    trainer.remove_callback(libs.transformers.trainer_callback.PrinterCallback)
    look_aside(trainer, libs)
    if (stopping := stopping_callback(job, libs)) is not None:
        trainer.add_callback(stopping)
    return trainer
