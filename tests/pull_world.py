"""Pull requests that change training rows: a bare remote, the clone of a job, GitHub and the provider on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from github_server import GitHubServer
from github_world import Body, Clock, Repository
from hosted_project import make_hosted_project
from liftgate.cli import main
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.project import read_subject
from liftgate.training.consent import train_title
from liftgate.training.ledger import Entry, Ledger
from openai_finetuning_server import FineTuningServer
from openai_submissions import BASE
from toy_project import git, row, write_jsonl

NAME = "octocat/toy"
APPROVAL = "approval: {approvers: [owner, lead]}\n"
LENIENT = (
    "trigger: {min_reviewed_rows: 5}\nlatency: {accept_ratio: 50, block_ratio: 100}\n"
    "rules: {near-duplicate-row: 'off', golden-near-leak: 'off'}\n"
)
TITLES = "liftgate train pull/{pr} {alias} {digest}", "liftgate evaluate pull/{pr} {alias} {digest}"


@dataclass
class PullWorld:
    """`work` is where people commit, `clone` what a job has checked out: the default branch."""

    work: Path
    clone: Path
    bare: Path
    github: GitHubServer
    repo: Repository
    provider: FineTuningServer

    @property
    def ledger(self) -> Ledger:
        """The branch on the remote."""
        return open_ledger("git:origin", self.clone)

    def entries(self, folder: str) -> list[Entry]:
        """Every entry of a folder of the ledger."""
        return [entry for _, entry in self.ledger.entries(folder)]

    def open(self, number: int = 7, *, author: str = "ann", text: str = "where is it", rows: int = 14) -> str:
        """A pull request with a release of its own; the digest of what it would train."""
        git(self.work, "switch", "-q", "-C", f"rows-{number}", "main")
        release(self.work, text, rows)
        sha = self._commit()
        base = git(self.work, "rev-parse", "main").strip()
        self.repo.add_pull(number, author=author, head_ref=f"rows-{number}", head_sha=sha, base_sha=base)
        self._at(number, sha)
        digest = read_subject(self.work, "toy").manifest().digest
        git(self.work, "switch", "-q", "main")
        return digest

    def push(
        self, number: int = 7, *, by: str | None = None, path: str = "NOTES.md", text: str = "more\n"
    ) -> str:
        """One more commit on a pull request, dated long ago by its author; its sha."""
        git(self.work, "switch", "-q", f"rows-{number}")
        (self.work / path).write_text(text)
        sha = self._commit()
        self.repo.push(number, sha, by=by)
        self._at(number, sha)
        git(self.work, "switch", "-q", "main")
        return sha

    def merge(self, path: str, text: str) -> None:
        """A commit on the default branch, which the clone pulls."""
        (self.work / path).write_text(text)
        self._commit()
        git(self.work, "push", "-q", str(self.bare), "main")
        git(self.clone, "pull", "-q", "origin", "main")

    def run_of_train(self, number: int, digest: str, *, by: str | None = "owner", **more: Any) -> str:
        """A run of train.yml for a training, passed by a reviewer; its id."""
        path = more.pop("path", ".github/workflows/train.yml")
        title = more.pop("title", train_title(number, "toy", digest))
        run: Body = self.repo.add_run(
            path=path, head_sha="d" * 40, head_branch=more.pop("branch", "main"),
            event=more.pop("event", "workflow_dispatch"), status="in_progress", **more,
        )  # fmt: skip
        run["display_title"] = title
        if by is not None:
            self.repo.approve_run(run["id"], by=by)
        return str(run["id"])

    def approve(self, digest: str, *words: str, number: int = 7) -> int:
        """`liftgate approve` as the job runs it."""
        what = ("--pull", str(number), "--alias", "toy", "--digest", digest)
        return main(["approve", *what, *words, "--ledger", "git:origin"])

    def train(self, digest: str, *words: str, number: int = 7) -> int:
        """`liftgate train` as the job runs it."""
        what = ("--pull", str(number), "--alias", "toy", "--digest", digest)
        return main(["train", *what, "--ledger", "git:origin", "--interval", "0.01", *words])

    def run(self, *words: str, number: int = 7) -> int:
        """`liftgate run` as a job runs it."""
        what = ("--pull", str(number), "--alias", "toy", "--ledger", "git:origin")
        return main(["run", *what, "--interval", "0.01", *words])

    def _commit(self) -> str:
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", "x", "--date", "2001-01-01T00:00:00Z")
        return git(self.work, "rev-parse", "HEAD").strip()

    def _at(self, number: int, sha: str) -> None:
        git(self.work, "push", "-q", "-f", str(self.bare), f"{sha}:refs/pull/{number}/head")


def release(root: Path, text: str, rows: int) -> None:
    """Version 1.1.0 of the dataset, the newest one."""
    folder = root / "datasets" / "toy"
    made = write_jsonl(folder / "v1.1.0.train.jsonl", [row(n, "order", f"{text} {n}") for n in range(rows)])
    held = write_jsonl(
        folder / "v1.1.0.validation.jsonl", [row(100 + n, "order", f"{text} or not {n}") for n in range(10)]
    )
    with (folder / "card.yaml").open("a") as card:
        card.write(
            f"  - version: 1.1.0\n    train: {{file: v1.1.0.train.jsonl, sha256: {made}}}\n"
            f"    validation: {{file: v1.1.0.validation.jsonl, sha256: {held}}}\n"
        )


@contextmanager
def pull_world(
    folder: Path, monkeypatch: pytest.MonkeyPatch, provider: FineTuningServer
) -> Iterator[PullWorld]:
    """A world whose environment is that of a job; the work folder of the test is the clone."""
    provider.models[BASE] = "2099-01-01"
    work = make_hosted_project(folder / "work", provider.url, policy=LENIENT + APPROVAL)
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "x")
    git(folder, "clone", "-q", "--bare", str(work), "bare.git")
    git(folder, "clone", "-q", str(folder / "bare.git"), "clone")
    with GitHubServer(clock=Clock(datetime.now(UTC) - timedelta(hours=1))) as github:
        repo = github.repository(NAME)
        for who, role in (("owner", "write"), ("lead", "write"), ("ann", "write"), ("mallory", "triage")):
            repo.add_user(who, role)
        names = ["pr", "alias", "digest", "head-sha"]
        repo.add_workflow("train.yml", inputs=[*names, "provider"], run_name=TITLES[0])
        repo.add_workflow("evaluate.yml", inputs=names, run_name=TITLES[1])
        repo.add_workflow("poll.yml")
        for name in ("GITHUB_RUN_ID", "GITHUB_ACTOR", "GITHUB_OUTPUT", "GITHUB_ACTIONS"):
            monkeypatch.delenv(name, raising=False)
        job = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": NAME, "GITHUB_API_URL": github.url}
        for name, value in (job | provider.environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder / "clone")
        yield PullWorld(work, folder / "clone", folder / "bare.git", github, repo, provider)
        assert github.violations == []
