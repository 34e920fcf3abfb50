"""How a training ends before its last step: by request, by a loss that is no number; and where it goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from liftgate.errors import ProviderError
from liftgate.progress import Progress
from liftgate.training.tuning.checks import Watch
from liftgate.training.tuning.libraries import Libraries


def check_loss(loss: Any, step: int, torch: Any) -> None:
    """Raise `ProviderError` for a loss that is not a number."""
    if not torch.isfinite(loss):
        raise ProviderError(
            f"the loss is not a number at step {step}",
            hint="lower learning_rate in the card's training section; the last checkpoint is kept",
        )


def watcher(watch: Watch, progress: Progress, libraries: Libraries) -> Any:
    """The callback that counts steps, looks at the first gradients and turns a request to stop into a checkpoint."""

    class Watcher(libraries.transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        """Sees every step of a `Trainer`."""

        def on_pre_optimizer_step(
            self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
        ) -> None:
            watch.look_at_gradients(model, libraries)

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
def stoppable(watch: Watch) -> Iterator[None]:
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


def last_checkpoint(work: Path) -> Path | None:
    """The newest complete checkpoint; `trainer_state.json` is the last file that `Trainer` writes into one."""
    complete = [p for p in work.glob("checkpoint-*") if (p / "trainer_state.json").is_file()]
    return max(complete, key=lambda p: int(p.name.split("-")[1]), default=None)
