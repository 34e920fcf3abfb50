"""The loader: whatever the bytes are, a finding with its line; never a traceback, never a hang."""

from __future__ import annotations

import json
import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.data.dataset import read_rows
from liftgate.data.golden import read_cases
from liftgate.data.skeleton import skeleton
from liftgate.data.text import normalise, unmasked_bytes
from liftgate.errors import InputError

GOOD = b'{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}\n'


def complaints(data: bytes) -> list[tuple[str, int | None]]:
    return [(finding.rule, finding.line) for finding in read_rows(data, "rows.jsonl").findings]


@pytest.mark.parametrize(
    ("second_line", "part"),
    [
        (b'{"messages": [}', "not valid JSON"),
        (b'{"messages": "caf\xe9"}', "byte 18 is not UTF-8"),
        (b'{"messages": 1, "messages": 2}', "a key stands twice"),
        (b'{"a" : 1,"b":1,"b":2}', "a key stands twice"),
        (b'{"a": {"b": [{"c": 1, "c": 1}]}}', "a key stands twice"),
        (b'{"\\u0022:": "x", "\\u0022:": "y"}', "a key stands twice"),
        (b'{"a": "\\ud800"}', "lone surrogate"),
        (b'{"a": NaN}', "NaN and Infinity"),
        (b'{"a": -Infinity}', "NaN and Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": "\x01"}', "control character"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b"[" * 1_000_000 + b"]" * 1_000_000, "nested too deeply"),
        (b'{"a":' * 400 + b"1" + b"}" * 400, "nested too deeply"),
        (b"[]", "found an array"),
        (b'"text"', "found a bare value"),
    ],
)
def test_an_unusable_line_is_named_by_its_number(second_line: bytes, part: str) -> None:
    dataset = read_rows(GOOD + second_line + b"\n" + GOOD, "rows.jsonl")
    assert [(f.rule, f.line) for f in dataset.findings] == [("invalid-json", 2)]
    assert part in dataset.findings[0].message
    assert [row.line for row in dataset.rows] == [1, 3]
    assert dataset.line_count == 3


def test_a_truncated_last_line_is_called_cut_off() -> None:
    dataset = read_rows(GOOD + GOOD[:40], "rows.jsonl")
    assert [(f.rule, f.line) for f in dataset.findings] == [("invalid-json", 2), ("no-final-newline", 2)]
    assert "seems cut off" in dataset.findings[0].message


def test_byte_order_mark_line_ends_and_blank_lines_are_told_but_read() -> None:
    data = b"\xef\xbb\xbf" + GOOD + b"\n" + GOOD.replace(b"\n", b"\r\n")
    dataset = read_rows(data, "rows.jsonl")
    assert [row.line for row in dataset.rows] == [1, 3]
    assert complaints(data) == [("byte-order-mark", 1), ("carriage-return", 3), ("blank-line", 2)]


def test_escaped_quotes_before_a_colon_are_no_duplicate_key() -> None:
    assert complaints(json.dumps({"a": 'say "b": now', "b": '"a":'}).encode() + b"\n") == []


@pytest.mark.parametrize(
    "form", [json.dumps([json.loads(GOOD)], indent=2), json.dumps(json.loads(GOOD), indent=1)]
)
def test_pretty_printed_json_is_one_finding_not_one_a_line(form: str) -> None:
    dataset = read_rows(form.encode() + b"\n", "rows.jsonl")
    assert [(f.rule, f.line) for f in dataset.findings] == [("invalid-json", 1)]
    assert "spread over several lines" in dataset.findings[0].message


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (GOOD.decode().encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08\x00rest", "compressed"),
    ],
)
def test_a_file_that_is_no_text_is_named_once(data: bytes, part: str) -> None:
    dataset = read_rows(data, "rows.jsonl")
    assert [f.line for f in dataset.findings if f.rule == "invalid-json"] == [1]
    assert part in dataset.findings[0].message


def test_a_pointer_instead_of_the_data_is_a_rule_of_its_own() -> None:
    dataset = read_rows(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "rows.jsonl")
    assert [(f.rule, f.line) for f in dataset.findings] == [("lfs-pointer", 1)]
    assert (dataset.absent, dataset.line_count) == (True, 0)


def test_a_line_of_a_hundred_megabytes_is_refused_quickly() -> None:
    data = GOOD + b'{"messages": "' + b"a" * 100_000_000 + b'"}\n'
    began = time.perf_counter()
    dataset = read_rows(data, "rows.jsonl")
    assert [(f.rule, f.line) for f in dataset.findings] == [("invalid-json", 2)]
    assert time.perf_counter() - began < 10


