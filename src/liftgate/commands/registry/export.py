"""`liftgate registry export`: models.yaml in the form of a gateway, or as lines for a shell."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.registry.resolve import Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What for, and which registry."""
    parser.add_argument(
        "target", metavar="TARGET", help="litellm (a proxy's configuration) or env (shell lines)"
    )
    add_registry(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="instead of stdout; replaced in one piece")


def add_registry(parser: argparse.ArgumentParser) -> None:
    """Which registry."""
    parser.add_argument(
        "--registry", type=Path, default=Path("models.yaml"), metavar="FILE", help="default: models.yaml"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the text: 0, or 2 when the target cannot express the registry."""
    from liftgate.config import did_you_mean
    from liftgate.files import write_bytes
    from liftgate.registry.exports import EXPORTS

    if arguments.target not in EXPORTS:
        raise InputError(
            f"{arguments.target!r} is nothing to export for{did_you_mean(arguments.target, list(EXPORTS))}",
            hint=f"one of {', '.join(EXPORTS)}",
        )
    text = EXPORTS[arguments.target](read_registry(arguments.registry))
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        write_bytes(arguments.out, text.encode())
    return ExitCode.PASS


def read_registry(path: Path) -> Table:
    """A registry that fits its whole schema, ready to resolve. Raises `InputError`."""
    from liftgate.files import read_bytes
    from liftgate.registry.compiled import read_table
    from liftgate.registry.models import read_models

    data = read_bytes(path, "registry")
    read_models(data, str(path))
    return read_table(data, str(path))
