"""Rows written to get past the gate: what they hide is named, and what is named is not repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from liftgate.commands.validate import validate_files
from liftgate.data.text import is_identifier

CREDENTIAL = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
PLAIN = ["Where is my parcel", "Is the lamp in stock", "Do you ship to the islands", "The drawer broke off"]


def row(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {"id": "bad", "source": "human", "reviewed": True}
    return {"messages": [*messages, said("assistant", "x")], "metadata": metadata, **more}


def said(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def found(tmp_path: Path, hostile: dict[str, Any], golden: str = "", **options: Any) -> list[dict[str, Any]]:
    """What is found on the hostile row, which stands last."""
    rows = [{**row(said("user", text)), "metadata": {"id": text[:9], "source": "human"}} for text in PLAIN]
    file = tmp_path / "rows.train.jsonl"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in [*rows, hostile]))
    if golden:
        cases = tmp_path / "golden.jsonl"
        cases.write_text(json.dumps({"id": "g-1", "input": golden, "expected": "x"}) + "\n")
        options["golden"] = [cases]
    return [f for f in validate_files(file, **options)["findings"] if f["line"] == len(rows) + 1]


def rules(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["rule"] for finding in findings]


def test_a_credential_as_the_name_of_a_key_is_found_in_a_broken_row_and_not_repeated(tmp_path: Path) -> None:
    findings = found(tmp_path, row(said("user", "hello"), **{CREDENTIAL: "x"}))
    assert sorted(rules(findings)) == ["schema", "secret"]
    assert CREDENTIAL not in json.dumps(findings)


@pytest.mark.parametrize(
    "name", [CREDENTIAL, "AKIAIOSFODNN7EXAMPLE", "4111111111111111", "123-45-6789", "DE89370400440532013000"]
)
def test_what_may_be_a_credential_or_a_persons_number_is_no_name_to_show(name: str) -> None:
    assert not is_identifier(name)


@pytest.mark.parametrize(
    "name",
    [
        "ticket-0412",
        "row-00002",
        "g-2026-11-25",
        "gpt-4.1-mini-2025-04-14",
        "compliment_received_from_customer",
    ],
)
def test_plain_ids_and_labels_are_shown(name: str) -> None:
    assert is_identifier(name)
