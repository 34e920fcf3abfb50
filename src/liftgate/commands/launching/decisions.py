"""The decision document of a change, before its training is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.sources.registry_evidence import in_tree
from liftgate.verdict.decision_paper import decision_findings

if TYPE_CHECKING:
    from liftgate.policy import Policy
    from liftgate.training.estimate import Estimate
    from liftgate.verdict.decision_paper import Paper


def held_to_decision(
    priced: Estimate, root: Path, alias: str, policy: Policy
) -> tuple[Estimate, Paper | None]:
    """The bill with what the change's decision document says against it, and that document.

    A price that nobody knows may be any price.
    """
    paid = priced.usd is None or priced.usd.rounded.high > 0
    findings, paper = decision_findings(alias, in_tree(root), policy, paid=paid)
    return priced.with_findings(findings), paper
