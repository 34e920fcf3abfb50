"""What is published: a change judged by the default branch as it is now, or the reason why nothing was judged."""

from __future__ import annotations

import datetime
from pathlib import Path

from liftgate.commands.publishing.target import Target
from liftgate.commands.sources.tip import REMOTE, tip_of
from liftgate.findings import Finding, Severity
from liftgate.publishing.annotations import Lines, change_findings
from liftgate.publishing.outcome import AliasOutcome, ChangeReport


def judge_target(root: Path, target: Target, *, ledger: str, repository: str) -> ChangeReport:
    """Fetch the commits as objects and judge them. Raises `InputError` when they cannot be had or compared."""
    from liftgate.commands.judging.change import judge_change
    from liftgate.commands.judging.results_branch import ResultsBranch
    from liftgate.commands.sources.ledgers import open_ledger
    from liftgate.commands.sources.pull_tree import complete_history, fetch_pull

    pull = target.judged
    if target.elsewhere:
        # Its base is no business of ours, so neither is what it changes.
        why = "this change does not go into the default branch, whose rules are the only ones that count here"
        found = Finding("not-the-default-branch", Severity.ERROR, why)
        return ChangeReport((), target.told_base, target.sha, findings=(found,))
    base = target.base_sha or tip_of(root, target.default_branch)
    if pull is not None:
        fetch_pull(root, pull.number)
    complete_history(root, base, target.sha)
    return judge_change(
        root,
        base,
        target.sha,
        ledger=open_ledger(ledger, root),
        results=ResultsBranch(root, REMOTE),
        today=datetime.datetime.now(datetime.UTC).date(),
        author=pull.author if pull else None,
        repository=repository,
        change=f"pull/{pull.number}" if pull else None,
        base_ref=target.base_ref,
        default_branch=target.default_branch,
        merge_group=pull is None,
    )


def judge_here(
    root: Path, base: str, head: str, *, ledger: str, merge_group: bool = False
) -> tuple[ChangeReport, Lines]:
    """Judge commits of this clone for a preview, and the lines that its diff touches in files with findings.

    Only with a ledger on a branch of a remote the results that lie beside it are looked at.
    """
    from liftgate.commands.judging.change import judge_change
    from liftgate.commands.judging.results_branch import ResultsBranch
    from liftgate.commands.sources.ledgers import BRANCH_PREFIX, open_ledger
    from liftgate.repository import changed_lines

    on_a_remote = ledger.startswith(BRANCH_PREFIX)
    change = judge_change(
        root,
        base,
        head,
        ledger=open_ledger(ledger, root),
        results=ResultsBranch(root, ledger.removeprefix(BRANCH_PREFIX)) if on_a_remote else None,
        today=datetime.datetime.now(datetime.UTC).date(),
        merge_group=merge_group,
    )
    paths = sorted({found.path for found in change_findings(change) if found.path and found.line})
    return change, {path: changed_lines(root, change.base_sha, change.head_sha, path) for path in paths}


def not_judged(base: str, head: str, why: str) -> ChangeReport:
    """A change about which nothing is known but why."""
    return ChangeReport((), base, head, (AliasOutcome("gate", (), "error", why),))
