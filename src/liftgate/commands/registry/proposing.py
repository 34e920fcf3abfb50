"""A change of models.yaml made ready: its diff, its pull request's words, and, when asked, file, branch and request."""

from __future__ import annotations

import argparse
import contextlib
import html
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.sources.ledgers import DEFAULT, add_ledger
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.commands.sources.registry_evidence import Reader
    from liftgate.github.api import GitHub

PATH = "models.yaml"
MARKER: Final = "<!-- liftgate-proposal -->"
"""Ends the text of a pull request that the next run may write anew."""


@dataclass(frozen=True)
class Source:
    """What a change is made on: the registry's bytes, a reader of other files, and the commit, None at a desk."""

    root: Path
    data: bytes
    read: Reader
    commit: str | None

    @property
    def text(self) -> str:
        """The registry as text, byte for byte."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise InputError(f"{PATH}: not UTF-8", hint="save the file as UTF-8") from None


@dataclass(frozen=True)
class Proposal:
    """One change: the registry after it, files beside it, and the words of its pull request.

    `said` is told to the person who asks; `details` go into `--json`.
    """

    after: str
    title: str
    body: str
    branch: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def add_pull_request(parser: argparse._ActionsContainer, what: str) -> None:
    """The options of a command that may propose its change; `what` is said of `--pull-request`."""
    parser.add_argument("--pull-request", action="store_true", help=what)
    parser.add_argument("--base", metavar="BRANCH", help="with --pull-request (default: the default branch)")
    parser.add_argument(
        "--remote", default="origin", metavar="NAME", help="with --pull-request (default: origin)"
    )
    parser.add_argument(
        "--repository",
        metavar="OWNER/NAME",
        help="with --pull-request (default: $GITHUB_REPOSITORY); the token is $GITHUB_TOKEN",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with the change beside printing it."""
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--write", action="store_true", help="edit the file (default: print the diff only)")
    add_pull_request(parser, "make the change on the base branch and ask to merge it")
    parser.add_argument(
        "--json", action="store_true", help="diff, title and body as one JSON object on stdout"
    )
    add_ledger(parser, None, f"{DEFAULT} where there is one, else git:REMOTE; with --pull-request git:REMOTE")


def carry_out(arguments: argparse.Namespace, propose: Callable[[Source], Proposal]) -> int:
    """Make the change, print it, and write or send it as the arguments say."""
    from liftgate.commands.sources.registry_evidence import in_tree
    from liftgate.files import pretty, read_bytes, write_bytes
    from liftgate.registry.proposal import patch

    root = arguments.root
    if arguments.pull_request and arguments.write:
        raise InputError(
            "--write edits the work tree and --pull-request a branch of its own", hint="choose one of them"
        )
    number = None
    if arguments.pull_request:
        github = connected(arguments)
        branch = arguments.base or github.default_branch()
        source = fetched(root, arguments.remote, branch)
        proposal = propose(source)
        number = request(root, arguments.remote, branch, source, proposal, github)
    else:
        source = Source(root, read_bytes(root / PATH, "registry"), in_tree(root), None)
        proposal = propose(source)
        if arguments.write:
            for path, data in proposal.files.items():
                write_bytes(root / path, data)
            write_bytes(root / PATH, proposal.after.encode())
    diff = patch(source.text, proposal.after)
    if arguments.json:
        words = {"title": proposal.title, "body": proposal.body, "branch": proposal.branch}
        document = {"schema_version": 1, "diff": diff, **words, "pull_request": number, **proposal.details}
        sys.stdout.write(pretty({**document, "files": sorted(proposal.files)}).decode())
    else:
        sys.stdout.write(diff)
    done = [f"pull request #{number}"] if number else [f"{PATH} is written"] if arguments.write else []
    beside = [f"{path} goes with it" for path in sorted(proposal.files)]
    told = [*proposal.said, *beside, *done, "", proposal.title, "", _plain(proposal.body)]
    sys.stderr.write("\n".join(told) + "\n")
    return ExitCode.PASS


def _plain(body: str) -> str:
    """A text for GitHub as a terminal shows it."""
    return html.unescape(body).replace("\u200b", "").rstrip()


def connected(arguments: argparse.Namespace) -> GitHub:
    """The repository that `--repository` or the environment names. Raises `InputError` without a token."""
    from liftgate.commands.sources.ledgers import repository
    from liftgate.github.client import connect

    token, where = os.environ.get("GITHUB_TOKEN", ""), repository(arguments.repository)
    if not token or where is None:
        raise InputError(
            "a pull request needs a token in GITHUB_TOKEN and a repository",
            hint="set GITHUB_TOKEN and --repository OWNER/NAME; without --pull-request nothing is sent",
        )
    return connect(token, where, os.environ.get("GITHUB_API_URL"))


def fetched(root: Path, remote: str, branch: str) -> Source:
    """A branch as it is on the remote now."""
    from liftgate.commands.sources.registry_evidence import at_commit
    from liftgate.repository import commit_of, git, show

    if remote.startswith("-") or branch.startswith("-"):
        raise InputError("a remote or branch does not begin with a dash")
    git(root, "fetch", "--quiet", "--no-tags", remote, f"refs/heads/{branch}")
    commit = commit_of(root, "FETCH_HEAD")
    data = show(root, commit, PATH)
    if data is None:
        raise InputError(f"{PATH} is not in {branch}", hint="liftgate init writes one")
    return Source(root, data, at_commit(root, commit), commit)


def request(root: Path, remote: str, base: str, source: Source, proposal: Proposal, github: GitHub) -> int:
    """Push one commit as a branch of its own, and open its pull request or bring the open one up to date.

    No work tree or index takes part.
    """
    from liftgate.commands.registry.commits import commit_on
    from liftgate.commands.sources.waiting_checks import with_click
    from liftgate.github.api import GitHubRefused
    from liftgate.repository import git

    files = {**proposal.files, PATH: proposal.after.encode()}
    made = commit_on(root, str(source.commit), files, proposal.title)
    git(root, "push", "--quiet", "--force", remote, f"{made}:refs/heads/{proposal.branch}")
    body = f"{with_click(proposal.body, github).rstrip()}\n\n{MARKER}\n"
    owner = github.repository.split("/")[0]
    there = [pull for pull in github.pulls_with_head(owner, proposal.branch) if pull.base_ref == base]
    if not there:
        return github.open_pull(title=proposal.title, body=body, head=proposal.branch, base=base)
    # The branch is what counts; a text that cannot be written anew stays as it is.
    with contextlib.suppress(GitHubRefused):
        _renew(github, there[0].number, body)
    return there[0].number


def _renew(github: GitHub, number: int, body: str) -> None:
    said = str((github.request("GET", f"/pulls/{number}") or {}).get("body") or "").replace("\r\n", "\n")
    # Whoever took the marker out has words of their own there.
    if MARKER in said and said.strip() != body.strip():
        github.edit_issue(number, body=body)
