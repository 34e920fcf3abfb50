"""The local endpoint against a plain `transformers` batched loop, and what base and adapter together need.

    python benchmarks/evaluate_local.py [--cases 128]

Both answer the template's golden prompts greedily with one loaded model in one process, in batches of 64; the
plain loop pads each batch and generates, nothing else. Memory is the peak of a process of its own: one model, and
base and adapter from one load.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from liftgate.data.golden import read_cases
from liftgate.evaluation.completion import Completion, Request, Sampling
from liftgate.evaluation.endpoints.local import BATCH_SIZE, LocalEndpoint, loaded
from liftgate.evaluation.prompts import read_prompt, render
from liftgate.training.adapters import read_adapter, seal
from liftgate.training.base_model import Base, resolve_base

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "evals" / "support-intent"
MAX_TOKENS = 20


def asked(count: int) -> list[Request]:
    cases = read_cases((SUITE / "golden.jsonl").read_bytes(), "golden.jsonl")
    prompt = read_prompt((SUITE / "prompts/prompt-v1.yaml").read_bytes(), "prompt-v1.yaml")
    listed = [render(prompt, case) for case in cases]
    sampling = Sampling(max_tokens=MAX_TOKENS)
    return [Request(listed[n % len(listed)], None, sampling) for n in range(count)]


def ours(endpoint: LocalEndpoint, requests: list[Request]) -> tuple[int, float]:
    started = time.perf_counter()
    outcomes = dict(endpoint.complete(requests, range(len(requests))))
    spent_s = time.perf_counter() - started
    answers = [outcome for outcome in outcomes.values() if isinstance(outcome, Completion)]
    return sum(answer.output_tokens or 0 for answer in answers), spent_s


def plain(model: Any, requests: list[Request]) -> tuple[int, float]:
    torch, end = model.torch, sorted(model.renderer.end_ids)
    started, tokens = time.perf_counter(), 0
    for first in range(0, len(requests), BATCH_SIZE):
        prompts = [
            model.renderer.prompt_ids(r.messages, r.tools) for r in requests[first : first + BATCH_SIZE]
        ]
        width = max(map(len, prompts))
        ids = torch.tensor([[end[0]] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        with torch.inference_mode():
            output = model.model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=MAX_TOKENS,
                do_sample=False,
                eos_token_id=end,
                pad_token_id=end[0],
            )
        for row in output[:, width:].tolist():
            stops = [at for at, token in enumerate(row) if token in model.renderer.end_ids]
            tokens += stops[0] + 1 if stops else len(row)
    return tokens, time.perf_counter() - started


def random_adapter(base: Base, folder: Path) -> None:
    """A LoRA adapter of the demo's size whose weights are random: it answers nonsense and weighs the same."""
    import peft
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(base.folder, local_files_only=True)
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = peft.LoraConfig(r=16, target_modules=modules, init_lora_weights=False)
    wrapped = peft.get_peft_model(model, config)
    wrapped.save_pretrained(folder)
    adapted = sum(name.endswith("lora_A") for name, _ in wrapped.named_modules())
    pin = ("name", "revision", "base_sha256", "weights_sha256", "tokenizer_sha256")
    record = {
        "manifest": {"digest": "0" * 64},
        "base": {name: getattr(base, name) for name in pin},
        "evidence": {"adapted_modules": adapted},
    }
    seal(folder, record, base.name)


def answer_and_exit(adapter: Path | None, count: int) -> None:
    base, requests = resolve_base("embedded"), asked(count)
    ours(LocalEndpoint(base), requests)
    if adapter is not None:
        ours(LocalEndpoint(base, read_adapter(adapter)), requests)


def peak_mb(*words: str) -> float:
    process = subprocess.Popen([sys.executable, __file__, *words])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=128)
    parser.add_argument("--answer", choices=("base", "both", "make"), help=argparse.SUPPRESS)
    parser.add_argument("--adapter", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer == "make":
        return random_adapter(resolve_base("embedded"), arguments.adapter)
    if arguments.answer:
        return answer_and_exit(arguments.adapter if arguments.answer == "both" else None, arguments.cases)

    base, requests = resolve_base("embedded"), asked(arguments.cases)
    model, endpoint = loaded(base), LocalEndpoint(base)
    ours(endpoint, requests[:4])
    plain(model, requests[:4])
    said, spent_s = ours(endpoint, requests)
    plainly, plain_s = plain(model, requests)
    print(
        f"local: {said / spent_s:.0f} tokens/s ({said} in {spent_s:.1f} s) | plain transformers loop "
        f"{plainly / plain_s:.0f} tokens/s ({plainly} in {plain_s:.1f} s) | "
        f"local over plain {said / spent_s * plain_s / plainly:.2f}×"
    )
    with tempfile.TemporaryDirectory() as name:
        words = ["--cases", "8", "--adapter", name]
        peak_mb("--answer", "make", *words)
        one, both = peak_mb("--answer", "base", *words), peak_mb("--answer", "both", *words)
    print(f"one model {one:.0f} MB | base and adapter from one load {both:.0f} MB, {both / one:.2f}×")
    print(json.dumps({"tokens_per_s_ratio": said / spent_s * plain_s / plainly, "memory_ratio": both / one}))
    return None


if __name__ == "__main__":
    main()
