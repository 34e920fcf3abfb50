"""The head of a change as plain files in a scratch work tree. Nothing is checked out and nothing of it runs.

Written are the blobs of the aliases at hand, byte for byte: no symlink, no submodule, no filter, no attribute, no
hook takes part. What has an odd name, is no plain file, or is too much is told in findings and is not written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from liftgate.errors import InputError
from liftgate.findings import Finding, Severity
from liftgate.git_credentials import with_token
from liftgate.path_names import colliding, odd_name, printable
from liftgate.repository import TreeEntry, blobs, git, tree

_INERT: Final = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false")
# Each step asks the remote for so many commits more of a shallow clone.
_DEEPER: Final = (50, 500, 5_000)


@dataclass(frozen=True)
class Limits:
    """How much of a change is read: files, bytes of one file, bytes in all."""

    files: int = 50_000
    file_bytes: int = 1_000_000_000
    all_bytes: int = 4_000_000_000


@dataclass(frozen=True)
class PullTree:
    """The scratch tree; `files` maps each path that was written to its sha256."""

    root: Path
    head: str
    files: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@contextlib.contextmanager
def pull_tree(
    root: Path, head: str, aliases: Collection[str], limits: Limits | None = None
) -> Iterator[PullTree]:
    """A work tree at `head` that holds models.yaml and what these aliases are made of; gone at the end.

    Raises `InputError` when the commit or a file of it is not in the clone `root`.
    """
    limits = limits or Limits()
    wanted, findings = _wanted(tree(root, head, "datasets", "evals", "models.yaml"), aliases, limits)
    with tempfile.TemporaryDirectory(prefix="liftgate-pull-") as outer:
        scratch = Path(outer).resolve() / "tree"
        git(root, *_INERT, "worktree", "add", "--quiet", "--no-checkout", "--detach", str(scratch), head)
        try:
            yield PullTree(scratch, head, _written(root, scratch, wanted), tuple(findings))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            with contextlib.suppress(InputError):
                git(root, *_INERT, "worktree", "prune")


def is_read(path: str, aliases: Collection[str]) -> bool:
    """Whether a path is part of what these aliases are judged by or on."""
    match path.split("/"):
        case ["models.yaml"] | ["evals"] | ["datasets"] | ["evals", _]:
            return True
        case ["datasets" | "evals", alias, *_] if alias in aliases:
            return True
        case ["evals", "reports", alias, *_] if alias in aliases:
            return True
        case ["datasets", _] | ["evals", "reports"]:
            return True
        case _:
            return False


def _wanted(
    entries: list[TreeEntry], aliases: Collection[str], limits: Limits
) -> tuple[list[TreeEntry], list[Finding]]:
    kept: list[TreeEntry] = []
    findings: list[Finding] = []
    for entry in entries:
        if not is_read(entry.path, aliases):
            continue
        if why := odd_name(entry.path):
            message = f"the path {why}; nothing is read from it, and nothing passes with it: rename it"
            findings.append(Finding("odd-path", Severity.ERROR, message, printable(entry.path)))
        elif entry.special is not None:
            message = f"a {entry.special} stands where Liftgate reads a file; commit the file itself"
            findings.append(Finding("not-a-plain-file", Severity.ERROR, message, entry.path))
        elif not entry.path.rsplit("/", 1)[-1].startswith(".git"):
            # What git reads for itself (.gitattributes) is written nowhere, so it can tell git nothing.
            kept.append(entry)
    for one, other in colliding(entry.path for entry in kept):
        message = f"is the same name as {printable(one)} on a disk that does not tell them apart; rename one"
        findings.append(Finding("odd-path", Severity.ERROR, f"the path {message}", printable(other)))
    if too_much := _too_much(kept, limits):
        return [], [*findings, too_much]
    return kept, findings


def _too_much(entries: list[TreeEntry], limits: Limits) -> Finding | None:
    largest = max(entries, key=lambda entry: entry.size, default=None)
    total = sum(entry.size for entry in entries)
    why = None
    if len(entries) > limits.files:
        why = f"{len(entries):,} files are more than the {limits.files:,} that are read"
    elif largest and largest.size > limits.file_bytes:
        why = f"a file of {largest.size:,} bytes is larger than the {limits.file_bytes:,} that are read"
    elif total > limits.all_bytes:
        why = f"{total:,} bytes are more than the {limits.all_bytes:,} that are read"
    if why is None:
        return None
    hint = "keep large data in Git LFS or S3, pinned by the card"
    return Finding("change-too-large", Severity.ERROR, f"{why}; {hint}", largest.path if largest else None)


def _written(root: Path, scratch: Path, entries: list[TreeEntry]) -> dict[str, str]:
    written = {}
    for entry, data in zip(entries, blobs(root, [each.blob for each in entries]), strict=True):
        target = scratch / entry.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # No name is written twice, so that two that the disk takes for one are noticed.
            with target.open("xb") as file:
                file.write(data)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"{printable(entry.path)} cannot be written: {error.strerror}") from None
        written[entry.path] = hashlib.sha256(data).hexdigest()
    return written


def fetch_pull(root: Path, number: int, remote: str = "origin") -> str:
    """Bring the head of a pull request into the clone as objects; returns its commit. No ref is left behind."""
    ref = f"refs/pull/{number}/head"
    listed = _asked(root, remote, "ls-remote", "--quiet", remote, ref).decode("utf-8", "replace").split()
    if len(listed) < 2:
        raise InputError(
            f"{remote} has no {ref}", hint="is it a pull request of this repository, and still there?"
        )
    _fetch(root, remote, ref)
    return listed[0]


def complete_history(root: Path, base: str, head: str, remote: str = "origin") -> None:
    """Fetch what a comparison of both commits needs and the clone lacks.

    Raises `InputError` that says what is missing when the remote does not give it.
    """
    for commit in (base, head):
        if not _has(root, commit):
            _fetch(root, remote, commit)
    depths = [f"--deepen={depth}" for depth in _DEEPER] + ["--unshallow"]
    for deeper in depths:
        if _meet(root, base, head):
            return
        if git(root, "rev-parse", "--is-shallow-repository").strip() != b"true":
            break
        _fetch(root, remote, base, head, deeper=deeper)
    if not _meet(root, base, head):
        raise InputError(
            f"{base[:12]} and {head[:12]} have no common history, so what the change touches is not known",
            hint="rebase the change onto the default branch",
        )


def _meet(root: Path, base: str, head: str) -> bool:
    with contextlib.suppress(InputError):
        return bool(git(root, "merge-base", base, head))
    return False


def _has(root: Path, commit: str) -> bool:
    with contextlib.suppress(InputError):
        git(root, "cat-file", "-e", f"{commit}^{{commit}}")
        return True
    return False


def _fetch(root: Path, remote: str, *wanted: str, deeper: str | None = None) -> None:
    quiet = [
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
    ]
    more = [deeper] if deeper else []
    _asked(root, remote, "fetch", *quiet, *more, remote, *wanted)


def _asked(root: Path, remote: str, *arguments: str) -> bytes:
    """A git command that talks to the remote. What it says may hold an address with a token, so it is not repeated."""
    command = ["git", "-C", str(root), *_INERT, "-c", "protocol.ext.allow=never", *arguments]
    try:
        environment = with_token(os.environ, arguments)
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
    except FileNotFoundError:
        raise InputError("git is not installed", hint="install git; Liftgate reads history with it") from None
    if done.returncode:
        raise InputError(
            f"git {arguments[0]} from {printable(remote)} failed, so the change cannot be read",
            hint="the commit may be gone (a push with --force), or this account may not read the remote",
        )
    return done.stdout
