"""A pull request as a command works on it: the ruler of its base, the files of its head as data, nothing executed."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.sources.places import Places
from liftgate.errors import ExitCode, InputError, LiftgateError, Problem

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.github.api import GitHub, PullRequest
    from liftgate.plan import Plan

# GitHub lists so many commits of a pull request and no more, on three pages.
_MOST_COMMITS = 250
_MOST_COMMIT_PAGES = 3
_SHA = re.compile(r"[0-9a-f]{40}")


class NotThisPull(InputError):
    """The pull request is not what was meant: it moved, it was closed, it goes elsewhere, or it cannot be read."""

    exit_code = ExitCode.BLOCKED


@dataclass(frozen=True)
class Pulled:
    """`tree` holds the head's files, `base` is the commit that the ruler is read from, `plan` what the change asks."""

    github: GitHub
    pull: PullRequest
    default_branch: str
    tree: Path
    base: str
    plan: Plan
    findings: tuple[Finding, ...]

    @property
    def places(self) -> Places:
        """Names places as the repository knows them."""
        return Places(self.tree)

    @property
    def change(self) -> str:
        """The name under which approvals keep it."""
        return f"pull/{self.pull.number}"


def add_pull(parser: argparse._ActionsContainer) -> None:
    """The options that name a pull request instead of a work tree."""
    parser.add_argument(
        "--pull",
        type=_number,
        metavar="N",
        help="work on this pull request: its head is read as data, the ruler from its base (needs GITHUB_TOKEN)",
    )
    parser.add_argument(
        "--head-sha", type=_sha, metavar="SHA", help="with --pull: refuse when its head is another by now"
    )


def open_github(repository: str | None = None, environment: Mapping[str, str] = os.environ) -> GitHub:
    """The repository on GitHub, by the token of this job. Nothing is asked yet."""
    from liftgate.github.client import connect

    token, name = environment.get("GITHUB_TOKEN", ""), repository or environment.get("GITHUB_REPOSITORY", "")
    missing = [key for key, value in (("GITHUB_TOKEN", token), ("GITHUB_REPOSITORY", name)) if not value]
    if missing:
        raise InputError(
            f"GitHub cannot be asked: {' and '.join(missing)} not set",
            hint="a workflow passes `github-token`; at a desk: export GITHUB_TOKEN and GITHUB_REPOSITORY=owner/name",
        )
    return connect(token, name, environment.get("GITHUB_API_URL") or None)


@contextlib.contextmanager
def pulled(arguments: argparse.Namespace, aliases: list[str] | None = None) -> Iterator[Pulled]:
    """The pull request that `--pull` names, its files in a folder that is gone at the end.

    `aliases` are read; None reads those that the change touches. Raises `NotThisPull` where it is not open, does not
    go into the default branch, has moved on, or holds what cannot be read as plain files.
    """
    from liftgate.commands.sources.pull_tree import complete_history, fetch_pull, pull_tree
    from liftgate.commands.sources.tip import tip_of
    from liftgate.findings import blocks
    from liftgate.project import plan_of

    root: Path = arguments.root
    github = open_github(arguments.repository)
    pull, branch = _open_pull(github, arguments.pull, arguments.head_sha)
    head = fetch_pull(root, pull.number)
    if head != pull.head_sha:
        raise NotThisPull(f"pull/{pull.number} is being pushed to", hint="run again when it stands still")
    # The base of an old pull request is old in GitHub's answer; what counts is the branch as it is today.
    today = tip_of(root, branch)
    complete_history(root, today, head)
    plan, base, _ = plan_of(root, today, head)
    with pull_tree(root, head, aliases or list(plan.aliases)) as tree:
        if blocks(tree.findings):
            named = "; ".join(f"{each.place}: {each.message}" for each in tree.findings[:5])
            raise NotThisPull(f"pull/{pull.number} cannot be read as plain files: {named}")
        at = Pulled(github, pull, branch, tree.root, base, plan, tree.findings)
        try:
            yield at
        except LiftgateError as error:
            _rename(error, at.places)
            raise


def of_pull(arguments: argparse.Namespace, at: Pulled) -> argparse.Namespace:
    """The words of a command as they would be, were its work tree the pull request; `asked` are its own."""
    words = argparse.Namespace(**vars(arguments), asked=arguments)
    words.root, words.base = at.tree, at.base
    words.author, words.change, words.repository = at.pull.author, at.change, at.github.repository
    return words


def only_pull(arguments: argparse.Namespace) -> None:
    """Refuse words that say what GitHub says, and `--head-sha` where there is no pull request."""
    given = [name for name in ("author", "change", "base") if getattr(arguments, name, None)]
    if arguments.pull is None:
        if arguments.head_sha is not None:
            raise InputError("--head-sha goes with --pull", hint="--pull N")
        return
    if given:
        told = ", ".join(f"--{name}" for name in given)
        raise InputError(f"{told}: with --pull GitHub says it", hint=f"leave out {told}")


def still_there(at: Pulled) -> PullRequest:
    """The pull request as it is now. Raises `NotThisPull` when it is not the one any more that was read."""
    return _open_pull(at.github, at.pull.number, at.pull.head_sha)[0]


def authors_of(github: GitHub, pull: PullRequest) -> tuple[str, ...]:
    """Every account that is known to have written it: who opened it, and who wrote or committed its commits.

    Raises `NotThisPull` where GitHub lists not all of its commits, so that a writer could be missing.
    """
    from liftgate.github.api import GitHubRefused

    found, seen = [pull.author], 0
    for page in range(1, _MOST_COMMIT_PAGES + 1):
        commits = github.request("GET", f"/pulls/{pull.number}/commits?per_page=100&page={page}")
        if not isinstance(commits, list):
            raise GitHubRefused(f"GitHub does not say who wrote pull/{pull.number}")
        for commit in commits:
            for role in ("author", "committer"):
                account = commit.get(role) if isinstance(commit, dict) else None
                if isinstance(account, dict) and isinstance(account.get("login"), str):
                    found.append(account["login"])
        seen += len(commits)
        if len(commits) < 100:
            break
    if seen >= _MOST_COMMITS:
        raise NotThisPull(
            f"pull/{pull.number} has {_MOST_COMMITS} commits or more, and GitHub does not name the writers of all",
            hint="squash it, so that everybody who wrote it is known",
        )
    return tuple(dict.fromkeys(found))


def _rename(error: LiftgateError, places: Places) -> None:
    """Let an error name the repository's files, not the folder that they were written into."""
    for each in (*getattr(error, "errors", ()), error):
        each.sentence = places.text(each.sentence)
        each.problems = tuple(
            Problem(places.text(problem.place), places.text(problem.message)) for problem in each.problems
        )
        each.hint = None if each.hint is None else places.text(each.hint)


def _open_pull(github: GitHub, number: int, head_sha: str | None) -> tuple[PullRequest, str]:
    from liftgate.training.consent import Asked, not_approvable

    pull, branch = github.pull(number), github.default_branch()
    if pull is None:
        raise InputError(f"{github.repository} has no pull request {number}", hint="--pull N, its number")
    asked = Asked(pull, "", "", github.repository, branch, ())
    if (no := not_approvable(asked, head_sha)) is not None:
        raise NotThisPull(no.reason, hint=no.hint)
    return pull, branch


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a pull request")
    return int(text)


def _sha(text: str) -> str:
    if not _SHA.fullmatch(text):
        raise argparse.ArgumentTypeError("a commit is 40 hex digits")
    return text
