"""`liftgate completion`: what a shell needs to complete commands, actions, options, their values and aliases."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from liftgate.errors import ExitCode, InputError

SHELLS: Final = ("bash", "zsh", "fish", "aliases")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument(
        "shell", choices=SHELLS, help="whose script to print; aliases: the names in models.yaml, one a line"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    if arguments.shell == "aliases":
        sys.stdout.write("".join(f"{alias}\n" for alias in _aliases()))
        return ExitCode.PASS
    from liftgate.commands.command_line import completion_scripts

    script = {
        "bash": completion_scripts.bash, "zsh": completion_scripts.zsh, "fish": completion_scripts.fish,
    }[arguments.shell]  # fmt: skip
    sys.stdout.write(script())
    return ExitCode.PASS


def _aliases() -> list[str]:
    """Names of the registry here; none where there is none, since a shell that completes has no room for errors."""
    from liftgate.registry.models import read_models

    path = Path("models.yaml")
    try:
        return sorted(read_models(path.read_bytes(), str(path)).aliases)
    except (OSError, InputError):
        return []
