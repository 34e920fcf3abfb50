"""Scrubbing: one placeholder a value, nothing certain left, nothing else touched."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.checks import privacy, secrets
from liftgate.data.dataset import Row
from liftgate.data.rewriting.json_text import rewritten, texts
from liftgate.data.rewriting.scrub import Placeholders, scrub_files
from liftgate.data.scan import matches
from liftgate.errors import InputError

TOKEN = "ghp_" + "a1B2" * 9


def lines_of(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def said(*texts_: str, **more: Any) -> dict[str, Any]:
    turns = zip(("user", "assistant") * 5, texts_, strict=False)
    return {"messages": [{"role": role, "content": text} for role, text in turns], **more}


def scrubbed(*rows: Any, known: Placeholders | None = None) -> list[Any]:
    data = scrub_files({"rows": lines_of(*rows)}, known or Placeholders())["rows"].data
    return [json.loads(line) for line in data.splitlines()]


def contents(*texts_: str) -> list[str]:
    (row,) = scrubbed(said(*texts_))
    return [message["content"] for message in row["messages"]]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("Write to Sue.Hague@rhyta.com or sue.hague@RHYTA.com", "Write to <EMAIL_1> or <EMAIL_1>"),
        ("müller@größe.de", "<EMAIL_1>"),
        ("4539 5787 6362 1486, that is 4539578763621486", "<CARD_1>, that is <CARD_1>"),
        ("GB82 WEST 1234 5698 7654 32 = gb82west12345698765432", "<IBAN_1> = <IBAN_1>"),
        ("AT61 1904 3002 3457 3201 and more", "<IBAN_1> and more"),
        ("+49 30 901820-0 or 0049 (0)30 9018200", "<PHONE_1> or <PHONE_1>"),
        ("ssn 514-69-0360", "ssn <NATIONAL_ID_1>"),
        ("from 106.31.73.20 and 2001:4860:4860::8888", "from <IP_1> and <IP_2>"),
        (f"token {TOKEN} and {TOKEN}", "token <SECRET_1> and <SECRET_1>"),
        ("postgres://app:hunter2hunter@db.example/x", "<SECRET_1>/x"),
        ("line one\n4539 5787 6362 1486\nline three", "line one\n<CARD_1>\nline three"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----\nbye", "<SECRET_1>\nbye"),
        ("order 4539578763621486 came on 2026-11-25", "order 4539578763621486 came on 2026-11-25"),
    ],
)
def test_every_spelling_of_a_value_becomes_the_same_placeholder(text: str, after: str) -> None:
    assert contents(text) == [after]


@pytest.mark.parametrize(
    "value",
    [
        "john\u200b@exam\u00adple.com",
        "\uff4a\uff4f\uff48\uff4e\uff20example.com",
        "john [at] example (dot) com",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "DE89-3704-0044-0532-0130-00",
    ],
)
def test_a_value_in_disguise_is_replaced_whole_and_its_neighbours_stay(value: str) -> None:
    kind = "EMAIL" if "j" in value or "\uff4a" in value else "IBAN" if "DE" in value else "CARD"
    plain = {"EMAIL": "john@example.com", "IBAN": "DE89370400440532013000", "CARD": "4111 1111 1111 1111"}[
        kind
    ]
    assert contents(f"so \u2013 {value} \u2013 \u00e9t\u00e9", plain) == [
        f"so \u2013 <{kind}_1> \u2013 \u00e9t\u00e9",
        f"<{kind}_1>",
    ]


def test_prompt_and_answer_stay_in_step_wherever_the_value_stands() -> None:
    row = {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "call 668 5702, card 4539 5787 6362 1486"}],
            },
            {
                "role": "assistant",
                "content": '{"contact": "6685702", "list": ["4539578763621486"]}',
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {
                            "name": "f",
                            "arguments": '{"card": 4539578763621486, "tel": "668 57 02"}',
                        },
                    }
                ],
            },
        ],
        "metadata": {"id": "a", "customer": {"4539578763621486": ["SUE@rhyta.com"]}, "note": "sue@rhyta.com"},
    }
    (after,) = scrubbed(row)
    assert after["messages"][0]["content"][0]["text"] == "call <PHONE_1>, card <CARD_1>"
    assert after["messages"][1]["content"] == '{"contact": "<PHONE_1>", "list": ["<CARD_1>"]}'
    arguments = after["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert arguments == '{"card": "<CARD_1>", "tel": "<PHONE_1>"}'
    assert after["metadata"] == {"id": "a", "customer": {"<CARD_1>": ["<EMAIL_1>"]}, "note": "<EMAIL_1>"}


def test_a_credential_is_known_by_its_key_and_then_everywhere() -> None:
    (row,) = scrubbed(said("use Xk29dkeiwoxlq38dk9", metadata={"password": "Xk29dkeiwoxlq38dk9"}))
    assert row["messages"][0]["content"] == "use <SECRET_1>"
    assert row["metadata"] == {"password": "<SECRET_1>"}


def test_files_scrubbed_together_or_later_share_their_placeholders() -> None:
    known = Placeholders()
    train = lines_of(said("a@rhyta.com"), said("b@rhyta.com"))
    golden = lines_of({"id": "g", "input": "B@rhyta.com", "expected": {"mail": "b@rhyta.com"}})
    together = scrub_files({"train": train, "golden": golden}, known)
    assert json.loads(together["golden"].data) == {
        "id": "g",
        "input": "<EMAIL_2>",
        "expected": {"mail": "<EMAIL_2>"},
    }
    later = scrub_files({"safety": golden}, Placeholders.from_dict(known.to_dict(), "mapping"))
    assert later["safety"].data == together["golden"].data


def test_a_value_that_a_later_line_gives_away_is_replaced_in_an_earlier_one() -> None:
    rows = [said("order 4539578763621486 is late"), said("card 4539578763621486")]
    assert [row["messages"][0]["content"] for row in scrubbed(*rows)] == [
        "order <CARD_1> is late",
        "card <CARD_1>",
    ]


def test_lines_that_hold_nothing_keep_every_byte_and_others_all_but_the_value() -> None:
    plain = b'{ "messages":[ {"role":"user","content":"caf\\u00e9 \\/ 12"} ] }\r\n\n'
    touched = b'{"messages": [{"role":"user","content":"caf\\u00e9  a@rhyta.com"}], "n": 1.50}'
    after = scrub_files({"f": b"\xef\xbb\xbf" + plain + touched}, Placeholders())["f"]
    assert after.data == b"\xef\xbb\xbf" + plain + touched.replace(b"a@rhyta.com", b"<EMAIL_1>")
    assert after.changed == [3]


def test_a_part_of_a_value_that_stays_behind_is_named_by_its_line() -> None:
    rows = [
        said("card 4539 5787 6362 1486", "Your card ending in 1486."),
        said("card 4539 5787 6362 1486", "Done."),
    ]
    assert scrub_files({"f": lines_of(*rows)}, Placeholders())["f"].mentioned == [1]


def test_an_edited_mapping_and_a_foreign_file_are_refused() -> None:
    known = Placeholders({"EMAIL": {"a@b.de": 1, "c@d.de": 2}}).to_dict()
    known["values"]["EMAIL"]["c@d.de"] = 1
    with pytest.raises(InputError, match="edited"):
        Placeholders.from_dict(known, "m")
    with pytest.raises(InputError, match="not a scrub mapping"):
        Placeholders.from_dict({"schema_version": 1}, "m")


def test_a_broken_line_is_named_and_nothing_is_changed() -> None:
    with pytest.raises(InputError) as refusal:
        scrub_files({"f": b'{"a": 1}\n{"b"\n'}, Placeholders())
    assert [problem.place for problem in refusal.value.problems] == ["f:2"]


def test_two_keys_that_would_become_one_are_refused() -> None:
    with pytest.raises(InputError) as refusal:
        scrub_files({"f": lines_of({"A@rhyta.com": 1, "a@rhyta.com": 2})}, Placeholders())
    assert [problem.place for problem in refusal.value.problems] == ["f:1"]


def test_nothing_in_an_error_or_a_result_quotes_a_value() -> None:
    result = scrub_files({"f": lines_of(said("a.person@rhyta.com"))}, Placeholders())["f"]
    assert "person" not in repr((result.replaced, result.changed, result.mentioned))


VALUES = [
    "sue.hague@rhyta.com",
    "Sue.Hague@Rhyta.com",
    "4539 5787 6362 1486",
    "4539578763621486",
    "GB82 WEST 1234 5698 7654 32",
    "514-69-0360",
    "106.31.73.20",
    "0699 868 88 55",
    "+44 20 7946 0958",
    TOKEN,
    "password: Xk29dkeiwoxlq38dk9",
]
words = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from(
        ["call", "order", "IBAN", "<EMAIL_1>", "é", "\n", "\t", '"', "\\", "\\n", "#", "-", ".", "12"]
    ),
    st.text("0123456789 -.@ab\n", max_size=12),
)
text = st.lists(words, max_size=6).flatmap(
    lambda parts: st.sampled_from(["", " "]).map(lambda by: by.join(parts))
)
values = st.recursive(
    text | st.integers(0, 10**19) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "phone", "password", "text"]), inner, max_size=3)
        | inner.map(json.dumps)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=400)
@given(st.lists(values, min_size=1, max_size=4), st.booleans())
def test_scrubbing_leaves_nothing_certain_and_changes_nothing_the_second_time(
    rows: list[Any], ascii_: bool
) -> None:
    data = "".join(json.dumps({"v": row}, ensure_ascii=ascii_) + "\n" for row in rows).encode()
    known = Placeholders()
    once = scrub_files({"f": data}, known)["f"].data
    read = [Row(n, json.loads(line)) for n, line in enumerate(once.splitlines(), 1)]
    found = [part.kind for match in matches(read, privacy.CANDIDATE) for part in privacy.confirmed(match)]
    assert set(found) <= {privacy.PHONE}
    assert not [m for m in matches(read, secrets.CANDIDATE) if secrets.located(m.text)]
    assert scrub_files({"f": once}, known)["f"].data == once
    assert scrub_files({"f": once}, Placeholders())["f"].data == once


@settings(deadline=None)
@given(st.permutations(VALUES), st.integers(0, 99))
def test_a_value_has_one_placeholder_in_every_row_and_file(order: list[str], seed: int) -> None:
    known = Placeholders()
    chance = random.Random(seed)  # noqa: S311
    rows = [said(f"it is {value} now", json.dumps({"v": chance.choice(order)})) for value in order]
    scrub_files({"a": lines_of(*rows)}, known)
    before = json.dumps(known.to_dict())
    scrub_files({"b": lines_of(*reversed(rows))}, known)
    assert json.dumps(known.to_dict()) == before
    assert {kind: len(found) for kind, found in known.numbers.items()} == {
        "EMAIL": 1,
        "CARD": 1,
        "IBAN": 1,
        "NATIONAL_ID": 1,
        "IP": 1,
        "PHONE": 2,
        "SECRET": 2,
    }


@settings(deadline=None)
@given(values)
def test_rewriting_to_the_same_changes_no_byte_and_reaches_every_text(value: Any) -> None:
    line = json.dumps(value)
    assert rewritten(line, lambda text, _: text) == line
    marked = rewritten(line, lambda text, _: text + "!")
    assert all(text.endswith("!") for text in texts(marked))
    assert len(texts(marked)) == len(texts(line))
