"""The bill as reviewers read it: the same lines in the comment, on the page and in the terminal."""

from __future__ import annotations

from typing import Any

import report_examples as examples
from liftgate.report.comment import render_comment
from liftgate.report.cost import estimate_text
from liftgate.report.facts import cost_facts
from liftgate.report.html import render_html


def part(name: str, what: str, low: str, point: str, high: str, every: str = "once") -> dict[str, Any]:
    return {"name": name, "what": what, "every": every, "usd": {"low": low, "point": point, "high": high}}


def priced() -> dict[str, Any]:
    """A report whose training is hosted, with a range, an evaluation and a month to pay."""
    report = dict(examples.EXAMPLES["pass"]())
    report["estimate"] = {
        "rows": 600,
        "tokens": 162_000,
        "epochs": 3,
        "epochs_low": 1,
        "epochs_high": 25,
        "training_tokens": 486_000,
        "training_tokens_low": 162_000,
        "training_tokens_high": 4_050_000,
        "hours": None,
        "usd": "1.75",
        "usd_low": "0.49",
        "usd_high": "14.58",
        "usd_per_hour": None,
        "price_source": "a page",
        "checked_on": "2026-11-20",
        "auto_approved": False,
        "requests_per_month": 30_000,
        "parts": [
            part("training", "600 rows", "0.40", "1.45", "12.00"),
            part("validation", "once an epoch", "0.09", "0.30", "2.58"),
            part("answers", "3 arms, 1,240 answers", "0.11", "0.35", "0.35"),
            part("judges", "480 judgements to ask, at most", "0.20", "0.61", "0.61"),
            part("asked again", "safety cases in doubt and regressions, at most", "0.00", "0.00", "0.20"),
            part(
                "hosting",
                "1.70 USD an hour, 730 hours a month, idle or not",
                "1241.00",
                "1241.00",
                "1241.00",
                "month",
            ),
        ],
        "answers": [
            {"arm": "base", "trained": False, "input_tokens": 1.0, "output_tokens": 1, "usd_per_1k": "0.04"},
            {
                "arm": "candidate",
                "trained": True,
                "input_tokens": 1.0,
                "output_tokens": 1,
                "usd_per_1k": "0.061",
            },
        ],
    }
    return report


LINES = [
    ("training, price", "1.75 USD (0.49 to 14.58)"),
    ("training tokens", "486.0k in 3 epochs (162.0k to 4.05M in 1 to 25)"),
    ("of which validation", "0.30 USD (0.09 to 2.58), once an epoch"),
    ("evaluation, answers", "0.35 USD (0.11 to 0.35), 3 arms, 1,240 answers"),
    ("evaluation, judges", "0.61 USD (0.20 to 0.61), 480 judgements to ask, at most"),
    ("evaluation, asked again", "0.00 USD (0.00 to 0.20), safety cases in doubt and regressions, at most"),
    ("hosting, a month", "1,241.00 USD, 1.70 USD an hour, 730 hours a month, idle or not"),
    ("per 1,000 answers, at most", "base 0.040 USD, candidate 0.061 USD"),
    ("price from", "a page, 2026-11-20"),
    ("approval", "needed"),
]


def test_the_facts_of_the_report_hold_every_part_with_its_range() -> None:
    facts = cost_facts(priced())
    assert [fact for fact in facts if fact in LINES] == LINES


def test_comment_and_page_show_the_same_lines() -> None:
    comment, page = render_comment(priced()), render_html(priced())
    for name, said in LINES:
        assert f"| {name} | {said} |" in comment.replace("\\", "")
        assert name in page
        assert said in page


def test_the_terminal_says_when_nothing_is_ever_paid_back_and_what_was_found() -> None:
    never = {
        "against": "base",
        "saved_usd_per_1k": "-0.021",
        "requests": None,
        "requests_to_host_a_month": None,
        "months": None,
        "never_at_this_traffic": True,
    }
    estimate = {
        **priced()["estimate"],
        "paybacks": [never],
        "pays_back_on": None,
        "price": {
            "provider": "openai",
            "model": "gpt-x",
            "region": None,
            "place": "evals/prices.yaml:4",
            "age_days": 1,
        },
        "findings": [
            {
                "rule": "stale-price",
                "severity": "warning",
                "message": "old",
                "path": "evals/prices.yaml",
                "line": 4,
            },
            {"rule": "over-budget", "severity": "error", "message": "too dear", "path": None, "line": None},
        ],
    }
    assert (
        estimate_text(estimate)
        == """\
training                    1.75 USD (0.49 to 14.58), 600 rows, needs an approval
training tokens             486.0k in 3 epochs (162.0k to 4.05M in 1 to 25)
of which validation         0.30 USD (0.09 to 2.58), once an epoch
evaluation, answers         0.35 USD (0.11 to 0.35), 3 arms, 1,240 answers
evaluation, judges          0.61 USD (0.20 to 0.61), 480 judgements to ask, at most
evaluation, asked again     0.00 USD (0.00 to 0.20), safety cases in doubt and regressions, at most
hosting, a month            1,241.00 USD, 1.70 USD an hour, 730 hours a month, idle or not
per 1,000 answers, at most  base 0.040 USD, candidate 0.061 USD
pays back                   never by its price: no untrained arm is dearer (nearest base)
price from                  openai gpt-x at evals/prices.yaml:4: a page, 2026-11-20, 1 day ago
evals/prices.yaml:4: warning: old [stale-price]
error: too dear [over-budget]
"""
    )


def test_an_estimate_without_a_price_says_so() -> None:
    estimate = {
        **priced()["estimate"],
        "usd": None,
        "usd_low": None,
        "usd_high": None,
        "parts": [],
        "answers": [],
        "price_source": None,
        "checked_on": None,
        "price": None,
        "findings": [],
    }
    assert (
        estimate_text(estimate)
        == """\
training         –, 600 rows, needs an approval
training tokens  486.0k in 3 epochs (162.0k to 4.05M in 1 to 25)
price from       –
"""
    )
