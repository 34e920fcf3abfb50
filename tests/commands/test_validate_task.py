"""The task of a dataset, read from where it is written: the suite, else the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from liftgate.commands.validate import validate_files

CARD = f"""version: 1
alias: toy
task: extraction
description: toy
owner: us
licence: CC0-1.0
releases:
  - version: 1.0.0
    train: {{file: v1.0.0.train.jsonl, sha256: {"a" * 64}}}
"""
SUITE = """version: 1
alias: toy
golden: golden.jsonl
scorers:
  - {scorer: json_schema, schema: answer.json}
"""
SCHEMA = {"type": "object", "required": ["total"], "properties": {"total": {}, "note": {"type": "string"}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"invoice {n}: {n * 7} in all, paid by post"},
                {"role": "assistant", "content": json.dumps({"total": n * 7, "note": "by post"})},
            ]
        }
        for n in range(12)
    ]
    (tmp_path / "v1.0.0.train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "golden.jsonl").write_text(
        '{"id": "g", "input": "nothing alike", "expected": {"total": 1}}\n'
    )
    (tmp_path / "answer.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "card.yaml").write_text(CARD)
    return tmp_path


def told(folder: Path, **options: Path) -> dict[str, str]:
    report = validate_files(folder / "v1.0.0.train.jsonl", **options)
    wanted = ("field-coverage", "too-few-rows")
    return {f["rule"]: f["message"] for f in report["findings"] if f["rule"] in wanted}


def test_the_card_names_the_task_and_the_suites_scorer_the_optional_fields(folder: Path) -> None:
    expected = "12 usable rows; the task 'extraction' usually takes 800 or more"
    assert told(folder, card=folder / "card.yaml") == {
        "field-coverage": "none of 12 answers leaves a field empty, so the model never learns to",
        "too-few-rows": expected,
    }
    assert told(folder, card=folder / "card.yaml", suite=folder / "suite.yaml") == {
        "field-coverage": "never empty in 12 answers though optional: 'note'",
        "too-few-rows": expected,
    }


def test_a_task_written_in_the_suite_wins_and_a_silent_suite_means_classification(folder: Path) -> None:
    assert told(folder, suite=folder / "suite.yaml") == {
        "too-few-rows": "12 usable rows; the task 'classification' usually takes 500 or more"
    }
    (folder / "suite.yaml").write_text(f"{SUITE}task: style\n")
    assert told(folder, card=folder / "card.yaml", suite=folder / "suite.yaml") == {
        "too-few-rows": "12 usable rows; the task 'style' usually takes 200 or more"
    }
    assert told(folder) == {}
