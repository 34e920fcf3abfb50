from __future__ import annotations

from liftgate.findings import Finding, Severity
from liftgate.github.api import Issue
from liftgate.watch.issues import marker, render, steps

ENDS = Finding("sunset", Severity.ERROR, "openai gpt-4o ends on 2027-01-14", "evals/sunsets.yaml", 7)
BOT = "github-actions[bot]"


def issue(body: str, *, state: str = "open", author: str = BOT, number: int = 3) -> Issue:
    assert state in {"open", "closed"}
    return Issue(
        number, "closed" if state == "closed" else "open", author, "a title", body, ("liftgate-watch",)
    )


def kinds(findings: list[Finding], *issues: Issue) -> list[tuple[str, int | None]]:
    return [(step.kind, step.number) for step in steps({"toy": findings}, issues, BOT, "liftgate watch")]


def test_an_issue_is_opened_once_edited_when_it_reads_differently_and_closed_when_cured() -> None:
    body = render("toy", [ENDS], "liftgate watch")
    assert kinds([ENDS]) == [("open", None)]
    assert kinds([ENDS], issue(body)) == []
    assert kinds([ENDS], issue(body.replace("\n", "\r\n") + "\n")) == []
    assert kinds([ENDS], issue(marker("toy") + "\nold")) == [("edit", 3)]
    assert kinds([], issue(body)) == [("close", 3)]
    assert kinds([], issue(body, state="closed")) == []
    assert kinds([ENDS], issue(body, state="closed")) == [("reopen", 3)]


def test_a_marker_that_somebody_pasted_is_no_issue_of_ours() -> None:
    assert kinds([ENDS], issue(marker("toy"), author="mallory")) == [("open", None)]


def test_a_subject_that_nobody_looked_at_keeps_its_issue() -> None:
    assert kinds([], issue(marker("other"))) == []


def test_notices_open_nothing() -> None:
    assert kinds([Finding("sunset", Severity.NOTICE, "in a year")]) == []


def test_the_text_is_inert_and_whole() -> None:
    loud = Finding("sunset", Severity.WARNING, "ends <!-- @octo/team ![x](y)", "evals/sunsets.yaml", 3)
    assert render("toy", [ENDS, loud], "liftgate watch") == (
        "<!-- liftgate-watch toy -->\n"
        "**toy** needs somebody:\n"
        "\n"
        "- error sunset: openai gpt-4o ends on 2027-01-14 (evals/sunsets.yaml:7)\n"
        "- warning sunset: ends &lt;!-- @&#8203;octo/team !&#91;x&#93;(y) (evals/sunsets.yaml:3)\n"
        "\n"
        "Look again: `liftgate watch`. This issue is closed when nothing is left to say.\n"
    )
