"""waivers.yaml: findings that an owner accepts for named rows until a date.

A waived finding stays where it was found, as a notice that says who accepted it; nothing disappears.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from liftgate.config import Document, did_you_mean, load
from liftgate.data.dataset import Row
from liftgate.data.text import shown
from liftgate.errors import InputError, Problem
from liftgate.findings import Finding, Severity

NEVER_WAIVED: Final = frozenset({"golden-leak", "secret"})
_MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Waiver:
    """One entry of waivers.yaml and the line it stands on. It counts on the day `expires`, not after."""

    rule: str
    rows: frozenset[str]
    owner: str
    reason: str
    expires: datetime.date
    path: str
    line: int


@dataclass(frozen=True)
class Waived:
    """A finding as the rule reported it, and the waiver that makes it a notice."""

    finding: Finding
    waiver: Waiver

    @property
    def notice(self) -> Finding:
        """What stands in the list of findings instead."""
        waiver = self.waiver
        said = f"waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"
        message = f"{self.finding.message} ({said})"
        return replace(self.finding, severity=Severity.NOTICE, message=message)

    def to_dict(self) -> dict[str, Any]:
        """The form that JSON files carry: the finding as it was, and who accepted it."""
        waiver = self.waiver
        signed = {"owner": waiver.owner, "reason": waiver.reason, "expires": waiver.expires.isoformat()}
        return {**self.finding.to_dict(), **signed}


def read_waivers(text: str | bytes, path: str) -> tuple[Waiver, ...]:
    """Parse and check waivers.yaml. Raises `InputError` with every problem."""
    document = load(text, path, "waivers")
    entries = document.data.get("waivers", [])
    problems = [
        Problem(document.place(("waivers", index, "expires")), f"{entry['expires']} is not a day")
        for index, entry in enumerate(entries)
        if _day(entry["expires"]) is None
    ]
    if problems:
        raise InputError(f"{path} has dates that do not exist", problems=problems)
    return tuple(_waiver(entry, index, document) for index, entry in enumerate(entries))


def apply_waivers(
    findings: Iterable[Finding],
    waivers: Sequence[Waiver],
    rows: Sequence[Row],
    today: datetime.date,
    others: Sequence[Row] = (),
) -> tuple[list[Finding], list[Waived]]:
    """Turn the findings of waived rows into notices; returns all findings, and what was waived.

    An id that several rows share, `others` in the other half of the split included, waives none of them: it
    would reach a row that the owner never saw.
    """
    by_row = {
        (waiver.rule, row): waiver
        for waiver in sorted(waivers, key=lambda w: w.expires)
        if waiver.expires >= today and waiver.rule not in NEVER_WAIVED
        for row in waiver.rows
    }
    if not by_row:
        return list(findings), []
    named = _lines_of({row for _, row in by_row}, rows, others)
    kept: list[Finding] = []
    waived: list[Waived] = []
    for finding in findings:
        row = named.get(finding.line) if finding.line is not None else None
        waiver = by_row.get((finding.rule, row)) if row is not None else None
        if waiver is None:
            kept.append(finding)
        else:
            waived.append(Waived(finding, waiver))
            kept.append(waived[-1].notice)
    return kept, waived


def waiver_expired(waivers: Iterable[Waiver], today: datetime.date) -> Iterator[Finding]:
    """A waiver's last day is over, so it no longer counts.

    Why: an exception without an end is a rule that nobody decided.
    Fix: mend the rows and remove the entry, or have its owner renew `expires` in a pull request of its own.
    """
    for waiver in waivers:
        if waiver.expires < today:
            message = f"the waiver of {waiver.rule} expired on {waiver.expires} and no longer counts"
            yield Finding("waiver-expired", Severity.WARNING, message, waiver.path, waiver.line)


def waiver_unused(
    waivers: Iterable[Waiver], used: Collection[Waiver], ids: Collection[str], rules: Sequence[str]
) -> Iterator[Finding]:
    """A waiver names a rule that does not exist, rows that the dataset does not hold, or finds nothing to waive.

    A misspelt rule is a warning. Rows that are not there yet are a notice, because a waiver lands before them.
    Why: an entry that does nothing is a misspelling, or is left over and would hide the next finding.
    Fix: correct the rule or the ids (`metadata.id`), or remove the entry.
    """
    for waiver in waivers:
        absent = sorted(waiver.rows.difference(ids))
        severity = Severity.NOTICE
        if waiver.rule not in rules:
            near = did_you_mean(waiver.rule, list(rules))
            severity, message = Severity.WARNING, f"{waiver.rule!r} is not a rule{near}"
        elif absent:
            named = ", ".join(dict.fromkeys(shown(row, "an id in words") for row in absent[:_MOST_NAMED]))
            more = f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
            message = f"waives {waiver.rule} for rows that the dataset does not hold: {named}{more}"
        elif waiver not in used:
            message = f"waives {waiver.rule} for rows in which nothing is found; it can go"
        else:
            continue
        yield Finding("waiver-unused", severity, message, waiver.path, waiver.line)


def _waiver(entry: Mapping[str, Any], index: int, document: Document) -> Waiver:
    expires = _day(entry["expires"])
    assert expires is not None  # noqa: S101
    return Waiver(
        entry["rule"],
        frozenset(entry["rows"]),
        entry["owner"],
        entry["reason"],
        expires,
        document.path,
        document.line(("waivers", index)),
    )


def _lines_of(ids: Collection[str], rows: Sequence[Row], others: Sequence[Row]) -> dict[int, str]:
    lines: dict[str, list[int]] = {}
    for row in rows:
        if row.id in ids:
            lines.setdefault(row.id or "", []).append(row.line)
    elsewhere = {row.id for row in others if row.id in lines}
    return {found[0]: row for row, found in lines.items() if len(found) == 1 and row not in elsewhere}


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
