"""`liftgate doctor`: whether machine and repository can do what the gate asks, each line ok or with its fix."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liftgate.commands.command_line.actions import Actions
from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.onboarding.diagnosis import Line

TOPICS: Final[dict[str, str]] = {
    "bedrock": "roles and policies for training and serving on Amazon Bedrock; checks identity and bucket",
    "runner": "whether this machine may train: ephemeral, private repository, group limited to train.yml, CUDA, disk",
}
_COMMAND: Final = Actions(
    "doctor",
    "Say what is still missing here, or for one topic. Exit 0, or 10 with something to fix.",
    TOPICS,
    "liftgate.commands.onboarding.doctor_",
    noun="topic",
    explained="",
    asked_for_nothing=ExitCode.PASS,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A topic and its words, or options for everything."""
    _COMMAND.add_arguments(parser)
    parser.usage = "liftgate doctor [options] | liftgate doctor TOPIC [options]"
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--repository",
        metavar="OWNER/NAME",
        help="on GitHub (default: $GITHUB_REPOSITORY, else remote origin)",
    )
    parser.add_argument(
        "--online", action="store_true", help="ask the providers too, with the keys that are set"
    )
    parser.add_argument("--offline", action="store_true", help="ask nobody, not even GitHub")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, say it, answer 0 or 10."""
    if arguments.action is not None:
        return _COMMAND.run(arguments)
    from liftgate.files import pretty
    from liftgate.onboarding.diagnosis import text_of

    lines = list(_looked_at(arguments))
    wrong = any(line.state == "fix" for line in lines)
    if arguments.json:
        document = {
            "schema_version": 1,
            "outcome": "fix" if wrong else "ok",
            "lines": [line.to_dict() for line in lines],
        }
        sys.stdout.write(pretty(document).decode())
    else:
        sys.stdout.write(text_of(lines))
    return ExitCode.BLOCKED if wrong else ExitCode.PASS


def _looked_at(arguments: argparse.Namespace) -> Iterator[Line]:
    from liftgate.commands.onboarding import doctor_github, doctor_machine, doctor_project, doctor_providers

    root: Path = arguments.root
    project = doctor_project.read(root)
    yield from doctor_machine.lines(root, project.providers)
    yield from doctor_project.lines(root, project)
    yield from doctor_providers.lines(os.environ, project.providers, online=arguments.online)
    yield from doctor_github.lines(
        root, arguments.repository, project, os.environ, offline=arguments.offline, online=arguments.online
    )
