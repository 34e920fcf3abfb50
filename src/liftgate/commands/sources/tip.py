"""Where the ruler of a published verdict is read: the default branch as it is now, not as it was at the last push."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from liftgate.errors import InputError, ProviderError
from liftgate.git_credentials import with_token

REMOTE = "origin"


def tip_of(root: Path, branch: str, remote: str = REMOTE) -> str:
    """The commit that a branch of the remote names. Its objects are not fetched."""
    ref = f"refs/heads/{branch}"
    words = ("ls-remote", "--quiet", remote, ref)
    command = ["git", "-C", str(root), "-c", "protocol.ext.allow=never", *words]
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=with_token(os.environ, words))
    except FileNotFoundError:
        raise InputError("git is not installed", hint="install git; Liftgate reads history with it") from None
    if done.returncode:
        # What git says may hold the remote's address with a token in it.
        raise ProviderError(f"git cannot read {remote}", hint="this job needs `permissions: contents: read`")
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        commit, _, name = line.partition("\t")
        if name == ref:
            return commit
    raise InputError(f"{remote} has no branch {branch}", hint="publish from a clone of the repository itself")
