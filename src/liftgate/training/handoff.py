"""A trained adapter or model as a server takes it: one folder with the files, their hashes, and the command lines.

Servers believe what they are given. vLLM answers with the plain base where an adapter fits nothing, so the record goes
along, and evaluation over HTTP blocks a candidate that gives base's own answers.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError
from liftgate.files import sha256_file, write_json
from liftgate.training.adapters import ADAPTER, RECORD, Adapter
from liftgate.training.base_model import HUB_NAME, Base

FILE: Final = "handoff.json"
SCRIPT: Final = "serve-vllm.sh"
# What vLLM reserves room for; it takes no number between.
_RANKS: Final = (8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True)
class Handoff:
    """What is served under which name. `folder` holds the adapter or the model, relative to the script."""

    name: str
    base: str
    revision: str | None
    folder: str
    kind: str
    rank: int
    quantisation: str | None

    def vllm(self) -> list[str]:
        """The words that start vLLM with the base and, where there is one, the adapter beside it."""
        if self.kind != ADAPTER:
            return ["vllm", "serve", self.folder, "--served-model-name", self.name]
        words = ["vllm", "serve", self.base]
        if self.revision is not None:
            words += ["--revision", self.revision, "--tokenizer-revision", self.revision]
        words += ["--served-model-name", f"{self.name}-base", "--enable-lora"]
        words += ["--lora-modules", f"{self.name}={self.folder}", "--max-lora-rank", str(self._room())]
        if self.quantisation is not None:
            words += ["--quantization", "bitsandbytes"]
        return words

    def tgi(self) -> list[str]:
        """The same for Hugging Face's server."""
        if self.kind != ADAPTER:
            return ["text-generation-launcher", "--model-id", self.folder]
        words = ["text-generation-launcher", "--model-id", self.base]
        if self.revision is not None:
            words += ["--revision", self.revision]
        words += ["--lora-adapters", f"{self.name}={self.folder}"]
        return words + (["--quantize", "bitsandbytes-nf4"] if self.quantisation is not None else [])

    def _room(self) -> int:
        return next((room for room in _RANKS if room >= self.rank), self.rank)


def handoff_of(adapter: Adapter, base: Base, alias: str) -> Handoff:
    """Name, base and settings of a trained adapter; the name holds the first digits of its digest."""
    of_hub = HUB_NAME.fullmatch(base.name)
    hyperparameters = adapter.record["manifest"]["hyperparameters"]
    return Handoff(
        name=f"{alias}-{adapter.sha256[:8]}",
        base=of_hub[1] if of_hub else str(base.folder.resolve()),
        revision=of_hub[2] if of_hub else None,
        folder="adapter" if adapter.kind == ADAPTER else "model",
        kind=adapter.kind,
        rank=int(hyperparameters.get("rank", _RANKS[0])),
        quantisation=adapter.quantisation,
    )


def hand_off(adapter: Adapter, base: Base, alias: str, target: Path) -> Handoff:
    """Write the folder whole or not at all. Raises `InputError` when it exists or cannot be written."""
    if target.exists():
        raise InputError(f"{target} is there already", hint="name a folder that does not exist yet")
    adapter.verify()
    handed = handoff_of(adapter, base, alias)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    try:
        _fill(fresh, adapter, handed)
        fresh.chmod(0o755)
        fresh.replace(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    return handed


def _fill(fresh: Path, adapter: Adapter, handed: Handoff) -> None:
    folder = fresh / handed.folder
    folder.mkdir()
    names = [str(file["path"]) for file in adapter.record["files"]]
    for name in (*names, RECORD):
        shutil.copyfile(adapter.folder / name, folder / name)
    script = fresh / SCRIPT
    script.write_text(_script(handed))
    script.chmod(0o755)
    write_json(fresh / FILE, _record(fresh, adapter, handed, names))


def _record(fresh: Path, adapter: Adapter, handed: Handoff, names: Sequence[str]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": handed.name,
        "kind": handed.kind,
        "adapter_sha256": adapter.sha256,
        "manifest_digest": adapter.manifest_digest,
        "base": dict(adapter.base),
        "serving": dict(adapter.record["serving"]),
        "files": [
            {"path": f"{handed.folder}/{name}", "sha256": sha256_file(fresh / handed.folder / name)}
            for name in names
        ],
        "vllm": handed.vllm(),
        "tgi": handed.tgi(),
    }


def _script(handed: Handoff) -> str:
    told = (
        f"# Serves {handed.name} with vLLM. Then hold it against its base:\n"
        "#   liftgate evaluate --suite evals/ALIAS/suite.yaml --endpoint openai --base-url http://HOST:8000/v1 "
        f"--model {handed.name}\n"
    )
    return f'#!/bin/sh\n{told}set -eu\ncd "$(dirname "$0")"\nexec {shlex.join(handed.vllm())} "$@"\n'
