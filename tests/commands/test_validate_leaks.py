"""Leaks as a user meets them: the command, a card with two releases, a suite with a few-shot prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main

BANK = Path(__file__).parents[3] / "shared/data/banking77"
CARD = """version: 1
alias: toy
task: classification
description: toy
owner: us
licence: CC0-1.0
releases:
  - version: 1.0.0
    train: {file: v1.0.0.train.jsonl, sha256: AAAA}
  - version: 1.1.0
    train: {file: v1.1.0.train.jsonl, sha256: AAAA}
""".replace("AAAA", "a" * 64)
SUITE = """version: 1
alias: toy
golden: golden.jsonl
scorers: [exact_match]
arms:
  prompt-v2: {prompt: few-shot.yaml}
  candidate: {prompt: plain.yaml, model: candidate}
"""
FEW_SHOT = """version: 1
system: Route the ticket.
examples:
  - input: Something harmless
    output: billing
  - input: "i was charged TWICE"
    output: billing
"""


def row(identity: str, prompt: str) -> dict[str, Any]:
    said = [
        {"role": "system", "content": "Route the ticket."},
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": "billing"},
    ]
    return {"messages": said, "metadata": {"id": identity, "source": "human", "reviewed": True}}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def findings(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, Any]]:
    assert main(["validate", *map(str, words), "--json"]) == 10
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
    return found


def test_releases_and_few_shot_examples_are_held_against_the_golden_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "v1.0.0.train.jsonl", row("a", "Fine words"), row("b", "Where is my parcel?"))
    now = write(tmp_path / "v1.1.0.train.jsonl", row("a", "Fine words"))
    golden = tmp_path / "golden.jsonl"
    golden.write_text(
        '{"id": "g-1", "input": "where is my parcel", "expected": "order"}\n'
        '{"id": "g-2", "input": "I was charged twice.", "expected": "billing"}\n'
    )
    (tmp_path / "card.yaml").write_text(CARD)
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "few-shot.yaml").write_text(FEW_SHOT)
    (tmp_path / "plain.yaml").write_text("version: 1\nsystem: Route the ticket.\n")
    found = findings(
        capsys,
        now,
        *("--golden", golden, "--card", tmp_path / "card.yaml", "--suite", tmp_path / "suite.yaml"),
    )
    leaks = [(f["severity"], f["path"], f["line"], f["message"]) for f in found if f["rule"] == "golden-leak"]
    assert leaks == [
        (
            "error",
            str(tmp_path / "few-shot.yaml"),
            6,
            f"a few-shot example: same prompt as golden case 'g-2' ({golden}:2)",
        ),
        (
            "error",
            str(tmp_path / "v1.0.0.train.jsonl"),
            2,
            f"a row of another release: same prompt as golden case 'g-1' ({golden}:1)",
        ),
    ]


@pytest.mark.skipif(not BANK.exists(), reason="the shared data folder is not here")
def test_banking77_by_the_command_itself(capsys: pytest.CaptureFixture[str]) -> None:
    found = findings(capsys, BANK / "train.chat.jsonl", "--golden", BANK / "test.chat.jsonl")
    rules = [finding["rule"] for finding in found]
    assert (rules.count("golden-leak"), rules.count("duplicate-row")) == (11, 12)
