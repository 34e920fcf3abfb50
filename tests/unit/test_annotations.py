"""Workflow commands: only on changed lines, ten of a kind, and nothing in them can become another command."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from liftgate.findings import Finding, Severity
from liftgate.report.annotations import inert, workflow_commands

FILE = "datasets/toy/v1.1.0.train.jsonl"
ANYWHERE = {FILE: [range(1, 10**6)]}


def found(rule: str, line: int | None, severity: Severity = Severity.ERROR, message: str = "no") -> Finding:
    return Finding(rule, severity, message, FILE, line)


def test_one_command_a_finding_with_its_place_its_rule_and_where_to_read_on() -> None:
    assert workflow_commands([found("pii", 3, Severity.WARNING, "holds an IBAN")], ANYWHERE) == [
        f"::warning file={FILE},line=3,title=Liftgate%3A pii::holds an IBAN%0A"
        "Why, and how to fix it: docs/rules.md#pii"
    ]


def test_an_annotation_points_at_the_page_that_explains_its_rule() -> None:
    lines = workflow_commands([found(rule, 3) for rule in ("report-altered", "approval-missing")], ANYWHERE)
    assert [line.split("fix it: ")[1] for line in lines] == [
        "docs/registry-transitions.md#report-altered",
        "docs/findings.md#approval-missing",
    ]


def test_only_lines_of_the_diff_are_annotated() -> None:
    findings = [found("pii", line) for line in (1, 4, 5, 6, 9)] + [found("pii", None)]
    findings.append(Finding("pii", Severity.ERROR, "no", "elsewhere.jsonl", 4))
    lines = workflow_commands(findings, {FILE: [range(4, 6), range(9, 10)]})
    assert re.findall(r"line=(\d+)", "".join(lines)) == ["4", "5", "9"]


def test_ten_of_each_kind_and_every_rule_before_a_rule_comes_twice() -> None:
    findings = [found("duplicate-row", line) for line in range(1, 5000)]
    findings += [found("schema", 6000), found("secret", 7000), found("golden-leak", 8000)]
    findings += [found("pii", line, Severity.WARNING) for line in range(1, 30)]
    findings += [found("no-final-newline", 9, Severity.NOTICE)]
    lines = workflow_commands(findings, ANYWHERE)
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"]
    assert [re.findall(r"line=(\d+)", line)[0] for line in lines[:5]] == ["7000", "8000", "1", "6000", "2"]


def test_what_could_end_a_property_or_a_line_is_escaped() -> None:
    finding = Finding("pii", Severity.ERROR, "100%\n::set-env::x", "a,b:c\n%.jsonl", 1)
    assert workflow_commands([finding], {"a,b:c\n%.jsonl": [range(1, 2)]}) == [
        "::error file=a%2Cb%3Ac%0A%25.jsonl,line=1,title=Liftgate%3A pii::100%25 ::set-env::x%0A"
        "Why, and how to fix it: docs/rules.md#pii"
    ]


@given(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[])))
def test_any_text_stays_in_one_command(path: str, message: str) -> None:
    finding = Finding("pii", Severity.ERROR, message, path, 1)
    (line,) = workflow_commands([finding], {path: [range(1, 2)]})
    assert re.fullmatch(r"::error file=[^:,\r\n]*,line=1,title=Liftgate%3A pii::[^\r\n]*", line)
    assert len(line.encode()) < 4096 or len(path) > 300


@given(st.text(st.characters(exclude_categories=[])))
def test_no_line_of_ours_is_a_command(text: str) -> None:
    for line in inert(text), inert(f"::error::{text}"), inert(f"##[add-mask]{text}"):
        assert "\n" not in line
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
