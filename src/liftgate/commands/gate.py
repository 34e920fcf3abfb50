"""`liftgate gate`: judge a finished run folder anew by a policy, or check that a report is as it was written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.commands.sources.report_file import read_report, write_report
from liftgate.errors import ExitCode


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


def _judge_again(arguments: argparse.Namespace) -> int:
    import datetime

    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.commands.judging.evidence import rebuild
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
