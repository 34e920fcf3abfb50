"""Git as a store of files: what changed between two commits, and a file's bytes at a commit.

Files of a pull request are read as data; nothing is checked out and no hook, filter or textconv runs.
"""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from liftgate.errors import InputError
from liftgate.files import write_bytes
from liftgate.git_credentials import with_token

Status = Literal["added", "modified", "deleted"]
_STATUS: dict[str, Status] = {"A": "added", "M": "modified", "D": "deleted", "T": "modified"}
_SYMLINK, _SUBMODULE = "120000", "160000"


@dataclass(frozen=True)
class Change:
    """One changed path. `special` names what is not a plain file: `symlink` or `submodule`."""

    path: str
    status: Status
    special: str | None = None


def git(root: Path, *arguments: str) -> bytes:
    """Run one git command in `root` and return its output. Raises `InputError` when git says no."""
    command = ["git", "-C", str(root), "-c", "core.quotePath=false", *arguments]
    try:
        environment = with_token(os.environ, arguments)
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
    except FileNotFoundError:
        raise InputError("git is not installed", hint="install git; Liftgate reads history with it") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"git {arguments[0]} failed: {said[0] if said else 'no message'}")
    return done.stdout


def commit_of(root: Path, ref: str) -> str:
    """The full id of the commit that `ref` names."""
    if ref.startswith("-"):
        raise InputError(f"{ref!r} is not a git revision")
    try:
        return (
            git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
            .decode()
            .strip()
        )
    except InputError:
        raise InputError(
            f"{ref!r} is not a commit of this repository",
            hint="fetch it first (in a workflow: fetch-depth: 2 or more), or name another --base",
        ) from None


def changes(root: Path, base: str, head: str) -> list[Change]:
    """Paths that differ between the merge base of both commits and `head`, renames as delete + add."""
    output = git(
        root, "diff", "--raw", "-z", "--no-renames", "--no-textconv", "--no-ext-diff", f"{base}...{head}"
    )
    fields = output.decode("utf-8", "surrogateescape").split("\0")
    found = []
    for meta, path in zip(fields[0::2], fields[1::2], strict=False):
        _, new_mode, _, _, letter = meta.lstrip(":").split(" ")
        special = {_SYMLINK: "symlink", _SUBMODULE: "submodule"}.get(new_mode)
        found.append(Change(path, _STATUS.get(letter[0], "modified"), special))
    return found


def merge_base(root: Path, commit: str) -> str:
    """Where HEAD left the line of `commit`; `commit` itself when their histories do not meet (a shallow clone)."""
    try:
        return git(root, "merge-base", commit, "HEAD").decode().strip()
    except InputError:
        return commit


def listing(root: Path, commit: str, folder: str) -> dict[str, str]:
    """Name → blob id of the plain files that lie in a folder (`.` is the root) at a commit."""
    place = [] if folder == "." else ["--", f":(top,literal){folder}/"]
    listed = git(root, "ls-tree", "-z", "--full-tree", commit, *place).decode("utf-8", "surrogateescape")
    found = {}
    for line in listed.split("\0"):
        meta, _, path = line.partition("\t")
        if meta.startswith("100"):
            found[path.rsplit("/", 1)[-1]] = meta.split(" ")[2]
    return found


def changed_lines(root: Path, base: str, head: str, path: str) -> tuple[range, ...]:
    """The lines of a file that `head` adds or alters against the merge base, as ranges of 1-based numbers."""
    output = git(
        root,
        "diff",
        "--unified=0",
        "--inter-hunk-context=0",
        "--text",
        "--no-color",
        "--no-renames",
        "--no-textconv",
        "--no-ext-diff",
        f"{base}...{head}",
        "--",
        f":(top,literal){path}",
    )
    found = []
    for line in _hunk_heads(output.split(b"\n")):
        start, _, count = line.split(b" ")[2].removeprefix(b"+").partition(b",")
        found.append(range(int(start), int(start) + int(count or 1)))
    return tuple(lines for lines in found if lines)


def _hunk_heads(lines: list[bytes]) -> Iterator[bytes]:
    # A row of the file may look like a hunk's head, so the lines that a head announces are skipped by number.
    skip = 0
    for line in lines:
        if skip and not line.startswith(b"\\"):
            skip -= 1
        elif not skip and line.startswith(b"@@ "):
            yield line
            skip = sum(int((part.partition(b",")[2]) or 1) for part in line.split(b" ")[1:3])


def uncommitted(root: Path, folder: str) -> list[str]:
    """Files under a folder that the last commit does not hold as they lie on disk, new ones included."""
    spec = f":(top,literal){folder}"
    listed = git(root, "ls-files", "-z", "--full-name", "--modified", "--deleted", "--", spec)
    listed += git(root, "ls-files", "-z", "--full-name", "--others", "--exclude-standard", "--", spec)
    listed += git(root, "diff", "--cached", "--name-only", "-z", "--no-renames", "--", spec)
    return sorted(set(listed.decode("utf-8", "surrogateescape").split("\0")) - {""})


