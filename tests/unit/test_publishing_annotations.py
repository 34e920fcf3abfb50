"""What a log, an annotation and the job summary say: nothing in them can be a command, and all of it fits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.findings import Finding, Severity
from liftgate.publishing.annotations import (
    SUMMARY_BYTES,
    annotated,
    change_findings,
    error,
    log_lines,
    summary,
    warning,
)
from liftgate.publishing.outcome import AliasOutcome, ChangeReport, Waiting
from liftgate.report.annotations import inert
from publish_world import HOSTILE


def found(message: str, path: str = "datasets/toy/v1.1.0.train.jsonl", line: int | None = 1) -> Finding:
    return Finding("pii", Severity.ERROR, message, path, line)


def hostile(text: str) -> ChangeReport:
    outcome = AliasOutcome(
        text, ("data",), "block", text, waiting=Waiting(text, (text,), text), findings=(found(text, text),)
    )
    other = AliasOutcome("other", ("data",), "waiting", text, waiting=Waiting(text, (text,), text))
    return ChangeReport(("data",), "b" * 40, "a" * 40, (outcome, other), (found(text),), notes=(text,))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_of_the_log_is_a_command_and_none_is_long(text: str) -> None:
    for line in map(inert, log_lines(hostile(text))):
        assert re.fullmatch(r"[^\r\n]*", line)
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert len(line) <= 1_100


@pytest.mark.parametrize("text", HOSTILE)
def test_an_annotation_is_one_command_of_ours(text: str) -> None:
    lines = annotated(hostile(text), {text: [range(1, 9)], found(text).path or "": [range(1, 9)]})
    assert lines
    for line in [*lines, warning(text), error(text)]:
        assert re.fullmatch(r"::(error|warning) [^\r\n]*", line)
        assert line.count("::") >= 2


@given(st.text(st.characters(exclude_categories=[])))
def test_any_note_is_one_warning(text: str) -> None:
    assert re.fullmatch(r"::warning title=Liftgate::[^\r\n]*", warning(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_note_in_the_summary_is_inert_markdown(text: str) -> None:
    told = summary("**All.**", [text])
    assert told.endswith("\n\n**All.**\n")
    assert "<img" not in told
    assert "@org" not in told


def test_the_most_severe_comes_first_and_each_finding_once() -> None:
    notice = Finding("note", Severity.NOTICE, "n", "a", 1)
    outcome = AliasOutcome(
        "toy", ("data",), "block", "", {"findings": [found("x").to_dict()]}, findings=(notice, found("x"))
    )
    change = ChangeReport(("data",), "b", "a", (outcome,))
    assert change_findings(change) == [found("x"), notice]


def test_ten_annotations_of_a_kind() -> None:
    many = tuple(found("x", line=line) for line in range(1, 60))
    lines = annotated(ChangeReport((), "b", "a", findings=many), {many[0].path or "": [range(1, 99)]})
    assert len(lines) == 10


def test_a_summary_is_there_whole_or_says_where_it_is_or_is_left_out() -> None:
    big = "x" * SUMMARY_BYTES
    assert len(summary(big, [], SUMMARY_BYTES + 1)) == SUMMARY_BYTES + 1
    assert summary(big, ["no comment"]) == (
        "> **no comment**\n\nThe report is too long for this page; it is among the artifacts.\n"
    )
    assert summary(big, [], 10) == ""
