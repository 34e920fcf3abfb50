"""The policy of a command that names its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftgate.policy import Policy


def read_policy(path: Path) -> Policy:
    """Read policy.yaml. Raises `InputError` with the line of every problem, rules that do not exist among them."""
    from liftgate.commands.checking.file_check import read_policy as read_checked

    return read_checked(path)[0]
