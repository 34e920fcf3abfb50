"""`liftgate init`: a first alias out of rows that are there, and what makes its verdict block a merge."""

from __future__ import annotations

import argparse

from liftgate.commands.onboarding import init_alias, init_protect
from liftgate.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `init`."""
    parser.usage = (
        "liftgate init ALIAS --data FILE [options]\n       liftgate init --protect --owner @WHO [options]"
    )
    init_alias.add_arguments(parser)
    init_protect.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Set up what is asked for."""
    if arguments.protect and (arguments.alias or arguments.data):
        raise InputError(
            "--protect sets up GitHub, ALIAS and --data a dataset; they are two commands",
            hint="liftgate init ALIAS --data FILE first",
        )
    if arguments.protect:
        return init_protect.run(arguments)
    if arguments.alias is None and arguments.data is None:
        raise InputError(
            "nothing is asked for",
            hint="liftgate init ALIAS --data FILE.jsonl, or "
            "liftgate init --protect --repository owner/name --owner @org/team",
        )
    return init_alias.run(arguments)
