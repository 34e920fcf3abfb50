"""A repository whose card lets OpenAI train, and the provider on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from liftgate.cli import main
from liftgate.project import read_subject
from openai_submissions import BASE
from toy_project import DECISION, row, write_jsonl

PLANTED = "zanzibar quicksilver"
"""Stands in rows; no output and no ledger entry may hold it."""


def make_hosted_project(root: Path, url: str, *, rows: int = 12, policy: str = "", more: str = "") -> Path:
    """Write the repository. `policy` are lines of policy.yaml, `more` keys of the card's training section."""
    dataset, evals = root / "datasets" / "toy", root / "evals" / "toy"
    train = [row(n, "order", f"where is parcel {n}, {PLANTED}") for n in range(rows)]
    train_sha = write_jsonl(dataset / "v1.0.0.train.jsonl", train)
    held = [row(100 + n, "order", f"is parcel {n} late, {PLANTED}") for n in range(10)]
    held_sha = write_jsonl(dataset / "v1.0.0.validation.jsonl", held)
    cases: list[dict[str, Any]] = [
        {
            "id": f"c{n}",
            "messages": [{"role": "user", "content": f"golden {n}"}],
            "expected": {"intent": "order"},
        }
        for n in range(4)
    ]
    write_jsonl(evals / "golden.jsonl", cases)
    (evals / "prompts").mkdir()
    (evals / "prompts" / "v1.yaml").write_text("version: 1\nsystem: Route the ticket.\n")
    (evals / "suite.yaml").write_text(
        "version: 1\nalias: toy\ntask: classification\ngolden: golden.jsonl\nprimary_metric: exact_match\n"
        "sampling: {temperature: 0, max_tokens: 12}\nscorers: [exact_match]\n"
        "arms:\n  candidate: {prompt: prompts/v1.yaml, model: candidate}\n"
    )
    written = policy or "trigger: {min_reviewed_rows: 5}\n"
    (evals / "decision.yaml").write_text(DECISION)
    (root / "evals" / "policy.yaml").write_text(
        "version: 1\ndata: {min_rows: 5, min_rows_per_class: 2, validation_share: [0.05, 0.5]}\n" + written
    )
    (root / "evals" / "prices.yaml").write_text(
        "version: 1\nprices:\n"
        f'  - {{provider: openai, model: {BASE}, train_usd_per_mtok: "3.00", input_usd_per_mtok: "0.15", '
        'output_usd_per_mtok: "0.60", fine_tuned_input_usd_per_mtok: "0.30", fine_tuned_output_usd_per_mtok: "1.20", '
        'source: ours, checked_on: "2026-11-25"}\n'
    )
    (root / "evals" / "sunsets.yaml").write_text(
        f'version: 1\nsunsets:\n  - {{provider: openai, model: {BASE}, shutdown_on: "2099-01-01", source: ours, '
        'checked_on: "2026-11-25"}\n'
    )
    (dataset / "card.yaml").write_text(
        "version: 1\nalias: toy\ntask: classification\ndescription: toy\nowner: us\nlicence: CC0-1.0\n"
        "data_classification: public\n"
        f"training: {{provider: openai, base: {BASE}, epochs: 3{more}}}\n"
        "releases:\n  - version: 1.0.0\n"
        f"    train: {{file: v1.0.0.train.jsonl, sha256: {train_sha}}}\n"
        f"    validation: {{file: v1.0.0.validation.jsonl, sha256: {held_sha}}}\n"
    )
    (root / "models.yaml").write_text(
        "# the registry\nversion: 1\nmodels:\n  toy:\n"
        f"    default: {{model_id: {BASE}, provider: openai, base_url: {url}}}   # untuned\n"
    )
    return root


def digest_of(root: Path) -> str:
    """The manifest that the work tree would train."""
    return read_subject(root, "toy").manifest().digest


def approve(root: Path, *words: str, by: str = "owner", author: str = "ann") -> int:
    """Approve what the work tree holds."""
    ledger = ("--root", str(root), "--ledger", str(root / "ledger"))
    who = ("--by", by, "--author", author)
    return main(["approve", "--alias", "toy", "--digest", digest_of(root), *who, *ledger, *words])


def train(root: Path, *words: str) -> int:
    """Train what the work tree holds, looking without pause."""
    places = ("--root", str(root), "--ledger", str(root / "ledger"), "--out", str(root / "out"))
    return main(["train", "--alias", "toy", *places, "--interval", "0.01", *words])
