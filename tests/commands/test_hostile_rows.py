"""Rows written to get past the gate: what they hide is named, and what is named is not repeated."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from liftgate.commands.validate import validate_files
from liftgate.data.text import is_identifier
from liftgate.errors import InputError
from liftgate.files import write_json

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


GOLDEN = (
    "Please cancel order HH-48213 for Maria Lopez because the sofa for 349.90 EUR has not shipped yet and I found "
    "another one"
)


def written(old: str, new: str) -> str:
    assert old in GOLDEN
    return GOLDEN.replace(old, new)


@pytest.mark.parametrize(
    "prompt",
    [
        pytest.param(GOLDEN.replace("a", "\u0430").replace("e", "\u03b5"), id="Cyrillic and Greek letters"),
        pytest.param(GOLDEN.replace("a", "\u0251").replace("i", "\u0131"), id="phonetic letters"),
        pytest.param(GOLDEN.replace("a", "\u00e1").replace("o", "\u00f8"), id="accents"),
        pytest.param(GOLDEN.replace(" ", "_"), id="underscores"),
        pytest.param(GOLDEN.replace(" ", "."), id="dots"),
        pytest.param(GOLDEN.replace(" ", "\u2800"), id="braille blanks"),
        pytest.param(GOLDEN.replace("an", "a n").replace("sh", "s h"), id="words taken apart"),
        pytest.param("".join(chr(ord(c) + 0xFEE0) if c > " " else c for c in GOLDEN), id="full width"),
        pytest.param("\u2063".join(GOLDEN), id="invisible letters"),
    ],
)
def test_a_disguised_golden_prompt_is_found(tmp_path: Path, prompt: str) -> None:
    findings = found(tmp_path, row(said("user", prompt)), GOLDEN)
    assert {"golden-leak", "golden-near-leak"} & set(rules(findings))
    assert all(finding["severity"] == "error" for finding in findings)


def test_a_golden_prompt_parted_in_a_word_over_two_turns_is_found(tmp_path: Path) -> None:
    parted = row(said("user", GOLDEN[:55]), said("assistant", "go on"), said("user", GOLDEN[55:]))
    assert rules(found(tmp_path, parted, GOLDEN)) == ["golden-near-leak"]


@pytest.mark.parametrize("role", ["system", "developer", "assistant", "tool"])
def test_a_golden_prompt_in_another_voice_is_found(tmp_path: Path, role: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    asked: dict[str, Any] = {"role": "assistant", "tool_calls": [call]}
    heard = {**said(role, GOLDEN), **({"tool_call_id": "c"} if role == "tool" else {})}
    before = [said("user", "Look it up")] if role in {"assistant", "tool"} else []
    after = [] if role == "tool" else [said("user", "Please go on")]
    hostile = row(*before, *([asked] if role == "tool" else []), heard, *after)
    messages = [f["message"] for f in found(tmp_path, hostile, GOLDEN) if f["rule"] == "golden-leak"]
    assert [message.split(" (")[0] for message in messages] == [
        "a message that is not the user's: same prompt as golden case 'g-1'"
    ]


def test_what_any_assistant_says_is_no_leak(tmp_path: Path) -> None:
    chat = row(said("user", "A new chair"), said("assistant", "Which one?"), said("user", "The blue one"))
    assert found(tmp_path, chat, "Which one?") == []


@pytest.mark.parametrize(
    "prompt",
    [
        pytest.param(written("Maria Lopez", "peter novak"), id="a name in lower case"),
        pytest.param(GOLDEN.lower().replace("maria lopez", "jo"), id="all in lower case"),
        pytest.param(written("HH-48213", "four eight two one"), id="a number in words"),
        pytest.param(written("349.90 EUR", "412 dollars"), id="another currency"),
        pytest.param(written("349.90 EUR", "\u20ac 18"), id="a currency's sign"),
        pytest.param(
            written("Maria Lopez", "peter novak").replace("o", "\u043e"), id="a swap and other letters"
        ),
        pytest.param(
            f"Hello there! {written('Maria Lopez', 'peter novak')} Thanks a lot.", id="a swap inside"
        ),
    ],
)
def test_a_golden_case_with_its_entities_swapped_is_found_however_they_are_written(
    tmp_path: Path, prompt: str
) -> None:
    assert "golden-entity-swap" in rules(found(tmp_path, row(said("user", prompt)), GOLDEN))


def test_a_golden_case_in_a_longer_message_is_not_called_a_swap(tmp_path: Path) -> None:
    longer = "Hello dear team, I hope that this finds you well. " * 3 + GOLDEN + " Thank you so much." * 3
    assert rules(found(tmp_path, row(said("user", longer)), GOLDEN)) == ["golden-near-leak"]


def test_a_near_copy_of_a_golden_case_is_no_boilerplate_however_often_it_stands(tmp_path: Path) -> None:
    rows = [row(said("user", f"{GOLDEN} {'please ' * (n % 3)}and thanks number {n}")) for n in range(30)]
    rows += [row(said("user", f"plain question about thing {n} and nothing else")) for n in range(40)]
    file, cases = tmp_path / "rows.train.jsonl", tmp_path / "golden.jsonl"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    cases.write_text(json.dumps({"id": "g-1", "input": GOLDEN, "expected": "x"}) + "\n")
    findings = validate_files(file, golden=[cases])["findings"]
    assert [f["line"] for f in findings if f["rule"] == "golden-near-leak"] == list(range(1, 31))


@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "pipe"])
def test_no_report_is_written_in_the_place_of_a_device(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    if name == "pipe":
        os.mkfifo(target)
    before = target.lstat()
    with pytest.raises(InputError, match="no plain file, and nothing is written in its place"):
        write_json(target, {})
    assert target.lstat().st_mode == before.st_mode
