"""Personal data: found in sentences that others labelled, and not where numbers only look like it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from liftgate.data.checks import privacy
from liftgate.data.dataset import Row
from liftgate.data.scan import matches

LABELLED = Path(__file__).parents[3] / "shared/data/presidio/half.json"
KINDS = {
    "EMAIL_ADDRESS": "an e-mail address",
    "CREDIT_CARD": "a card number",
    "IBAN_CODE": "an IBAN",
    "US_SSN": "a national id",
    "IP_ADDRESS": "an IP address",
}


def row(text: str, line: int = 1) -> Row:
    return Row(line, {"messages": [{"role": "user", "content": text}]})


def kinds(text: str) -> list[str | None]:
    found = (privacy.kind_of(match) for match in matches([row(text)], privacy.CANDIDATE))
    return [kind for kind in found if kind]


@pytest.mark.skipif(not LABELLED.exists(), reason="the shared data folder is not here")
@pytest.mark.parametrize("entity", KINDS)
def test_recall_and_precision_on_labelled_sentences(entity: str) -> None:
    sentences = json.loads(LABELLED.read_text())
    wanted = {
        (line, _bare(span["entity_value"]))
        for line, sentence in enumerate(sentences)
        for span in sentence["spans"]
        if span["entity_type"] == entity
    }
    rows = [row(sentence["full_text"], line) for line, sentence in enumerate(sentences)]
    found = {
        (match.row.line, _bare(match.text))
        for match in matches(rows, privacy.CANDIDATE)
        if privacy.kind_of(match) == KINDS[entity]
    }
    assert len(found & wanted) >= 0.95 * len(wanted)
    assert len(found & wanted) >= 0.9 * len(found)


def _bare(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum()).lower()


@pytest.mark.parametrize(
    "text",
    [
        "It was delivered on 2026-11-25 at 10:15:30",
        "my order 4539578763621486 is late",
        "ticket HH-4539578763621486",
        "the card 4539 5787 6362 1487 has a wrong check digit",
        "IBAN GB82 WEST 1234 5698 7654 33",
        "version 2.14.3, build 20261125",
        "[EMAIL_1] and <PHONE_2>",
        "127.0.0.1",
        "000-12-3456",
        "I paid 1.234,56 EUR for 12 x 30 pieces",
    ],
)
def test_what_only_looks_like_personal_data_is_left_alone(text: str) -> None:
    assert kinds(text) == []


def test_a_match_is_found_in_any_text_of_the_row_and_after_an_escaped_line_end() -> None:
    rows = [
        Row(1, {"messages": [], "metadata": {"id": "x", "note": "write to a.b@shop.example"}}),
        row("my IBAN:\nGB82 WEST 1234 5698 7654 32", 2),
        row("nothing here", 3),
    ]
    found = [(match.row.line, privacy.kind_of(match)) for match in matches(rows, privacy.CANDIDATE)]
    assert found == [(1, "an e-mail address"), (2, "an IBAN")]
