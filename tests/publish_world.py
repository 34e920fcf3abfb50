"""A repository on GitHub in small: a bare remote with pull requests, a clone of its default branch, and the fake."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from github_server import GitHubServer
from github_world import Body, Repository
from liftgate.cli import main, parser_for
from liftgate.commands.publishing.online import Online
from liftgate.github.client import connect
from liftgate.publishing.outcome import CONTEXT
from toy_project import git, make_project, row, write_jsonl

NAME, BOT, TOKEN = "octocat/toy", "github-actions[bot]", "token-of-this-job"
_OF_A_RUN = (
    "id", "path", "event", "status", "conclusion", "head_sha", "head_branch", "head_repository", "pull_requests",
)  # fmt: skip
MARKER = "<!-- liftgate-comment:liftgate -->"


@dataclass(frozen=True)
class Commits:
    """A bare repository, a clone that has its `main` checked out, and heads of changes by name."""

    bare: Path
    clone: Path
    base: str
    heads: dict[str, str]


def make_commits(folder: Path) -> Commits:
    """A project, and changes to it: `readme` needs no gate, `split` is blocked, `mail` has bad rows."""
    root = make_project(folder / "work", Path("/nowhere"))
    (root / ".github").mkdir()
    (root / ".github" / "CODEOWNERS").write_text("* @octocat/evals\n")
    git(root, "init", "-q", "-b", "main")
    _commit(root)
    base = _head(root)
    heads = {}
    for name, change in (("readme", _readme), ("split", _split), ("mail", _mail), ("again", _again)):
        git(root, "switch", "-q", "-C", name, "main")
        change(root)
        _commit(root)
        heads[name] = _head(root)
    git(root, "switch", "-q", "main")
    git(folder, "clone", "-q", "--bare", str(root), "bare.git")
    git(folder, "clone", "-q", str(folder / "bare.git"), "clone")
    return Commits(folder / "bare.git", folder / "clone", base, heads)


def _commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")


def _head(root: Path) -> str:
    return git(root, "rev-parse", "HEAD").strip()


def _readme(root: Path) -> None:
    (root / "NOTES.md").write_text("nothing to gate\n")


def _again(root: Path) -> None:
    (root / "NOTES.md").write_text("nothing to gate, again\n")


def _split(root: Path) -> None:
    with (root / "evals" / "policy.yaml").open("a") as policy:
        policy.write("# more\n")
    _mail(root)


def _mail(root: Path) -> None:
    folder = root / "datasets" / "toy"
    made = row(900, "refund", "kindly write to shop@example.com about the lamp that came back")
    sha256 = write_jsonl(folder / "v1.1.0.train.jsonl", [made])
    half = folder / "v1.0.0.validation.jsonl"
    (folder / "v1.1.0.validation.jsonl").write_bytes(half.read_bytes())
    with (folder / "card.yaml").open("a") as card:
        card.write(
            f"  - version: 1.1.0\n    train: {{file: v1.1.0.train.jsonl, sha256: {sha256}}}\n"
            "    validation: {file: v1.1.0.validation.jsonl, "
            f"sha256: {hashlib.sha256(half.read_bytes()).hexdigest()}}}\n"
        )


HOSTILE = [
    "EOF",
    "x\n::set-output name=verdict::pass",
    "::add-mask::a",
    "\r\n##[set-env name=PATH]x",
    "${{ secrets.TOKEN }}",
    "</details><img src=x onerror=y>",
    "@org/team | a | b |\n|---|",
    "\u202e\u2066hidden",
    "$(touch pwned); `id` && rm -rf /",
    "```\n# title\n````",
    "x" * 1_000_000,
]
NOTHING = (
    "success",
    "Nothing to gate, may be merged: the change touches no dataset, evals, policy or models.yaml.",
)


@dataclass
class World:
    """The fake, the commits, and where the step's files lie. `waited` holds seconds that nobody slept."""

    server: GitHubServer
    repo: Repository
    commits: Commits
    folder: Path
    waited: list[float] = field(default_factory=list)

    def open(self, number: int = 7, change: str = "readme", **more: Any) -> str:
        """A pull request with a head; returns its sha."""
        sha = self.commits.heads[change]
        given = {"author": "bob", "head_ref": f"branch-{change}", **more}
        self.repo.add_pull(number, head_sha=sha, base_sha=self.commits.base, **given)
        self.at(number, sha)
        return sha

    def at(self, number: int, sha: str) -> None:
        """Let git's own ref of a pull request name a commit."""
        git(self.commits.bare, "update-ref", f"refs/pull/{number}/head", sha)

    def publish(self, *words: str) -> int:
        """`liftgate publish`, as a process would run it, waits included."""
        return main(["publish", *self._words(*words)])

    def online(self, *words: str, before: Callable[[], None] = lambda: None) -> int:
        """The same in this process, without waiting: `before` runs first."""
        arguments = parser_for("publish").parse_args(self._words(*words))
        before()
        return Online(arguments, connect(TOKEN, NAME, self.server.url, sleep=self.waited.append)).publish()

    def event(self, action: str, run: Body, monkeypatch: pytest.MonkeyPatch) -> None:
        """The event of report.yml about a run of the gate."""
        told = {name: run[name] for name in _OF_A_RUN}
        event = {
            "action": action,
            "repository": {"full_name": NAME, "default_branch": "main"},
            "workflow_run": told,
            "workflow": {"path": run["path"]},
        }
        path = self.folder / "event.json"
        path.write_text(json.dumps(event))
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
        monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_run")

    def _words(self, *words: str) -> list[str]:
        out = str(self.folder / "out")
        return ["--root", str(self.commits.clone), "--out", out, *words]

    def statuses(self, sha: str) -> list[tuple[str, str]]:
        """What was said of a commit in our context, newest first."""
        said = [each for each in self.repo.statuses.get(sha, []) if each["context"] == CONTEXT]
        return [(each["state"], each["description"]) for each in said]

    def comments(self, number: int = 7) -> list[Body]:
        """The comments of the bot."""
        return [each for each in self.repo.comments_of(number) if each["user"]["login"] == BOT]

    def outputs(self) -> dict[str, str]:
        """Every plain line of $GITHUB_OUTPUT."""
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def summary(self) -> str:
        """The job summary."""
        path = self.folder / "summary.md"
        return path.read_text() if path.exists() else ""


def serving(commits: Commits, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world, and the environment of a step in it."""
    with GitHubServer(login=BOT) as server:
        repo = server.repository(NAME)
        for name, value in {
            "GITHUB_API_URL": server.url,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_RUN_ID": "42",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        yield World(server, repo, commits, folder)
        assert server.violations == []
