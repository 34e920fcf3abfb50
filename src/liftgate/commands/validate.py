"""`liftgate validate`: every problem of a dataset, or of a pull request's datasets, in one pass."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.commands.checking.file_check import FileCheck
    from liftgate.commands.checking.golden_check import GoldenCheck

TARGETS = ("openai", "azure", "bedrock-nova", "bedrock-claude", "trl")
_OF_ONE_FILE = ("golden", "card", "policy", "suite", "encoding", "waivers", "extras")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The contract's flags for one file; `--base` and `--alias` for a change."""
    parser.usage = "liftgate validate [options] FILE.jsonl | --base REF | --alias A | --explain RULE"
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE.jsonl", help="one dataset file")
    parser.add_argument("--base", metavar="REF", help="validate what HEAD changes against this ref")
    parser.add_argument(
        "--alias",
        action="append",
        default=[],
        help="validate this alias' newest release (repeatable); without --base the ruler is the work tree",
    )
    parser.add_argument(
        "--explain", metavar="RULE", help="print what the id of any finding means and how to fix it"
    )
    parser.add_argument("--target", choices=TARGETS, help="where the rows will be trained")
    one = parser.add_argument_group("beside FILE.jsonl")
    one.add_argument(
        "--golden",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="golden or safety cases (repeatable)",
    )
    one.add_argument("--card", type=Path, metavar="FILE", help="the dataset's card.yaml")
    one.add_argument("--policy", type=Path, metavar="FILE", help="thresholds (default: the built-in ones)")
    one.add_argument("--suite", type=Path, metavar="FILE", help="suite.yaml whose prompts the rows belong to")
    one.add_argument("--waivers", type=Path, metavar="FILE", help="waivers.yaml; adds `waived` to --json")
    one.add_argument("--encoding", metavar="NAME", help="token encoding instead of the target's own")
    one.add_argument(
        "--with",
        dest="extras",
        type=_names,
        default=[],
        metavar="NAMES",
        help="dearer checks that need an extra: secrets, pii, labels (with commas between)",
    )
    change = parser.add_argument_group("beside --base and --alias")
    change.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    change.add_argument(
        "--annotations",
        action="store_true",
        help="GitHub workflow commands on stderr and a job summary (default on GitHub Actions)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result here as well")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Validate, write, answer 0 or 10."""
    if arguments.explain:
        return _explain(arguments.explain)
    of_one_file = [
        f"--{'with' if name == 'extras' else name}" for name in _OF_ONE_FILE if getattr(arguments, name)
    ]
    if arguments.file is not None:
        if arguments.alias or arguments.annotations:
            raise InputError(
                "FILE.jsonl goes neither with --alias nor with --annotations",
                hint="leave the file out: --alias and --base find the files of a release themselves",
            )
        return _run_file(arguments)
    if not arguments.base and not arguments.alias:
        raise InputError("nothing to validate is named", hint="give FILE.jsonl, --base REF or --alias NAME")
    if of_one_file:
        raise InputError(
            f"{', '.join(of_one_file)} only goes with FILE.jsonl",
            hint="with --base and --alias the repository's own files are used",
        )
    return _run_change(arguments)


def validate_files(file: Path, **options: Any) -> dict[str, Any]:
    """Read the files and validate: the object that `--json` prints. Options are those of `check_file`."""
    from liftgate.commands.checking.file_check import check_file
    from liftgate.commands.checking.golden_check import check_golden
    from liftgate.evaluation.suite_folder import read_suite

    check, suite = check_file(file, **options), options.get("suite")
    golden = check_golden(read_suite(suite), check.policy) if suite else None
    return as_report(check, options.get("today"), golden)


def as_report(
    check: FileCheck, today: datetime.date | None, golden: GoldenCheck | None = None
) -> dict[str, Any]:
    """The contract's object; with waivers also `waived`, with a suite also `power` of its golden set."""
    from liftgate.commands.checking.file_check import about_waivers
    from liftgate.findings import blocks, ordered

    beside = [*check.beside, *(about_waivers([check], today) if today else ())]
    found = ordered([*check.findings, *beside, *(golden.findings if golden else ())])
    report = {
        **check.to_dict(),
        "findings": [finding.to_dict() for finding in found],
        "outcome": "block" if blocks(found) else "pass",
    }
    if check.waivers:
        report["waived"] = [waived.to_dict() for waived in check.waived]
    if golden is not None:
        report["power"] = golden.power.to_dict()
    return report


def _run_file(arguments: argparse.Namespace) -> int:
    from liftgate.report.validation import file_text

    report = validate_files(
        arguments.file,
        golden=arguments.golden,
        card=arguments.card,
        target=arguments.target,
        policy=arguments.policy,
        encoding=arguments.encoding,
        suite=arguments.suite,
        base=arguments.base,
        waivers=arguments.waivers,
        today=_today() if arguments.waivers else None,
        extras=arguments.extras,
    )
    return _answer(arguments, report, file_text(report, str(arguments.file)))


def _run_change(arguments: argparse.Namespace) -> int:
    from liftgate.commands.checking.change_check import check_change
    from liftgate.report.validation import change_text

    annotated = arguments.annotations or os.environ.get("GITHUB_ACTIONS") == "true"
    if arguments.annotations and not arguments.base:
        raise InputError("--annotations needs the diff", hint="give --base REF")
    check = check_change(
        arguments.root,
        base=arguments.base,
        aliases=arguments.alias,
        target=arguments.target,
        today=_today(),
    )
    change = check.to_dict()
    text = change_text(change)
    if annotated and check.base and check.head:
        text += _annotate(arguments.root, change, check.base, check.head)
    return _answer(arguments, change, text)


def _answer(arguments: argparse.Namespace, report: dict[str, Any], text: str) -> int:
    from liftgate.files import pretty, write_json

    if arguments.out:
        write_json(arguments.out, report)
    annotated = "\n".join(line for line in text.splitlines() if line.startswith("::"))
    if arguments.json:
        sys.stdout.write(pretty(report).decode())
        text = annotated and annotated + "\n"
    sys.stderr.write(text)
    return ExitCode.PASS if report["outcome"] == "pass" else ExitCode.BLOCKED


def _annotate(root: Path, change: dict[str, Any], base: str, head: str) -> str:
    """The lines to print; writes the job summary where GitHub asks for it."""
    from liftgate.findings import Finding
    from liftgate.report.annotations import workflow_commands
    from liftgate.report.validation import all_findings
    from liftgate.repository import changed_lines

    findings = [Finding.from_dict(finding) for finding in all_findings(change)]
    paths = sorted({finding.path for finding in findings if finding.path and finding.line})
    changed = {path: changed_lines(root, base, head, path) for path in paths}
    lines = workflow_commands(findings, changed)
    if target := os.environ.get("GITHUB_STEP_SUMMARY"):
        lines += _write_summary(Path(target), change)
    return "".join(f"{line}\n" for line in lines)


def _write_summary(target: Path, change: dict[str, Any]) -> Sequence[str]:
    from liftgate.report.validation import MOST_BYTES, render_job_summary

    try:
        room = MOST_BYTES - (target.stat().st_size if target.exists() else 0)
        with target.open("ab") as summary:
            summary.write(render_job_summary(change, room).encode("utf-8", "replace"))
    except OSError as error:
        # A page that cannot be written never changes the outcome.
        return [f"::warning title=Liftgate::the job summary cannot be written: {error.strerror}"]
    return []


def _explain(rule: str) -> int:
    from liftgate.commands.command_line.explaining import explained

    sys.stdout.write(explained(rule))
    return ExitCode.PASS


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()
