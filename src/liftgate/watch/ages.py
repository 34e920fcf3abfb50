"""How long ago what callers get was last evaluated, in whole days of UTC. Pure.

An evaluation is a verdict of the ledger about exactly these weights; where the ledger has none, what models.yaml says
(`evaluated_at`, else `trained_at`) stands in for it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from liftgate.findings import Finding, Severity
from liftgate.registry.evidence import at
from liftgate.registry.models import Alias, Models, Variant
from liftgate.watch.words import counted

STALE: Final = "stale-weights"
FAILED: Final = "re-evaluation-failed"
_WARN_DAYS: Final = 7
_TELL_DAYS: Final = 30


@dataclass(frozen=True)
class Evaluated:
    """When a variant was last evaluated; `verdict` is None where only models.yaml says so."""

    when: datetime.datetime
    verdict: str | None = None


def evaluations(alias: str, variant: Variant, verdicts: Iterable[Mapping[str, Any]]) -> list[Evaluated]:
    """Every verdict about these weights, oldest first, after what models.yaml says of the time before them."""
    digest = variant.entry.get("manifest_digest")
    mine = [
        Evaluated(when, entry["verdict"])
        for entry in verdicts
        if digest is not None
        and (entry["alias"], entry.get("manifest_digest")) == (alias, digest)
        and (when := at(entry["at"])) is not None
    ]
    mine.sort(key=lambda each: each.when)
    for key in ("evaluated_at", "trained_at"):
        if (when := at(variant.entry.get(key))) is not None:
            return [*([Evaluated(when)] if not mine or when < mine[0].when else []), *mine]
    return mine


def evaluated(alias: str, variant: Variant, verdicts: Iterable[Mapping[str, Any]]) -> Evaluated | None:
    """The newest verdict about these weights, or what models.yaml says, or None."""
    return next(reversed(evaluations(alias, variant, verdicts)), None)


def is_served(variant: Variant) -> bool:
    """Whether callers or mirrored requests reach it."""
    return variant.rollout_percent > 0 or variant.entry.get("shadow_percent", 0) > 0


def age_days(when: datetime.datetime, today: datetime.date) -> int:
    """UTC calendar days from a time to a day."""
    return (today - when.astimezone(datetime.UTC).date()).days


def weights_findings(
    models: Models,
    alias: Alias,
    variant: Variant,
    verdicts: Iterable[Mapping[str, Any]],
    today: datetime.date,
    max_days: int,
) -> Iterator[Finding]:
    """What is to be said of the age of a served variant's evaluation, and of its result."""
    found = evaluated(alias.name, variant, verdicts)
    line = models.document.line(("models", alias.name, "variants", variant.name))

    def told(rule: str, severity: Severity, message: str) -> Finding:
        return Finding(rule, severity, message, models.path, line)

    again = f"liftgate reevaluate {alias.name}"
    if found is None:
        yield told(STALE, Severity.ERROR, f"nothing says when {variant.name} was evaluated; {again}")
        return
    age = age_days(found.when, today)
    last = f"{variant.name} was last evaluated on {found.when.astimezone(datetime.UTC).date()}"
    left = max_days - age
    if age < 0:
        yield told(STALE, Severity.ERROR, f"{last}, which is still to come; correct it, or {again}")
    elif left < 0:
        yield told(
            STALE, Severity.ERROR, f"{last}, {counted(age, 'day')} ago; the policy allows {max_days}; {again}"
        )
    elif left <= _TELL_DAYS:
        severity = Severity.WARNING if left <= _WARN_DAYS else Severity.NOTICE
        due = "today" if left == 0 else f"in {counted(left, 'day')}"
        yield told(STALE, severity, f"{last}, {counted(age, 'day')} ago; it is stale after {due}; {again}")
    if found.verdict in ("block", "insufficient-evidence"):
        message = f"{last}, and the verdict was {found.verdict}; liftgate registry rollback {alias.name} {variant.name}"
        yield told(FAILED, Severity.ERROR, message)


def flag_down_due(
    alias: Alias,
    variant: Variant,
    verdicts: Iterable[Mapping[str, Any]],
    today: datetime.date,
    max_days: int,
    grace_days: int,
) -> bool:
    """Whether a variant that callers get has been stale for so long that its rollback is proposed."""
    if variant.rollout_percent == 0:
        return False
    found = evaluated(alias.name, variant, verdicts)
    return found is not None and age_days(found.when, today) > max_days + grace_days
