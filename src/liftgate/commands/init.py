"""`liftgate init`: what a repository needs for the gate."""

from __future__ import annotations

import argparse

from liftgate.commands import init_protect
from liftgate.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `init`."""
    init_protect.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Set up what is asked for."""
    if arguments.protect:
        return init_protect.run(arguments)
    raise InputError(
        "nothing is asked for", hint="liftgate init --protect --repository owner/name --owner @org/team"
    )
