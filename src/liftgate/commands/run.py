"""`liftgate run`: all that the plan asks for, and one verdict an alias."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liftgate.commands.asking.one_arm import shard_of
from liftgate.commands.command_line.saying import say, worst
from liftgate.commands.sources.ledgers import add_ledger, add_names, seconds
from liftgate.commands.sources.pulled import add_pull, only_pull
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.commands.launching.hosted_flow import HostedWords
    from liftgate.evaluation.shards import Shard
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
    github = parser.add_argument_group("a pull request, and its evaluation on many machines")
    add_pull(github)
    github.add_argument("--digest", metavar="SHA256", help="neither train nor ask anything but this manifest")
    github.add_argument(
        "--shard", type=shard_of, metavar="K/N", help="answer one of N parts of the questions, judge nothing"
    )
    github.add_argument(
        "--shards", type=Path, metavar="DIR", help="judge by the answers of the shards below DIR; ask nobody"
    )
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
    from liftgate.project import desk_plan, plan_of

    only_pull(arguments)
    if arguments.shard is not None and arguments.shards is not None:
        raise InputError("--shard answers a part, --shards takes all parts", hint="give one of them")
    if arguments.pull is not None:
        from liftgate.commands.judging.run_pull import run_pull

        return run_pull(arguments)
    if arguments.base:
        return run_plan(arguments, *plan_of(arguments.root, arguments.base, "HEAD"))
    plan = desk_plan(arguments.root, arguments.alias)
    if not plan.aliases:
        raise InputError(
            f"{arguments.root}: no evals/<alias>/suite.yaml, so nothing can be judged here",
            hint="--root names the repository; --base REF asks what a change touches",
        )
    return run_plan(arguments, plan, None, None)


def run_plan(arguments: argparse.Namespace, plan: Plan, base_id: str | None, head_id: str | None) -> int:
    """Do what a plan asks for under `--root`."""
    from liftgate.files import pretty, write_json

    root, out = arguments.root, arguments.out
    about_one = arguments.digest or arguments.shard or arguments.shards
    if about_one and len(plan.aliases) != 1:
        raise InputError("--digest, --shard and --shards are about one alias", hint="name it: --alias NAME")
    write_json(out / "plan.json", {**plan.to_dict(), "base": base_id, "head": head_id})
    store, command = arguments.store or out / "store", _command(arguments)
    works = any(map(plan.steps, plan.aliases))
    words = _words(arguments) if works else None
    part = Part(arguments.shard, arguments.shards)
    codes, verdicts = judge(plan, root, out, store, base_id, command, words, part)
    if arguments.json:
        sys.stdout.write(pretty({"schema_version": 1, "verdicts": verdicts}).decode())
    return max(codes, key=worst) if codes else _nothing(plan)


class Part(NamedTuple):
    """The shard that is to be answered, or the folder with all of them; neither where one machine does it all."""

    shard: Shard | None = None
    shards: Path | None = None


def judge(
    plan: Plan,
    root: Path,
    out: Path,
    store: Path,
    base_id: str | None,
    command: str,
    words: HostedWords | None = None,
    part: Part | None = None,
) -> tuple[list[ExitCode], dict[str, str]]:
    """Run the flow of each alias and write its report; returns exit codes and verdicts by alias."""
    import datetime

    working = [alias for alias in plan.aliases if plan.steps(alias)]
    for alias in (name for name in plan.aliases if name not in working):
        say(f"{alias}: {', '.join(plan.aliases[alias])}, nothing to run")
    if not working:
        # A rollback is told in a moment: what measures models is not even loaded.
        return [], {}

    from liftgate.commands.judging.flow import Flow
    from liftgate.commands.judging.sharing import answer_share, take_shards
    from liftgate.commands.launching.hosted_flow import HostedWords
    from liftgate.commands.sources.report_file import write_report
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
        if part is not None and part.shard is not None:
            flow.shard = part.shard
            codes.append(answer_share(flow))
            continue
        if part is not None and part.shards is not None:
            flow.closed = True
            flow.findings += take_shards(part.shards, alias, store / "responses.sqlite")
        report, decision, candidate, policy = flow.run()
        write_report(folder, report, policy)
        say("\n" + render_summary(report).rstrip())
        say(
            f"\ncomment  {folder / 'comment.md'}\nreport   {folder / 'report.html'}\n         {folder / 'report.json'}"
        )
        running = flow.still_running
        codes.append(ExitCode.STILL_RUNNING if running else exit_code(decision, candidate, policy))
        verdicts[alias] = decision.verdict
    return codes, verdicts


def _nothing(plan: Plan) -> ExitCode:
    from liftgate.findings import blocks

    for finding in plan.findings:
        say(f"{finding.place}: {finding.severity}: {finding.message} [{finding.rule}]")
    if blocks(plan.findings):
        return ExitCode.BLOCKED
    say(f"nothing to gate: {', '.join(plan.kinds)}")
    return ExitCode.PASS


def _words(arguments: argparse.Namespace) -> HostedWords:
    from liftgate.commands.launching.hosted_flow import HostedWords

    return HostedWords(
        arguments.ledger,
        arguments.author,
        arguments.repository,
        arguments.change,
        arguments.wait,
        arguments.deadline,
        arguments.interval,
        arguments.digest,
    )


def _command(arguments: argparse.Namespace) -> str:
    arguments = getattr(arguments, "asked", arguments)
    words = ["liftgate", "run"]
    if arguments.base:
        words += ["--base", arguments.base]
    for alias in arguments.alias:
        words += ["--alias", alias]
    usual = argparse.ArgumentParser()
    add_arguments(usual)
    github = ("pull", "head_sha", "digest", "shard", "shards")
    for name in (*github, "ledger", "author", "change", "repository", "wait", "deadline", "interval"):
        value = getattr(arguments, name)
        if value != usual.get_default(name):
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, str(value)]
    if str(arguments.root) != ".":
        words += ["--root", str(arguments.root)]
    if str(arguments.out) != ".liftgate":
        words += ["--out", str(arguments.out)]
    if arguments.store:
        words += ["--store", str(arguments.store)]
    return shlex.join(words)
