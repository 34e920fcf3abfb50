"""A ledger on an orphan branch of a git remote, written by compare-and-swap pushes.

Commits are made from blobs and trees alone: no work tree, no index, no hook takes part. A push names the commit
that it stands on; when another writer was faster, the remote says no and the entry is put on top of theirs. A
lock is a ref of its own, so that taking one never waits for the branch.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from liftgate.errors import InputError
from liftgate.git_credentials import with_token
from liftgate.repository import blobs
from liftgate.training.ledger import LedgerRefused

BRANCH: Final = "liftgate-ledger"
LOCK_REFS: Final = "refs/liftgate/"
ATTEMPTS: Final = 12
_WRITER: Final = {
    "GIT_AUTHOR_NAME": "liftgate",
    "GIT_AUTHOR_EMAIL": "liftgate@users.noreply.github.com",
    "GIT_COMMITTER_NAME": "liftgate",
    "GIT_COMMITTER_EMAIL": "liftgate@users.noreply.github.com",
}


class GitBranch:
    """Entries as files of one branch, `locks/` as refs; `root` is any clone that may push to `remote`."""

    def __init__(
        self,
        root: Path,
        remote: str = "origin",
        branch: str = BRANCH,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.root, self.remote, self.branch = root, remote, f"refs/heads/{branch}"
        self._sleep = sleep

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, as the remote has it now."""
        ref, path = self._place(name)
        tip = self._tip(ref)
        return None if tip is None else self._blob(tip, path)

    def names(self, folder: str) -> list[str]:
        """Every name below a folder, as the remote has it now."""
        if folder == "locks" or folder.startswith("locks/"):
            found = self._remote_refs(f"{LOCK_REFS}{folder}/*")
            return sorted(f"{ref.removeprefix(LOCK_REFS)}.json" for ref in found)
        tip = self._tip(self.branch)
        if tip is None:
            return []
        listed = self._git(
            "ls-tree", "-r", "-z", "--name-only", "--full-tree", tip, "--", f"{folder}/"
        ).decode()
        return sorted(name for name in listed.split("\0") if name)

    def all_in(self, folder: str) -> list[tuple[str, bytes]]:
        """Every name below a folder with its bytes, by one question to the remote however many there are."""
        if folder == "locks" or folder.startswith("locks/"):
            refs = self._remote_refs(f"{LOCK_REFS}{folder}/*")
            self._bring(refs)
            named = {f"{ref.removeprefix(LOCK_REFS)}.json": f"{tip}:lock.json" for ref, tip in refs.items()}
        else:
            tip = self._tip(self.branch)
            listed = "" if tip is None else self._git("ls-tree", "-r", "-z", tip, "--", f"{folder}/").decode()
            lines = [line.partition("\t") for line in listed.split("\0") if line]
            named = {name: about.split()[2] for about, _, name in lines}
        return sorted(zip(named, self._blobs(list(named.values())), strict=True))

    def put_new(self, name: str, data: bytes) -> bool:
        """Write a name that does not exist; False when it does."""
        ref, path = self._place(name)
        blob = self._git("hash-object", "-w", "--stdin", given=data).decode().strip()
        for attempt in range(ATTEMPTS):
            tip = self._tip(ref)
            if tip is not None and (ref != self.branch or self._blob(tip, path) is not None):
                return False
            commit = self._commit(tip, path, blob, name)
            if self._push(ref, tip, commit):
                return True
            # Writers that lost the same race come back at different times.
            self._sleep(random.uniform(0, 0.1 * 2 ** min(attempt, 5)))  # noqa: S311
        raise LedgerRefused(
            f"the ledger's branch changed {ATTEMPTS} times while one entry was written",
            hint="other writers keep it busy; run the same command again",
        )

    def _place(self, name: str) -> tuple[str, str]:
        if name.startswith("locks/"):
            return f"{LOCK_REFS}{name.removesuffix('.json')}", "lock.json"
        return self.branch, name

    def _push(self, ref: str, tip: str | None, commit: str) -> bool:
        """True when the remote now holds the commit, False when another was faster."""
        lease = f"--force-with-lease={ref}:{tip or ''}"
        done = self._run("push", "--quiet", "--no-verify", lease, self.remote, f"{commit}:{ref}")
        if done.returncode == 0:
            return True
        # The remote may have taken it although its answer was lost, and only the remote knows.
        now = self._remote_refs(ref).get(ref)
        if now == commit:
            return True
        if now is not None and now != tip:
            # A child of ours means that ours arrived, and another writer after it.
            self._fetch(ref)
            return self._run("merge-base", "--is-ancestor", commit, now).returncode == 0
        said = done.stderr.decode("utf-8", "replace").lower()
        if any(word in said for word in _RACED):
            return False
        raise self._refused("takes no entry", said)

    def _commit(self, tip: str | None, path: str, blob: str, name: str) -> str:
        tree = self._tree(tip, path.split("/"), blob)
        parent = ["-p", tip] if tip else []
        return self._git("commit-tree", tree, *parent, "-m", f"Write {name}").decode().strip()

    def _tree(self, tip: str | None, steps: list[str], blob: str) -> str:
        """The tree of `tip` with one blob more; only the folders on its way are written."""
        made = f"100644 blob {blob}\t{steps[-1]}"
        for depth in range(len(steps) - 1, -1, -1):
            folder = "/".join(steps[:depth])
            entries = [] if tip is None else self._listing(tip, folder)
            kept = [each for each in entries if each.split("\t", 1)[1] != steps[depth]]
            given = "\0".join([*kept, made, ""]).encode()
            tree = self._git("mktree", "-z", given=given).decode().strip()
            if depth:
                made = f"040000 tree {tree}\t{steps[depth - 1]}"
        return tree

    def _listing(self, tip: str, folder: str) -> list[str]:
        done = self._run("ls-tree", "-z", "--full-tree", f"{tip}:{folder}")
        return [each for each in done.stdout.decode().split("\0") if each] if done.returncode == 0 else []

    def _blob(self, tip: str, path: str) -> bytes | None:
        done = self._run("cat-file", "blob", f"{tip}:{path}")
        return done.stdout if done.returncode == 0 else None

    def _blobs(self, objects: list[str]) -> list[bytes]:
        """The bytes of objects that are here, by one git process."""
        try:
            return list(blobs(self.root, objects, _environment()))
        except InputError:
            raise self._refused("cannot be read", "an entry is missing") from None

    def _bring(self, refs: Mapping[str, str]) -> None:
        """Fetch what these refs name where it is not here yet."""
        here = self._git(
            "cat-file", "--batch-check", given="".join(f"{tip}^{{tree}}\n" for tip in refs.values()).encode()
        )
        if any(line.endswith(b" missing") for line in here.splitlines()):
            self._fetch(*refs)

    def _tip(self, ref: str) -> str | None:
        """The commit that the remote's ref names, with its objects here; None when there is no such ref."""
        tip = self._remote_refs(ref).get(ref)
        if tip is not None and self._run("cat-file", "-e", f"{tip}^{{tree}}").returncode:
            self._fetch(ref)
        return tip

    def _fetch(self, *refs: str) -> None:
        done = self._run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.remote, *refs)
        if done.returncode:
            raise self._refused("cannot be read", done.stderr.decode("utf-8", "replace").lower())

    def _remote_refs(self, pattern: str) -> dict[str, str]:
        done = self._run("ls-remote", "--quiet", self.remote, pattern)
        if done.returncode:
            raise self._refused("cannot be read", done.stderr.decode("utf-8", "replace").lower())
        pairs = [line.split("\t") for line in done.stdout.decode().splitlines()]
        return {ref: commit for commit, ref in pairs}

    def _git(self, *arguments: str, given: bytes | None = None) -> bytes:
        done = self._run(*arguments, given=given)
        if done.returncode:
            raise LedgerRefused(
                f"git {arguments[0]} failed while the ledger was written",
                hint="the clone must be whole and writable: git fsck tells",
            )
        return done.stdout

    def _run(self, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        hooks = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0")
        command = ["git", "-C", str(self.root), *hooks, *arguments]
        try:
            environment = with_token(_environment(), arguments)
            return subprocess.run(command, input=given, capture_output=True, check=False, env=environment)
        except FileNotFoundError:
            raise InputError("git is not installed", hint="install git; the ledger is a git branch") from None

    def _refused(self, what: str, said: str) -> LedgerRefused:
        # What git says may hold the remote's address with a token in it, so only its meaning is repeated.
        reasons = {
            "protected branch": "the branch is protected against this account",
            "permission": "this account may not write to the remote",
            "403": "this account may not write to the remote",
            "authentication": "the credentials are missing, wrong or expired",
            "could not read username": "the credentials are missing, wrong or expired",
            "hook declined": "the remote's own rules declined the push",
            "not appear to be a git repository": "the remote is not a git repository",
        }
        why = next((reason for word, reason in reasons.items() if word in said), "git gave another reason")
        return LedgerRefused(
            f"the ledger on {self.branch.removeprefix('refs/heads/')} {what}: {why}",
            hint="only jobs of the default branch write it, with contents: write; then run the same command again",
        )


def _environment(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    # GIT_DIR and GIT_INDEX_FILE of a surrounding hook would lead to somebody else's index.
    kept = {key: value for key, value in inherited.items() if key not in _LEADS_ELSEWHERE}
    return {**kept, **_WRITER, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


_RACED: Final = (
    "cannot lock ref",
    "unable to lock",
    "failed to update ref",
    "stale info",
    "non-fast-forward",
)
_LEADS_ELSEWHERE: Final = frozenset(
    {"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}
)
