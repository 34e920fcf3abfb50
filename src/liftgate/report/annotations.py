"""Findings as GitHub workflow commands: `::error file=…,line=…,title=…::message`, on lines of the diff only."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

from liftgate.explained import RULES as ELSEWHERE
from liftgate.findings import Finding, Severity
from liftgate.registry.rules import RULES as PROMOTION
from liftgate.report.escape import clean

# GitHub shows this many of each kind for one step and drops the rest without a word.
MOST_A_KIND: Final = 10
MESSAGE_LIMIT: Final = 1_000
_FIRST: Final = ("secret", "golden-leak")


def workflow_commands(
    findings: Iterable[Finding], changed: Mapping[str, Sequence[Container[int]]]
) -> list[str]:
    """At most ten lines of each kind. `changed` maps a path to the ranges of lines that the diff touches.

    Every rule gets its turn before a rule gets a second line, so that a thousand duplicates hide nothing.
    """
    turns: dict[tuple[Severity, str], int] = {}
    ranked: list[tuple[int, bool, int, Finding]] = []
    for number, finding in enumerate(findings):
        if finding.line is None or not _touches(changed.get(finding.path or "", ()), finding.line):
            continue
        key = (finding.severity, finding.rule)
        turns[key] = turns.get(key, 0) + 1
        ranked.append((turns[key], finding.rule not in _FIRST, number, finding))
    ranked.sort(key=lambda rank: rank[:3])
    return [
        _command(finding)
        for kind in Severity
        for finding in [rank[3] for rank in ranked if rank[3].severity is kind][:MOST_A_KIND]
    ]


def inert(line: str) -> str:
    """One line of text for a log that is searched for commands: none can stand in it."""
    shown = clean(line, MESSAGE_LIMIT).replace("##[", "# #[")
    return f". {shown}" if shown.startswith("::") else shown


def page_of(rule: str) -> str:
    """The page of docs/ that explains a finding; a rule of models.yaml by what it means of a change."""
    if rule in PROMOTION:
        return "registry-transitions.md"
    return "findings.md" if rule in ELSEWHERE else "rules.md"


def _touches(ranges: Sequence[Container[int]], line: int) -> bool:
    return any(line in lines for lines in ranges)


def _command(finding: Finding) -> str:
    properties = {
        "file": finding.path or "",
        "line": str(finding.line),
        "title": f"Liftgate: {finding.rule}",
    }
    joined = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    where = f"docs/{page_of(finding.rule)}#{finding.rule}"
    message = f"{clean(finding.message, MESSAGE_LIMIT)}\nWhy, and how to fix it: {where}"
    return f"::{finding.severity} {joined}::{_data(message)}"


def _data(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
