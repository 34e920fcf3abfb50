"""Personal data: found in sentences that others labelled, and not where numbers only look like it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from liftgate.data.checks import privacy
from liftgate.data.dataset import Row, read_rows
from liftgate.data.scan import matches

LABELLED = Path(__file__).parents[3] / "shared/data/presidio/half.json"
KINDS = {
    "EMAIL_ADDRESS": "an e-mail address",
    "CREDIT_CARD": "a card number",
    "IBAN_CODE": "an IBAN",
    "US_SSN": "a national id",
    "IP_ADDRESS": "an IP address",
    "PHONE_NUMBER": "a phone number",
}
QUESTIONS = LABELLED.parents[1] / "banking77/train.chat.jsonl"


def row(text: str, line: int = 1) -> Row:
    return Row(line, {"messages": [{"role": "user", "content": text}]})


def kinds(text: str) -> list[str]:
    return [
        part.kind for match in matches([row(text)], privacy.CANDIDATE) for part in privacy.confirmed(match)
    ]


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
        (match.row.line, _bare(match.text[part.start : part.end]))
        for match in matches(rows, privacy.CANDIDATE)
        for part in privacy.confirmed(match)
        if part.kind == KINDS[entity]
    }
    recall, precision = len(found & wanted) / len(wanted), len(found & wanted) / len(found)
    sys.stdout.write(f"{entity}: {len(wanted)} wanted, recall {recall:.3f}, precision {precision:.3f}\n")
    assert recall >= 0.95
    assert precision >= 0.9


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
        "call me about order 12345678",
        "text me when 2026-11-25 is sure",
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
    found = [
        (match.row.line, part.kind)
        for match in matches(rows, privacy.CANDIDATE)
        for part in privacy.confirmed(match)
    ]
    assert found == [(1, "an e-mail address"), (2, "an IBAN")]


def test_the_names_of_keys_do_not_make_a_number_a_phone() -> None:
    parts = Row(
        1, {"messages": [{"role": "user", "content": [{"type": "text", "text": "12345678 is late"}]}]}
    )
    assert [part for match in matches([parts], privacy.CANDIDATE) for part in privacy.confirmed(match)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("AT61 1904 3002 3457 3201 and then", ["an IBAN"]),
        ("106.31.73.20 514-69-0360", ["an IP address", "a national id"]),
        ("card 4539 5787 6362 1486 12/28", ["a card number"]),
        ("514-69-0360. 12 days ago", ["a national id"]),
        ("\t4539 5787 6362 1486", ["a card number"]),
        ("rufnummer 0961-7596216", ["a phone number"]),
    ],
)
def test_a_neighbour_does_not_hide_what_stands_beside_it(text: str, found: list[str]) -> None:
    assert kinds(text) == found


DISGUISED = [
    ("mail john [at] example [dot] com now", "an e-mail address"),
    ("mail john(at)example.com now", "an e-mail address"),
    (
        "mail \uff4a\uff4f\uff48\uff4e\uff20\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff43\uff4f\uff4d now",
        "an e-mail address",
    ),
    ("mail john\u200b@exam\u00adple.com now", "an e-mail address"),
    ("card 4111\u00a01111\u00a01111\u00a01111 now", "a card number"),
    ("card 4111\u20131111\u20131111\u20131111 now", "a card number"),
    ("card 4111.1111.1111.1111 now", "a card number"),
    ("card \uff14\uff11\uff11\uff11 1111 1111 1111 now", "a card number"),
    (
        "card \u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661 now",
        "a card number",
    ),
    ("the order was paid with 4111 1111 1111 1111 now", "a card number"),
    ("iban DE89-3704-0044-0532-0130-00 now", "an IBAN"),
]


@pytest.mark.parametrize(("text", "kind"), DISGUISED)
def test_personal_data_in_disguise_is_found(text: str, kind: str) -> None:
    assert set(kinds(text)) == {kind}


@pytest.mark.parametrize(
    "text",
    [
        "look at example dot com",
        "see you (at) noon. Come early",
        "order 4111111111111111 is late",
        "from 10\u201312 to 14\u201316, room 3\u20134",
    ],
)
def test_words_in_brackets_dashes_and_order_numbers_are_no_personal_data(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.skipif(not QUESTIONS.exists(), reason="the shared data folder is not here")
def test_ten_thousand_questions_without_personal_data_are_left_alone() -> None:
    rows = read_rows(QUESTIONS.read_bytes(), "questions").rows
    found = [part for match in matches(rows, privacy.CANDIDATE) for part in privacy.confirmed(match)]
    assert found == []
