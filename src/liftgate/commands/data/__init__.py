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
    "diff": "what changed between two files or releases, without any row's text",
    "scrub": "put consistent placeholders in place of personal data and credentials",
    "augment": "make variants of rows with other ids, amounts, dates and names, prompt and answer in step",
    "cluster": "give golden cases that nearly repeat one another one cluster_id",
    "adopt": "take over chat rows of others: add provenance, or make golden cases",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An action and its own words; the action's module is imported when it is asked for."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage, parser.description = _USAGE, _described()
    parser.add_argument("action", metavar="ACTION", nargs="?")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="what the action needs")


def overview() -> str:
    """What `liftgate data` prints when it is not told what to do."""
    return f"usage: {_USAGE}\n\n{_described()}\n"


_USAGE: Final = "liftgate data ACTION [options]"


def _described() -> str:
    width = max(map(len, ACTIONS))
    lines = [f"  {name.ljust(width)}  {text}" for name, text in ACTIONS.items()]
    return "\n".join(["Make, change and compare dataset files.", "", "actions:", *lines, "", _EXPLAINED])


_EXPLAINED: Final = "liftgate data ACTION --help explains one."


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says; without one, say which there are."""
    if arguments.action is None:
        sys.stdout.write(overview())
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
    module = import_module(f"liftgate.commands.data.{action}")
    parser = argparse.ArgumentParser(prog=f"liftgate data {action}", description=ACTIONS[action])
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(words)))
