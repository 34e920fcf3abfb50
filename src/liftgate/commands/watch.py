"""`liftgate watch`: look again at what callers are given today, and keep one issue for each alias that needs somebody.

Exit codes: 0 looked at, whatever was found (the issues say it); 10 with --strict when a finding is an error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.github.api import GitHub
    from liftgate.watch.issues import Step

COMMAND = "liftgate watch"
# GitHub switches scheduled workflows off after 60 days without a push; a run that switches them on again prevents it.
SCHEDULED = ("watch.yml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to look, and whether issues are kept."""
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--issues",
        action="store_true",
        help="keep one issue an alias on GitHub (GITHUB_TOKEN, GITHUB_REPOSITORY)",
    )
    parser.add_argument("--strict", action="store_true", help="exit 10 when a finding is an error")
    parser.add_argument(
        "--json", action="store_true", help="findings of each alias as one JSON object on stdout"
    )


def run(arguments: argparse.Namespace) -> int:
    """Look, tell, keep the issues."""
    from liftgate.files import pretty
    from liftgate.findings import blocks

    found = look(arguments.root)
    for alias, findings in found.items():
        said = [f"{f.place + ': ' if f.place else ''}{f.severity}: {f.message} [{f.rule}]" for f in findings]
        sys.stderr.write(
            "\n".join([f"{alias}: {len(findings) or 'no'} findings", *(f"  {s}" for s in said)]) + "\n"
        )
    if arguments.json:
        shown = {alias: [finding.to_dict() for finding in findings] for alias, findings in found.items()}
        sys.stdout.write(pretty({"schema_version": 1, "aliases": shown}).decode())
    if arguments.issues:
        keep(connected(os.environ), found)
    worst = any(blocks(findings) for findings in found.values())
    return ExitCode.BLOCKED if arguments.strict and worst else ExitCode.PASS


def look(root: Path) -> dict[str, list[Finding]]:
    """What stands against each alias of models.yaml today."""
    import datetime

    from liftgate.commands.ends import sunset_findings
    from liftgate.files import read_bytes
    from liftgate.findings import ordered
    from liftgate.project import Ruler
    from liftgate.registry.models import read_models

    today = datetime.datetime.now(datetime.UTC).date()
    ruler = Ruler(root, None)
    registry = read_models(read_bytes(root / "models.yaml", "registry"), "models.yaml")
    return {
        name: ordered(sunset_findings(ruler, alias, today))
        for name, alias in sorted(registry.aliases.items())
    }


def connected(environment: Mapping[str, str]) -> GitHub:
    """The repository of this run."""
    from liftgate.github.client import connect

    token, repository = environment.get("GITHUB_TOKEN", ""), environment.get("GITHUB_REPOSITORY", "")
    if not token or not repository:
        raise InputError(
            "--issues needs GITHUB_TOKEN and GITHUB_REPOSITORY", hint="without it nothing is written"
        )
    return connect(token, repository, environment.get("GITHUB_API_URL") or None)


def keep(github: GitHub, found: Mapping[str, Sequence[Finding]]) -> None:
    """Bring the issues up to date, and keep this schedule alive."""
    from liftgate.watch.issues import LABEL, steps

    issues = list(github.issues(LABEL))
    for step in list(steps(found, issues, github.login(), COMMAND)):
        _done(github, step, LABEL)
        sys.stderr.write(f"issue of {step.subject}: {step.kind}\n")
    for workflow in SCHEDULED:
        github.enable_workflow(workflow, True)


def _done(github: GitHub, step: Step, label: str) -> None:
    if step.number is None:
        github.create_issue(title=step.title, body=step.body or "", labels=[label])
    elif step.kind == "close":
        github.edit_issue(step.number, state="closed")
    else:
        github.edit_issue(step.number, body=step.body, state="open")
