"""What a training on this machine will need, beside money: memory by its shape, hours by ten of its steps."""

from __future__ import annotations

import tempfile
from decimal import ROUND_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.commands.launching.bill import Tokenized
    from liftgate.project import Ruler, Subject
    from liftgate.training.base_model import Base

_CENT = Decimal("0.01")


def memory_need(subject: Subject, base: Base, rows: Tokenized) -> dict[str, Any] | None:
    """Bytes that one device will hold at most, a GPU or a CPU; None where shape or method say too little."""
    from liftgate.training.batching import length_grouped_order
    from liftgate.training.footprint import footprint, widest
    from liftgate.training.manifest import settings_of
    from liftgate.training.model_shape import read_shape
    from liftgate.training.rendering import IGNORE
    from liftgate.training.tuning.layout import lay_out
    from liftgate.training.tuning.world import world

    manifest = subject.manifest(base.revision)
    shape = read_shape(base.folder)
    if shape is None or manifest.method == "command":
        return None
    settings = settings_of(manifest.hyperparameters)
    layout = lay_out(settings["batch_size"], settings["gradient_accumulation"], world().size)
    lengths = [max(side.tokens for side in row.answers) for row in rows.train]
    targets = [
        max(
            len(side.labels) - next((i for i, x in enumerate(side.labels) if x != IGNORE), 0)
            for side in row.answers
        )
        for row in rows.train
    ]
    order = length_grouped_order([row.tokens for row in rows.train], settings["batch_size"], manifest.seed, 0)
    batch = widest(lengths, targets, order, layout.at_once)
    # Where it will run is not known here. `auto` is bf16 on a GPU that has it, and fp32 on every CPU.
    asked = settings["precision"]
    there = "fp32" if asked == "fp32" else "bf16"
    here = "bf16" if asked == "bf16" else "fp32"
    gpu = footprint(shape, manifest.method, settings, batch, precision=there)
    cpu = footprint(shape, manifest.method, settings, batch, precision=here, on_cpu=True)
    return {
        "gpu": {"bytes": gpu.bytes, "precision": there, "parts": dict(gpu.parts)},
        "cpu": {"bytes": cpu.bytes, "precision": here, "parts": dict(cpu.parts)},
        "rows_at_once": batch.rows,
        "longest_tokens": batch.width,
    }


def calibrated(subject: Subject, base: Base, rows: Tokenized, ruler: Ruler) -> dict[str, Any]:
    """Ten steps on this machine. Raises `InputError` for a training that happens elsewhere."""
    from liftgate.commands.launching.local_train import hourly
    from liftgate.commands.launching.training_terms import training_terms
    from liftgate.training.rendering import load_renderer
    from liftgate.training.trainers.local import Job
    from liftgate.training.tuning.calibration import calibrate

    manifest = subject.manifest(base.revision)
    if manifest.method == "command":
        raise InputError(
            "ten steps of another tool cannot be measured from here", hint="leave --calibrate out"
        )
    rate = hourly(ruler, manifest)
    with tempfile.TemporaryDirectory() as folder:
        found = calibrate(
            Job(
                manifest=manifest,
                base=base,
                renderer=load_renderer(base.folder, base.tokenizer_sha256),
                train=rows.train,
                validation=rows.validation,
                store=Path(folder),
                resume_command="",
                train_path=str(subject.train_path),
                allowed=training_terms(ruler),
            )
        )
    usd = None
    if rate is not None:
        hours = Decimal(str(round(found.seconds, 1))) / 3600
        usd = str((hours * rate).quantize(_CENT, rounding=ROUND_UP))
    return {**found.to_dict(), "usd": usd}
