"""What the gate would say of a change of models.yaml that is only proposed, as far as this clone can tell."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.sources.ledgers import BRANCH_PREFIX, DEFAULT
from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.commands.registry.proposing import Source
    from liftgate.findings import Finding
    from liftgate.policy import Policy
    from liftgate.registry.models import Models


def foretold(
    source: Source,
    before: Models,
    after: Models,
    alias: str,
    policy: Policy,
    files: Mapping[str, bytes],
    ledger: str,
) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Findings and checklist; `files` are those that come with the change."""
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.registry.check import ledger_of
    from liftgate.commands.sources.registry_evidence import at_commit, collect
    from liftgate.project import registry_history
    from liftgate.registry.check import check_registry
    from liftgate.registry.checklist import checklist

    base = source.commit or "HEAD"
    evidence = collect(
        lambda path: files.get(path) or source.read(path),
        at_commit(source.root, base),
        after,
        registry_history(source.root, base),
        ledger_of(ledger, source.root),
    )
    now = utc_now()
    findings = check_registry(before, after, evidence, policy, now)
    return findings, checklist(alias, before, after, evidence, policy, now)


def said_of(findings: list[Finding]) -> list[str]:
    """The findings for the person who proposes it."""
    said = [f"{f.place}: {f.severity}: {f.message} [{f.rule}]" for f in findings]
    return [*said, "as it is now, the gate would refuse this"] if said else []


def ledger_place(arguments: argparse.Namespace) -> str:
    """The ledger that was named, or the one that judges: the remote's, unless there is one at this desk."""
    if arguments.ledger:
        return str(arguments.ledger)
    remote = f"{BRANCH_PREFIX}{arguments.remote}"
    if arguments.pull_request:
        return remote
    return DEFAULT if Path(DEFAULT).is_dir() or not _there(arguments.root, arguments.remote) else remote


def _there(root: Path, remote: str) -> bool:
    from liftgate.repository import git
    from liftgate.training.ledger_git import BRANCH

    if remote.startswith("-"):
        return False
    try:
        return bool(git(root, "ls-remote", remote, f"refs/heads/{BRANCH}").strip())
    except InputError:
        # Without a remote, or a network to it, there is this desk alone.
        return False
