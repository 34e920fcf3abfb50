"""Training by another tool: the policy names its command line, a card names the policy's entry.

A pull request writes the card and must not be able to run anything, so no word of the command line comes from it.
The tool gets one JSON file with everything it needs, and hands back an adapter folder that is believed in nothing.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from liftgate import process_groups
from liftgate.config import did_you_mean
from liftgate.data.dataset import read_rows
from liftgate.data.exporters import EXPORTERS
from liftgate.errors import InputError, Problem, ProviderError, StillRunning
from liftgate.files import read_bytes, write_bytes, write_json
from liftgate.training.adapters import Adapter
from liftgate.training.rendering import TokenizedRow
from liftgate.training.tuning.evidence import environment, paid
from liftgate.training.tuning.foreign import check_foreign, take
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.libraries import libraries
from liftgate.training.tuning.publish import publish_folder
from liftgate.training.tuning.quantised import perplexity

_KEPT: Final = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
)
_KEPT_PREFIXES: Final = (
    "CUDA_",
    "NVIDIA_",
    "NCCL_",
    "ROCR_",
    "HIP_",
    "OMP_",
    "MALLOC_",
    "HF_HOME",
    "HF_HUB_CACHE",
)
_ENDS_WITHIN_S: Final = 30.0


def train(job: Job) -> Adapter:
    """Let the card's tool train, check what it hands back, and publish it under the manifest's digest.

    Raises `InputError` for a command that the policy does not name, `ProviderError` when the tool or its adapter
    fails, `StillRunning` after Ctrl-C or SIGTERM: the tool was told, and its folder is kept for it to go on.
    """
    name = str(job.settings["command"])
    argv = _allowed(job, name)
    job.base.verify()
    folder = job.work / "command"
    folder.mkdir(parents=True, exist_ok=True)
    job_file = _write_job(job, folder)
    started = time.monotonic()
    _run(job, name, [*argv, str(job_file)], folder)
    seconds = round(time.monotonic() - started, 1)
    adapter = check_foreign(folder / "adapter", job.base)
    libs = libraries()
    model = take(adapter, job, libs)
    rows = [row for row in job.validation if isinstance(row, TokenizedRow)]
    evidence: dict[str, Any] = {
        "method": job.manifest.method,
        "command": name,
        "steps": None,
        "rows": len(job.train),
        "tokens": sum(row.tokens for row in job.train),
        "target_tokens": sum(row.target_tokens for row in job.train),
        "losses": [],
        "validation_loss": math.log(perplexity(model, rows, libs)[1]) if rows else None,
        "trainable_parameters": adapter.parameters,
        "adapted_modules": adapter.modules,
        "seconds": seconds,
        **paid(job, seconds, 1),
        "resumed_from_step": 0,
        "versions": libs.versions,
        "environment": environment(libs),
    }
    return publish_folder(job, adapter.copy_into, evidence)


def _allowed(job: Job, name: str) -> list[str]:
    commands = job.allowed.commands
    if name not in commands:
        raise InputError(
            f"the policy has no training command {name!r}{did_you_mean(name, list(commands))}",
            hint="training.commands of evals/policy.yaml holds them; it is read from the base branch in a workflow "
            "(--base), so a new one lands in a pull request of its own",
        )
    return list(commands[name])


def _write_job(job: Job, folder: Path) -> Path:
    """The rows in TRL's form, which axolotl and LLaMA-Factory read as well, and the file that names them."""
    files: dict[str, str | None] = {"train": None, "validation": None}
    for half, source in job.files.items():
        target = folder / f"{half}.jsonl"
        write_bytes(target, _exported(source))
        files[half] = str(target.resolve())
    path = folder / "job.json"
    write_json(
        path,
        {
            "schema_version": 1,
            "manifest": job.manifest.to_dict(),
            "base": {**job.base.pin(), "folder": str(job.base.folder.resolve())},
            "rows": files,
            "settings": {**job.manifest.hyperparameters, "seed": job.manifest.seed},
            "adapter": str((folder / "adapter").resolve()),
        },
    )
    return path.resolve()


def _exported(source: Path) -> bytes:
    dataset = read_rows(read_bytes(source, "dataset"), str(source))
    lines, problems = [], []
    for each in EXPORTERS["trl"](dataset.rows):
        if each.data is None:
            problems.append(Problem(f"{source}:{each.row.line}", "; ".join(each.problems)))
        else:
            lines.append(orjson.dumps(each.data) + b"\n")
    if problems:
        count = f"{len(problems)} row{'s' * (len(problems) != 1)}"
        raise InputError(f"{count} cannot be handed to another tool", problems=problems[:20])
    return b"".join(lines)


def _run(job: Job, name: str, argv: list[str], folder: Path) -> None:
    """Run the tool in a group of its own. Its output may quote rows, so it goes into a file and nowhere else."""
    log = folder / "output.log"
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                cwd=folder,
                env=_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ProviderError(
            f"training command {name} cannot be started: {error.strerror}",
            hint="the first word of its entry in evals/policy.yaml must be a program on this machine",
        ) from None
    code = _wait(process, job, name)
    if code != 0:
        raise ProviderError(f"training command {name} ended with exit code {code}", hint=f"its output: {log}")


def _wait(process: subprocess.Popen[bytes], job: Job, name: str) -> int:
    """The exit code. A request to stop is passed on; what does not stop by itself is ended."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:
        before = None  # not the main thread: whoever runs us there handles signals
    try:
        return process.wait()
    except KeyboardInterrupt:
        raise StillRunning(
            f"training command {name} was stopped; its folder is kept", hint=job.resume_command
        ) from None
    finally:
        _end(process)
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process_groups.end(process)
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process_groups.kill(process)
        process.wait()


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What a tool needs to find programs, devices and its cache; no token of this process."""
    return {key: value for key, value in variables.items() if key in _KEPT or key.startswith(_KEPT_PREFIXES)}
