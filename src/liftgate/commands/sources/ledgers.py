"""Where a command finds the ledger, and who it says it is."""

from __future__ import annotations

import argparse
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from liftgate.training.ledger import Ledger

DEFAULT: Final = ".liftgate/ledger"
BRANCH_PREFIX: Final = "git:"


def add_ledger(
    parser: argparse._ActionsContainer, default: str | None = DEFAULT, told: str = DEFAULT
) -> None:
    """The option that names the ledger; `told` is what its help says of the default."""
    parser.add_argument(
        "--ledger",
        default=default,
        metavar="DIR|git:REMOTE",
        help=f"a folder, or the branch liftgate-ledger of a git remote, such as git:origin (default: {told})",
    )


def add_change(parser: argparse._ActionsContainer) -> None:
    """The options that name what is approved, and what it is measured by."""
    add_names(parser)
    parser.add_argument(
        "--base", metavar="REF", help="read policy, prices and suite from this ref, not from the work tree"
    )


def add_names(parser: argparse._ActionsContainer) -> None:
    """The options that name the change."""
    parser.add_argument("--change", metavar="NAME", help="the pull request, such as pull/7 (default: none)")
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="whose change it is (default: $GITHUB_REPOSITORY)"
    )


def seconds(text: str) -> float:
    """Argument type: a number of seconds."""
    value = float(text)
    if not 0 < value <= 31_536_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


def open_ledger(where: str, root: Path) -> Ledger:
    """The ledger that `--ledger` names. Nothing is read yet."""
    from liftgate.training.ledger import Ledger
    from liftgate.training.ledger_folder import Folder
    from liftgate.training.ledger_git import GitBranch

    if where.startswith(BRANCH_PREFIX):
        return Ledger(GitBranch(root, where.removeprefix(BRANCH_PREFIX)))
    return Ledger(Folder(Path(where)))


def holder(environment: Mapping[str, str] = os.environ) -> str:
    """A name that no other process has, now or later."""
    run = environment.get("GITHUB_RUN_ID", "")
    where = f"run/{run}" if run.isdecimal() else "desk"
    return f"{where}/{uuid.uuid4().hex[:16]}"


def repository(given: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Whose change it is."""
    return given or environment.get("GITHUB_REPOSITORY") or None
