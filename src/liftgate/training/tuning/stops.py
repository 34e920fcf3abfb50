"""How a training ends before its last step: by request, by the clock, by a loss that is no number, by a full disk.

Whatever ends it, the last whole checkpoint is kept, and a training goes on from there to the same weights.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from liftgate.errors import ExitCode, InputError, ProviderError
from liftgate.training.tuning.checks import Watch
from liftgate.training.tuning.libraries import Libraries
from liftgate.training.tuning.memory import ran_out

GRACE_S: Final = 60.0
"""How long a step may go on after the deadline before the process is ended from outside of it."""
_STATE: Final = "trainer_state.json"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


def check_loss(loss: Any, step: int, torch: Any) -> None:
    """Raise `ProviderError` for a loss that is not a number."""
    if not torch.isfinite(loss):
        raise ProviderError(
            f"the loss is not a number at step {step}",
            hint="lower learning_rate in the card's training section; the last checkpoint is kept",
        )


@contextmanager
def stoppable(watch: Watch) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends after the running step; the second ends at once, but for a checkpoint."""

    def ask(number: int, frame: Any) -> None:
        if watch.stop and not watch.saving:
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


@contextmanager
def bounded(
    watch: Watch,
    deadline_s: float | None,
    started: float,
    *,
    now: Callable[[], float] = time.monotonic,
    leave: Callable[[int], None] = os._exit,
    grace_s: float = GRACE_S,
) -> Iterator[None]:
    """Ask for a stop when `deadline_s` seconds have passed since `started`, and leave where nobody listens.

    A step that hangs (a lost GPU, a process that no longer answers) never comes to look whether it should stop. The
    process then ends with the code of work that can go on, as after any other kill.
    """
    if deadline_s is None:
        yield
        return
    over = threading.Event()

    def wait() -> None:
        if over.wait(max(0.0, started + deadline_s - now())):
            return
        watch.late = watch.stop = True
        if over.wait(grace_s):
            return
        sys.stderr.write(f"error: no step ended within {grace_s:.0f} s of the deadline; ended\n")
        sys.stderr.flush()
        leave(int(ExitCode.STILL_RUNNING))

    thread = threading.Thread(target=wait, name="deadline", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def keep_checkpoints(
    trainer: Any, work: Path, watch: Watch, libraries: Libraries, resume_command: str
) -> None:
    """Let no checkpoint stay that is not whole: what cannot be written is taken away again, and said."""
    write = trainer._save_checkpoint

    def save(*given: Any, **named: Any) -> None:
        watch.saving = True
        try:
            write(*given, **named)
        except Exception as error:
            if ran_out(error, libraries):
                raise
            raise _unwritten(error, trainer.state.global_step, work, resume_command) from None
        finally:
            watch.saving = False

    trainer._save_checkpoint = save


def last_checkpoint(work: Path) -> Path | None:
    """The newest whole checkpoint; its state is the last file that `Trainer` writes into one."""
    whole = [folder for folder in work.glob("checkpoint-*") if _is_whole(folder)]
    return max(whole, key=_step, default=None)


def drop_broken(work: Path) -> None:
    """Remove checkpoints that a kill left half written: `Trainer` would count them among those it keeps."""
    for folder in work.glob("checkpoint-*"):
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    try:
        return isinstance(json.loads((folder / _STATE).read_bytes()), dict)
    except (OSError, ValueError):
        return False


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _unwritten(error: Exception, step: int, work: Path, resume_command: str) -> InputError:
    shutil.rmtree(work / f"checkpoint-{step}", ignore_errors=True)
    kept = last_checkpoint(work)
    full = _is_full(error)
    why = "the disk is full" if full else f"{type(error).__name__}"
    left = "no checkpoint is there yet" if kept is None else f"the one of step {_step(kept)} is kept"
    return InputError(
        f"{work}: the checkpoint of step {step} cannot be written: {why}; {left}",
        hint=("make room, then: " if full else "look at the folder and its permissions, then: ")
        + resume_command,
    )


def _is_full(error: Exception) -> bool:
    # torch and safetensors tell of a full disk in errors of their own, some without its number.
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    said = str(error)
    return os.strerror(errno.ENOSPC) in said or "PytorchStreamWriter failed" in said or "os error 28" in said
