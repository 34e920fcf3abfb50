"""`liftgate registry`: what is served, and where it comes from; one module an action."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from liftgate.config import did_you_mean
from liftgate.errors import ExitCode

ACTIONS: Final[dict[str, str]] = {
    "trace": "what data trained a model, what it cost, who approved it, what was measured",
    "record": "write a verdict into the ledger, after making it again from its stored answers",
    "verify": "make a report again from its stored answers, offline, and name the first difference",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An action and its own words; the action's module is imported when it is asked for."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage, parser.description = _USAGE, _described()
    parser.add_argument("action", metavar="ACTION", nargs="?")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="what the action needs")


_USAGE: Final = "liftgate registry ACTION [options]"


def _described() -> str:
    width = max(map(len, ACTIONS))
    lines = [f"  {name.ljust(width)}  {text}" for name, text in ACTIONS.items()]
    explained = "liftgate registry ACTION --help explains one."
    return "\n".join(["What is served, and where it comes from.", "", "actions:", *lines, "", explained])


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says; without one, say which there are."""
    if arguments.action is None:
        sys.stdout.write(f"usage: {_USAGE}\n\n{_described()}\n")
        return ExitCode.BAD_INPUT
    return run_action(arguments.action, arguments.words)


def run_action(action: str, words: Sequence[str]) -> int:
    """Parse the action's own words and run it."""
    if action not in ACTIONS:
        sys.stderr.write(
            f"error: {action!r} is not an action{did_you_mean(action, list(ACTIONS))}\n"
            f"  hint: one of {', '.join(ACTIONS)}\n"
        )
        return ExitCode.BAD_INPUT
    module = import_module(f"liftgate.commands.registry.{action}")
    parser = argparse.ArgumentParser(prog=f"liftgate registry {action}", description=ACTIONS[action])
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(words)))
