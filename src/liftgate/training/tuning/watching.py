"""What every step of a training is looked at by: gradients, progress, the record, and whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liftgate.progress import Progress
from liftgate.training.batching import LengthGroupedSampler
from liftgate.training.tuning.checks import Watch
from liftgate.training.tuning.libraries import Libraries
from liftgate.training.tuning.record import Record


def watcher(
    watch: Watch,
    progress: Progress | None,
    record: Record,
    libraries: Libraries,
    *,
    agree: Callable[[bool], bool] = bool,
    sampler: Callable[[], LengthGroupedSampler | None] = lambda: None,
) -> Any:
    """The callback that counts steps, looks at the first gradients and turns a request to stop into a checkpoint.

    `agree` makes of one process's wish to stop that of all. `sampler` gives the order of rows, once it is made.
    """

    class Watcher(libraries.transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        """Sees every step of a `Trainer`."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            record.begin(state.log_history, int(state.global_step))

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            # accelerate tells a sampler its epoch, but not one below the wrapper that skips what was trained before.
            if (order := sampler()) is not None:
                order.set_epoch(int((state.epoch or 0.0) + 1e-6))

        def on_pre_optimizer_step(
            self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
        ) -> None:
            watch.look_at_gradients(model, libraries)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if not logs:
                return
            record.log(logs, int(state.global_step))
            if "loss" in logs and progress is not None:
                progress.advance(note=f"loss {float(logs['loss']):.3f}")

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            if agree(watch.stop):
                watch.stop = True
                control.should_save = True
                control.should_training_stop = True
            return control

    return Watcher()


def agreement(trainer: Any, libraries: Libraries) -> Callable[[bool], bool]:
    """How the processes of a training come to stop at one step: as soon as one of them wants to."""
    if trainer.accelerator.num_processes == 1:
        return bool

    def agree(wish: bool) -> bool:
        torch = libraries.torch
        wishes = torch.tensor([int(wish)], device=trainer.accelerator.device)
        torch.distributed.all_reduce(wishes, op=torch.distributed.ReduceOp.MAX)
        return bool(wishes.item())

    return agree