def show(root: Path, commit: str, path: str) -> bytes | None:
    """The bytes of a plain file at a commit, or None when there is no such file."""
    listed = git(root, "ls-tree", "-z", commit, "--", f":(top,literal){path}").decode(
        "utf-8", "surrogateescape"
    )
    if not listed or not listed.startswith("100"):
        return None
    blob = listed.split("\t")[0].split(" ")[2]
    return git(root, "cat-file", "blob", blob)


@dataclass(frozen=True)
class TreeEntry:
    """One entry of a commit's tree. `special` is as in `Change`; `size` of a plain file in bytes, else 0."""

    path: str
    blob: str
    size: int
    special: str | None = None


def tree(root: Path, commit: str, *folders: str) -> list[TreeEntry]:
    """Everything under these folders or files at a commit, in git's order, whatever its name."""
    places = [f":(top,literal){folder}" for folder in folders]
    listed = git(root, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", *places)
    found = []
    for line in listed.decode("utf-8", "surrogateescape").split("\0"):
        if line:
            meta, path = line.split("\t", 1)
            mode, _, blob, size = meta.split()
            special = {_SYMLINK: "symlink", _SUBMODULE: "submodule"}.get(mode)
            plain = mode.startswith("100")
            found.append(
                TreeEntry(path, blob, int(size) if plain else 0, None if plain else special or "folder")
            )
    return found


def blobs(root: Path, ids: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """The bytes of many blobs in the order asked for, by one git process. Raises `InputError` for one that is gone.

    An id is whatever names a blob, such as `commit:path`; `environment` is git's own instead of this process's.
    """
    if not ids:
        return
    command = ["git", "-C", str(root), "cat-file", "--batch"]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    except FileNotFoundError:
        raise InputError("git is not installed", hint="install git; Liftgate reads history with it") from None
    with process:
        asking, answering = process.stdin, process.stdout
        if asking is None or answering is None:
            raise InputError("git cat-file gave no pipe")
        try:
            for each in ids:
                asking.write(f"{each}\n".encode())
                asking.flush()
                said = answering.readline().split()
                if len(said) != 3 or said[1] != b"blob":
                    raise InputError(
                        f"the content {each[:12]} is not in this clone",
                        hint="fetch it: a partial or shallow clone does not hold everything",
                    )
                data = answering.read(int(said[2]))
                answering.read(1)
                yield data
        finally:
            asking.close()
            process.terminate()


def versions(
    root: Path, commit: str, path: str, limit: int
) -> list[tuple[str, datetime.datetime, bytes | None]]:
    """A file after each first-parent commit that changed it, oldest first: (commit, committed at, bytes).

    At most the newest `limit` of them; in a shallow clone its oldest commit counts as one. The bytes are None where
    the file is gone.
    """
    told = git(
        root,
        "log",
        "--first-parent",
        "--no-show-signature",
        f"--max-count={limit}",
        "--format=%H %ct",
        commit,
        "--",
        f":(top,literal){path}",
    )
    commits = [line.split(" ") for line in reversed(told.decode().splitlines())]
    asked = "".join(f"{name}:{path}\n" for name, _ in commits).encode()
    done = subprocess.run(
        ["git", "-C", str(root), "cat-file", "--batch"], input=asked, capture_output=True, check=True
    )
    found, at = [], 0
    for name, seconds in commits:
        end = done.stdout.index(b"\n", at)
        said = done.stdout[at:end].rsplit(b" ", 2)
        size = int(said[2]) if said[-1] != b"missing" else None
        data = done.stdout[end + 1 : end + 1 + (size or 0)] if said[1] == b"blob" else None
        found.append((name, datetime.datetime.fromtimestamp(int(seconds), datetime.UTC), data))
        at = end + 1 + (0 if size is None else size + 1)
    return found


def materialise(root: Path, commit: str, folder: str, target: Path) -> list[str]:
    """Write every plain file under `folder` at a commit below `target`; returns their paths."""
    plain = [
        entry
        for entry in tree(root, commit, folder)
        if entry.special is None and ".." not in PurePosixPath(entry.path).parts
    ]
    for entry, data in zip(plain, blobs(root, [each.blob for each in plain]), strict=True):
        write_bytes(target / entry.path, data)
    return [entry.path for entry in plain]


def keeps(path: Path) -> bool:
    """True when git keeps the path, or would with the next `git add`: inside a work tree and not ignored."""
    folder = path.resolve().parent
    while not folder.is_dir():
        folder = folder.parent
    if not any((above / ".git").exists() for above in (folder, *folder.parents)):
        return False
    command = ["git", "-C", str(folder), "check-ignore", "-q", "--", str(path.resolve())]
    try:
        # A tracked file is not ignored, whatever .gitignore says; neither is one that git could not judge.
        return subprocess.run(command, capture_output=True, check=False).returncode != 0
    except FileNotFoundError:
        return True
