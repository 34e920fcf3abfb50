"""The result of a training in the store: safetensors, settings and tokenizer, with one record, by one rename."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from liftgate.errors import InputError
from liftgate.training.adapters import ADAPTER, MODEL, PUBLISHED, Adapter, read_adapter, seal
from liftgate.training.base_model import BESIDE_WEIGHTS, Base, is_weights
from liftgate.training.tuning.job import Job


def publish(job: Job, trainer: Any, evidence: dict[str, Any], quantisation: str | None = None) -> Adapter:
    """Write what a served model needs and nothing else, and remove the work folder with its pickles.

    Of several processes one writes; the others help to gather the weights, and wait.
    """
    kind = MODEL if job.manifest.method == "full" else ADAPTER
    accelerator = trainer.accelerator
    model = accelerator.unwrap_model(trainer.model)
    gathered = {}
    if accelerator.num_processes > 1:
        gathered["state_dict"] = accelerator.get_state_dict(trainer.model_wrapped)

    def write(fresh: Path) -> None:
        model.save_pretrained(fresh, safe_serialization=True, **gathered)
        if kind == MODEL:
            copy_beside(job.base, fresh)

    if job.world.speaks:
        publish_folder(job, write, evidence, kind=kind, quantisation=quantisation)
    accelerator.wait_for_everyone()
    return read_adapter(job.store / "adapters" / job.manifest.digest)


def publish_folder(
    job: Job, write: Any, evidence: dict[str, Any], *, kind: str = ADAPTER, quantisation: str | None = None
) -> Adapter:
    """Let `write` fill a folder, keep what belongs into it, seal it, and move it into the store."""
    final = job.store / "adapters" / job.manifest.digest
    fresh = job.work / "publish"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        write(fresh)
        for entry in fresh.iterdir():
            if not _belongs(entry.name, kind):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        record = {
            "kind": kind,
            "manifest": job.manifest.to_dict(),
            "base": job.base.pin(),
            "serving": {"dtype": "float32", "quantisation": quantisation},
            "rendering_sha256": job.renderer.sha256,
            "evidence": evidence,
        }
        seal(fresh, record, job.base.name)
        final.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(final)
    except OSError as error:
        raise InputError(
            f"{final}: the adapter cannot be written: {error.strerror}",
            hint=f"make room, then: {job.resume_command}",
        ) from None
    shutil.rmtree(job.work, ignore_errors=True)
    return read_adapter(final)


def copy_beside(base: Base, folder: Path) -> None:
    """The base's own tokenizer and template beside new weights, byte for byte: they are not trained."""
    for name in BESIDE_WEIGHTS:
        if (base.folder / name).is_file():
            shutil.copyfile(base.folder / name, folder / name)


def _belongs(name: str, kind: str) -> bool:
    if kind == ADAPTER:
        return name in PUBLISHED
    return is_weights(name) or name in {"config.json", *BESIDE_WEIGHTS}
