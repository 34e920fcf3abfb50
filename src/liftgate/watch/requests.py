"""What a log says of what callers get, as findings by subject. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from liftgate.data.text import shown
from liftgate.digests import sha256_bytes
from liftgate.findings import Finding, Severity
from liftgate.registry.models import Models
from liftgate.rollout_policy import WatchPolicy
from liftgate.watch.drift import latency_findings, score_findings
from liftgate.watch.error_rate import error_findings
from liftgate.watch.owners import DEFAULT, Stranger
from liftgate.watch.tally import DAY, Refused, Tallies
from liftgate.watch.words import counted

UNKNOWN: Final = "unknown-model"
SILENT: Final = "no-requests"
BAD_LINES: Final = "unreadable-requests"
REGISTRY: Final = "models.yaml/requests"
LOG: Final = "request-log"
_SHOWN: Final = 10
_MOST_BAD: Final = 0.01


def request_findings(models: Models, tallies: Tallies, policy: WatchPolicy) -> dict[str, list[Finding]]:
    """Findings of every subject that the log speaks of, sound ones with none."""
    found: dict[str, list[Finding]] = defaultdict(list)
    found[LOG] = log_findings(tallies)
    first = (tallies.days - policy.days) * DAY
    for name, alias in models.aliases.items():
        for variant in (DEFAULT, *(v.name for v in alias.variants.values() if v.rollout_percent > 0)):
            percent = alias.variants[variant].rollout_percent if variant in alias.variants else None
            series = next((s for o, s in tallies.series.items() if o == (name, variant)), None)
            if series is not None and series.requests[first:].any():
                found[f"{name}/{variant}/requests"] = []
            elif percent is not None:
                found[f"{name}/{variant}/requests"] = [_silent(models, name, variant, percent, policy)]
    for rule in (error_findings, score_findings, latency_findings):
        for owner, finding in rule(tallies, policy):
            found[owner.subject].append(finding)
    for subject, findings in unknown_findings(models, tallies.strangers).items():
        found[subject] += findings
    if tallies.total() or tallies.strangers:
        found.setdefault(REGISTRY, [])
        if tallies.more_strangers:
            message = (
                f"{counted(tallies.more_strangers, 'line')} more name other models that models.yaml does not"
            )
            found[REGISTRY].append(Finding(UNKNOWN, Severity.ERROR, message))
        for name in models.aliases:
            found.setdefault(f"{name}/requests", [])
    return dict(found)


def _silent(models: Models, alias: str, variant: str, percent: int, policy: WatchPolicy) -> Finding:
    message = (
        f"{percent}% of the callers should get it, and the log holds no request of it in the last "
        f"{counted(policy.days, 'day')}: the flag may not be read, or the log not be whole"
    )
    line = models.document.line(("models", alias, "variants", variant, "rollout_percent"))
    return Finding(SILENT, Severity.WARNING, message, models.path, line)


def log_findings(tallies: Tallies) -> list[Finding]:
    """Lines that could not be used: told always, a warning when there are many."""
    bad = sum(each.lines for each in tallies.refused.values())
    severity = Severity.WARNING if bad > _MOST_BAD * max(tallies.lines, 1) else Severity.NOTICE
    found = [
        Finding(
            BAD_LINES,
            severity,
            f"{counted(each.lines, 'line')}: {why}; the first is this",
            each.path,
            each.line,
        )
        for why, each in sorted(tallies.refused.items())
    ]
    if tallies.unclear:
        message = f"{counted(tallies.unclear, 'line')} may be of several aliases or variants; log `alias` and `variant`"
        heavy = tallies.unclear > _MOST_BAD * max(tallies.lines, 1)
        found.append(Finding(BAD_LINES, Severity.WARNING if heavy else Severity.NOTICE, message))
    if not tallies.total() and not tallies.strangers:
        message = f"none of {counted(tallies.lines, 'line')} is a request of the days that are looked at"
        found.append(Finding(SILENT, Severity.WARNING, message))
    return found


def unknown_findings(models: Models, strangers: Mapping[Stranger, Refused]) -> dict[str, list[Finding]]:
    """Requests to models, and by aliases, that models.yaml does not name."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for stranger, seen in sorted(strangers.items(), key=lambda each: (-each[1].lines, each[1].line)):
        model = _named(stranger.model, "model id")
        subject = REGISTRY if stranger.alias is None else f"{stranger.alias}/requests"
        if stranger.named is not None:
            who = f"the alias {_named(stranger.named, 'alias')}, which models.yaml does not hold"
            message = f"{counted(seen.lines, 'request')} to {model} by {who}"
        elif stranger.alias is not None:
            message = f"{counted(seen.lines, 'request')} to {model}, no model of {stranger.alias}"
        else:
            message = f"{counted(seen.lines, 'request')} to {model}, which models.yaml does not name"
        message += "; register it, or find who sends them"
        found[subject].append(Finding(UNKNOWN, Severity.ERROR, message, seen.path, seen.line))
    return {subject: _cut(findings) for subject, findings in found.items()}


def _cut(findings: Sequence[Finding]) -> list[Finding]:
    rest = len(findings) - _SHOWN
    more = [Finding(UNKNOWN, Severity.ERROR, f"and {rest} more of them")] if rest > 0 else []
    return [*findings[:_SHOWN], *more]


def _named(name: str, what: str) -> str:
    # What is no identifier is told by its hash, so that nobody's words reach an issue.
    return shown(name, f"a {what} of sha256 {sha256_bytes(name.encode('utf-8', 'surrogatepass'))[:12]}")
