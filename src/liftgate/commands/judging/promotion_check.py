"""The rules of the registry for one alias of a change, and the checklist of what it promotes."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liftgate.findings import Finding

if TYPE_CHECKING:
    from liftgate.policy import Policy
    from liftgate.registry.checklist import Item
    from liftgate.registry.models import Models
    from liftgate.training.ledger import Ledger


class Promotion(NamedTuple):
    """What stands against a promotion, its checklist, what it does in words, and the variant that gets more callers.

    The checklist is [] when no variant does.
    """

    findings: list[Finding]
    checklist: list[Item]
    told: str
    raised: str | None


def check_promotion(
    root: Path,
    base: str,
    head: str,
    alias: str,
    before: Models | None,
    after: Models | None,
    policy: Policy,
    ledger: Ledger | None,
    now: datetime.datetime,
) -> Promotion:
    """The change of this alias in models.yaml; the other aliases are held as they will be."""
    from liftgate.commands.sources.registry_evidence import gather
    from liftgate.registry.check import check_registry
    from liftgate.registry.checklist import checklist
    from liftgate.registry.moves import moves, raised

    evidence = gather(root, base, head, after, ledger=ledger)
    items = checklist(alias, before, after, evidence, policy, now)
    sides = [None if models is None else models.aliases.get(alias) for models in (before, after)]
    if before is not None:
        others = (
            {} if after is None else {name: each for name, each in after.aliases.items() if name != alias}
        )
        own = {alias: before.aliases[alias]} if alias in before.aliases else {}
        before = replace(before, aliases={**others, **own})
    findings = check_registry(before, after, evidence, policy, now)
    return Promotion(findings, items, moves(*sides), raised(*sides))
