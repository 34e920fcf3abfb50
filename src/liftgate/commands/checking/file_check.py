"""One dataset file against every rule: what `validate FILE`, `validate --base` and `run` share."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liftgate.commands.checking import surroundings
from liftgate.commands.checking.collector import paused_collector
from liftgate.config import parse_yaml
from liftgate.data.asking import Asking
from liftgate.data.beside import EXTRA, gate_rule_lowered, unknown_rules
from liftgate.data.card import Card, read_card
from liftgate.data.checks import RULES, run_checks
from liftgate.data.checks.context import Context
from liftgate.data.golden import Cases
from liftgate.data.targets import TARGETS, Target
from liftgate.data.waivers import (
    Waived,
    Waiver,
    apply_waivers,
    read_waivers,
    waiver_expired,
    waiver_unused,
)
from liftgate.errors import InputError, Together
from liftgate.explained import weighed_rules
from liftgate.files import read_bytes
from liftgate.findings import Finding, blocks, ordered, with_policy
from liftgate.policy import Policy
from liftgate.registry.rules import NEVER_LOWERED as OF_PROMOTION_ALWAYS
from liftgate.registry.rules import RULES as OF_PROMOTION
from liftgate.tokens import DEFAULT_ENCODING, checked_encoding
from liftgate.verdict.rules import RULES as VERDICT_RULES


@dataclass(frozen=True)
class FileCheck:
    """What was found in one file. `beside` are findings about the policy; `ids` is empty without waivers."""

    path: str
    rows: int
    tokens: int
    encoding: str
    findings: tuple[Finding, ...]
    waived: tuple[Waived, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    ids: frozenset[str] = frozenset()
    beside: tuple[Finding, ...] = ()
    policy: Policy = field(default_factory=Policy)

    def to_dict(self) -> dict[str, Any]:
        """The object that the contract of `validate FILE --json` describes."""
        return {
            "schema_version": 1,
            "rows": self.rows,
            "tokens": self.tokens,
            "encoding": self.encoding,
            "findings": [finding.to_dict() for finding in self.findings],
            "outcome": "block" if blocks(self.findings) else "pass",
        }


def check_file(
    file: Path,
    *,
    golden: Sequence[Path] = (),
    card: Path | None = None,
    target: str | None = None,
    policy: Path | None = None,
    encoding: str | None = None,
    suite: Path | None = None,
    base: str | None = None,
    waivers: Path | None = None,
    today: datetime.date | None = None,
    extras: Sequence[str] = (),
) -> FileCheck:
    """Read the files and run the rules. One `InputError` tells every file that cannot be used.

    `today` decides which waivers still count; it is needed with `waivers` only. `extras` names dearer checks.
    """
    together = Together()
    about: Card | None = None
    profile: Target | None = None
    thresholds = Policy()
    lowered: list[Finding] = []
    allowed: tuple[Waiver, ...] = ()
    cases: list[Cases] = []
    asked: tuple[Asking, ...] = ()
    with paused_collector():
        with together:
            profile = _target(target)
        with together:
            encoding = checked_encoding(encoding or (profile.encoding if profile else DEFAULT_ENCODING))
        if policy:
            with together:
                thresholds, lowered = read_policy(policy)
        if card:
            with together:
                about = read_card(read_bytes(card, "dataset card"), str(card))
        with together:
            dataset = surroundings.read_dataset(file, about)
        for path in golden:
            with together:
                cases.append(surroundings.read_golden(path))
        if suite:
            with together:
                asked = surroundings.asking(suite)
        if waivers:
            with together:
                allowed = read_waivers(read_bytes(waivers, "waivers"), str(waivers))
        with together:
            sibling = surroundings.sibling(file, about)
        with together:
            released = surroundings.releases(about, file, base) if about else None
        with together:
            earlier = surroundings.history(about, file) if about else ()
        together.raise_all()
        context = Context(
            dataset,
            golden=tuple(cases),
            card=about,
            sibling=sibling,
            history=earlier,
            releases=released,
            asking=asked,
            task=surroundings.task(suite, about),
            answer_schema=surroundings.answer_schema(suite),
            thresholds=thresholds.data,
            encoding=encoding or DEFAULT_ENCODING,
            target=profile,
        )
        return _check(context, thresholds, allowed, today, lowered, extras)


def about_waivers(checks: Sequence[FileCheck], today: datetime.date) -> list[Finding]:
    """Waivers that expired or waive nothing, over all files of an alias."""
    waivers = checks[0].waivers if checks else ()
    used = {waived.waiver for check in checks for waived in check.waived}
    ids = frozenset[str]().union(*(check.ids for check in checks))
    active = [waiver for waiver in waivers if waiver.expires >= today]
    found = [*waiver_expired(waivers, today), *waiver_unused(active, used, ids, [*RULES, *EXTRA])]
    return with_policy(found, checks[0].policy.rules if checks else {})


def read_policy(path: Path) -> tuple[Policy, list[Finding]]:
    """The policy, and what it lowers that should never be. `InputError` for rules that do not exist, too."""
    document = parse_yaml(read_bytes(path, "policy"), str(path))
    together = Together()
    policy = Policy()
    with together:
        policy = Policy.from_document(document)
    with together:
        others = [*VERDICT_RULES, *(OF_PROMOTION.keys() - OF_PROMOTION_ALWAYS), *weighed_rules()]
        if unknown := unknown_rules(document, others):
            raise InputError(f"{path} sets the severity of rules that do not exist", problems=unknown)
    together.raise_all()
    return policy, list(gate_rule_lowered(document))


def _check(
    context: Context,
    policy: Policy,
    waivers: Sequence[Waiver],
    today: datetime.date | None,
    lowered: Sequence[Finding],
    extras: Sequence[str],
) -> FileCheck:
    from liftgate.data.extras import run_extras

    findings = with_policy([*run_checks(context), *run_extras(context, extras)], policy.rules)
    waived: list[Waived] = []
    ids: frozenset[str] = frozenset()
    if waivers:
        if today is None:
            raise ValueError("waivers count until a day, so they need today")
        other = context.sibling.rows if context.sibling else ()
        findings, waived = apply_waivers(findings, waivers, context.dataset.rows, today, other)
        around = [*context.history, *([context.sibling] if context.sibling else ())]
        ids = frozenset(row.id for each in (context.dataset, *around) for row in each.rows if row.id)
    return FileCheck(
        context.path,
        context.dataset.line_count,
        sum(context.row_tokens),
        context.encoding,
        tuple(ordered(findings)),
        tuple(waived),
        tuple(waivers),
        ids,
        tuple(lowered),
        policy,
    )


def _target(name: str | None) -> Target | None:
    if name is None or name in TARGETS:
        return TARGETS[name] if name else None
    raise InputError(f"{name!r} is not a target here", hint=f"one of {', '.join(TARGETS)}")
