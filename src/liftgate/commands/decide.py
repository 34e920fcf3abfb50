"""`liftgate decide`: whether to prompt, retrieve, route or fine-tune, by the decision matrix and what was measured."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


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
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """0 when document and matrix agree, 10 when they do not, 11 when something decisive is missing."""
    from liftgate.commands.compare import read_policy
    from liftgate.commands.registry.evidence import in_tree
    from liftgate.errors import ExitCode, InputError
    from liftgate.files import pretty, read_bytes
    from liftgate.report.decision import decision_lines
    from liftgate.verdict.decision_paper import paper_path, read_paper

    root, alias = arguments.root, arguments.alias
    policy = read_policy(root / "evals" / "policy.yaml")
    more = {str(path): read_bytes(path, "report") for path in arguments.report}
    paper = read_paper(alias, in_tree(root), policy, more)
    if paper is None:
        from liftgate.config import did_you_mean

        known = sorted(path.parent.name for path in (root / "evals").glob("*/decision.yaml"))
        raise InputError(
            f"{root / paper_path(alias)}: no decision document{did_you_mean(alias, known)}",
            hint=f"its form is in docs/files.md; documents here: {', '.join(known) or 'none'}",
        )
    agree = paper.advice.recommendation == paper.recommendation
    outcome = "incomplete" if not paper.advice.decided else "agrees" if agree else "differs"
    if arguments.json:
        silent = [finding.to_dict() for finding in paper.silent]
        document = {
            "schema_version": 1,
            "alias": alias,
            "outcome": outcome,
            **paper.to_dict(),
            "findings": silent,
        }
        sys.stdout.write(pretty(document).decode())
    sys.stderr.write("\n".join(decision_lines(alias, paper)) + "\n")
    codes = {
        "agrees": ExitCode.PASS,
        "differs": ExitCode.BLOCKED,
        "incomplete": ExitCode.INSUFFICIENT_EVIDENCE,
    }
    return codes[outcome]
