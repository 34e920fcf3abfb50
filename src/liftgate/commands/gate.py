"""`liftgate gate`: judge a finished run folder anew by a policy, or check that a report is as it was written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.policy import Policy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run folder and a policy, or a report to check."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", dest="folder", type=Path, metavar="DIR", help="run folder, .liftgate/<alias>")
    what.add_argument("--verify", type=Path, metavar="FILE", help="check that a report.json is unaltered")
    parser.add_argument("--policy", type=Path, default=Path("evals/policy.yaml"), metavar="FILE")
    parser.add_argument(
        "--to-decide",
        action="store_true",
        help="with --run: print entries for waivers.yaml about regressions nobody decided on, and judge nothing",
    )
    parser.add_argument("--json", action="store_true", help="the verdict as one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Verify, or fold again and write the report's three files."""
    if arguments.verify:
        report = read_report(arguments.verify)
        sys.stderr.write(f"{arguments.verify}: unaltered; {report['headline']}\n")
        return ExitCode.PASS
    return _offer(arguments.folder) if arguments.to_decide else _judge_again(arguments)


def _offer(folder: Path) -> int:
    import datetime

    from liftgate.report.reviews import TO_FILL_IN, to_decide

    entries = to_decide(
        read_report(folder / "report.json"), decided=datetime.datetime.now(datetime.UTC).date().isoformat()
    )
    if entries is None:
        sys.stderr.write("no listed regression waits for a decision\n")
    else:
        sys.stdout.write(f"version: 1\n{entries}\n")
        sys.stderr.write(f"fill in what you have read, leave out the rest: {TO_FILL_IN}\n")
    return ExitCode.PASS


def read_report(path: Path) -> dict[str, Any]:
    """A report whose seal holds. Raises `InputError` naming the file when a byte of it changed."""
    from liftgate.files import pretty, read_bytes, read_json
    from liftgate.report.seal import seal_holds

    report = read_json(path)
    if not seal_holds(report) or pretty(report) != read_bytes(path):
        raise InputError(
            f"{path} was altered after Liftgate wrote it",
            hint="run liftgate run again; the verdict is recomputed from stored answers",
        )
    return report


def write_report(folder: Path, report: dict[str, Any], policy: Policy) -> None:
    """Write report.json, and comment.md and report.html as the policy wants answers shown."""
    from liftgate.files import write_bytes, write_json
    from liftgate.report.comment import render_comment
    from liftgate.report.html import render_html

    write_json(folder / "report.json", report)
    write_bytes(folder / "comment.md", render_comment(report, show=policy.report.show).encode())
    write_bytes(folder / "report.html", render_html(report, show=policy.report.show).encode())


def _judge_again(arguments: argparse.Namespace) -> int:
    import datetime

    from liftgate.commands.compare import read_policy
    from liftgate.commands.evidence import rebuild
    from liftgate.files import pretty, sha256_file, write_bytes
    from liftgate.verdict.gate import exit_code

    folder: Path = arguments.folder
    policy = read_policy(arguments.policy)
    if (folder / "report.json").is_file():
        read_report(folder / "report.json")
    today = datetime.datetime.now(datetime.UTC).date()
    judged = rebuild(folder, policy=policy, policy_sha256=sha256_file(arguments.policy), today=today)
    report = judged.report
    if judged.candidate:
        write_bytes(folder / "comparison.json", judged.candidate.to_json())
    write_report(folder, report, policy)
    if arguments.json:
        shown = {key: report[key] for key in ("schema_version", "verdict", "headline", "findings")}
        sys.stdout.write(pretty(shown).decode())
    sys.stderr.write(f"{report['headline']}\n")
    return exit_code(judged.decision, judged.candidate, policy)
