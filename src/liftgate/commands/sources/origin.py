"""Which repository at GitHub a work tree was cloned from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

_REMOTE: Final = re.compile(r"(?:^|[/:@])([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+?)(?:\.git)?/?$")


def origin(root: Path) -> str:
    """The address of the remote `origin`, or nothing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "config", "remote.origin.url"],
            capture_output=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def named(remote: str) -> str | None:
    """owner/name of a remote at GitHub; its address may hold a password and is never shown."""
    if "github" not in remote:
        return None
    found = _REMOTE.search(remote)
    return found[1] if found else None
