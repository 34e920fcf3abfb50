"""A repository made from the template, its GitHub, and a runner: what happens between a push and a merge.

The remote is a real bare repository with `refs/pull/N/head`, GitHub is the fake over HTTP, workflows run under act.
Environments, permissions and events, which act does not know, are played here: a dispatch becomes a run only when a
test asks for it, and a token may do what its workflow's jobs say and no more.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from act_runner import REPOSITORY, WORKFLOWS, Job, Runner, copy_template, git, load

from github_server import GitHubServer
from github_world import Clock, Repository

BOT = "github-actions[bot]"


def permissions_of(workflow: str) -> dict[str, str]:
    """What the jobs of a workflow may do, together."""
    found: dict[str, str] = {}
    for job in load(WORKFLOWS / workflow)["jobs"].values():
        for name, value in job["permissions"].items():
            found[name] = "write" if "write" in {value, found.get(name)} else value
    return found


@dataclass
class World:
    """One repository with its GitHub. `said` collects what a person would see, in order."""

    folder: Path
    server: GitHubServer
    runner: Runner
    root: Path
    remote: Path
    said: list[str] = field(default_factory=list)
    clones: int = 0

    @property
    def hub(self) -> Repository:
        return self.server.repository(REPOSITORY)

    def say(self, text: str) -> None:
        self.said.append(text)
        print(text)  # noqa: T201

    # git
    def commit(
        self, branch: str, edit: Callable[[Path], None], *, start: str = "main", message: str = "change"
    ) -> str:
        """A commit on a branch of the remote; its id."""
        if git(self.root, "branch", "--list", branch):
            git(self.root, "checkout", "-q", branch)
        else:
            git(self.root, "checkout", "-q", "-b", branch, start)
        edit(self.root)
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", message)
        git(self.root, "push", "-q", "origin", f"{branch}:refs/heads/{branch}")
        return git(self.root, "rev-parse", "HEAD")

    def clone(self, commit: str) -> Path:
        """What actions/checkout leaves on a runner."""
        self.clones += 1
        to = self.folder / f"clone-{self.clones}"
        git(self.folder, "clone", "-q", "--no-tags", str(self.remote), str(to))
        git(to, "checkout", "-q", "--detach", commit)
        return to

    def merge_of(self, number: int, at: datetime | None = None) -> str:
        """The test merge of a pull request, as refs/pull/N/merge names it."""
        pull = self.hub.pulls[number]
        where = self.clone(self.main)
        words = "merge" if at is None else f"Merge pull request #{number}: {pull.title}"
        git(where, "merge", "-q", "--no-ff", "-m", words, pull.head_sha, at=at)
        merged = git(where, "rev-parse", "HEAD")
        git(where, "push", "-q", "-f", "origin", f"{merged}:refs/pull/{number}/merge")
        return merged

    @property
    def main(self) -> str:
        return git(self.remote, "rev-parse", "refs/heads/main")

    # GitHub
    def open_pull(self, number: int, branch: str, sha: str, *, author: str = "bob", **words: Any) -> None:
        git(self.remote, "update-ref", f"refs/pull/{number}/head", sha)
        self.hub.add_pull(
            number, author=author, head_ref=branch, head_sha=sha, base_sha=self.main, files=[], **words
        )

    def push(self, number: int, sha: str) -> None:
        git(self.remote, "update-ref", f"refs/pull/{number}/head", sha)
        self.hub.push(number, sha)

    def merge(self, number: int, at: datetime | None = None) -> None:
        """Merge it as GitHub would, now or at a time that is past."""
        merged = self.merge_of(number, at)
        git(self.remote, "update-ref", "refs/heads/main", merged)
        self.hub.close(number, merged=True)

    def later(self, at: datetime) -> None:
        """Let time pass since the last merge: main gets the same commit with an earlier time."""
        tree, parents = git(self.remote, "log", "-1", "--format=%T%n%P", "main").splitlines()
        words = git(self.remote, "log", "-1", "--format=%B", "main")
        named = [word for parent in parents.split() for word in ("-p", parent)]
        made = git(self.remote, "commit-tree", tree, *named, "-m", words, at=at)
        git(self.remote, "update-ref", "refs/heads/main", made)

    # workflows
    def act(
        self, workflow: str, event: str, payload: Mapping[str, Any], *, at: str, run_id: int, **words: Any
    ) -> Job:
        clone = self.clone(at)
        token = f"token-of-{workflow}"
        self.server.token(token, BOT, permissions_of(workflow))
        self.runner.token, self.runner.api = token, self.server.url
        try:
            return self.runner.run(clone, workflow, event, payload, run_id=run_id, **words)
        finally:
            shutil.rmtree(clone)

    def gate_run(self, number: int) -> dict[str, Any]:
        """A run of gate.yml as GitHub lists it when it was asked for."""
        pull = self.hub.pulls[number]
        return self.hub.add_run(
            head_sha=pull.head_sha,
            head_branch=pull.head_ref,
            head_repository=pull.head_repository,
            actor=pull.author,
            status="queued",
        )

    def gate(self, number: int, action: str = "synchronize", run: dict[str, Any] | None = None) -> Job:
        """The pull request's own preview, on its test merge."""
        pull = self.hub.pulls[number]
        run = run or self.gate_run(number)
        run["status"] = "in_progress"
        payload = {
            "action": action,
            "number": number,
            "pull_request": {
                "number": number,
                "title": pull.title,
                "body": pull.body,
                "base": {"sha": self.main, "ref": pull.base_ref, "repo": {"full_name": REPOSITORY}},
                "head": {
                    "sha": pull.head_sha,
                    "ref": pull.head_ref,
                    "repo": {"full_name": pull.head_repository},
                },
                "user": {"login": pull.author},
            },
            "repository": self.repository_payload,
        }
        job = self.act("gate.yml", "pull_request", payload, at=self.merge_of(number), run_id=run["id"])
        run["status"], run["conclusion"] = "completed", "success" if job.code == 0 else "failure"
        return job

    def report(self, run: Mapping[str, Any], action: str = "completed") -> Job:
        """report.yml for a run of gate.yml, on the default branch."""
        status = "completed" if action == "completed" else "queued"
        conclusion = run["conclusion"] if action == "completed" else None
        owner = str(run["head_repository"]["full_name"]).partition("/")[0]
        head_repository = {**run["head_repository"], "owner": {"login": owner}}
        told = {**run, "status": status, "conclusion": conclusion, "head_repository": head_repository}
        payload = {
            "action": action,
            "workflow_run": told,
            "workflow": {"path": told["path"]},
            "repository": self.repository_payload,
        }
        return self.act("report.yml", "workflow_run", payload, at=self.main, run_id=self.hub.next_id())

    def queue(self, name: str, *shas: str) -> tuple[Job, Job, str]:
        """A group of the merge queue: the preview and the verdict of several commits on top of main."""
        where = self.clone(self.main)
        for sha in shas:
            git(where, "merge", "-q", "--no-ff", "-m", "queued", sha)
        head = git(where, "rev-parse", "HEAD")
        branch = f"gh-readonly-queue/main/{name}-{self.main}"
        git(where, "push", "-q", "-f", "origin", f"{head}:refs/heads/{branch}")
        group = {
            "head_sha": head,
            "head_ref": f"refs/heads/{branch}",
            "base_sha": self.main,
            "base_ref": "refs/heads/main",
        }
        payload = {"action": "checks_requested", "merge_group": group, "repository": self.repository_payload}
        run = self.hub.add_run(head_sha=head, head_branch=branch, event="merge_group", status="in_progress")
        shown = self.act("gate.yml", "merge_group", payload, at=head, run_id=run["id"])
        run["status"], run["conclusion"] = "completed", "success" if shown.code == 0 else "failure"
        return shown, self.report(run), head

    def dispatched(self, seen: int, *, approved_by: str | None = None, **words: Any) -> list[Job]:
        """Run what was dispatched since `seen`; a reviewer lets train.yml pass its environment, or nobody does."""
        done = []
        for sent in self.hub.dispatches[seen:]:
            run = self.hub.runs[sent["run_id"]]
            run["status"] = "in_progress"
            if approved_by is not None and sent["workflow"] == "train.yml":
                self.hub.approve_run(sent["run_id"], by=approved_by)
            job = self.by_hand(sent["workflow"], sent["inputs"], run_id=sent["run_id"], **words)
            run["status"], run["conclusion"] = "completed", "success" if job.code == 0 else "failure"
            done.append(job)
        return done

    def by_hand(self, workflow: str, inputs: Mapping[str, str], *, run_id: int, **words: Any) -> Job:
        payload = {"inputs": dict(inputs), "ref": "refs/heads/main", "repository": self.repository_payload}
        return self.act(workflow, "workflow_dispatch", payload, at=self.main, run_id=run_id, **words)

    @property
    def repository_payload(self) -> dict[str, Any]:
        owner = REPOSITORY.partition("/")[0]
        known = {"full_name": REPOSITORY, "default_branch": "main", "private": self.hub.private}
        return {**known, "owner": {"login": owner}}

    # what a person sees
    def step(self, text: str) -> None:
        self.say(f"\n== {text}")

    def show(self, job: Job) -> Job:
        self.say(job.told())
        return job

    def show_pull(self, number: int) -> None:
        """Status and comment as the page of the pull request shows them, the details folded."""
        pull = self.hub.pulls[number]
        self.say(f"    status   {self.status(pull.head_sha)}")
        for body in self.comments(number):
            shown = re.sub(r"<details.*?<summary>(.*?)</summary>.*?</details>", r"> \1", body, flags=re.S)
            self.say("\n".join(f"    comment  {line}" for line in shown.splitlines() if line.strip()))

    def status(self, sha: str) -> str:
        listed = [each for each in self.hub.statuses.get(sha, []) if each["context"] == "liftgate/verdict"]
        return f"{listed[0]['state']}: {listed[0]['description']}" if listed else "none"

    def comments(self, number: int) -> list[str]:
        return [str(each["body"]) for each in self.hub.comments_of(number)]

    def only_comment(self, number: int) -> dict[str, Any]:
        (comment,) = self.hub.comments_of(number)
        return dict(comment)

    def files(self, branch: str) -> list[str]:
        """Names of what a branch of ours holds."""
        if not git(self.remote, "branch", "--list", branch):
            return []
        return git(self.remote, "ls-tree", "-r", "--name-only", branch).splitlines()

    def snapshot(self) -> dict[str, Any]:
        """All that a second run must leave alone."""
        return {
            "ledger": self.files("liftgate-ledger"),
            "results": self.files("liftgate-results"),
            "statuses": {sha: len(listed) for sha, listed in self.hub.statuses.items()},
            "comments": {number: self.comments(number) for number in self.hub.pulls},
            "dispatches": len(self.hub.dispatches),
        }

    def rerun(self, number: int, *, approved_by: str) -> int:
        """Start a dispatched workflow again as a person would; the run's id."""
        sent = self.hub.dispatches[number]
        first = self.hub.runs[sent["run_id"]]
        run = self.hub.add_run(
            head_sha="d" * 40,
            head_branch="main",
            path=first["path"],
            event="workflow_dispatch",
            actor="dora",
            status="in_progress",
        )
        run["display_title"] = first["display_title"]
        self.hub.approve_run(run["id"], by=approved_by)
        return int(run["id"])


def make_world(folder: Path, project: Callable[[Path], object], at: datetime | None = None) -> World:
    """A repository made from the template with a project in it; its GitHub serves within `with world.server`.

    `at` is the time of the first commit.
    """
    root, remote = folder / "work", folder / "remote.git"
    root.mkdir(parents=True)
    project(root)
    copy_template(root)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "base", at=at)
    git(folder, "init", "-q", "--bare", "-b", "main", str(remote))
    git(remote, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(root, "remote", "add", "origin", str(remote))
    git(root, "push", "-q", "origin", "main")
    server = GitHubServer(login=BOT, clock=Clock(datetime.now(UTC)))
    world = World(folder, server, Runner(folder / "runs"), root, remote)
    for file in sorted(WORKFLOWS.glob("*.yml")):
        document = load(file)
        asked = document["on"].get("workflow_dispatch") or {}
        title = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", r"{\1}", document.get("run-name", ""))
        state = "disabled_manually" if file.name == "poll.yml" else "active"
        world.hub.add_workflow(
            file.name, state=state, inputs=list(asked.get("inputs", {})), run_name=title or None
        )
    world.hub.add_user("bob", "write")
    world.hub.add_user("carol", "maintain")
    return world
