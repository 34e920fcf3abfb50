"""`liftgate run --pull`: what a pull request asks for, its head read as data, by the rules of its base."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from liftgate.commands.sources.pulled import of_pull, pulled
from liftgate.errors import ExitCode, InputError
from liftgate.files import pretty

if TYPE_CHECKING:
    from liftgate.commands.sources.pulled import Pulled
    from liftgate.plan import Plan


def run_pull(arguments: argparse.Namespace) -> int:
    """As `run --base` in a work tree at the pull request's head; `--alias` narrows it to the aliases named."""
    from liftgate.commands.run import run_plan
    from liftgate.config import did_you_mean

    with pulled(arguments, arguments.alias or None) as at:
        plan = at.plan
        for name in arguments.alias:
            if name not in plan.aliases:
                raise InputError(
                    f"{at.change} does not touch {name!r}{did_you_mean(name, list(plan.aliases))}",
                    hint=f"it touches: {', '.join(plan.aliases) or 'no alias'}",
                )
        if arguments.alias:
            plan = replace(plan, aliases={name: plan.aliases[name] for name in arguments.alias})
        if (
            not arguments.shard
            and not arguments.shards
            and (known := _known(arguments, at, plan)) is not None
        ):
            return known
        return run_plan(of_pull(arguments, at), plan, at.base, at.pull.head_sha)


def _known(arguments: argparse.Namespace, at: Pulled, plan: Plan) -> ExitCode | None:
    """The exit code by the verdicts that are kept already; None when there is work to do."""
    from liftgate.commands.command_line.saying import say
    from liftgate.commands.judging.known_verdict import known_verdicts

    working = [alias for alias in plan.aliases if plan.steps(alias)]
    known = known_verdicts(arguments, at, working, say) if working else None
    if known is None:
        return None
    if arguments.json:
        verdicts = {alias: str((each.report or {})["verdict"]) for alias, each in known.items()}
        sys.stdout.write(pretty({"schema_version": 1, "verdicts": verdicts}).decode())
    states = {each.state for each in known.values()}
    if states <= {"pass"}:
        return ExitCode.PASS
    return ExitCode.INSUFFICIENT_EVIDENCE if states <= {"pass", "insufficient-evidence"} else ExitCode.BLOCKED