@given(st.binary(max_size=400))
def test_no_bytes_make_the_loader_raise(data: bytes) -> None:
    read_rows(data, "rows.jsonl")


@given(st.integers(), st.integers(1, 8))
def test_no_damage_to_real_lines_makes_the_loader_raise(seed: int, cuts: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    data = bytearray(GOOD * 3)
    for _ in range(cuts):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(3)] = bytes(
            chance.choice(b'{}[]":,\\u0\n\r\xff\xef d8') for _ in range(2)
        )
    dataset = read_rows(bytes(data), "rows.jsonl")
    assert len(dataset.rows) <= dataset.line_count


@given(st.text())
def test_the_fast_normal_form_equals_the_documented_one(text: str) -> None:
    documented = re.sub(r"\s+", " ", re.sub(r"[^\w\s]", "", text.lower())).strip()
    assert normalise(text) == documented


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_ascii_normal_form_equals_the_documented_one(text: str) -> None:
    assert normalise(text) == re.sub(r"\s+", " ", re.sub(r"[^\w\s]", "", text.lower())).strip()


def test_look_alike_letters_are_unmasked() -> None:
    assert unmasked_bytes("Where is my \u0440\u0430\u0440\u0435r?") == b"where is my paper"
    assert unmasked_bytes("pa\u200bper") == b"paper"
    assert unmasked_bytes("ｐａｐｅｒ") == b"paper"
    assert unmasked_bytes("Stra\u00dfe, ma\u00f1ana \u2013 m\u00f6gen") == b"strasse manana mogen"
    assert (
        unmasked_bytes("\u0399 \u03f2\u03b1\u03b7\u03b7o\u03c4 l\u0251g_\u0131n\u2028\u039dow")
        == b"i cannot lag in now"
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Please cancel order HH-48213 for Anna today.", "Please cancel order HH-7 for Bob Miller today."),
        ("I was charged 49.90 EUR twice on 3 May", "I was charged 12 EUR twice on 14 May"),
        (
            "Wo ist meine Bestellung 4711, Frau Weber wartet schon",
            "Wo ist meine Bestellung 12, Frau Weber wartet schon",
        ),
    ],
)
def test_swapped_entities_leave_the_same_skeleton(left: str, right: str) -> None:
    assert skeleton(left) == skeleton(right) != b""


@pytest.mark.parametrize(
    "text", ["", "Where is my parcel please now", "Order 1 2 3", "Wo ist mein Tisch, meine Lampe"]
)
def test_a_text_without_entities_or_with_little_else_has_no_skeleton(text: str) -> None:
    assert skeleton(text) == b""


def test_cases_are_read_in_case_form_and_as_chat_rows() -> None:
    lines = [
        {"id": "a", "input": "Where is it?", "expected": {"intent": "x"}, "buckets": {"intent": "x"}},
        {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "y"},
            ]
        },
    ]
    cases = read_cases("\n".join(map(json.dumps, lines)).encode(), "golden.jsonl")
    assert [(c.id, c.prompt, c.expected, c.line) for c in cases] == [
        ("a", "Where is it?", {"intent": "x"}, 1),
        ("line-2", "u", "y", 2),
    ]
    assert cases.by_id["a"].messages == [{"role": "user", "content": "Where is it?"}]


def test_unusable_cases_are_all_named_at_once() -> None:
    lines = [
        '{"id":"a","input":"q"}',
        '{"id":"b","input":"q","expected":1,"inptu":2}',
        "{",
        '{"id":"c","expected":1}',
    ]
    lines += ['{"id":"d","input":"q","expected":1}', '{"id":"d","input":"r","expected":1}']
    lines += ['{"messages":[{"role":"user","content":"q"}]}']
    with pytest.raises(InputError) as refusal:
        read_cases("\n".join(lines).encode() + b"\n", "golden.jsonl")
    assert [str(problem) for problem in refusal.value.problems] == [
        "golden.jsonl:1: the case has no expectation (key 'expected')",
        "golden.jsonl:2: 'inptu' is not a key of a case; did you mean 'input'?",
        "golden.jsonl:3: not valid JSON (column 2)",
        "golden.jsonl:4: the case needs either 'input' or 'messages'",
        "golden.jsonl:6: 'd' already stands on line 5",
        "golden.jsonl:7: the chat row has no assistant message at its end to expect",
    ]


def test_an_empty_golden_set_is_refused() -> None:
    with pytest.raises(InputError, match="holds no cases"):
        read_cases(b"\n", "golden.jsonl")
