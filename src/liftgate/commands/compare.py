"""`liftgate compare`: two run folders in, comparison.json out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.checking.policy_file import read_policy

if TYPE_CHECKING:
    from liftgate.evaluation.runs import EvalRun
    from liftgate.policy import Policy
    from liftgate.verdict.comparison import Comparison
    from liftgate.verdict.cost import AnswerCost
    from liftgate.verdict.decisions import Decisions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `liftgate compare`."""
    parser.add_argument(
        "--base", type=Path, required=True, metavar="DIR", help="run folder of the base model"
    )
    parser.add_argument(
        "--candidate", type=Path, required=True, metavar="DIR", help="run folder of the candidate"
    )
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="thresholds (default: those of the schema)"
    )
    parser.add_argument("--prices", type=Path, metavar="FILE", help="prices.yaml, for the cost of an answer")
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="how well the judge agrees with people"
    )
    parser.add_argument(
        "--waivers", type=Path, metavar="FILE", help="waivers.yaml with decisions about single regressions"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for comparison.json")
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Compare, write, print, and answer with the verdict's exit code."""
    import sys

    import orjson

    from liftgate.errors import ExitCode

    comparison = compare_folders(
        arguments.base,
        arguments.candidate,
        arguments.out,
        policy=arguments.policy,
        calibration=arguments.calibration,
        prices=arguments.prices,
        decisions=read_waivers(arguments.waivers) if arguments.waivers else None,
    )
    sys.stderr.write(_for_people(comparison))
    if arguments.json:
        sys.stdout.write(orjson.dumps(comparison.summary()).decode() + "\n")
    codes = {"pass": ExitCode.PASS, "block": ExitCode.BLOCKED}
    return codes.get(comparison.verdict, ExitCode.INSUFFICIENT_EVIDENCE)


def compare_folders(
    base: Path,
    candidate: Path,
    out: Path,
    *,
    policy: Path | Policy | None = None,
    calibration: Path | None = None,
    prices: Path | None = None,
    decisions: Decisions | None = None,
) -> Comparison:
    """Compare two run folders and write `out/comparison.json`.

    Raises `InputError` for what cannot be read.
    """
    from liftgate.evaluation.run_folder import read_run
    from liftgate.files import read_json, write_bytes
    from liftgate.policy import Policy
    from liftgate.verdict.comparison import compare
    from liftgate.verdict.judge import Calibration
    from liftgate.verdict.review import review

    checked = read_policy(policy) if isinstance(policy, Path) else policy or Policy()
    judged = (
        None if calibration is None else Calibration.from_dict(read_json(calibration), path=str(calibration))
    )
    runs = read_run(base), read_run(candidate)
    cost = None if prices is None else _answer_cost(runs, prices, checked)
    comparison = compare(*runs, checked, calibration=judged, cost=cost)
    if decisions is not None:
        comparison = review(comparison, *runs, checked, decisions)
    write_bytes(out / "comparison.json", comparison.to_json())
    return comparison


def _answer_cost(runs: tuple[EvalRun, EvalRun], prices: Path, policy: Policy) -> AnswerCost:
    from liftgate.config import load
    from liftgate.files import read_bytes
    from liftgate.training.cost import read_prices, token_price
    from liftgate.verdict.cost import AnswerCost, answer_usd_per_1k

    table = read_prices(load(read_bytes(prices, "prices"), str(prices), "prices"))
    usd = [
        answer_usd_per_1k(run, token_price(table, str(run.meta.get("endpoint")), run.model), policy)
        for run in runs
    ]
    return AnswerCost(*usd)


def read_waivers(path: Path) -> Decisions:
    """The decisions of waivers.yaml, as they count today. Raises `InputError` with the line of every problem."""
    import datetime

    from liftgate.files import read_bytes
    from liftgate.verdict.decisions import Decisions, read_decisions

    entries = read_decisions(read_bytes(path, "waivers"), str(path))
    return Decisions(entries, datetime.datetime.now(datetime.UTC).date())


_MARKS = {"ok": "ok", "fail": "FAIL", "unclear": "unclear", "not-measured": "-"}


def _for_people(comparison: Comparison) -> str:
    lines = [f"verdict: {comparison.verdict}"]
    for part in comparison.parts:
        lines.append(f"  {part.name:<17} {_MARKS[part.state]:<8} {part.detail}")
    lines.extend(
        f"  {finding.severity}: {finding.message} [{finding.rule}]" for finding in comparison.findings
    )
    lines.extend(f"  blind spot: {sentence}" for sentence in comparison.blind_spots)
    return "\n".join(lines) + "\n"
