"""What people read of a validation: whole snapshots, and ten thousand findings that stay readable."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from liftgate.report.validation import (
    MOST_BYTES,
    change_text,
    file_text,
    headline,
    open_findings,
    render_job_summary,
)

FILE = "datasets/toy/v1.1.0.train.jsonl"
GFM = MarkdownIt("commonmark").enable("table")


def finding(
    rule: str, severity: str, line: int | None, message: str = "no", path: str = FILE
) -> dict[str, Any]:
    return {"rule": rule, "severity": severity, "message": message, "path": path, "line": line}


def waived(reason: str = "a public | address", owner: str = "@ana") -> dict[str, Any]:
    signed = {"owner": owner, "reason": reason, "expires": "2027-01-31"}
    return {**finding("pii", "error", 7, "holds an e-mail address"), **signed}


def change(
    *findings: dict[str, Any], beside: tuple[dict[str, Any], ...] = (), accepted: int = 0
) -> dict[str, Any]:
    everything = [*findings, *beside]
    counts = {f"{s}s": sum(f["severity"] == s for f in everything) for s in ("error", "warning", "notice")}
    outcome = "block" if counts["errors"] else "pass"
    file = {"alias": "toy", "path": FILE, "rows": 12_345, "tokens": 1_234_567, "encoding": "o200k_base"}
    return {
        "schema_version": 1,
        "base": None,
        "head": None,
        "outcome": outcome,
        "counts": {**counts, "waived": accepted},
        "aliases": {"toy": {"release": "1.1.0"}},
        "findings": list(beside),
        "files": [{**file, "findings": list(findings), "waived": [waived()] * accepted, "outcome": outcome}],
    }


MIXED = change(
    finding("golden-leak", "error", 41, "same prompt as golden case 'g1' (evals/toy/golden.jsonl:3)"),
    finding("too-few-rows", "warning", None, "2 usable rows; training needs at least 10"),
    finding(
        "pii", "notice", 7, "holds an e-mail address (waived by @ana until 2027-01-31: a public | address)"
    ),
    beside=(finding("waiver-expired", "warning", 3, "the waiver expired", "evals/toy/waivers.yaml"),),
    accepted=1,
)


def test_a_change_on_a_terminal() -> None:
    assert change_text(MIXED) == TEXT


TEXT = """\
evals/toy/waivers.yaml:3: warning: the waiver expired [waiver-expired]
datasets/toy/v1.1.0.train.jsonl:41: error: same prompt as golden case 'g1' (evals/toy/golden.jsonl:3) [golden-leak]
datasets/toy/v1.1.0.train.jsonl: warning: 2 usable rows; training needs at least 10 [too-few-rows]
datasets/toy/v1.1.0.train.jsonl:7: notice: holds an e-mail address \
(waived by @ana until 2027-01-31: a public | address) [pii]
datasets/toy/v1.1.0.train.jsonl: 12,345 rows, 1,234,567 tokens (o200k_base): block
blocked, 1 error, 2 warnings, 1 notice (1 waived) in 1 file
why, and how to fix it: liftgate validate --explain golden-leak (all rules: docs/rules.md)
"""


def test_the_job_summary_with_its_waived_section() -> None:
    assert render_job_summary(MIXED) == SUMMARY


SUMMARY = """\
## Liftgate data gate: blocked, 1 error, 2 warnings, 1 notice (1 waived) in 1 file

| file | rows | tokens | errors | warnings | notices | outcome |
| --- | --: | --: | --: | --: | --: | --- |
| `datasets/toy/v1.1.0.train.jsonl` | 12,345 | 1,234,567 | 1 | 1 | 1 | **✗ block** |

| rule | errors | warnings | notices |
| --- | --: | --: | --: |
| `golden-leak` | 1 | 0 | 0 |
| `waiver-expired` | 0 | 1 | 0 |
| `too-few-rows` | 0 | 1 | 0 |
| `pii` | 0 | 0 | 1 |

### Waived

| rule | place | accepted by | until | reason |
| --- | --- | --- | --- | --- |
| `pii` | `datasets/toy/v1.1.0.train.jsonl:7` | @&#8203;ana | 2027-01-31 | a public &#124; address |

### Findings

What each rule means and how to fix it: docs/rules.md

