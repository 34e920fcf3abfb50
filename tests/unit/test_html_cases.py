import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import page_world
import report_examples as examples
from liftgate.report.html import render_html
from liftgate.report.page_cases import TEXT_BYTES, page_cases

PRIVATE = "Write to anna.berg@example.org\nor call +49 30 901820 12."


def data_of(report: dict[str, Any], show: Any = "full") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page_cases(report, show).json)
    return found


def answering(text: str) -> dict[str, Any]:
    report = examples.insufficient()
    for case in report["cases"]:
        case["outputs"]["candidate"] = text
    return report


@given(st.recursive(st.text(st.characters(exclude_categories=[])), lambda inner: st.lists(inner, max_size=3)))
def test_the_cases_cannot_end_the_element_they_stand_in(text: Any) -> None:
    made = page_cases(answering(str(text)), "full").json
    assert not re.search("[<>&\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]", made)
    json.loads(made)


def test_the_cases_arrive_as_they_are_and_each_text_once() -> None:
    report = examples.passing()
    label = '{"intent": "account_access", "priority": "normal"}'
    answer = 'a "quoted"\n</script> & naïve 日本語'
    report["cases"][0]["outputs"]["candidate"] = answer
    report["cases"][1].update(expected=None)
    report["cases"][1]["scores"]["candidate"] = None
    data = data_of(report)
    assert (data["arms"], data["base"], data["candidate"]) == (["base", "candidate", "prompt-v2"], 0, 1)
    assert data["buckets"][:3] == [["intent", "account_access"], ["locale", "en"], ["risk", "standard"]]
    assert data["cases"][0] == ["golden-001", [0, 1, 2], 0, [0, 1, 0], [1.0, 1.0, 1.0]]
    assert data["texts"][:2] == [label, answer]
    assert data["cases"][1][2] is None
    assert data["cases"][1][4][1] is None
    assert len(data["cases"]) == 240
    assert len(data["texts"]) < 60


def test_a_page_shows_answers_as_the_policy_wants_them_shown() -> None:
    report = answering(PRIVATE)
    assert PRIVATE in data_of(report, "full")["texts"]
    assert "Write to [EMAIL]\nor call [PHONE]." in data_of(report, "redacted")["texts"]
    ids = data_of(report, "ids")
    assert (ids["answers"], ids["texts"]) == (False, [])
    assert [case[2:4] for case in ids["cases"]] == [[None, [None] * 3]] * 60
    assert ids["cases"][0][4] == data_of(report)["cases"][0][4]


def test_without_a_word_about_it_a_page_masks_personal_data_and_says_so() -> None:
    page = render_html(answering(PRIVATE))
    assert "anna.berg" not in page
    assert "Personal data and credentials are masked." in page
    named = render_html(answering(PRIVATE), show="ids")
    assert "[EMAIL]" not in named
    assert "No answers here: the policy lets a page name cases only (report.show: ids)." in named


@pytest.mark.parametrize("at", range(1_900, 2_140, 7))
def test_a_value_that_the_end_of_an_answer_would_cut_is_not_shown_in_part(at: int) -> None:
    words = ("word " * 600)[:at].rstrip()
    shown = "".join(data_of(answering(f"{words} anna.berg@example.org and more"), "redacted")["texts"])
    assert "anna" not in shown


def test_a_long_answer_without_spaces_is_not_lost() -> None:
    shown = data_of(answering("返金は承認されました。" * 400), "redacted")["texts"]
    assert max(len(text) for text in shown) == 2_000


def test_long_answers_to_many_cases_are_cut_so_that_the_page_stays_small() -> None:
    report = page_world.many_cases(5_000, 400)
    made = page_cases(report, "full")
    assert made.answer_limit == 240
    texts = json.loads(made.json)["texts"]
    assert max(len(text) for text in texts) == 240
    assert TEXT_BYTES / 2 < sum(len(text.encode()) for text in texts) <= TEXT_BYTES + 2 * len(texts)
    page = render_html(report, show="full")
    assert len(page.encode()) < 6_000_000
    assert "So many answers are cut to 240 characters each." in page


def test_a_page_stays_small_whatever_others_write() -> None:
    assert len(render_html(examples.huge(2_000)).encode()) < 6_000_000


def test_nothing_is_told_of_cases_that_are_not_there() -> None:
    assert data_of(examples.nothing_to_gate())["cases"] == []
