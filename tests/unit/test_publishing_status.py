"""The commit status: never success for what is not, one short line, and written only when it says something new."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.findings import Finding, Severity
from liftgate.github.api import CommitStatus
from liftgate.publishing.outcome import CONTEXT, AliasOutcome, ChangeReport, State, Waiting
from liftgate.publishing.status import Status, described, newest, stands, status_of, wrong_base

BOT = "github-actions[bot]"


def outcome(state: State, alias: str = "toy", headline: str = "") -> AliasOutcome:
    return AliasOutcome(alias, ("data",), state, headline)


def change(*outcomes: AliasOutcome, findings: tuple[Finding, ...] = ()) -> ChangeReport:
    return ChangeReport(("data",), "b" * 40, "a" * 40, outcomes, findings)


def said(state: str = "success", description: str = "fine", **more: str | None) -> CommitStatus:
    whole = {"context": CONTEXT, "target_url": "https://x/1", "creator": BOT, "created_at": "now", **more}
    return CommitStatus(state=state, description=description, **whole)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", get_args(State))
def test_one_alias_that_passes_never_lifts_another_that_does_not(other: State) -> None:
    status = status_of(change(outcome("pass"), outcome(other, "other")))
    assert (status.state == "success") == (other in {"pass", "nothing"})


def test_a_finding_of_the_change_blocks_whatever_the_aliases_say() -> None:
    split = Finding("split-this-pr", Severity.ERROR, "ruler and subject move together")
    status = status_of(change(outcome("pass"), findings=(split,)))
    assert (status.state, status.description) == (
        "failure",
        "Split this pull request, do not merge: ruler and subject move together.",
    )


def test_a_state_that_nobody_knows_is_an_error() -> None:
    assert status_of(ChangeReport((), "b", "a", waiting=Waiting("a word"))).state == "pending"
    strange = outcome("pass")
    object.__setattr__(strange, "state", "error")
    assert status_of(change(strange)).state == "error"


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_one_line_that_github_takes(text: str) -> None:
    line = described(text)
    assert 0 < len(line) <= 140
    assert len(line.encode("utf-16-le", "surrogatepass")) // 2 == len(line)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", line)
    line.encode()


def test_a_megabyte_is_cut_and_what_hides_is_gone() -> None:
    assert described("a\u202eb\n\x1b[31mc" + "x" * 1_000_000) == "ab [31mc" + "x" * 131 + "…"


def test_what_stands_there_is_not_written_again() -> None:
    assert stands(said(), Status("success", "fine", "https://x/1", lasting=True), BOT)
    assert stands(said(), Status("success", "fine", "https://run/2"), "GitHub-Actions[bot]")
    assert not stands(None, Status("success", "fine"), BOT)
    assert not stands(said(), Status("success", "fine", "https://x/2", lasting=True), BOT)
    assert not stands(said("failure"), Status("success", "fine"), BOT)
    assert not stands(said(description="other"), Status("success", "fine"), BOT)


def test_the_same_words_of_somebody_else_are_replaced_by_ours() -> None:
    assert not stands(said(creator="mallory"), Status("success", "fine"), BOT)
    assert not stands(said(creator=None), Status("success", "fine"), BOT)


def test_the_newest_of_our_context_counts() -> None:
    assert newest([said(context="ci"), said("failure"), said("success")]) == said("failure")
    assert newest([said(context="ci")]) is None


def test_another_base_than_the_default_branch_is_a_failure_that_says_so() -> None:
    assert wrong_base("release/$(id)", "main") == Status(
        "failure", "not judged: it is based on release/$(id), and only changes to main are"
    )
