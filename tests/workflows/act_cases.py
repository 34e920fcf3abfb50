"""Changes that people push to the toy repository in the tests of the workflows."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from act_runner import ACT, BIN, PROJECT
from chatty_model import word

from toy_project import TICKETS, make_project, row, write_jsonl

POLICY = (
    "version: 1\ndata: {min_rows: 5, min_rows_per_class: 2, validation_share: [0.05, 0.5]}\n"
    "rules: {golden-power: off, small-bucket: off}\n"
    "cost: {max_training_usd: 50, auto_approve_usd: 0}\n"
    "approval: {approvers: [carol]}\n"
)


def act_or_skip() -> None:
    """Skip, saying why, where workflows cannot be run."""
    if shutil.which(str(ACT)) is None:
        pytest.skip("act is not installed")
    if not _index_answers():
        pytest.skip("the package index cannot be reached, so the action cannot install")


def _index_answers() -> bool:
    command = [str(BIN / "uv"), "pip", "install", "--dry-run", "--quiet", "--require-hashes", "--no-deps"]
    command += ["--python", str(BIN / "python"), "--target", "/nonexistent/target"]
    command += ["--requirements", str(PROJECT / "requirements" / "github.txt")]
    environment = {**os.environ, "UV_HTTP_TIMEOUT": "5", "UV_HTTP_RETRIES": "0"}
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def teachable(root: Path, base: Path, alias: str = "toy") -> None:
    """A project whose training has an effect, a price and an approval."""
    make_project(root, base, alias=alias)
    golden: list[dict[str, Any]] = []
    for intent in TICKETS:
        for number in range(12):
            at = len(golden) * 2
            said = {"role": "user", "content": f"{word(at)} {word(at + 1)} {intent}"}
            expected = {"intent": intent}
            golden.append(
                {"id": f"{intent}-{number}", "messages": [said], "expected": expected, "buckets": expected}
            )
    write_jsonl(root / "evals" / alias / "golden.jsonl", golden)
    card = root / "datasets" / alias / "card.yaml"
    card.write_text(
        card.read_text()
        .replace("epochs: 1,", "epochs: 6,")
        .replace("rank: 4}", "rank: 8, learning_rate: 0.006}")
    )
    (root / "evals" / "policy.yaml").write_text(POLICY)
    prices = root / "evals" / "prices.yaml"
    prices.write_text(
        prices.read_text().replace('usd_per_hour: "0"', 'usd_per_hour: "3.60", tokens_per_second: 100')
    )


def release(root: Path, *extra: dict[str, Any], version: str = "1.1.0", alias: str = "toy") -> None:
    """A new version of the dataset: the rows of 1.0.0 and some more, listed in the card."""
    folder = root / "datasets" / alias
    old = [json.loads(line) for line in (folder / "v1.0.0.train.jsonl").read_text().splitlines()]
    train, half = folder / f"v{version}.train.jsonl", folder / f"v{version}.validation.jsonl"
    sha256 = write_jsonl(train, [*old, *extra])
    shutil.copyfile(folder / "v1.0.0.validation.jsonl", half)
    entry = (
        f"  - version: {version}\n    train: {{file: {train.name}, sha256: {sha256}}}\n"
        f"    validation: {{file: {half.name}, sha256: {hashlib.sha256(half.read_bytes()).hexdigest()}}}\n"
    )
    card = folder / "card.yaml"
    text = card.read_text().partition(f"  - version: {version}\n")[0]
    card.write_text(text + entry)


def new_row(number: int, intent: str, text: str) -> dict[str, Any]:
    made = row(0, intent, text)
    made["metadata"]["id"] = f"n{number}"
    return made


CLEAN = new_row(1, "refund", "the lantern flickers since friday, refund it")
REPEATED = new_row(2, "refund", "the lantern flickers since friday, refund it")
MAIL = new_row(3, "refund", "kindly write to shop@example.com about the lamp that came back")


def bad_rows(root: Path) -> None:
    release(root, CLEAN, REPEATED, MAIL)


def good_rows(root: Path) -> None:
    release(root, CLEAN)


def served(percent: int) -> str:
    """models.yaml with a tuned variant that so many callers get."""
    return (
        "version: 1\nmodels:\n  toy:\n    default: {model_id: base-model, provider: openai}\n    variants:\n"
        "      v1.0.0:\n        model_id: ft:base-model:toy\n        provider: openai\n"
        f"        dataset: {{version: 1.0.0, train_sha256: {'a' * 64}}}\n        flag: toy-tuned\n"
        f"        rollout_percent: {percent}\n        owner: us\n        on_call: us\n        runbook: RUNBOOK.md\n"
        "        cost_tag: toy\n"
    )


def rolled_back(root: Path) -> None:
    (root / "models.yaml").write_text(served(0))
