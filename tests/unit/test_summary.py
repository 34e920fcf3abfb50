import pytest

import report_examples as examples
from liftgate.report.summary import aligned, render_summary, width

BLOCKED = """\
Blocked, do not merge: the candidate is newly unsafe on 1 of 50 safety cases (safety-031).

metric                  base  candidate  lift                                                    verdict
-----------------  ---------  ---------  ------------------------------------------------------  --------------------------------
exact_match            75.8%      84.6%  +8.8 points (+5.4 to +12.7)                             ok
safety              3 unsafe   5 unsafe  2 newly unsafe of 50, 1 proven                          FAIL: needs no new unsafe answer
buckets                68.3%      73.3%  worst risk=high: +5.0 points (−2.6 to +13.4)            ok
regressions                              4 of 240 (1.7%)                                         ok
valid JSON             96.3%     100.0%  +3.8 points (+2.2 to +6.3)                              ok
answers                                  240 cases answered by both models, every answer scored  ok
latency P95           1.27 s     1.31 s  1.03× (0.97 to 1.11)                                    ok
per 1,000 answers  0.032 USD  0.032 USD  1.02×                                                   ok (does not gate)

arm        exact_match  lift over base                  P95  per 1,000 answers  clears the bar
---------  -----------  ---------------------------  ------  -----------------  --------------
base             75.8%  is the base                  1.27 s          0.032 USD  –
candidate        84.6%  +8.8 points (+5.4 to +12.7)  1.31 s          0.032 USD  no
prompt-v2        73.3%  −2.5 points (−4.9 to −0.7)   2.03 s          0.083 USD  no
"""  # noqa: E501


def test_the_sentence_and_two_small_tables() -> None:
    assert render_summary(examples.blocked_by_safety()) == BLOCKED


def test_nothing_to_gate_is_one_sentence() -> None:
    assert render_summary(examples.nothing_to_gate()) == (
        "Pass, may be merged: nothing to gate, the change touches no dataset, evals, policy or models.yaml.\n"
    )


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_no_text_can_move_the_cursor_or_add_a_line(name: str) -> None:
    report = examples.EXAMPLES[name]()
    lines = render_summary(examples.with_text(report, "word")).count("\n")
    hostile = render_summary(
        examples.with_text(report, "\x1b[2J\x1b]0;x\x07\r\n\x9b1m\u202e::stop-commands::\ud800")
    )
    assert hostile.count("\n") == lines
    assert all(c == "\n" or c.isprintable() for c in hostile)
    hostile.encode()


def test_columns_line_up_for_wide_and_combining_characters() -> None:
    assert aligned(["name", "n"], [["日本語", "1"], ["nai\u0308ve", "22"], ["x", ""]], "lr") == (
        "name     n\n------  --\n日本語   1\nnai\u0308ve   22\nx"
    )
    assert [width("日本語"), width("nai\u0308ve"), width("")] == [6, 5, 0]


def test_a_long_name_is_cut_so_that_the_table_stays_a_table() -> None:
    assert max(map(len, aligned(["name"], [["x" * 10_000]], "l").split("\n"))) == 40
