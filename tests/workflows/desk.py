"""A release manager at her desk: a clone, the program as a command, and a token of her own for pull requests."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from act_runner import BIN, REPOSITORY, git
from world import World

LOGIN, TOKEN = "rita", "token-of-rita"
_SHOWN = 60


@dataclass
class Desk:
    """Works in a clone of its own, far from the runners."""

    world: World
    clone: Path
    seconds: float = 0.0
    """How long the last verdict took, from the start of its run."""

    @classmethod
    def of(cls, world: World) -> Desk:
        """A fresh clone of the remote."""
        clone = world.folder / "desk"
        git(world.folder, "clone", "-q", str(world.remote), str(clone))
        world.hub.add_user(LOGIN, "maintain")
        permissions = {"contents": "write", "pull-requests": "write", "issues": "write"}
        world.server.token(TOKEN, LOGIN, permissions, integration=False)
        return cls(world, clone)

    def pull(self) -> None:
        """Bring the clone to what was merged."""
        git(self.clone, "fetch", "-q", "origin")
        git(self.clone, "checkout", "-q", "-f", "-B", "main", "origin/main")

    def liftgate(self, *words: str, code: int = 0) -> str:
        """One command, told as she reads it."""
        job = {
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.world.server.url,
        }
        command = [str(BIN / "liftgate"), *words]
        done = subprocess.run(
            command,
            cwd=self.clone,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **job},
            timeout=120,
        )
        told = f"{done.stdout}{done.stderr}".strip()
        self.world.say(f"    $ liftgate {' '.join(words)}")
        self.world.say("\n".join(f"    | {line}" for line in told.splitlines()[:_SHOWN]))
        assert done.returncode == code, told
        return told

    def propose(self, *words: str) -> int:
        """A change of the registry as a pull request; its number. GitHub sees what was pushed."""
        told = self.liftgate("registry", *words, "--pull-request")
        found = re.search(r"^pull request #(\d+)", told, re.M)
        assert found, told
        number, hub = int(found[1]), self.world.hub
        pull = hub.pulls[number]
        sha = git(self.world.remote, "rev-parse", f"refs/heads/{pull.head_ref}")
        if pull.head_sha != sha:
            self.world.push(number, sha)
        return number

    def judged(self, number: int) -> str:
        """The preview and the verdict of a pull request; the status it then has."""
        world = self.world
        again = bool(world.comments(number))
        run = world.gate_run(number)
        shown = world.gate(number, "synchronize" if again else "opened", run)
        told = world.report(run)
        self.seconds = told.seconds
        world.show_pull(number)
        world.say(f"    preview {shown.seconds:.1f} s, verdict {told.seconds:.1f} s")
        assert told.code == 0, told.log
        status = world.status(world.hub.pulls[number].head_sha)
        assert (shown.code == 0) == status.startswith("success: "), shown.log
        return status

    def requests(self, variant: str, model: str, *, since: datetime.datetime, mirrored: bool) -> Path:
        """The request log of an application since a step began: 240 requests, one every two minutes."""
        log = self.world.folder / f"requests-{since:%d-%H%M}.jsonl"
        log.write_text("".join(f"{json.dumps(line)}\n" for line in _lines(variant, model, since, mirrored)))
        return log


def _lines(variant: str, model: str, since: datetime.datetime, mirrored: bool) -> Iterator[dict[str, object]]:
    for number in range(240):
        at = (since + datetime.timedelta(minutes=2 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {"at": at, "id": f"request-{number:03}", "alias": "support-intent", "status": "ok"}
        yield {
            **about,
            "variant": "default",
            "model": "tiny",
            "latency_ms": 41,
            "scores": {"solved": float(number % 3 > 0)},
        }
        yield {**about, "variant": variant, "model": model, "latency_ms": 40, "scores": {"solved": 1.0}} | (
            {"shadow": True} if mirrored else {}
        )
