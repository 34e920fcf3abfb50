"""`liftgate gate`: judge a finished run folder anew by a policy, or check that a report is as it was written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from liftgate.errors import ExitCode, InputError

_UNTRAINED = ("prompt", "rag", "model")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run folder and a policy, or a report to check."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", dest="folder", type=Path, metavar="DIR", help="run folder, .liftgate/<alias>")
    what.add_argument("--verify", type=Path, metavar="FILE", help="check that a report.json is unaltered")
    parser.add_argument("--policy", type=Path, default=Path("evals/policy.yaml"), metavar="FILE")
    parser.add_argument("--json", action="store_true", help="the verdict as one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Verify, or fold again and write the report's three files."""
    if arguments.verify:
        report = read_report(arguments.verify)
        sys.stderr.write(f"{arguments.verify}: unaltered; {report['headline']}\n")
        return ExitCode.PASS
    return _judge_again(arguments)


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


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write report.json, comment.md and report.html."""
    from liftgate.files import write_bytes, write_json
    from liftgate.report.comment import render_comment
    from liftgate.report.html import render_html

    write_json(folder / "report.json", report)
    write_bytes(folder / "comment.md", render_comment(report).encode())
    write_bytes(folder / "report.html", render_html(report).encode())


def _judge_again(arguments: argparse.Namespace) -> int:
    from liftgate.commands.compare import read_policy
    from liftgate.files import pretty, read_json, sha256_file, write_json
    from liftgate.findings import Finding
    from liftgate.report.headline import headline
    from liftgate.report.seal import SEAL, seal
    from liftgate.verdict.cost import training_cost
    from liftgate.verdict.gate import decide, exit_code

    folder: Path = arguments.folder
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder", hint="liftgate run writes .liftgate/<alias>")
    policy = read_policy(arguments.policy)
    report = read_report(folder / "report.json")
    arms = read_arms(folder, policy, report)
    candidate = next((arm.comparison for arm in arms if arm.name == "candidate"), None)
    stages = read_json(folder / "findings.json")["findings"]
    kept = [Finding.from_dict(item) for item in stages]
    paid = training_cost(report["estimate"], report["training"])
    decision = decide(kept, candidate, arms, policy=policy, training=paid)
    code = exit_code(decision, candidate, policy)
    judged: dict[str, Any] = {
        **{key: value for key, value in report.items() if key != SEAL},
        "verdict": decision.verdict,
        "waved_through": decision.verdict != "pass" and code is ExitCode.PASS,
        "comparison": candidate.to_dict() if candidate else None,
        "break_even": decision.break_even.to_dict() if decision.break_even else None,
        "findings": [finding.to_dict() for finding in decision.findings],
    }
    judged["lineage"] = {**report["lineage"], "policy_sha256": sha256_file(arguments.policy)}
    judged["headline"] = headline(judged)
    sealed = seal(judged)
    if candidate:
        write_json(folder / "comparison.json", candidate.to_dict())
    write_report(folder, sealed)
    if arguments.json:
        sys.stdout.write(
            pretty(
                {key: sealed[key] for key in ("schema_version", "verdict", "headline", "findings")}
            ).decode()
        )
    sys.stderr.write(f"{sealed['headline']}\n")
    return code


def read_arms(folder: Path, policy: Any, report: dict[str, Any]) -> list[Any]:
    """The arms of a run folder, each compared with base under a policy."""
    from decimal import Decimal

    from liftgate.evaluation.run_folder import read_run
    from liftgate.files import read_json
    from liftgate.project import CALIBRATION
    from liftgate.verdict.comparison import compare
    from liftgate.verdict.cost import AnswerCost
    from liftgate.verdict.gate import ArmResult, beaten_by
    from liftgate.verdict.judge import Calibration

    kept = folder / CALIBRATION
    judge = Calibration.from_dict(read_json(kept), path=str(kept)) if kept.is_file() else None

    usd = {
        arm["name"]: None if arm["usd_per_1k"] is None else Decimal(arm["usd_per_1k"])
        for arm in report["arms"]
    }
    runs = {path.parent.name: read_run(path.parent) for path in sorted((folder / "runs").glob("*/run.json"))}
    base = runs.get("base")
    return [
        ArmResult(
            name=arm["name"],
            run=runs[arm["name"]],
            comparison=compare(
                base,
                runs[arm["name"]],
                policy,
                calibration=judge,
                cost=AnswerCost(usd.get("base"), usd[arm["name"]]),
            )
            if base and arm["name"] != "base" and arm["alias_of"] != "base"
            else None,
            kind=arm["kind"],
            usd_per_1k=usd[arm["name"]],
            tokens_per_answer=None,
            beaten_by=beaten_by(runs[arm["name"]], runs["candidate"], policy, judge)
            if arm["kind"] in _UNTRAINED and arm["alias_of"] != "base" and "candidate" in runs
            else None,
        )
        for arm in report["arms"]
        if arm["name"] in runs
    ]
