"""`liftgate doctor`: what an account, a bucket or a repository still lacks, topic by topic."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from liftgate.config import did_you_mean
from liftgate.errors import ExitCode

# One line each, and the module that answers; a module offers `add_arguments` and `run`.
TOPICS: Final[dict[str, tuple[str, str]]] = {
    "bedrock": (
        "roles and policies for training and serving on Amazon Bedrock; checks identity and bucket",
        "liftgate.commands.doctor_bedrock",
    ),
}
_USAGE: Final = "liftgate doctor TOPIC [options]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A topic and its own words."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage, parser.description = _USAGE, _described()
    parser.add_argument("topic", metavar="TOPIC", nargs="?")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="what the topic needs")


def run(arguments: argparse.Namespace) -> int:
    """Examine one topic; without one, say which there are."""
    if arguments.topic is None:
        sys.stdout.write(f"usage: {_USAGE}\n\n{_described()}\n")
        return ExitCode.PASS
    return run_topic(arguments.topic, arguments.words)


def run_topic(topic: str, words: Sequence[str]) -> int:
    """Parse the topic's own words and run it."""
    if topic not in TOPICS:
        sys.stderr.write(
            f"error: {topic!r} is not a topic{did_you_mean(topic, list(TOPICS))}\n"
            f"  hint: one of {', '.join(TOPICS)}\n"
        )
        return ExitCode.BAD_INPUT
    text, name = TOPICS[topic]
    module = import_module(name)
    parser = argparse.ArgumentParser(prog=f"liftgate doctor {topic}", description=text)
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(words)))


def _described() -> str:
    width = max(map(len, TOPICS))
    lines = [f"  {name.ljust(width)}  {text}" for name, (text, _) in TOPICS.items()]
    return "\n".join(
        ["Say what is still missing.", "", "topics:", *lines, "", "liftgate doctor TOPIC --help"]
    )
