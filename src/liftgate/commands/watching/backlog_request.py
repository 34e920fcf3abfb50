"""Proposes a backlog: one branch and one pull request an alias, opened once, kept up to date, merged by people."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.commands.watching.backlog_found import Found
    from liftgate.github.api import GitHub


def request(
    arguments: argparse.Namespace, alias: str, find: Callable[[bytes], Found]
) -> tuple[Found, int | None]:
    """Bring branch and pull request in line with what was found on the base branch; None when nothing is new.

    A branch that has an open pull request is only ever added to: people write their pairs on it.
    """
    from liftgate.commands.registry.proposing import connected
    from liftgate.commands.sources.waiting_checks import with_click
    from liftgate.commands.watching.backlog_found import place
    from liftgate.repository import show

    root, remote, path = arguments.root, arguments.remote, place(alias)
    github = connected(arguments)
    base = arguments.base or github.default_branch()
    commit = _fetched(root, remote, base)
    if commit is None:
        raise InputError(f"{remote} has no branch of that name")
    branch = f"liftgate/backlog-{alias}"
    owner = github.repository.split("/")[0]
    pulls = [pull for pull in github.pulls_with_head(owner, branch) if pull.base_ref == base]
    tip = _fetched(root, remote, branch) if pulls else None
    found = find(show(root, commit, path) or b"")
    if found.data == found.known:
        return found, None
    if tip is None or show(root, tip, path) != found.data:
        _push(root, remote, branch, tip or commit, found, force=tip is None)
    body = with_click(found.body, github)
    if not pulls:
        return found, github.open_pull(title=found.title, body=body, head=branch, base=base)
    _edit(github, pulls[0].number, body)
    return found, pulls[0].number


def _fetched(root: Path, remote: str, branch: str) -> str | None:
    from liftgate.repository import commit_of, git

    if remote.startswith("-") or branch.startswith("-"):
        raise InputError("a remote or branch does not begin with a dash")
    if not git(root, "ls-remote", remote, f"refs/heads/{branch}").strip():
        return None
    git(root, "fetch", "--quiet", "--no-tags", remote, f"refs/heads/{branch}")
    return commit_of(root, "FETCH_HEAD")


def _push(root: Path, remote: str, branch: str, parent: str, found: Found, *, force: bool) -> None:
    from liftgate.commands.registry.commits import commit_on
    from liftgate.repository import git

    made = commit_on(root, parent, {found.path: found.data}, found.title)
    git(root, "push", "--quiet", *(["--force"] if force else []), remote, f"{made}:refs/heads/{branch}")


def _edit(github: GitHub, number: int, body: str) -> None:
    from liftgate.watch.backlog_words import MARKER

    there = str((github.request("GET", f"/pulls/{number}") or {}).get("body") or "").replace("\r\n", "\n")
    # Whoever took the marker out has words of their own there.
    if there.startswith(MARKER) and there.strip() != body.strip():
        github.edit_issue(number, body=body)
