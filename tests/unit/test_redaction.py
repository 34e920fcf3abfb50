"""What a comment shows of an answer."""

import pytest

import report_examples as examples
from liftgate.report.comment import render_comment
from liftgate.report.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"intent": "refund"}', '{"intent": "refund"}'),
        ("write to jane.doe@shop.example today", "write to [EMAIL] today"),
        ("write to jane [at] shop [dot] example", "write to [EMAIL]"),
        ("my card is 4111 1111 1111 1111, thanks", "my card is [CARD], thanks"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [IBAN]"),
        ("call +49 30 901820 and ask", "call [PHONE] and ask"),
        ("key AKIAIOSFODNN7EXAMPLQ", "key [SECRET]"),
        ("", ""),
        ("\ud800 \u202ex\r\ny", "\ufffd x y"),
    ],
)
def test_personal_data_and_credentials_are_masked(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize("length", range(1_100, 1_230, 7))
def test_no_beginning_of_a_value_is_left_where_a_long_text_is_cut(length: int) -> None:
    for value in ("jane@shop.example ", "a" * 220 + "jane@shop.example ", "call +49 30 901820, "):
        shown = redacted((value * 1_000)[:length] + "x" * 1_000_000)
        assert "jane" not in shown and "90" not in shown
        assert len(shown) < 1_300


def with_personal_answers() -> dict[str, object]:
    report = examples.blocked_by_bucket()
    for case in report["regressions"]:
        case.update(base="refund to jane@shop.example", candidate="call +49 30 901820")
    return report


def test_a_comment_shows_answers_without_personal_data_unless_the_policy_says_otherwise() -> None:
    comment = render_comment(with_personal_answers())
    assert "`refund to [EMAIL]`" in comment and "`call [PHONE]`" in comment
    assert "jane" not in comment and "901820" not in comment


def test_a_comment_shows_whole_answers_or_none_where_the_policy_says_so() -> None:
    assert "jane@&#8203;shop.example" in render_comment(with_personal_answers(), show="full")
    ids = render_comment(with_personal_answers(), show="ids")
    assert "jane" not in ids and "[EMAIL]" not in ids
    assert "| case | buckets | asked again |\n" in ids
