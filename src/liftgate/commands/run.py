"""`liftgate run`: all that the plan asks for, and one verdict an alias."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.ledgers import add_ledger, add_names, seconds
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.commands.hosted_flow import HostedWords
    from liftgate.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to judge: a git range, or at a desk the work tree as it is."""
    parser.add_argument(
        "--base", metavar="REF", help="judge HEAD against this ref; the ruler is read from it"
    )
    parser.add_argument(
        "--alias", action="append", default=[], help="at a desk: run all steps for this alias"
    )
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--out", type=Path, default=Path(".liftgate"), metavar="DIR", help="run folders")
    parser.add_argument("--store", type=Path, metavar="DIR", help="adapters and answers (default: OUT/store)")
    parser.add_argument("--json", action="store_true", help="verdicts as one JSON object on stdout")
    hosted = parser.add_argument_group("where the card lets a provider train")
    hosted.add_argument("--wait", action="store_true", help="follow a job until it ends (default: look once)")
    hosted.add_argument("--deadline", type=seconds, metavar="S", help="with --wait: leave it running then")
    hosted.add_argument(
        "--interval", type=seconds, default=30.0, metavar="S", help="between two looks (default: 30)"
    )
    hosted.add_argument("--author", metavar="WHO", help="who wrote the change; an approval must say the same")
    add_ledger(hosted)
    add_names(hosted)


def run(arguments: argparse.Namespace) -> int:
    """Run every alias of the plan; the worst verdict is the exit code."""
    from liftgate.files import pretty, write_json
    from liftgate.project import desk_plan, plan_of

    root, out = arguments.root, arguments.out
    base_id = None
    if arguments.base:
        plan, base_id, head_id = plan_of(root, arguments.base, "HEAD")
        document: dict[str, Any] = {**plan.to_dict(), "base": base_id, "head": head_id}
    else:
        plan = desk_plan(root, arguments.alias)
        if not plan.aliases:
            raise InputError(
                f"{root}: no evals/<alias>/suite.yaml, so nothing can be judged here",
                hint="--root names the repository; --base REF asks what a change touches",
            )
        document = {**plan.to_dict(), "base": None, "head": None}
    write_json(out / "plan.json", document)
    store, command = arguments.store or out / "store", _command(arguments)
    works = any(map(plan.steps, plan.aliases))
    words = _words(arguments) if works else None
    codes, verdicts = judge(plan, root, out, store, base_id, command, words)
    if arguments.json:
        sys.stdout.write(pretty({"schema_version": 1, "verdicts": verdicts}).decode())
    return max(codes, key=_worst) if codes else _nothing(plan)


def judge(
    plan: Plan,
    root: Path,
    out: Path,
    store: Path,
    base_id: str | None,
    command: str,
    words: HostedWords | None = None,
) -> tuple[list[ExitCode], dict[str, str]]:
    """Run the flow of each alias and write its report; returns exit codes and verdicts by alias."""
    import datetime

    working = [alias for alias in plan.aliases if plan.steps(alias)]
    for alias in (name for name in plan.aliases if name not in working):
        say(f"{alias}: {', '.join(plan.aliases[alias])}, nothing to run")
    if not working:
        # A rollback is told in a moment: what measures models is not even loaded.
        return [], {}

    from liftgate.commands.flow import Flow
    from liftgate.commands.gate import write_report
    from liftgate.commands.hosted_flow import HostedWords
    from liftgate.report.summary import render_summary
    from liftgate.verdict.gate import exit_code

    codes: list[ExitCode] = []
    verdicts: dict[str, str] = {}
    today = datetime.datetime.now(datetime.UTC).date()
    for alias in working:
        say(f"== {alias}: {', '.join(plan.aliases[alias])}")
        folder = out / alias
        flow = Flow(root, folder, store, alias, plan, base_id, command, today, say)
        flow.words = words or HostedWords()
        report, decision, candidate, policy = flow.run()
        write_report(folder, report)
        say("\n" + render_summary(report).rstrip())
        say(
            f"\ncomment  {folder / 'comment.md'}\nreport   {folder / 'report.html'}\n         {folder / 'report.json'}"
        )
        running = flow.still_running
        codes.append(ExitCode.STILL_RUNNING if running else exit_code(decision, candidate, policy))
        verdicts[alias] = decision.verdict
    return codes, verdicts


def say(text: str) -> None:
    """People's text goes to stderr, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _nothing(plan: Plan) -> ExitCode:
    from liftgate.findings import blocks

    for finding in plan.findings:
        say(f"{finding.place}: {finding.severity}: {finding.message} [{finding.rule}]")
    if blocks(plan.findings):
        return ExitCode.BLOCKED
    say(f"nothing to gate: {', '.join(plan.kinds)}")
    return ExitCode.PASS


def _worst(code: ExitCode) -> int:
    # A job that runs asks for another run, whatever the other aliases say.
    order = [ExitCode.PASS, ExitCode.INSUFFICIENT_EVIDENCE, ExitCode.BLOCKED, ExitCode.STILL_RUNNING]
    return order.index(code)


def _words(arguments: argparse.Namespace) -> HostedWords:
    from liftgate.commands.hosted_flow import HostedWords

    return HostedWords(
        arguments.ledger,
        arguments.author,
        arguments.repository,
        arguments.change,
        arguments.wait,
        arguments.deadline,
        arguments.interval,
    )


def _command(arguments: argparse.Namespace) -> str:
    words = ["liftgate", "run"]
    if arguments.base:
        words += ["--base", arguments.base]
    for alias in arguments.alias:
        words += ["--alias", alias]
    usual = argparse.ArgumentParser()
    add_arguments(usual)
    for name in ("ledger", "author", "change", "repository", "wait", "deadline", "interval"):
        value = getattr(arguments, name)
        if value != usual.get_default(name):
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    if str(arguments.root) != ".":
        words += ["--root", str(arguments.root)]
    if str(arguments.out) != ".liftgate":
        words += ["--out", str(arguments.out)]
    if arguments.store:
        words += ["--store", str(arguments.store)]
    return shlex.join(words)
