"""`liftgate decide`: whether to prompt, retrieve, route or fine-tune, by the decision matrix and what was measured."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftgate.commands.judging.measuring import Measured
    from liftgate.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The alias, and reports beside those that its document names."""
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--report",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a report whose untrained arms count as tried, beside those under paths_tried (repeatable)",
    )
    asking = parser.add_argument_group("what was not measured yet")
    asking.add_argument(
        "--measure",
        action="store_true",
        help="ask the suite's untrained arms now, within cost.max_eval_usd, and write the report to name",
    )
    asking.add_argument(
        "--out", type=Path, default=Path(".liftgate"), metavar="DIR", help="run folders (default: .liftgate)"
    )
    asking.add_argument("--store", type=Path, metavar="DIR", help="answers (default: OUT/store)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """0 when document and matrix agree, 10 when they do not, 11 when an answer or something decisive is missing."""
    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.commands.sources.registry_evidence import in_tree
    from liftgate.errors import ExitCode
    from liftgate.files import pretty
    from liftgate.report.decision import decision_lines
    from liftgate.verdict.decision_paper import read_paper

    root, alias = arguments.root, arguments.alias
    _check(root, alias)
    policy = read_policy(root / "evals" / "policy.yaml")
    more = {str(path): _given(path) for path in arguments.report}
    paper = read_paper(alias, in_tree(root), policy, more)
    if paper is None:
        raise _absent(root, alias)
    if arguments.measure:
        measured = _measured(arguments)
        if measured is None:
            return ExitCode.INSUFFICIENT_EVIDENCE
        paper = read_paper(alias, in_tree(root), policy, {**more, measured.path: measured.data}) or paper
    if arguments.json:
        document = {
            "schema_version": 1,
            "alias": alias,
            "outcome": paper.state,
            **paper.to_dict(),
            "findings": [finding.to_dict() for finding in paper.silent],
        }
        sys.stdout.write(pretty(document).decode())
    sys.stderr.write("\n".join(decision_lines(alias, paper)) + "\n")
    codes = {
        "agrees": ExitCode.PASS,
        "differs": ExitCode.BLOCKED,
        "incomplete": ExitCode.INSUFFICIENT_EVIDENCE,
    }
    return codes[paper.state]


def _measured(arguments: argparse.Namespace) -> Measured | None:
    """Ask, and say what to write under `paths_tried`."""
    from liftgate.commands.judging.measuring import measure_untrained

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    measured = measure_untrained(arguments.root, arguments.alias, arguments.out, arguments.store, say)
    if measured is not None:
        say(
            f"\nreport   {arguments.root / measured.path}\nto name under paths_tried, in the order of trying:"
        )
        say("\n".join(measured.lines) + "\n")
    return measured


def _given(path: Path) -> bytes:
    from liftgate.errors import InputError
    from liftgate.files import read_bytes

    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is no file", hint="--report takes a report.json that liftgate run wrote")
    return read_bytes(path, "report")


def _check(root: Path, alias: str) -> None:
    from liftgate.errors import InputError

    if not alias or Path(alias).name != alias or alias in {".", ".."}:
        raise InputError(
            "ALIAS is the name that callers use, and no path", hint="such as liftgate decide support-intent"
        )
    if not root.is_dir():
        raise InputError(f"{root}: no such folder", hint="--root names the repository")


def _absent(root: Path, alias: str) -> InputError:
    """Why there is no document, and what there is instead."""
    from liftgate.config import did_you_mean
    from liftgate.errors import InputError
    from liftgate.verdict.decision_paper import paper_path

    place = root / paper_path(alias)
    if place.is_symlink() or place.exists():
        return InputError(
            f"{place}: is no plain file of this repository",
            hint="commit the document itself, not a link to it",
        )
    known = sorted(path.parent.name for path in (root / "evals").glob("*/decision.yaml"))
    near = did_you_mean(alias, known)
    here = f"documents here: {', '.join(known)}" if known else "liftgate init ALIAS writes one to fill in"
    return InputError(
        f"{place}: no decision document{near}", hint=f"{here}; its form is in docs/guides/decide.md"
    )
