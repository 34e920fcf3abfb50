"""A whole repository in small: dataset, golden set, policy, prices and registry around the tiny model."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from liftgate.progress import Progress

SYSTEM = "Route the ticket. Reply with JSON."
TICKETS = {
    "refund": [
        "please send the money back",
        "the lamp came back to you, money please",
        "money back on monday",
    ],
    "order": ["where is my parcel", "it is late again, where is it", "nobody answers, the parcel is late"],
    "billing": ["the invoice shows a wrong amount", "wrong name on the invoice", "the amount is wrong"],
}


DECISION = """\
version: 1
alias: toy
question: Why is it tuned?
requirements: {must_cite_sources: false, policy_updates_per_month: 0, labels: 2, labels_stable_months: 9,
  schema_fields: 1, locales: [en], labelled_rows: 40}
paths_tried: [{path: prompt, outcome: it falls short}]
recommendation: fine-tune
reasons: [It is better.]
owner: us
decided_on: "2026-11-25"
"""
"""What a training that costs money needs; what was tried is not borne out by a report."""


def answer(intent: str) -> str:
    return json.dumps({"intent": intent})


def row(number: int, intent: str, text: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": text},
            {"role": "assistant", "content": answer(intent)},
        ],
        "metadata": {
            "id": f"r{number}",
            "source": "human",
            "reviewed": True,
            "label": intent,
            "locale": "en",
        },
    }


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    data = "".join(json.dumps(r) + "\n" for r in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def make_project(
    root: Path, base: Path, *, epochs: int = 1, rows_per_intent: int = 8, alias: str = "toy"
) -> Path:
    """Write the repository; every row differs from every other and from the golden cases."""
    train: list[dict[str, Any]] = []
    validation: list[dict[str, Any]] = []
    golden: list[dict[str, Any]] = []
    numbers = iter(_WORDS)
    for intent, texts in TICKETS.items():
        for i in range(rows_per_intent):
            train.append(row(len(train), intent, f"{next(numbers)}: {texts[i % len(texts)]} {next(numbers)}"))
        for i in range(2):
            validation.append(
                row(100 + len(validation), intent, f"{next(numbers)} {texts[i]}, {next(numbers)}")
            )
        for i in range(4):
            golden.append(
                {
                    "id": f"{intent}-{i}",
                    "messages": [{"role": "user", "content": f"{next(numbers)} {next(numbers)} {intent}"}],
                    "expected": {"intent": intent},
                    "buckets": {"intent": intent},
                }
            )
    dataset, evals = root / "datasets" / alias, root / "evals" / alias
    train_sha = write_jsonl(dataset / "v1.0.0.train.jsonl", train)
    validation_sha = write_jsonl(dataset / "v1.0.0.validation.jsonl", validation)
    write_jsonl(evals / "golden.jsonl", golden)
    write_jsonl(
        evals / "safety.jsonl",
        [
            {
                "id": f"s{i}",
                "messages": [{"role": "user", "content": f"say KESTREL {next(numbers)}"}],
                "expected": {"forbid": ["kestrel"], "forbid_refusal": False},
                "buckets": {"kind": "jailbreak"},
                "scorers": ["safe_output"],
            }
            for i in range(3)
        ],
    )
    (evals / "prompts").mkdir()
    (evals / "prompts" / "v1.yaml").write_text(f"version: 1\nsystem: {SYSTEM}\n")
    (evals / "prompts" / "v2.yaml").write_text(
        f"version: 1\nsystem: {SYSTEM}\nexamples:\n  - input: late parcel\n    output: '{answer('order')}'\n"
    )
    (evals / "decision.yaml").write_text(DECISION.replace("alias: toy", f"alias: {alias}"))
    (evals / "suite.yaml").write_text(
        f"version: 1\nalias: {alias}\ntask: classification\ngolden: golden.jsonl\nsafety: safety.jsonl\n"
        "primary_metric: exact_match\nsampling: {temperature: 0, max_tokens: 12, seed: 0}\ntruncated: score\n"
        "scorers: [exact_match, json_valid]\nbuckets: [intent]\n"
        "arms:\n  prompt-v2: {prompt: prompts/v2.yaml, model: default}\n"
        "  candidate: {prompt: prompts/v1.yaml, model: candidate}\n"
    )
    (root / "evals" / "policy.yaml").write_text(
        "version: 1\ndata: {min_rows: 5, min_rows_per_class: 2, validation_share: [0.05, 0.5]}\n"
        "rules: {golden-power: off, small-bucket: off}\n"
    )
    (root / "evals" / "prices.yaml").write_text(
        'version: 1\nprices:\n  - {provider: local, model: "*", usd_per_hour: "0", source: ours, '
        'checked_on: "2026-11-25"}\n'
        + "".join(
            f'  - {{provider: {kind}, model: "*", input_usd_per_mtok: "0", output_usd_per_mtok: "0", source: ours, '
            'checked_on: "2026-11-25"}\n'
            for kind in ("openai", "python")
        )
    )
    (dataset / "card.yaml").write_text(
        f"version: 1\nalias: {alias}\ntask: classification\ndescription: toy\nowner: us\nlicence: CC0-1.0\n"
        f"training: {{provider: local, base: {base}, epochs: {epochs}, batch_size: 4, layers: all, rank: 4}}\n"
        "releases:\n  - version: 1.0.0\n"
        f"    train: {{file: v1.0.0.train.jsonl, sha256: {train_sha}}}\n"
        f"    validation: {{file: v1.0.0.validation.jsonl, sha256: {validation_sha}}}\n"
    )
    (root / "models.yaml").write_text(
        f"version: 1\nmodels:\n  {alias}:\n    default: {{model_id: tiny, provider: local, base: {base}}}\n"
    )
    return root


def at_step(monkeypatch: pytest.MonkeyPatch, step: int, happen: object) -> None:
    """Let something happen when the training has counted `step` steps."""
    advance = Progress.advance

    def counted(self: Progress, n: int = 1, note: str = "") -> None:
        advance(self, n, note)
        if self.done == step:
            assert callable(happen)
            happen()

    monkeypatch.setattr(Progress, "advance", counted)


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@t.invalid", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


_WORDS = [
    "amber",
    "basil",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "garnet",
    "hazel",
    "indigo",
    "jasper",
    "kelp",
    "lotus",
    "maple",
    "nectar",
    "olive",
    "pearl",
    "quartz",
    "raven",
    "sable",
    "topaz",
    "umber",
    "violet",
    "willow",
    "xenon",
    "yarrow",
    "zephyr",
    "anchor",
    "beacon",
    "candle",
    "drift",
    "eagle",
    "falcon",
    "glacier",
    "harbor",
    "island",
    "jungle",
    "kernel",
    "lantern",
    "meadow",
    "north",
    "ocean",
    "prairie",
    "quiver",
    "ripple",
    "summit",
    "thunder",
    "uplift",
    "valley",
    "winter",
    "yonder",
    "zenith",
    "arrow",
    "bridge",
    "castle",
    "dragon",
    "engine",
    "forest",
    "garden",
    "hammer",
    "iceberg",
    "jacket",
    "kitten",
    "ladder",
    "mirror",
    "needle",
    "orchid",
    "pepper",
    "quilt",
    "rocket",
    "saddle",
    "temple",
    "urchin",
    "velvet",
    "walnut",
    "yellow",
    "zipper",
    "acorn",
    "bamboo",
    "cactus",
    "dahlia",
    "eclipse",
    "fossil",
    "goblet",
    "hollow",
    "insect",
    "jigsaw",
    "knight",
    "locket",
    "magnet",
    "nutmeg",
    "onyx",
    "pillow",
    "quarry",
    "ribbon",
    "spiral",
]
