"""A change judged as data: plan, static stages, and the verdict of each alias where one is known for its content.

Nothing of the change is checked out or executed. What cannot be judged is an error, never a pass.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.findings import Finding, Severity, blocks
from liftgate.plan import Plan
from liftgate.project import plan_of
from liftgate.publishing.outcome import AliasOutcome, ChangeReport

if TYPE_CHECKING:
    from liftgate.commands.results_branch import ResultsBranch
    from liftgate.training.ledger import Ledger


def judge_change(
    root: Path,
    base_sha: str,
    head_sha: str,
    *,
    ledger: Ledger | None,
    results: ResultsBranch | None,
    today: datetime.date,
    author: str | None = None,
    repository: str | None = None,
    change: str | None = None,
    base_ref: str | None = None,
    default_branch: str | None = None,
    merge_group: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> ChangeReport:
    """Judge the commits of a change whose objects are in the clone `root`.

    `ledger` and `results` are where verdicts, jobs and approvals are looked up; without them nothing is found.
    `author`, `repository` and `change` (`pull/7`) are what an approval must say. A change whose `base_ref` is not
    the `default_branch` never passes. In a `merge_group` several pull requests are one change. Raises `InputError`
    when the commits are not here or cannot be compared.
    """
    plan, base, head = plan_of(root, base_sha, head_sha)
    findings = [*plan.findings, *_stacked(base_ref, default_branch)]
    outcomes = tuple(_outcome(plan, alias) for alias in plan.aliases) if not blocks(findings) else ()
    return ChangeReport(plan.kinds, base, head, outcomes, tuple(findings))


def _stacked(base_ref: str | None, default_branch: str | None) -> list[Finding]:
    if default_branch is None or base_ref == default_branch:
        return []
    message = (
        "the base of this change is not the default branch, whose rules are the only ones that count here"
    )
    return [Finding("not-the-default-branch", Severity.ERROR, message)]


def _outcome(plan: Plan, alias: str) -> AliasOutcome:
    kinds = plan.aliases[alias]
    if not plan.steps(alias):
        return AliasOutcome(alias, kinds, "pass", f"{alias}: rolled back, nothing to measure")
    return AliasOutcome(alias, kinds, "error", f"{alias}: not judged")
