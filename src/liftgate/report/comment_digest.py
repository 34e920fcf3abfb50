"""What a comment remembers for the next push, hidden in its first line: small and never trusted for a verdict.

Only numbers, states and hashes come back out of it; aliases are prints, so that nobody's text can be in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from liftgate.report.change_headline import findings_of
from liftgate.report.escape import Markdown

if TYPE_CHECKING:
    from liftgate.publishing.outcome import AliasOutcome, ChangeReport

MOST_ALIASES: Final = 20
MOST_FINDINGS: Final = 1_000_000
NAME_LIMIT: Final = 100
_STATES: Final = ("error", "block", "insufficient-evidence", "waiting", "running", "pass", "nothing")
_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PRINT: Final = re.compile(r"[0-9a-f]{12}")
# Ours is in the first line, where nobody's text ever stands.
_FOUND: Final = re.compile(
    r"<!-- liftgate-comment:[\w.~%-]{1,360} --><!-- liftgate-digest:([0-9a-f]{12}):([A-Za-z0-9+/]{1,12000}={0,2}) -->"
)


@dataclass(frozen=True)
class AliasDigest:
    """One alias as it was told: its state, its lift in [-1, 1], its errors and warnings, a print of its rows."""

    state: str
    lift: float | None = None
    errors: int = 0
    warnings: int = 0
    rows: str | None = None


@dataclass(frozen=True)
class PreviousDigest:
    """What the last comment said of commit `head_sha`, and in `before` what the one about another commit said."""

    head_sha: str
    aliases: Mapping[str, AliasDigest]
    before: PreviousDigest | None = None


def marker(workflow: str) -> str:
    """How the one comment of a workflow begins; whoever looks for it must compare its author, too."""
    name = quote(workflow[:NAME_LIMIT], safe="", errors="replace").replace("--", "-%2D") or "liftgate"
    return f"<!-- liftgate-comment:{name[:360]} -->"


def first_line(workflow: str, digest: PreviousDigest | None) -> Markdown:
    """The marker and, hidden behind it, what the next push is compared with."""
    return Markdown(marker(workflow) + (_written(digest) if digest else ""))


def find_digest(body: str | None) -> PreviousDigest | None:
    """What an earlier comment remembers; None where there is none, or where it is not whole."""
    found = _FOUND.match((body or "").lstrip("\ufeff \r\n"))
    if found is None or found[1] != _checksum(found[2]):
        return None
    try:
        return _read(json.loads(base64.b64decode(found[2], validate=True)), depth=1)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def digest_of(change: ChangeReport, previous: PreviousDigest | None) -> PreviousDigest | None:
    """What this change's comment is to remember. A second comment on one commit keeps what the first compared with."""
    if not _SHA.fullmatch(change.head_sha):
        return previous
    aliases = {
        _key(outcome.alias): _alias_of(outcome)
        for outcome in sorted(change.outcomes, key=lambda outcome: outcome.alias)[:MOST_ALIASES]
    }
    return PreviousDigest(change.head_sha, aliases, compared_with(change.head_sha, previous))


def compared_with(head_sha: str, previous: PreviousDigest | None) -> PreviousDigest | None:
    """The digest of the last commit that was another one."""
    if previous is None:
        return None
    other = previous.before if previous.head_sha == head_sha else previous
    return None if other is None else PreviousDigest(other.head_sha, other.aliases)


def _alias_of(outcome: AliasOutcome) -> AliasDigest:
    report: Mapping[str, Any] = outcome.report or {}
    comparison, dataset = report.get("comparison"), report.get("dataset")
    levels = [str(finding["severity"]) for finding in findings_of(outcome)]
    lift = comparison["lift"]["mean"] if comparison else None
    held = f"{dataset['train_sha256']} {dataset['validation_sha256']}" if dataset else None
    return AliasDigest(
        outcome.state,
        None if lift is None else round(lift, 6),
        min(levels.count("error"), MOST_FINDINGS),
        min(levels.count("warning"), MOST_FINDINGS),
        None if held is None else hashlib.sha256(held.encode("utf-8", "replace")).hexdigest()[:12],
    )


def _written(digest: PreviousDigest) -> str:
    plain = json.dumps(_plain(digest), separators=(",", ":"), sort_keys=True)
    text = base64.b64encode(plain.encode()).decode()
    return f"<!-- liftgate-digest:{_checksum(text)}:{text} -->"


def _plain(digest: PreviousDigest) -> dict[str, Any]:
    said: dict[str, Any] = {
        "head": digest.head_sha,
        "aliases": {
            name: [each.state, each.lift, each.errors, each.warnings, each.rows]
            for name, each in digest.aliases.items()
        },
    }
    return said | ({"before": _plain(digest.before)} if digest.before else {})


def alias_digest(digest: PreviousDigest, alias: str) -> AliasDigest | None:
    """What is remembered of one alias."""
    return digest.aliases.get(_key(alias))


def _key(alias: str) -> str:
    # A print in the place of a name: short, and nobody's text can be shown by mistake.
    return hashlib.sha256(alias.encode("utf-8", "replace")).hexdigest()[:12]


def _checksum(text: str) -> str:
    return hashlib.sha256(b"liftgate-digest:1:" + text.encode()).hexdigest()[:12]


def _read(data: Any, depth: int) -> PreviousDigest:
    head, aliases = data["head"], data["aliases"]
    if not isinstance(head, str) or not _SHA.fullmatch(head) or len(aliases) > MOST_ALIASES:
        raise ValueError
    before = _read(data["before"], depth - 1) if depth and "before" in data else None
    return PreviousDigest(head, {_name(name): _alias(each) for name, each in aliases.items()}, before)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not _PRINT.fullmatch(name):
        raise ValueError
    return name


def _alias(data: Any) -> AliasDigest:
    state, lift, errors, warnings, rows = data
    counts = (errors, warnings)
    if state not in _STATES or not (rows is None or (isinstance(rows, str) and _PRINT.fullmatch(rows))):
        raise ValueError
    if any(type(count) is not int or not 0 <= count <= MOST_FINDINGS for count in counts):
        raise ValueError
    if lift is not None and (type(lift) not in {int, float} or not -1 <= lift <= 1):
        raise ValueError
    return AliasDigest(state, lift, errors, warnings, rows)
