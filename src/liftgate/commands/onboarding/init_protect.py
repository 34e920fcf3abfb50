"""`liftgate init --protect`: rulesets, environments, labels and code owners, by API or as commands to run."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from liftgate.commands.onboarding.init_protect_commands import as_commands
from liftgate.commands.sources.origin import named, origin
from liftgate.errors import ExitCode, InputError
from liftgate.github.protection import MOST_REVIEWERS, Wanted, codeowners, unowned

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_NAME = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9-]{0,38}(/[A-Za-z0-9_.-]{1,100})?")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,49}")
_PLACES = (Path(".github/CODEOWNERS"), Path("CODEOWNERS"), Path("docs/CODEOWNERS"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `init --protect`."""
    group = parser.add_argument_group(
        "protect",
        "Exit 0: all of it holds, or was printed. Exit 4: GitHub refused a part, its commands are printed.",
    )
    group.add_argument("--protect", action="store_true", help="set up what makes the verdict block a merge")
    group.add_argument("--repository", metavar="O/N", help="default: GITHUB_REPOSITORY, else remote origin")
    group.add_argument(
        "--print", dest="printed", action="store_true", help="print the commands; ask nothing of GitHub"
    )
    group.add_argument(
        "--owner", action="append", default=[], metavar="@WHO",
        help="user or org/team that has to agree to changes of evals/, models.yaml and the workflows; again for more",
    )  # fmt: skip
    group.add_argument(
        "--reviewer", action="append", default=[], metavar="WHO",
        help="user or org/team that may let a training be paid for, at most six; without it the owners",
    )  # fmt: skip
    group.add_argument(
        "--status-app", type=int, metavar="ID", help="GitHub App that alone may publish the status"
    )
    group.add_argument(
        "--writer-app", type=int, metavar="ID", help="GitHub App that alone may write the ledger"
    )
    group.add_argument("--root", type=Path, default=Path(), metavar="DIR", help="the repository's files (.)")


def run(arguments: argparse.Namespace) -> int:
    """Set it up, or print how."""
    repository = (
        arguments.repository or os.environ.get("GITHUB_REPOSITORY") or named(origin(arguments.root)) or ""
    )
    if not _REPOSITORY.fullmatch(repository):
        raise InputError(
            "--protect needs a repository",
            hint="liftgate init --protect --repository owner/name --owner @org/team",
        )
    if not arguments.root.is_dir():
        raise InputError("--root is no folder", hint="--root takes the folder of the repository's files")
    wanted = _wanted(arguments)
    if arguments.printed:
        sys.stdout.write(as_commands(repository, wanted))
        sys.stdout.write(_owners_file(arguments.root, wanted, write=False))
        return ExitCode.PASS
    from liftgate.commands.onboarding.init_protect_apply import apply
    from liftgate.github.client import connect

    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""
    if not token.strip():
        raise InputError(
            f"{repository} is set up with an administrator's token, and GITHUB_TOKEN is not set",
            hint="export GITHUB_TOKEN=$(gh auth token), or --print for the commands that somebody else can run",
        )
    github = connect(token, repository, os.environ.get("GITHUB_API_URL") or None)
    done = apply(github, wanted)
    sys.stdout.write(f"{repository}\n" + "".join(f"  {line}\n" for line in done.lines))
    sys.stdout.write(_owners_file(arguments.root, wanted, write=True))
    if not done.refused:
        return ExitCode.PASS
    sys.stdout.write("\nWhat was refused, as commands for somebody who may (repository administration):\n\n")
    sys.stdout.write(as_commands(repository, wanted, done.refused))
    return ExitCode.PROVIDER_FAILED


def _wanted(arguments: argparse.Namespace) -> Wanted:
    owners = tuple(f"@{name.removeprefix('@')}" for name in arguments.owner)
    reviewers = tuple(name.removeprefix("@") for name in arguments.reviewer or arguments.owner)
    odd = [name for name in (*arguments.owner, *arguments.reviewer) if not _NAME.fullmatch(name)]
    if odd:
        raise InputError(
            "--owner and --reviewer take a user or org/team", hint="--owner @octo-org/eval-owners"
        )
    if not owners:
        raise InputError(
            "--protect needs somebody who owns what measures", hint="--owner @octo-org/eval-owners, or a user"
        )
    if len(reviewers) > MOST_REVIEWERS:
        raise InputError(
            f"an environment takes at most {MOST_REVIEWERS} reviewers", hint="--reviewer, with a team"
        )
    for option, number in (("--status-app", arguments.status_app), ("--writer-app", arguments.writer_app)):
        if number is not None and number < 1:
            raise InputError(f"{option} takes the number of a GitHub App")
    return Wanted(
        owners, reviewers, arguments.status_app, arguments.writer_app, approval_label(arguments.root)
    )


def approval_label(root: Path) -> str:
    """The label that the policy names for an approval."""
    path = root / "evals" / "policy.yaml"
    if not path.is_file():
        return Wanted().label
    from liftgate.commands.checking.policy_file import read_policy

    label = read_policy(path).approval.label
    if not _LABEL.fullmatch(label):
        raise InputError(f"{path.as_posix()}: approval.label has a letter that is not safe in a command")
    return label


def _owners_file(root: Path, wanted: Wanted, *, write: bool) -> str:
    """What to do about CODEOWNERS. It is changed in the work tree, never by API: it goes through a review."""
    found = next((root / place for place in _PLACES if (root / place).is_file()), None)
    text = codeowners(wanted.owners)
    if found is not None:
        missing = unowned(found.read_text(encoding="utf-8", errors="replace"))
        shown = found.relative_to(root).as_posix()
        if not missing:
            return f"\n# {shown} owns what it has to\n" if not write else f"  unchanged  {shown}\n"
        lines = "".join(f"{pattern.ljust(16)} {' '.join(wanted.owners)}\n" for pattern in missing)
        return f"\n# {shown} lacks these lines; add them and commit:\n{lines}"
    if write:
        path = root / _PLACES[0]
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{_PLACES[0].as_posix()} cannot be written: {error.strerror}") from None
        return f"  written    {_PLACES[0].as_posix()}: commit it, by a pull request\n"
    return f"\nmkdir -p .github && cat > {_PLACES[0].as_posix()} <<'END'\n{text}END\n"
