"""What a log and the job summary say of a change; the log is searched for commands, so no line of it is raw."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

from liftgate.findings import Finding, Severity, ordered
from liftgate.publishing.outcome import ChangeReport
from liftgate.report import numbers
from liftgate.report.annotations import MESSAGE_LIMIT, workflow_commands
from liftgate.report.change_headline import change_headline, outcome_headline
from liftgate.report.escape import Markdown, clean, escape

# GitHub drops a summary of more than 1 MiB whole.
SUMMARY_BYTES: Final = 1_000_000
MOST_IN_LOG: Final = 50
Lines = Mapping[str, Sequence[Container[int]]]


def change_findings(change: ChangeReport) -> list[Finding]:
    """Every finding of a change once, most severe first."""
    found = [*change.findings, *(finding for each in change.outcomes for finding in each.findings)]
    for outcome in change.outcomes:
        if outcome.report is not None:
            found += [Finding.from_dict(finding) for finding in outcome.report.get("findings", ())]
    return ordered(dict.fromkeys(found))


def annotated(change: ChangeReport, changed: Lines) -> list[str]:
    """Workflow commands on lines of the diff, at most ten of a kind."""
    return workflow_commands(change_findings(change), changed)


def log_lines(change: ChangeReport) -> list[str]:
    """The headline, one line for each alias, and findings as far as a log is read; still to be made inert."""
    lines = [change_headline(change)]
    if len(change.outcomes) > 1:
        lines += [f"{outcome.alias}: {outcome_headline(outcome)}" for outcome in change.outcomes]
    lines += _listed(change_findings(change))
    waits = [each for each in (change.waiting, *(o.waiting for o in change.outcomes)) if each is not None]
    for waiting in dict.fromkeys((w.what, tuple(w.who), w.link) for w in waits):
        what, who, link = waiting
        lines.append(f"waiting for {what}" + (f", by {', '.join(who)}" if who else "") + f" {link or ''}")
    lines += change.notes
    return lines


def warning(text: str) -> str:
    """One warning of our own as a workflow command, whatever is in it."""
    return f"::warning title=Liftgate::{_message(text)}"


def error(text: str) -> str:
    """One error of our own as a workflow command, whatever is in it."""
    return f"::error title=Liftgate::{_message(text)}"


def summary(comment: str, notes: Iterable[str], room: int = SUMMARY_BYTES) -> str:
    """The job summary: what could not be published first, then the comment; empty where it does not fit whole."""
    told = [Markdown(f"> **{escape(note, MESSAGE_LIMIT)}**") for note in notes]
    text = "\n\n".join([*told, comment]) + "\n"
    if len(text.encode("utf-8", "replace")) <= room:
        return text
    short = (
        "\n\n".join([*told, Markdown("The report is too long for this page; it is among the artifacts.")])
        + "\n"
    )
    return short if len(short.encode("utf-8", "replace")) <= room else ""


def _listed(findings: Sequence[Finding]) -> list[str]:
    shown = [
        f"{finding.place + ': ' if finding.place else ''}{finding.severity} {finding.rule}: {finding.message}"
        for finding in findings[:MOST_IN_LOG]
        if finding.severity is not Severity.NOTICE
    ]
    left = len(findings) - MOST_IN_LOG
    return [*shown, f"and {numbers.plural(left, 'finding')} more"] if left > 0 else shown


def _message(text: str) -> str:
    shown = clean(text, MESSAGE_LIMIT).encode("utf-8", "replace").decode()
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
