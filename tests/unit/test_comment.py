"""The comment, whole, for every variant.

To write the snapshots anew: `LIFTGATE_REFRESH=1 pytest tests/unit/test_comment.py`, then read the difference.
"""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import report_examples as examples
from change_examples import settled
from comment_reading import check_inert, structure
from liftgate import EvalRun, Policy, compare
from liftgate.config import schema
from liftgate.report.comment import MOST_BYTES, MOST_CHARACTERS, fits, marker, render_comment
from liftgate.report.escape import clean
from liftgate.report.headline import headline
from liftgate.report.html import render_html
from liftgate.report.next_steps import command, next_steps
from liftgate.report.summary import render_summary
from report_stories import sha

SNAPSHOTS = Path(__file__).parent.parent / "snapshots" / "comment"
HOSTILE = [
    "</details></summary><details><summary>fine</summary>",
    "--> <!-- liftgate:other digest=0 -->",
    "![x](https://evil.example/a.png) [y](javascript:alert(1)) <https://evil.example>",
    "@octo-org/team fixes #1 https://evil.example www.evil.example a@evil.example",
    "a | b\n|---|---|\n| c | d |\n\n# heading\n\n- item\n\n```\n````",
    "`` ` ``` **bold** _it_ ~~no~~ $x$",
    "<script>alert(1)</script><img src=x onerror=y>",
    "\u202eevil\u2066\x1b[31m\x00",
    "`",
    "|",
    "\\",
    "#",
]


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_every_example_is_a_report(name: str) -> None:
    errors = list(Draft202012Validator(schema("report")).iter_errors(examples.EXAMPLES[name]()))
    assert errors == []


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_the_whole_comment_is_as_agreed(name: str) -> None:
    comment, path = render_comment(settled(examples.EXAMPLES[name]())), SNAPSHOTS / f"{name}.md"
    if os.environ.get("LIFTGATE_REFRESH"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(comment, "utf-8", newline="\n")
    assert comment == path.read_text("utf-8")


def test_every_snapshot_belongs_to_an_example() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.md")} == set(examples.EXAMPLES)


def test_the_headline_says_what_to_do_with_the_merge_and_why() -> None:
    assert {name: headline(make()) for name, make in examples.EXAMPLES.items()} == HEADLINES


HEADLINES = {
    "pass": (
        "Pass, may be merged: the candidate lifts exact_match by +8.8 points (+5.4 to +12.7) over base "
        "on 240 cases, and every part that gates is ok."
    ),
    "block-by-lift": (
        "Blocked, do not merge: exact_match changes by −0.5 points (−1.2 to 0.0) on 600 cases, which "
        "falls short (needs at least +3.0 points, lower 95% bound above 0)."
    ),
    "block-by-bucket": (
        "Blocked, do not merge: bucket intent=refund drops 32.5 points on 40 cases (p = 0.001), although"
        " exact_match rises 6.6 points overall."
    ),
    "block-by-safety": (
        "Blocked, do not merge: the candidate is newly unsafe on 1 of 50 safety cases (safety-031)."
    ),
    "insufficient-evidence": (
        "Insufficient evidence, do not merge yet: exact_match changes by +5.0 points (−2.6 to +13.4) on "
        "60 cases, too few to tell; about 320 would settle it."
    ),
    "unproven-bucket": (
        "Insufficient evidence, do not merge yet: bucket intent=refund: -9.1 points, 2 net regressions "
        "of 22, not proven (p = 0.25); 164 cases would show it, although exact_match rises 10.3 points "
        "overall."
    ),
    "waved-through": (
        "Insufficient evidence, may be merged because the policy only warns: exact_match changes by +5.0"
        " points (−2.6 to +13.4) on 60 cases, too few to tell; about 320 would settle it."
    ),
    "cheaper-arm": (
        "Pass, but prefer the cheaper arm: prompt-v2 clears the same bar as the tuned model and costs "
        "less (0.083 USD against 0.31 USD per 1,000 answers), so the training is never paid back."
    ),
    "optimisation": (
        "Pass, as an optimisation: prompt-v2 clears the same bar without training; the tuned model pays "
        "back its training of 12.40 USD after 45,522 requests."
    ),
    "cheaper-arms-first": (
        "Blocked, do not merge: prompt-v2 clears the same bar without training, and the tuned model is "
        "not proven better by +3.0 points; the policy takes cheaper arms first."
    ),
    "nothing-to-gate": (
        "Pass, may be merged: nothing to gate, the change touches no dataset, evals, policy or models.yaml."
    ),
    "errors": (
        "Insufficient evidence, do not merge yet: 19 of 240 candidate answers have no exact_match score "
        "(7.9%, 1% is the limit); also unclear: exact_match, buckets."
    ),
    "bad-data": (
        "Blocked, do not merge: 3 errors before anything was trained, first golden-leak at "
        "datasets/support-intent/v1.1.0.train.jsonl:41."
    ),
    "waived": (
        "Pass, may be merged: the candidate lifts exact_match by +8.8 points (+5.4 to +12.7) over base "
        "on 240 cases, and every part that gates is ok."
    ),
    "waived-regressions": (
        "Pass, may be merged: safety-008 is newly unsafe and accepted by @ana until 2026-12-20; the "
        "candidate lifts exact_match by +8.8 points (+5.4 to +12.7) over base on 240 cases, and every "
        "part that gates is ok."
    ),
    "to-fix": ("Blocked, do not merge: 1 case whose answer a reviewer wants fixed: golden-037."),
    "waiting-for-approval": (
        "Insufficient evidence, do not merge yet: training would cost 12.40 USD and waits for an approval."
    ),
    "rollback": ("Pass, may be merged: a rollback needs no new evidence."),
}


def test_the_first_two_lines_are_the_marker_and_the_verdict() -> None:
    for make in examples.EXAMPLES.values():
        report = make()
        first, second, third, *_ = render_comment(report).split("\n")
        assert first == marker(report)
        assert second.startswith(
            {
                "p": "**Pass, ",
                "b": "**Blocked, do not merge: ",
                "i": "**Insufficient evidence, ",
            }[report["verdict"][0]]
        )
        assert second.endswith(".**") and third == ""  # fmt: skip


def test_the_same_report_gives_the_same_bytes_whatever_the_order_of_its_keys() -> None:
    report = examples.blocked_by_safety()
    shuffled = dict(reversed(report.items()))
    assert render_comment(report) == render_comment(shuffled)


@pytest.mark.parametrize("name", ["block-by-safety", "errors", "bad-data", "waived"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_nothing_but_the_words(name: str, text: str) -> None:
    report = examples.EXAMPLES[name]()
    comment = render_comment(examples.with_text(report, text))
    assert structure(comment) == structure(render_comment(examples.with_text(report, "word")))
    check_inert(comment)


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("`|\\<>/!-[](){}*_~#@&;:$ \n\tadetils0123.w\u202e\ud800"), max_size=50))
def test_any_text_changes_nothing_but_the_words(text: str) -> None:
    comment = render_comment(examples.with_text(examples.blocked_by_safety(), text))
    check_inert(comment)
    if clean(text):
        assert structure(comment) == WITH_A_WORD


WITH_A_WORD = structure(render_comment(examples.with_text(examples.blocked_by_safety(), "word")))


def test_a_comment_stays_within_githubs_limits_and_sheds_whole_sections_from_the_end() -> None:
    comment = render_comment(examples.huge())
    assert len(comment) <= MOST_CHARACTERS
    assert len(comment.encode()) <= MOST_BYTES
    assert comment.splitlines()[1].startswith("**Blocked, do not merge: the candidate is newly unsafe")
    assert "Left out because the comment would be too long: " in comment.splitlines()[-1]
    assert comment.splitlines()[-1].endswith(
        "Blind spots. Read them in report.html in the run folder .liftgate/support-intent.</sub>"
    )
    check_inert(comment)


@pytest.mark.parametrize("length", [1, 40, 400, 4_000])
def test_whatever_is_shed_the_rest_is_whole(length: int) -> None:
    report = examples.blocked_by_bucket()
    for name in list(report["lineage"]["prompts"]):
        report["lineage"]["prompts"][name * length] = sha(name)
    report["comparison"]["blind_spots"] = ["🙂" * length] * length
    report["findings"] = [examples.finding("rule", "error", "m" * length, "p" * length, 1)] * length
    comment = render_comment(report)
    assert fits(comment)
    check_inert(comment)


def test_limits_count_as_github_counts() -> None:
    assert fits("x" * 60_000)
    assert not fits("x" * 60_001)
    assert not fits("🙂" * 30_001)
    assert fits("\u0800" * 60_000)


def test_an_alias_cannot_close_the_marker() -> None:
    report = {**examples.nothing_to_gate(), "alias": "a--> <b>\nc"}
    assert marker(report) == "<!-- liftgate:a--%3E%20%3Cb%3E%0Ac digest=none -->"


def test_commands_are_safe_to_paste() -> None:
    assert (
        command("liftgate", "validate", "x; rm -rf ~\n$(id).jsonl")
        == "liftgate validate 'x; rm -rf ~ $(id).jsonl'"
    )


def test_nothing_is_left_to_do_after_a_plain_pass() -> None:
    assert next_steps(examples.passing()) == []
    assert next_steps(examples.nothing_to_gate()) == []


def test_rows_with_errors_are_checked_as_the_gate_checks_them() -> None:
    commands = [step.command for step in next_steps(examples.bad_data())]
    assert commands == ["liftgate validate --alias support-intent"]


def test_answers_are_left_out_when_the_report_holds_only_ids() -> None:
    report = examples.blocked_by_bucket()
    for regression in report["regressions"]:
        regression.update(expected=None, base=None, candidate=None, label=None)
    assert "| case | buckets |\n" in render_comment(report)


def test_a_comparison_made_by_the_program_fits_the_schema_and_all_three_renderings() -> None:
    def run(model: str, wrong: range) -> EvalRun:
        rows = [
            {
                "case_id": f"c{i}",
                "buckets": {"intent": "refund" if i % 2 else "billing"},
                "scores": {"exact_match": float(i not in wrong)},
                "latency_ms": 100.0 + i,
            }
            for i in range(60)
        ]
        return EvalRun.from_rows(rows, model=model)

    for wrong in (range(0), range(5), range(60)):
        made = compare(run("base", range(0, 60, 3)), run("tuned", wrong), Policy()).to_dict()
        report = {
            **examples.passing(),
            "comparison": made,
            "verdict": made["verdict"],
            "findings": made["findings"],
        }
        assert list(Draft202012Validator(schema("report")).iter_errors(report)) == []
        check_inert(render_comment(report))
        assert render_summary(report).startswith(headline(report))
        assert "exact_match" in render_html(report)


def test_a_comparison_of_nothing_still_says_what_to_do() -> None:
    report = examples.passing()
    made = report["comparison"]
    made["lift"].update(n=0, mean=None, low=None, high=None)
    made.update(
        base={"model": "a", "mean": None}, candidate={"model": "b", "mean": None}, buckets=[], latency=None
    )
    made.update(metrics=[], counts=dict.fromkeys(made["counts"], 0), regressions_total=0)
    examples.with_part(made, "lift", "unclear", "no case was answered by both runs")
    examples.with_part(made, "latency", "not-measured", "no timings")["parts"][4]["gates"] = False
    report.update(verdict="insufficient-evidence", regressions=[], cases=[])
    for arm in report["arms"]:
        arm.update(clears_bar=None, cheapest=False, p95_ms=None, usd_per_1k=None)
    assert headline(report) == ("Insufficient evidence, do not merge yet: no case was answered by both runs.")
    check_inert(render_comment(report))
    assert "latency" not in render_summary(report)
    assert "not measured" not in render_html(report)


def test_a_part_that_gates_and_was_not_measured_is_shown_and_named() -> None:
    report = examples.passing()
    for part in report["comparison"]["parts"]:
        if part["name"] == "latency":
            part.update(state="not-measured", gates=True, detail="the candidate's answers carry no timings")
    report["verdict"] = "insufficient-evidence"
    assert headline(report) == (
        "Insufficient evidence, do not merge yet: the candidate's answers carry no timings."
    )
    assert "| P95 ratio below 1.25 | **not measured** |" in render_comment(report)


def test_an_untuned_arm_at_the_same_or_an_unknown_price_is_preferred_without_talk_of_money() -> None:
    report = examples.cheaper_arm()
    for arm in report["arms"]:
        arm["usd_per_1k"] = "0.00"
    assert headline(report) == (
        "Pass, but prefer the untuned arm: prompt-v2 clears the same bar as the tuned model without any training."
    )


def test_a_blocked_change_names_the_arm_that_would_do() -> None:
    report = examples.blocked_by_safety()
    report["arms"][2].update(clears_bar=True, cheapest=True)
    assert headline(report).endswith("(safety-031); prompt-v2 clears the bar without it.")


def test_a_page_of_json_is_a_report_too() -> None:
    report = examples.passing()
    assert render_comment(json.loads(json.dumps(report))) == render_comment(report)
