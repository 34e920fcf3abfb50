"""`liftgate watch`: look again at what callers get today, and keep one issue for each subject that needs somebody.

Exit codes: 0 looked at, whatever was found (the issues say it); 10 with --strict when a finding is an error; 4 when
GitHub or the webhook could not be reached.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.sources.ledgers import add_ledger
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.commands.watching.looks import Looked
    from liftgate.github.api import GitHub

ACTIONS: Final = {
    "shadow": "what a variant did with mirrored or served requests, as the evidence of its next step",
    "sample": "a share of the requests, without personal data, for online evaluation",
    "canary": "ask the same prompts again, once a week, to tell when weights change behind an id",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to look, and what is done about it; or another action."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="other actions")
    for name, text in ACTIONS.items():
        sub = actions.add_parser(name, help=text, description=text)
        import_module(f"liftgate.commands.watching.watch_{name}").add_arguments(sub)
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--log", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="request logs, or folders of them: JSON Lines or OpenTelemetry spans, plain or .gz; docs/guides/watch.md",
    )  # fmt: skip
    parser.add_argument("--today", type=day, metavar="DATE", help="look as on this day of UTC (default: now)")
    parser.add_argument(
        "--issues",
        action="store_true",
        help="keep one issue a subject on GitHub (GITHUB_TOKEN, GITHUB_REPOSITORY)",
    )
    parser.add_argument(
        "--webhook-env", metavar="NAME",
        help="with --issues: page who is on call at the https:// address in this environment variable",
    )  # fmt: skip
    parser.add_argument(
        "--flag-down", action="store_true",
        help="with --issues: open a pull request that rolls back what has been stale for too long",
    )  # fmt: skip
    parser.add_argument(
        "--remote", default="origin", metavar="NAME", help="with --flag-down (default: origin)"
    )
    parser.add_argument("--strict", action="store_true", help="exit 10 when a finding is an error")
    parser.add_argument(
        "--json", action="store_true", help="findings of each subject as one JSON object on stdout"
    )
    add_ledger(parser)


def day(text: str) -> datetime.datetime:
    """Argument type: the last second of a day of UTC."""
    try:
        read = datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no day such as 2026-11-25") from None
    return datetime.datetime(read.year, read.month, read.day, 23, 59, 59, tzinfo=datetime.UTC)


def run(arguments: argparse.Namespace) -> int:
    """Look, tell, keep the issues."""
    if arguments.action:
        code: int = import_module(f"liftgate.commands.watching.watch_{arguments.action}").run(arguments)
        return code
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.registry.check import ledger_of
    from liftgate.commands.watching.log_files import listed
    from liftgate.commands.watching.looks import look
    from liftgate.commands.watching.webhook import address
    from liftgate.files import pretty
    from liftgate.findings import blocks

    for option in ("webhook_env", "flag_down"):
        if getattr(arguments, option) and not arguments.issues:
            raise InputError(
                f"--{option.replace('_', '-')} goes with --issues", hint="issues remember what was said"
            )
    github = connected(os.environ) if arguments.issues else None
    webhook = address(os.environ, arguments.webhook_env) if arguments.webhook_env else None
    now = arguments.today or utc_now()
    looked = look(arguments.root, now, listed(arguments.log), ledger_of(arguments.ledger, arguments.root))
    _tell(looked)
    if arguments.json:
        sys.stdout.write(pretty(document(looked)).decode())
    failed: list[str] = []
    if github is not None:
        from liftgate.commands.watching.watch_issues import keep, keep_schedule, propose

        failed = keep(github, looked, webhook)
        if arguments.flag_down:
            propose(arguments.root, arguments.remote, github, looked, now)
        keep_schedule(github)
    if failed:
        sys.stderr.write("".join(f"error: nobody was paged for {each}\n" for each in failed))
        return ExitCode.PROVIDER_FAILED
    worst = any(blocks(findings) for findings in looked.found.values())
    return ExitCode.BLOCKED if arguments.strict and worst else ExitCode.PASS


def document(looked: Looked) -> dict[str, Any]:
    """The form of --json."""
    tallies = looked.tallies
    log = None if tallies is None else {
        "lines": tallies.lines,
        "requests": tallies.total(),
        "mirrored": tallies.mirrored,
        "outside": tallies.outside,
        "unclear": tallies.unclear,
        "refused": {why: each.lines for why, each in tallies.refused.items()},
    }  # fmt: skip
    return {
        "schema_version": 1,
        "subjects": {subject: [each.to_dict() for each in found] for subject, found in looked.found.items()},
        "gate": {alias: each.to_dict() for alias, each in looked.health.items()},
        "log": log,
    }


def _tell(looked: Looked) -> None:
    lines = []
    for subject, findings in sorted(looked.found.items()):
        if findings or "/" not in subject:
            lines.append(f"{subject}: {len(findings) or 'no'} finding{'s' * (len(findings) != 1)}")
        lines += [
            f"  {f.place + ': ' if f.place else ''}{f.severity}: {f.message} [{f.rule}]" for f in findings
        ]
    for alias, gate in looked.health.items():
        if gate.verdicts:
            each = "" if gate.usd_per_catch is None else f", {gate.usd_per_catch} US dollars each"
            lines.append(
                f"gate of {alias}: {gate.passed} passed, {gate.blocked} blocked, {gate.insufficient} without enough "
                f"evidence; {gate.flakes} of {gate.judged_again} judged again differ; {gate.caught} caught{each}"
            )
    if not looked.ledger:
        lines.append("no ledger was read: when something was evaluated is what models.yaml claims (--ledger)")
    if (tallies := looked.tallies) is not None:
        refused = sum(each.lines for each in tallies.refused.values())
        lines.append(
            f"{tallies.lines:,} lines of log: {tallies.total():,} requests, {tallies.mirrored:,} mirrored, "
            f"{tallies.outside:,} of other days, {refused:,} unreadable"
        )
    sys.stderr.write("\n".join(lines) + "\n")


def connected(environment: Mapping[str, str]) -> GitHub:
    """The repository of this run."""
    from liftgate.github.client import connect

    token, repository = environment.get("GITHUB_TOKEN", ""), environment.get("GITHUB_REPOSITORY", "")
    if not token or not repository:
        raise InputError(
            "--issues needs GITHUB_TOKEN and GITHUB_REPOSITORY", hint="without it nothing is written"
        )
    return connect(token, repository, environment.get("GITHUB_API_URL") or None)