- **error** `golden-leak` `datasets/toy/v1.1.0.train.jsonl:41`: same prompt as golden case 'g1' \
(evals/toy/golden.jsonl:3)
- **warning** `waiver-expired` `evals/toy/waivers.yaml:3`: the waiver expired
- **warning** `too-few-rows` `datasets/toy/v1.1.0.train.jsonl`: 2 usable rows; training needs at least 10
- **notice** `pii` `datasets/toy/v1.1.0.train.jsonl:7`: holds an e-mail address \
(waived by @&#8203;ana until 2027-01-31: a public &#124; address)
"""


def many(count: int) -> dict[str, Any]:
    return change(
        *(finding("duplicate-row", "error", line, "repeats line 1") for line in range(1, count)),
        *(finding("pii", "warning", line, "holds a phone number") for line in range(1, count)),
    )


def test_ten_thousand_findings_are_ten_a_rule_and_a_number() -> None:
    lines = change_text(many(10_001)).splitlines()
    assert len(lines) == 25
    assert [lines[at] for at in (0, 10, 11, 21, 22)] == [
        f"{FILE}:1: error: repeats line 1 [duplicate-row]",
        f"{FILE}: error: and 9,990 more [duplicate-row]",
        f"{FILE}:1: warning: holds a phone number [pii]",
        f"{FILE}: warning: and 9,990 more [pii]",
        f"{FILE}: 12,345 rows, 1,234,567 tokens (o200k_base): block",
    ]
    summary = render_job_summary(many(10_001))
    assert "| `duplicate-row` | 10,000 | 0 | 0 |\n| `pii` | 0 | 10,000 | 0 |" in summary
    assert summary.endswith("\n\nand 19,800 more findings; `liftgate validate --json` lists all\n")
    assert len(summary.splitlines()) < 240


def test_a_summary_stays_within_the_bytes_that_are_left_and_says_what_is_missing() -> None:
    findings = [finding(f"rule-{n}", "error", n, "é" * 200) for n in range(20_000)]
    assert len(render_job_summary(change(*findings)).encode()) <= MOST_BYTES
    short = render_job_summary(many(1_000), 2_000)
    assert len(short.encode()) <= 2_000
    assert short.count("- **error**") + short.count("- **warning**") > 3
    assert "more findings" in short


def test_nothing_and_no_findings_are_told_apart() -> None:
    nothing = {**change(), "files": [], "aliases": {}}
    assert headline(nothing).startswith("nothing to validate: ")
    assert change_text(change()).splitlines()[-1] == "pass, no findings in 1 file"


@given(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[])))
def test_what_a_reviewer_wrote_is_text(reason: str, path: str) -> None:
    said = {**finding("pii", "notice", 7, f"x (waived by y: {reason})"), "path": f"d/{path}"}
    made = change(said, accepted=1)
    made["files"][0]["waived"] = [waived(reason or "x", f"@{reason}")]
    plain = change({**said, "message": "x", "path": "d"}, accepted=1)
    assert shape(render_job_summary(made)) == shape(render_job_summary(plain))
    assert change_text(made).count("\n") == change_text(plain).count("\n")


def shape(markdown: str) -> list[str]:
    return [token.type for token in GFM.parse(markdown)]


def test_one_file_says_what_the_contract_sums_up() -> None:
    file = {"rows": 2, "tokens": 31, "encoding": "o200k_base", "findings": [], "outcome": "pass"}
    assert file_text(file, "rows.jsonl") == "rows.jsonl: 2 rows, 31 tokens (o200k_base), 0 findings: pass\n"


def test_waived_findings_stand_in_their_own_section_only() -> None:
    notice, other = finding("pii", "notice", 7), finding("pii", "error", 8)
    assert open_findings({"findings": [notice, other], "waived": [waived()]}) == [other]
    assert open_findings({"findings": [notice]}) == [notice]


def test_in_a_long_list_what_a_rule_repeats_as_a_warning_stands_behind_what_speaks_once() -> None:
    def shown(repeats: int) -> list[int]:
        near = [("warning", "near-duplicate-row", 10 + number) for number in range(repeats)]
        told = [("error", "secret", 1), ("error", "secret", 2), *near, ("warning", "contradictory-label", 5)]
        told.append(("notice", "pii", 6))
        findings = [
            {"severity": s, "rule": rule, "path": "rows.jsonl", "line": line} for s, rule, line in told
        ]
        waived = [{"rule": "pii", "path": "rows.jsonl", "line": 6}]
        return [finding["line"] for finding in open_findings({"findings": findings, "waived": waived})]

    assert shown(3) == [1, 2, 10, 11, 12, 5]
    assert shown(30)[:5] == [1, 2, 10, 5, 11]
