"""`liftgate run --pull`: what a pull request asks for, its head read as data, by the rules of its base."""

from __future__ import annotations

import argparse
from dataclasses import replace

from liftgate.commands.pulled import of_pull, pulled
from liftgate.errors import InputError


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
        return run_plan(of_pull(arguments, at), plan, at.base, at.pull.head_sha)
