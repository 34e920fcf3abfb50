"""Trainings in processes of their own, which can be killed for real without paying for the imports each time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from liftgate.cli import main

_PRELOADED = [
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "safetensors.torch",
    "liftgate.training.trainers.local",
]
PATIENCE_S = 180.0


def train(root: Path, store: Path, *more: str) -> int:
    return main(["train", "--alias", "toy", "--root", str(root), "--store", str(store), *more])


def _quietly(root: Path, store: Path) -> None:
    os.close(2)
    os.open(os.devnull, os.O_WRONLY)
    raise SystemExit(train(root, store))


def start(root: Path, store: Path) -> BaseProcess:
    """Train in a fresh process, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_quietly, args=(root, store))
    process.start()
    return process


def steps_done(store: Path) -> int:
    """Lines of losses so far."""
    written = list((store / "work").glob("*/losses.jsonl"))
    return sum(b'"loss"' in line for file in written for line in file.read_bytes().splitlines())


def kill_at(process: BaseProcess, store: Path, step: int, *, then: Callable[[], None] = lambda: None) -> None:
    """SIGKILL as soon as the step is done: in whatever the training does then."""
    give_up = time.monotonic() + PATIENCE_S
    while process.is_alive() and steps_done(store) < step and time.monotonic() < give_up:
        process.join(0.002)
    then()
    assert process.pid is not None
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE_S)
