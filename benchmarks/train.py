"""Training against transformers' `Trainer` and TRL's `SFTTrainer` on the same rows; padding, memory, hashing.

    python benchmarks/train.py [--tiny] [--steps 10] [--rounds 1]

Each trainer runs in a process of its own, with the same base, adapter, batch, optimizer and allocator, and is timed
from its third step on. `Trainer` gets our arrays in our order and computes the model's own loss; `SFTTrainer` gets the
same rows with their answers masked, once with our settings and once with its defaults.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from liftgate.project import read_subject
from liftgate.training.base_model import Base, resolve_base
from liftgate.training.batching import length_grouped_order
from liftgate.training.rendering import TokenizedRow, load_renderer

ROOT = Path(__file__).parents[1]
WARM = 2
ALLOCATOR: Final = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
KINDS = ("ours", "trainer", "sft", "sft-defaults")


def job_in(root: Path, folder: Path) -> Any:
    from liftgate.commands.launching.bill import base_name, tokenized
    from liftgate.training.trainers.local import Job

    alias = next((root / "datasets").iterdir()).name
    subject = read_subject(root, alias, None)
    base = resolve_base(base_name(subject), say=lambda _: None)
    rows = tokenized(subject, base)
    renderer = load_renderer(base.folder, base.tokenizer_sha256)
    return Job(subject.manifest(base.revision), base, renderer, rows.train, (), folder, "")


def timed(kind: str, root: Path, steps: int) -> dict[str, Any]:
    """Seconds a step, tokens that padding adds, and the last loss."""
    from liftgate.training.trainers.local import make_trainer
    from liftgate.training.tuning.arguments import training_arguments
    from liftgate.training.tuning.completions import collator, padding
    from liftgate.training.tuning.layout import lay_out
    from liftgate.training.tuning.libraries import libraries
    from liftgate.training.tuning.model import trainable

    libs = libraries()
    ends: list[float] = []
    busy: list[float] = []

    class Clock(libs.transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())
            busy.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        job = job_in(root, Path(folder))
        layout = lay_out(job.settings["batch_size"], job.settings["gradient_accumulation"])
        model = trainable(job, libs, "fp32")
        given = {**training_arguments(job, libs, "fp32", layout), "max_steps": steps, "save_strategy": "no"}
        if kind == "ours":
            trainer = make_trainer(job, model, libs, "fp32", layout)
            trainer.args.max_steps, trainer.args.save_strategy = steps, "no"
        elif kind == "trainer":
            trainer = plain(libs, job, model, given, collator(libs, padding(model)))
        else:
            trainer = sft(job, model, given, defaults=kind == "sft-defaults")
        trainer.add_callback(Clock())
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    counted = len(ends) - WARM
    return {
        "seconds": (ends[-1] - ends[WARM - 1]) / counted,
        "cpu": (busy[-1] - busy[WARM - 1]) / counted,
        "loss": losses[-1],
    }


def plain(libs: Any, job: Any, model: Any, given: dict[str, Any], collate: Any) -> Any:
    order = length_grouped_order(
        [row.tokens for row in job.train], job.settings["batch_size"], job.manifest.seed, 0
    )
    rows = [job.train[index] for index in order]

    class InOrder(libs.transformers.Trainer):  # type: ignore[misc]
        def _get_train_sampler(self, *_: Any) -> Any:
            return libs.torch.utils.data.SequentialSampler(rows)

    arguments = libs.transformers.TrainingArguments(**given)
    return InOrder(model=model, args=arguments, train_dataset=rows, data_collator=collate)


def sft(job: Any, model: Any, given: dict[str, Any], *, defaults: bool) -> Any:
    import trl
    from datasets import Dataset

    order = length_grouped_order(
        [row.tokens for row in job.train], job.settings["batch_size"], job.manifest.seed, 0
    )
    rows = [job.train[index] for index in order]
    data = Dataset.from_dict(
        {
            "input_ids": [row.input_ids for row in rows],
            "labels": [row.labels for row in rows],
        }
    )
    kept = {"output_dir", "max_steps", "per_device_train_batch_size", "use_cpu", "save_strategy", "report_to"}
    kept |= {"disable_tqdm", "learning_rate", "logging_steps", "dataloader_pin_memory", "seed"}
    if not defaults:
        kept |= {"gradient_checkpointing", "lr_scheduler_type", "warmup_steps", "weight_decay"}
    words = {key: value for key, value in given.items() if key in kept}
    more = {} if defaults else {"train_sampling_strategy": "sequential", "max_length": None}
    tokenizer = __import__("transformers").AutoTokenizer.from_pretrained(job.base.folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return trl.SFTTrainer(
        model=model,
        args=trl.SFTConfig(**words, **more, dataset_kwargs={"skip_prepare_dataset": True}, bf16=False),
        train_dataset=data,
        processing_class=tokenizer,
    )


def arms(root: Path) -> dict[str, Any]:
    """Resident memory of one model, and of base, candidate and incumbent from one; whether base stays what it was."""
    import torch

    from liftgate.training.tuning.libraries import libraries
    from liftgate.training.tuning.model import adapter_config, load_weights

    libs = libraries()
    with tempfile.TemporaryDirectory() as folder:
        job = job_in(root, Path(folder))
        ids = torch.tensor([job.train[0].input_ids])
        model = load_weights(job.base, libs).eval()
        with torch.inference_mode():
            alone = model(ids).logits
        one = resident()
        tuned = libs.peft.get_peft_model(
            model, adapter_config(job, model, libs), adapter_name="candidate"
        ).eval()
        tuned.add_adapter("incumbent", adapter_config(job, model, libs))
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.data.normal_()
        with torch.inference_mode():
            for name in ("candidate", "incumbent"):
                tuned.set_adapter(name)
                assert not torch.equal(tuned(ids).logits, alone)
            with tuned.disable_adapter():
                same = torch.equal(tuned(ids).logits, alone)
    return {"one": one, "three": resident(), "identical": bool(same)}


def resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no resident size")


def waste(rows: list[TokenizedRow], batch: int, seed: int) -> float:
    """The share of tokens in padded batches that is padding."""
    lengths = [row.tokens for row in rows]
    order = length_grouped_order(lengths, batch, seed, 0)
    padded = sum(
        len(order[i : i + batch]) * max(lengths[row] for row in order[i : i + batch])
        for i in range(0, len(order), batch)
    )
    return 1 - sum(lengths) / padded


def hashing(base: Base) -> float:
    """Time to verify a base, over that of sha256sum on the same files; the better of three each."""
    files = [str(base.folder / str(file["path"])) for file in base.files]

    def best(work: Callable[[], object]) -> float:
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
        return min(taken)

    theirs = best(lambda: subprocess.run(["sha256sum", *files], check=True, capture_output=True))
    return best(base.verify) / theirs


def worker(*words: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *words]
    environment = {**os.environ, **ALLOCATOR}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def tiny_project(folder: Path) -> Path:
    sys.path.insert(0, str(ROOT / "tests"))
    from tiny_model import make_tiny_model
    from toy_project import make_project

    return make_project(folder / "project", make_tiny_model(folder / "model"))


def told(name: str, value: float, limit: float, *, at_least: bool = False) -> None:
    held = value >= limit if at_least else value <= limit
    print(f"{name}: {value:.3f} (wanted {'>=' if at_least else '<='} {limit}) {'ok' if held else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a two-layer model; times then say little")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--worker", choices=(*KINDS, "arms"))
    asked = parser.parse_args()
    if asked.worker:
        found = arms(asked.root) if asked.worker == "arms" else timed(asked.worker, asked.root, asked.steps)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = tiny_project(Path(folder)) if asked.tiny else asked.root
        job = job_in(root, Path(folder))
        batch, seed = job.settings["batch_size"], job.manifest.seed
        told("padding, share of tokens", waste(job.train, batch, seed), 0.1)
        told("hashing a base / sha256sum", hashing(job.base), 1.2)
        held = worker("--worker", "arms", "--root", str(root))
        told("memory of three arms / one model", held["three"] / held["one"], 1.15)
        print(f"base logits bit-identical beside two adapters: {'ok' if held['identical'] else 'MISSED'}")
        seconds: dict[str, float] = {}
        cpu: dict[str, float] = {}
        for _ in range(asked.rounds):
            for kind in KINDS:
                found = worker("--worker", kind, "--root", str(root), "--steps", str(asked.steps))
                seconds[kind] = min(seconds.get(kind, float("inf")), found["seconds"])
                cpu[kind] = min(cpu.get(kind, float("inf")), found["cpu"])
                spent = f"{found['seconds']:.3f} s a step ({found['cpu']:.3f} of CPU)"
                print(f"  {kind}: {spent}, last loss {found['loss']:.4f}", flush=True)
        # On a machine that others use as well, processor time says more than the clock.
        print(
            "of CPU: "
            + ", ".join(f"{kind} {each / cpu['ours']:.3f}" for kind, each in cpu.items())
            + " of ours"
        )
        told("ours / Trainer", seconds["ours"] / seconds["trainer"], 1.05)
        told("SFTTrainer, same settings / ours", seconds["sft"] / seconds["ours"], 1.1, at_least=True)
        told("SFTTrainer, its defaults / ours", seconds["sft-defaults"] / seconds["ours"], 1.5, at_least=True)


if __name__ == "__main__":
    main()
