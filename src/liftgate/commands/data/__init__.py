"""`liftgate data`: make, change and compare dataset files; one module an action."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from liftgate.config import did_you_mean
from liftgate.errors import ExitCode

ACTIONS: Final[dict[str, str]] = {
    "export": "write the rows as the platform that trains on them wants them",
    "split": "halve a file into training and validation rows",
    "adopt": "take over chat rows of others: add provenance, or make golden cases",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An action and its own words; the action's module is imported when it is asked for."""
    width = max(map(len, ACTIONS))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "\n".join(
        ["make, change and compare dataset files", "", "actions:"]
        + [f"  {name.ljust(width)}  {text}" for name, text in ACTIONS.items()]
        + ["", "liftgate data ACTION --help explains one"]
    )
    parser.add_argument("action", metavar="ACTION")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="what the action needs")


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    return run_action(arguments.action, arguments.words)


def run_action(action: str, words: Sequence[str]) -> int:
    """Parse the action's own words and run it."""
    if action not in ACTIONS:
        sys.stderr.write(
            f"error: {action!r} is not an action{did_you_mean(action, list(ACTIONS))}\n"
            f"  hint: one of {', '.join(ACTIONS)}\n"
        )
        return ExitCode.BAD_INPUT
    module = import_module(f"liftgate.commands.data.{action}")
    parser = argparse.ArgumentParser(prog=f"liftgate data {action}", description=ACTIONS[action])
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(words)))
