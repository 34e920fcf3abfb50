"""A commit made from blobs and trees alone: no work tree, no index of the clone, no hook takes part."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from liftgate.errors import InputError

_NOBODY: Final = {
    "GIT_AUTHOR_NAME": "liftgate",
    "GIT_AUTHOR_EMAIL": "liftgate@users.noreply.github.com",
    "GIT_COMMITTER_NAME": "liftgate",
    "GIT_COMMITTER_EMAIL": "liftgate@users.noreply.github.com",
}


def commit_on(root: Path, parent: str, files: Mapping[str, bytes], message: str) -> str:
    """The id of a commit on `parent` in which these files have these bytes. Raises `InputError`."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, environment, "read-tree", parent)
        for path, data in sorted(files.items()):
            blob = _git(root, environment, "hash-object", "-w", "--stdin", "--no-filters", data=data)
            _git(root, environment, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        tree = _git(root, environment, "write-tree")
        who = {} if _has_name(root) else _NOBODY
        return _git(
            root,
            {**environment, **who},
            "-c",
            "commit.gpgSign=false",
            "commit-tree",
            tree,
            "-p",
            parent,
            "-m",
            message,
        )


def _has_name(root: Path) -> bool:
    command = ["git", "-C", str(root), "var", "GIT_COMMITTER_IDENT"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _git(root: Path, environment: Mapping[str, str], *arguments: str, data: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], input=data, capture_output=True, check=False, env=environment
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"git could not make the commit: {said[0] if said else 'no message'}")
    return done.stdout.decode().strip()
