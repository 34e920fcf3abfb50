"""`liftgate publish`: judge a change with this branch's code and say on GitHub what came of it.

Exit codes: 0 published, whatever the verdict, or superseded by a newer commit; 2 or 3 the commit could not be
judged, and its status says so; 4 the status could not be set. With --dry-run the exit code is the verdict's.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liftgate.commands.sources.ledgers import add_ledger
from liftgate.errors import ExitCode, InputError, LiftgateError

if TYPE_CHECKING:
    from liftgate.commands.publishing.online import Online
    from liftgate.publishing.outcome import ChangeReport

_EXIT: Final = {
    "pass": ExitCode.PASS,
    "nothing": ExitCode.PASS,
    "waiting": ExitCode.STILL_RUNNING,
    "running": ExitCode.STILL_RUNNING,
    "block": ExitCode.BLOCKED,
    "insufficient-evidence": ExitCode.INSUFFICIENT_EVIDENCE,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is published about: the event of the workflow run, a pull request, a merge group, or nothing at all."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--pull", type=int, metavar="N", help="a pull request as it is now (default: $GITHUB_EVENT_PATH)"
    )
    what.add_argument("--merge-group", metavar="SHA", help="the head of a merge group")
    what.add_argument(
        "--dry-run",
        action="store_true",
        help="no token: judge HEAD against --base, print annotations and the job summary, publish nothing",
    )
    parser.add_argument("--base", metavar="REF", help="what --merge-group or --dry-run is judged against")
    parser.add_argument("--head", metavar="REF", default="HEAD", help="with --dry-run (default: HEAD)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="a clone of the repository (default: here)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(".liftgate/publish"),
        metavar="DIR",
        help="folder for comment.md and each alias' report (default: .liftgate/publish)",
    )
    parser.add_argument(
        "--token-env",
        default="GITHUB_TOKEN",
        metavar="NAME",
        help="environment variable that holds the token (default: GITHUB_TOKEN)",
    )
    parser.add_argument(
        "--run-failed",
        action="store_true",
        help="a job of this run failed: say so where its end is waited for (train.yml and evaluate.yml give it)",
    )
    parser.add_argument("--no-dispatch", action="store_true", help="start neither train.yml nor evaluate.yml")
    parser.add_argument("--json", action="store_true", help="the outputs as one JSON object on stdout")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge, publish, and set the outputs whatever happened."""
    from liftgate.commands.publishing.files import tell, write_outputs
    from liftgate.files import pretty
    from liftgate.publishing.outputs import outputs

    change: ChangeReport | None = None
    online: Online | None = None
    try:
        if arguments.dry_run:
            change = _judged_here(arguments)
            return _EXIT.get(change.state, ExitCode.BAD_INPUT)
        online = _online(arguments)
        return online.publish()
    except LiftgateError as error:
        tell(error)
        return error.exit_code
    finally:
        if online is not None:
            values = outputs(online.change, str(arguments.out), online.otherwise)
        else:
            values = outputs(change, str(arguments.out))
        if arguments.json:
            sys.stdout.write(pretty(values).decode())
        write_outputs(values)


def _online(arguments: argparse.Namespace) -> Online:
    from liftgate.commands.publishing.online import Online
    from liftgate.github.client import connect

    repository = os.environ.get("GITHUB_REPOSITORY", "")
    if not repository:
        raise InputError("the repository is not named", hint="set GITHUB_REPOSITORY=owner/name")
    token = os.environ.get(arguments.token_env, "")
    if not token:
        raise InputError(
            f"there is no token in {arguments.token_env}",
            hint="--token-env names the variable; --dry-run needs none",
        )
    return Online(arguments, connect(token, repository, os.environ.get("GITHUB_API_URL") or None))


def _judged_here(arguments: argparse.Namespace) -> ChangeReport:
    """Preview: judge what is checked out, print, write the summary and the files."""
    from liftgate.commands.publishing import files as publish_files
    from liftgate.commands.publishing.judged import judge_here
    from liftgate.commands.publishing.words import summary_text

    if not arguments.base:
        raise InputError("--dry-run needs what the change would merge into", hint="give --base REF")
    change, changed = judge_here(
        arguments.root,
        arguments.base,
        arguments.head,
        ledger=arguments.ledger,
        merge_group=os.environ.get("GITHUB_EVENT_NAME") == "merge_group",
    )
    text = summary_text(change, None)
    notes = publish_files.write_summary(text, [])
    publish_files.write_artifacts(arguments.out, change, text)
    publish_files.say_change(change, changed)
    publish_files.warn(notes)
    return change
