"""`liftgate poll`: look once at each open job of the ledger, write down what ended, start what may go on.

Everything follows from what the ledger and GitHub say now, so a poll that was dropped, doubled or killed half-way
loses nothing: the next one sees the same and does what is left.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.sources.ledgers import add_ledger, seconds
from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.commands.launching.polling import Looked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the ledger is, and whether GitHub is told."""
    parser.add_argument("--root", type=Path, default=Path(), metavar="DIR", help="the clone (default: here)")
    parser.add_argument(
        "--dispatch",
        action="store_true",
        help="start evaluate.yml for what is trained, once, and switch poll.yml off when no job is open",
    )
    parser.add_argument(
        "--deadline",
        type=seconds,
        default=300.0,
        metavar="S",
        help="leave the rest to the next poll (default: 300)",
    )
    parser.add_argument("--repository", metavar="OWNER/NAME", help="default: $GITHUB_REPOSITORY")
    parser.add_argument("--json", action="store_true", help="every job as one JSON object on stdout")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when every open job was looked at as far as this place can; 4 when the ledger or GitHub cannot be read."""
    from liftgate.commands.launching.polling import Poll
    from liftgate.commands.sources.ledgers import open_ledger
    from liftgate.commands.sources.pulled import open_github
    from liftgate.files import pretty

    github = None
    if arguments.dispatch or os.environ.get("GITHUB_TOKEN"):
        github = open_github(arguments.repository)
    ends = time.monotonic() + arguments.deadline
    poll = Poll(open_ledger(arguments.ledger, arguments.root), github, late=lambda: time.monotonic() >= ends)
    found = poll.look()
    if arguments.dispatch:
        poll.go_on(found)
    document = as_dict(found)
    if arguments.json:
        sys.stdout.write(pretty(document).decode())
    for each in found:
        sys.stderr.write(f"{each.line}\n")
    if not found:
        sys.stderr.write("no job is open and nothing waits to be evaluated\n")
    for note in poll.notes:
        sys.stderr.write(f"note: {note}\n")
    write_outputs(document)
    return ExitCode.PASS


def as_dict(found: list[Looked]) -> dict[str, object]:
    """What was seen, for machines: nothing that a provider wrote freely."""
    ready = [each.ready for each in found if each.ready is not None]
    return {
        "schema_version": 1,
        "open": sum(each.is_open for each in found),
        "jobs": [each.to_dict() for each in found],
        "ready": ready,
        "publish": sorted({each.pull for each in found if each.ended_now and each.pull is not None}),
    }


def write_outputs(document: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> None:
    """`open`, `ready` and `publish` for the steps after this one."""
    import orjson

    target = environment.get("GITHUB_OUTPUT")
    if target:
        lines = [f"{name}={orjson.dumps(document[name]).decode()}" for name in ("open", "ready", "publish")]
        with Path(target).open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))
