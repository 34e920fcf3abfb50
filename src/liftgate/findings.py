"""The one shape for "no": every rule of every stage yields findings, and the gate folds over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding weighs: an error blocks, a warning is shown, a notice informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


@dataclass(frozen=True)
class Finding:
    """One complaint with a place. `message` never holds a training row's text; `line` is 1-based."""

    rule: str
    severity: Severity
    message: str
    path: str | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """`file:line`, `file`, or an empty string."""
        if self.path is None:
            return ""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def to_dict(self) -> dict[str, Any]:
        """The form that every JSON file carries."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "message": self.message,
            "path": self.path,
            "line": self.line,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Inverse of `to_dict`."""
        return cls(
            data["rule"], Severity(data["severity"]), data["message"], data.get("path"), data.get("line")
        )


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Most severe first, then by file and line, so that output never depends on evaluation order."""
    return sorted(findings, key=lambda f: (_RANK[f.severity], f.path or "", f.line or 0, f.rule, f.message))


def with_policy(findings: Iterable[Finding], rules: Mapping[str, str]) -> list[Finding]:
    """Apply the policy's `rules` map (rule id → error | warning | notice | off)."""
    kept = []
    for finding in findings:
        level = rules.get(finding.rule)
        if level == "off":
            continue
        kept.append(finding if level is None else replace(finding, severity=Severity(level)))
    return kept


def blocks(findings: Iterable[Finding]) -> bool:
    """True when at least one finding is an error."""
    return any(f.severity is Severity.ERROR for f in findings)
