"""Submissions to train at OpenAI's API, for tests of the trainer and of the server that stands in for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from liftgate.training.jobs import Submission
from liftgate.training.manifest import Manifest

BASE = "gpt-4o-mini-2024-07-18"
# Stands in a row; no output may ever hold it.
ROW_TEXT = "zanzibar quicksilver"


def rows(count: int = 12) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"where is parcel {number}, {ROW_TEXT}?"},
                {"role": "assistant", "content": "order"},
            ]
        }
        for number in range(count)
    ]


def written(path: Path, data: list[Any], *, mark: bool = False) -> Path:
    lines = "".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in data)
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + lines.encode())
    return path


def submission(
    folder: Path,
    *,
    data: list[Any] | None = None,
    mark: bool = False,
    validation: bool = True,
    **manifest: Any,
) -> Submission:
    train = written(folder / "train.jsonl", rows() if data is None else data, mark=mark)
    held_out = written(folder / "validation.jsonl", rows(10), mark=mark) if validation else None
    made = Manifest(
        alias="support-intent",
        provider="openai",
        base=BASE,
        base_revision=BASE,
        method="supervised",
        seed=7,
        dataset_version="1.2.0",
        train_sha256="a" * 64,
        validation_sha256="b" * 64 if validation else None,
        hyperparameters={"epochs": 3, "batch_size": "auto", "learning_rate_multiplier": "auto"},
    )
    made = replace(made, **manifest)
    return Submission(made, train, held_out, "support-intent-v1.2.0", {"liftgate_digest": made.digest})
