"""Pull requests on a real git remote: a repository with its ruler, branches and forks, and a clone that judges them."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hosted_project import make_hosted_project
from liftgate.cli import main
from liftgate.commands.judging.change import judge_change
from liftgate.commands.judging.results_branch import ResultsBranch
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.commands.sources.pull_tree import complete_history, fetch_pull
from liftgate.project import read_subject
from liftgate.publishing.outcome import AliasOutcome, ChangeReport
from toy_project import git, row, write_jsonl

TODAY = datetime.date(2026, 11, 26)
RUNNING_POLICY = (
    "trigger: {min_reviewed_rows: 5}\nlatency: {accept_ratio: 50, block_ratio: 100}\n"
    "rules: {near-duplicate-row: 'off'}\n"
)
CODEOWNERS = "* @acme/everyone\n/evals/ @acme/eval-owners\n"
GOLDEN: list[dict[str, Any]] = [
    {
        "id": f"c{n}",
        "messages": [{"role": "user", "content": f"golden question number {n}"}],
        "expected": {"intent": "order"},
        "buckets": {"intent": "order"},
    }
    for n in range(60)
] + [
    {
        "id": "c60",
        "messages": [{"role": "user", "content": "Please cancel order HH-48213 for Anna before it ships"}],
        "expected": {"intent": "order"},
        "buckets": {"intent": "order"},
    }
]


class ChangeWorld:
    """`origin` is bare; `desk` is where people commit; `clone` is the default branch's job, which judges."""

    def __init__(self, folder: Path, url: str = "http://127.0.0.1:9/v1") -> None:
        self.folder, self.origin, self.desk = folder, folder / "origin.git", folder / "desk"
        self.pulls = 0
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.origin)], check=True)
        make_hosted_project(self.desk, url, policy=RUNNING_POLICY)
        write_jsonl(self.desk / "evals" / "toy" / "golden.jsonl", GOLDEN)
        (self.desk / ".github").mkdir()
        (self.desk / ".github" / "CODEOWNERS").write_text(CODEOWNERS)
        self.subject = {
            path.relative_to(self.desk).as_posix(): path.read_bytes()
            for path in sorted((self.desk / "datasets").rglob("*.*"))
        }
        git(self.desk, "init", "-q", "-b", "main")
        git(self.desk, "add", "evals", "models.yaml", ".github")
        git(self.desk, "commit", "-q", "-m", "ruler")
        git(self.desk, "remote", "add", "origin", str(self.origin))
        git(self.desk, "push", "-q", "origin", "main")
        self.clone = folder / "clone"
        git(folder, "clone", "-q", str(self.origin), str(self.clone))

    @property
    def main(self) -> str:
        """The tip of the default branch."""
        return git(self.origin, "rev-parse", "refs/heads/main").strip()

    def commit(
        self,
        files: Mapping[str, bytes | str | None],
        *,
        on: str | None = None,
        message: str = "change",
        links: Mapping[str, str] | None = None,
        odd: Mapping[bytes, bytes] | None = None,
    ) -> str:
        """A commit on top of another: files by path, None deletes; `links` are symlinks, `odd` paths any bytes.

        Made from the index alone, so that a path which no disk takes can stand in it.
        """
        parent = on or self.main
        index = {**os.environ, "GIT_INDEX_FILE": str(self.folder / "index")}

        def run(*words: str, given: bytes | None = None) -> str:
            command = [
                "git",
                "-C",
                str(self.desk),
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@t.invalid",
                *words,
            ]
            done = subprocess.run(command, check=True, capture_output=True, input=given, env=index)
            return done.stdout.decode().strip()

        run("read-tree", parent)
        lines = []
        for path, data in files.items():
            if data is None:
                lines.append(f"0 {'0' * 40}\t{path}".encode())
                continue
            raw = data.encode() if isinstance(data, str) else data
            lines.append(f"100644 {run('hash-object', '-w', '--stdin', given=raw)}\t{path}".encode())
        for path, target in (links or {}).items():
            lines.append(
                f"120000 {run('hash-object', '-w', '--stdin', given=target.encode())}\t{path}".encode()
            )
        for name, raw in (odd or {}).items():
            lines.append(f"100644 {run('hash-object', '-w', '--stdin', given=raw)}\t".encode() + name)
        run("update-index", "-z", "--index-info", given=b"".join(line + b"\0" for line in lines))
        return run("commit-tree", run("write-tree"), "-p", parent, "-m", message)

    def commit_many(self, files: Mapping[str, bytes | str | None], *, on: str | None = None) -> str:
        """The same for thousands of files, by one git process."""
        parent = on or self.main
        stream = [b"commit refs/heads/many\ncommitter t <t@t.invalid> 1 +0000\ndata 4\nmany\n"]
        stream.append(f"from {parent}\n".encode())
        for path, data in files.items():
            raw = data.encode() if isinstance(data, str) else data or b""
            stream.append(f"M 100644 inline {path}\ndata {len(raw)}\n".encode() + raw + b"\n")
        words = ["git", "-C", str(self.desk), "fast-import", "--quiet", "--force"]
        subprocess.run(words, check=True, input=b"".join(stream))
        return git(self.desk, "rev-parse", "refs/heads/many").strip()

    def open(self, head: str) -> int:
        """A pull request with this head, as GitHub keeps it; its number."""
        self.pulls += 1
        git(self.desk, "push", "-q", "origin", f"{head}:refs/pull/{self.pulls}/head")
        return self.pulls

    def merge(self, head: str) -> None:
        """Move the default branch."""
        git(self.desk, "push", "-q", "-f", "origin", f"{head}:refs/heads/main")

    def judge(self, head: str, *, base: str | None = None, **words: Any) -> ChangeReport:
        """The change as a default-branch job judges it: fetched as objects, never checked out."""
        number = self.open(head)
        base = base or self.main
        assert fetch_pull(self.clone, number) == head
        complete_history(self.clone, base, head)
        given: dict[str, Any] = {
            "ledger": open_ledger("git:origin", self.clone),
            "results": ResultsBranch(self.clone),
            "today": TODAY,
            "author": "ann",
            "repository": None,
            "base_ref": "main",
            "default_branch": "main",
        }
        return judge_change(self.clone, base, head, **{**given, **words})

    def refused(self, head: str, **words: Any) -> list[str]:
        """The rules of the errors that stop a whole change; no alias of it was looked at."""
        report = self.judge(head, **words)
        assert (report.state, report.outcomes) == ("block", ())
        return sorted({each.rule for each in report.findings if each.severity == "error"})

    def one(self, head: str, **words: Any) -> AliasOutcome:
        """The outcome of the only alias."""
        (outcome,) = self.judge(head, **words).outcomes
        return outcome

    def with_rows(self, *more: dict[str, Any], on: str | None = None, version: str = "1.0.0") -> str:
        """A commit that brings the dataset, with more rows at its end."""
        return self.commit(self.dataset(*more), on=on)

    def dataset(self, *more: dict[str, Any]) -> dict[str, bytes | str | None]:
        """The files of the dataset with more rows at its end, and the card that pins them."""
        import hashlib

        files: dict[str, bytes | str | None] = dict(self.subject)
        name = "datasets/toy/v1.0.0.train.jsonl"
        before = self.subject[name]
        after = before + b"".join(json.dumps(each).encode() + b"\n" for each in more)
        card = self.subject["datasets/toy/card.yaml"].decode()
        pinned = card.replace(hashlib.sha256(before).hexdigest(), hashlib.sha256(after).hexdigest())
        return {**files, name: after, "datasets/toy/card.yaml": pinned}

    def checked_out(self, head: str, name: str) -> Path:
        """A work tree of its own, as the machine that evaluates has it."""
        place = self.folder / name
        git(self.folder, "clone", "-q", str(self.origin), str(place))
        git(place, "fetch", "-q", str(self.desk), head)
        git(place, "checkout", "-q", "--detach", head)
        return place

    def liftgate(self, *words: str) -> int:
        """Run a command."""
        return main([*words])


def new_row(number: int, text: str) -> dict[str, Any]:
    """A good row."""
    return row(500 + number, "order", text)


def digest_at(root: Path) -> str:
    """The manifest of a work tree."""
    return read_subject(root, "toy").manifest().digest


def rules(outcome: AliasOutcome) -> list[str]:
    """The rules of every error that an outcome tells."""
    told = [each.rule for each in outcome.findings if each.severity == "error"]
    report = outcome.report or {"findings": []}
    told += [each["rule"] for each in report["findings"] if each["severity"] == "error"]
    return sorted(set(told))
