"""Workflows without GitHub or Docker: `act` in host mode, a real git remote, stubs for the actions of others."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
WORKFLOWS = PROJECT / ".github" / "workflows"
BIN = Path(sys.executable).parent
ACT = BIN / "act"
# What a user of the template has: the program, the action and the workflows.
TEMPLATE = ("action.yml", ".github", "src", "requirements", "pyproject.toml")
REPOSITORY = "octocat/toy"
USES = re.compile(
    r"^\s*-?\s*uses:\s*(?P<action>[^\s@]+)@(?P<sha>\S+)(?:\s+#\s*(?P<version>v\d+\.\d+\.\d+))?", re.M
)
RUNNERS = ("ubuntu-latest", "ubuntu-slim", "self-hosted")


def used_actions() -> dict[tuple[str, str], list[str]]:
    """(action, sha) → the version comments beside it, over action.yml and every workflow."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in [PROJECT / "action.yml", *sorted(WORKFLOWS.glob("*.yml"))]:
        for match in USES.finditer(file.read_text()):
            found.setdefault((match["action"], match["sha"]), []).append(match["version"] or "")
    return found


def stub_of(action: str) -> Path:
    """The folder of the stub of `owner/name`."""
    return HERE / "stubs" / action.rsplit("/", 1)[-1]


def git(root: Path, *arguments: str, at: datetime | None = None) -> str:
    """What git says; `at` is the time of a commit that it makes."""
    who = ["-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(root), *who, *arguments]
    when = {} if at is None else dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), at.isoformat())
    made = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **when})
    return made.stdout.strip()


def copy_template(root: Path) -> None:
    """The files of this project that a repository made from the template has, as they lie on disk now."""
    listed = git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *TEMPLATE)
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, root / name)


_COMMAND = re.compile(r"\[[^\n]*?\]   (?:❗|🚧|❓)  (::(?:error|warning|notice)\b.*)")
_SAID = re.compile(r"\[([^\]\n]*)\]   \| (.*)")
_ENDED = re.compile(r"\[([^\]\n]*)\] 🏁  (Job \w+)")


@dataclass(frozen=True)
class Job:
    """What act said of one run of a workflow, and how long it took."""

    code: int
    log: str
    seconds: float

    @property
    def annotations(self) -> list[str]:
        """Commands of the runner that make annotations, as it understood them."""
        return _COMMAND.findall(self.log)

    @property
    def outputs(self) -> dict[str, str]:
        """Outputs of the last step that set them; of several jobs the last one wins."""
        return dict(re.findall(r"⚙  ::set-output:: ([\w-]+)=(.*)", self.log))

    @property
    def ended(self) -> list[tuple[str, str]]:
        """(workflow/job, Job succeeded | Job failed) in the order in which they ended."""
        return [(name.strip(), how) for name, how in _ENDED.findall(self.log)]

    def told(self) -> str:
        """What a person reads in the log: what steps printed, annotations, and how each job ended."""
        lines = []
        for line in self.log.splitlines():
            if match := _COMMAND.match(line):
                lines.append(f"    ! {match[1]}")
            elif match := _SAID.match(line):
                lines.append(f"    {match[2]}")
            elif match := _ENDED.match(line):
                lines.append(f"    == {match[1].strip()}: {match[2]}")
        return "\n".join([*lines, f"    ({self.seconds:.1f} s)"])


@dataclass
class Runner:
    """Runs workflows of one repository; `api` is GitHub's REST address, `folder` its own to keep files in."""

    folder: Path
    api: str = "http://127.0.0.1:9"
    token: str = "token-of-the-run"
    secrets: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    default_branch: str = "main"

    def run(
        self,
        clone: Path,
        workflow: str,
        event: str,
        payload: Mapping[str, Any],
        *,
        run_id: int = 1,
        actor: str = "ada",
        inputs: Mapping[str, str] | None = None,
        job: str | None = None,
        timeout_s: float = 240,
        extra: Sequence[str] = (),
    ) -> Job:
        """One run of `.github/workflows/<workflow>` in a clone as it lies there, which act copies first."""
        work = self.folder / f"run-{run_id}-{time.monotonic_ns()}"
        work.mkdir(parents=True)
        (work / "event.json").write_text(
            json.dumps({**payload, **({"inputs": dict(inputs)} if inputs else {})})
        )
        environment = {
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.api,
            "GITHUB_RUN_ID": str(run_id),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "STUB_UV_BIN": str(BIN),
            "STUB_ARTIFACTS": str(self.folder / "artifacts"),
            "UV_LINK_MODE": "hardlink",
            # Where this machine keeps the build of torch that fits it, if it has one.
            "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""),
            **self.env,
        }
        command = [str(ACT), event, "-e", str(work / "event.json")]
        command += ["-W", f".github/workflows/{workflow}", "--no-cache-server", "--pull=false"]
        command += ["--action-cache-path", str(work / "act"), "--defaultbranch", self.default_branch]
        command += ["--actor", actor, "-s", f"GITHUB_TOKEN={self.token}"]
        for runner in RUNNERS:
            command += ["-P", f"{runner}=-self-hosted"]
        for action, sha in used_actions():
            if action != "actions/checkout":
                command += ["--local-repository", f"{action}@{sha}={stub_of(action)}"]
        for name, value in self.secrets.items():
            command += ["-s", f"{name}={value}"]
        for name, value in self.variables.items():
            command += ["--var", f"{name}={value}"]
        for name, value in environment.items():
            command += ["--env", f"{name}={value}"]
        command += ["-j", job] if job else []
        started = time.monotonic()
        with (work / "log").open("wb") as log:
            done = subprocess.run(
                [*command, *extra],
                cwd=clone,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=timeout_s,
            )
        seconds = time.monotonic() - started
        return Job(done.returncode, (work / "log").read_text(errors="replace"), seconds)


def load(path: Path) -> dict[str, Any]:
    """A workflow or an action; YAML reads the key `on` as true."""
    document = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in document.items()}
