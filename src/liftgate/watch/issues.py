"""Findings to issues: one for each subject, opened once, edited when it reads differently, closed when cured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from liftgate.findings import Finding, Severity, blocks, ordered
from liftgate.github.api import Issue
from liftgate.report.escape import clean, escape

LABEL: Final = "liftgate-watch"
_MOST_FINDINGS: Final = 40
_PAGED: Final = "Who is on call was paged."
_MARKER: Final = re.compile(r"<!-- liftgate-watch (\S+) -->")


@dataclass(frozen=True)
class Step:
    """One change to the issues. `number` is None for a new one; `body` is None where only the state changes.

    `page` says whom to wake up before; `unpaged` is the body when that fails, so that the next look tries again.
    """

    kind: Literal["open", "edit", "reopen", "close"]
    subject: str
    title: str
    number: int | None = None
    body: str | None = None
    page: str | None = None
    unpaged: str | None = None


def marker(subject: str) -> str:
    """The hidden first line by which the issue of a subject is found again."""
    return f"<!-- liftgate-watch {clean(subject, 100).replace('--', '- -')} -->"


def steps(
    found: Mapping[str, Sequence[Finding]],
    issues: Iterable[Issue],
    login: str,
    command: str,
    on_call: Mapping[str, str] | None = None,
) -> Iterator[Step]:
    """What is to be done; nothing when all is said. `found` holds every subject that was looked at, also sound ones.

    `on_call` says who is paged for a subject once it holds an error: once for each time that its issue is opened.
    Only issues that this account opened count: anybody can paste a marker. Subjects that were not looked at keep
    their issues, so that a look that failed cures nothing.
    """
    mine = [issue for issue in issues if issue.author.lower() == login.lower()]
    for subject in sorted(found):
        findings = [each for each in ordered(found[subject]) if each.severity is not Severity.NOTICE]
        kept = next((each for each in mine if each.body.lstrip().startswith(marker(subject))), None)
        # A title stays as it was opened, so that it holds nothing that changes.
        title = clean(f"{subject}: needs somebody", 120)
        if not findings:
            if kept is not None and kept.state == "open":
                yield Step("close", subject, kept.title, kept.number)
            continue
        already = kept is not None and kept.state == "open" and _PAGED in kept.body
        page = (on_call or {}).get(subject) if blocks(findings) and not already else None
        body = render(subject, findings, command, paged=already or page is not None)
        words = {"body": body, "page": page, "unpaged": render(subject, findings, command)}
        if kept is None:
            yield Step("open", subject, title, None, **words)
        elif kept.state == "closed":
            yield Step("reopen", subject, kept.title, kept.number, **words)
        elif _normal(kept.body) != _normal(body):
            yield Step("edit", subject, kept.title, kept.number, **words)


def subject_of(issue: Issue) -> str | None:
    """The subject that an issue was opened for, by its marker."""
    found = _MARKER.match(issue.body.lstrip())
    return None if found is None else found[1]


def render(subject: str, findings: Sequence[Finding], command: str, *, paged: bool = False) -> str:
    """The issue's text. It holds no date of its own, so that the same findings read the same tomorrow."""
    lines = [marker(subject), f"**{escape(subject, 100)}** needs somebody:", ""]
    for finding in findings[:_MOST_FINDINGS]:
        place = f" ({escape(finding.place)})" if finding.place else ""
        lines.append(f"- {finding.severity} {escape(finding.rule)}: {escape(finding.message, 600)}{place}")
    if len(findings) > _MOST_FINDINGS:
        lines.append(f"- and {len(findings) - _MOST_FINDINGS} more")
    if paged:
        lines += ["", _PAGED]
    lines += ["", f"Look again: `{command}`. This issue is closed when nothing is left to say.", ""]
    return "\n".join(lines)


def _normal(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()
