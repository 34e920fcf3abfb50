"""One look at each open job: what its provider says, whose pull request it is, whether its model may be evaluated."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from liftgate.commands.launching.hosted import utc_now, where_to_deploy
from liftgate.commands.sources.ledgers import holder
from liftgate.errors import LiftgateError
from liftgate.github.api import GitHub, GitHubRefused, PullRequest
from liftgate.publishing.dispatches import Dispatch, running
from liftgate.training.approval import parse_time
from liftgate.training.job_log import Clock, JobLog
from liftgate.training.jobs import JobState, Trainer
from liftgate.training.launch import RELAUNCH_AFTER_S
from liftgate.training.ledger import Ledger, plan_name
from liftgate.training.standing import Standing, read_standing
from liftgate.training.trainers import Settings, open_trainer

EVALUATE: Final = "evaluate.yml"
POLL: Final = "poll.yml"
TRAIN: Final = "train.yml"
_RUNS: Final = "/actions/workflows/{}/runs?event=workflow_dispatch&per_page=100"


@dataclass
class Looked:
    """One manifest's job as it was seen. `pull` is None where nobody can tell whose it is."""

    digest: str
    alias: str
    provider: str
    job_id: str | None
    state: str
    note: str = ""
    pull: int | None = None
    ended_now: bool = False
    is_open: bool = False
    ready: dict[str, Any] | None = None

    @property
    def line(self) -> str:
        """For a person."""
        whose = f"pull/{self.pull}" if self.pull is not None else "no pull request"
        note = f": {self.note}" if self.note else ""
        return f"{whose}  {self.alias}  {self.digest[:12]}…  {self.job_id or 'no job'}  {self.state}{note}"

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        names = ("digest", "alias", "provider", "job_id", "state", "pull", "ended_now")
        return {name: getattr(self, name) for name in names} | {"ready": self.ready is not None}


@dataclass
class Poll:
    """Looks at jobs by the keys of the environment; `late` says when the rest is left to the next poll."""

    ledger: Ledger
    github: GitHub | None
    late: Callable[[], bool] = lambda: False
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    clock: Clock = field(default_factory=lambda: Clock(utc_now, time.sleep))
    notes: list[str] = field(default_factory=list)

    def look(self) -> list[Looked]:
        """Every job that is open, ended now, or is trained and not evaluated yet."""
        judged = {entry.get("manifest_digest") for _, entry in self.ledger.entries("verdicts")}
        digests = sorted({name.split("/")[1] for name in self.ledger.backend.names("locks")})
        # Where time is too short for all, another poll starts at another one.
        start = int(self.clock.now().timestamp() // 60) % len(digests) if digests else 0
        found = []
        for digest in [*digests[start:], *digests[:start]]:
            standing = read_standing(self.ledger, digest)
            looked = self._looked(digest, standing)
            if looked is not None and (looked.is_open or looked.ended_now or digest not in judged):
                found.append(looked)
        found.sort(key=lambda each: each.digest)
        for each in found:
            if each.state == JobState.SUCCEEDED and each.digest not in judged:
                self._prepare(each)
        return found

    def go_on(self, found: list[Looked]) -> None:
        """Start the evaluation of what is ready, once; keep poll.yml on exactly while a job is open."""
        if self.github is None:
            return
        for each in found:
            if each.ready is not None:
                self._dispatch(each)
        wanted = any(each.is_open for each in found)
        try:
            if self.github.workflow_enabled(POLL) != wanted:
                self.github.enable_workflow(POLL, wanted)
        except GitHubRefused as refused:
            self.notes.append(f"{POLL} stays as it is: {refused.sentence}")

    def _looked(self, digest: str, standing: Standing) -> Looked | None:
        plan = self.ledger.read(plan_name(digest))
        manifest: Mapping[str, Any] = plan["manifest"] if plan else {}
        alias, provider = str(manifest.get("alias", "?")), str(manifest.get("provider", "?"))
        job = standing.current or (standing.jobs[-1] if standing.jobs else None)
        if job is None:
            return self._in_doubt(digest, standing, alias, provider)
        looked = Looked(digest, alias, str(job["provider"]), str(job["job_id"]), "unknown")
        looked.pull = self._pull_of(digest, job.get("approval"))
        ended = standing.finished.get(job["job_id"])
        if ended is not None:
            looked.state = str(ended["state"])
            return looked if ended["state"] == JobState.SUCCEEDED else None
        looked.is_open = True
        if self.late():
            looked.note = "not looked at: no time left, the next poll does"
            return looked
        try:
            seen = self._trainer(looked.provider).poll(str(job["job_id"]))
            self._log(digest).ended(seen)
        except LiftgateError as error:
            # Another provider's jobs are looked at all the same.
            looked.note = f"not looked at: {error.sentence}"
            return looked
        looked.state, looked.is_open = str(seen.state), not seen.state.is_final
        looked.ended_now = seen.state.is_final
        return looked

    def _in_doubt(self, digest: str, standing: Standing, alias: str, provider: str) -> Looked | None:
        if not standing.unresolved or standing.lock is None:
            return None
        age_s = (self.clock.now() - parse_time(standing.lock["at"])).total_seconds()
        note = "a launch took the lock and left no job; `liftgate train` looks it up"
        looked = Looked(digest, alias, provider, None, "in doubt", note)
        looked.pull = self._pull_of(digest, standing.lock["approval"])
        looked.is_open = age_s < RELAUNCH_AFTER_S
        return looked

    def _prepare(self, looked: Looked) -> None:
        """Ask a trained model once, and name it ready when it answered."""
        standing = read_standing(self.ledger, looked.digest)
        ended = standing.finished.get(str(looked.job_id), {})
        answered = [
            each
            for each in standing.events
            if each["event"] == "smoke" and each["job_id"] == looked.job_id and each["answered"]
        ]
        if not answered and not self._asked(looked, ended.get("model_id")):
            return
        pull = self._open_pull(looked)
        if pull is None:
            return
        looked.ready = {
            "pull": pull.number,
            "alias": looked.alias,
            "digest": looked.digest,
            "head_sha": pull.head_sha,
            "job_id": looked.job_id,
        }

    def _asked(self, looked: Looked, model_id: str | None) -> bool:
        if model_id is None or self.late():
            looked.note = "its model was not asked yet"
            return False
        try:
            smoke = getattr(self._trainer(looked.provider), "smoke", None)
            findings = [] if smoke is None else smoke(model_id)
            if any(each.rule == "not-deployed" for each in findings):
                looked.note = f"trained; {where_to_deploy(looked.provider)}"
                return False
            self._log(looked.digest).append(
                "smoke", job_id=looked.job_id, model_id=model_id, answered=not findings
            )
        except LiftgateError as error:
            looked.note = f"its model was not asked: {error.sentence}"
            return False
        looked.note = "its model does not answer" if findings else ""
        return not findings

    def _open_pull(self, looked: Looked) -> PullRequest | None:
        if self.github is None or looked.pull is None:
            looked.note = looked.note or "trained; nobody can tell whose pull request it is"
            return None
        pull = self.github.pull(looked.pull)
        if pull is None or pull.state != "open":
            looked.note = "trained; its pull request is closed"
            return None
        return pull

    def _dispatch(self, looked: Looked) -> None:
        assert self.github is not None and looked.ready is not None  # noqa: S101
        ready = looked.ready
        title = f"liftgate evaluate pull/{ready['pull']} {looked.alias} {looked.digest}"
        inputs = {
            "pr": str(ready["pull"]),
            "alias": looked.alias,
            "digest": looked.digest,
            "head-sha": ready["head_sha"],
        }
        dispatch = Dispatch(looked.alias, EVALUATE, title, inputs)
        try:
            branch, pushed_at = self.github.default_branch(), self.github.pushed_at(ready["pull"])
            if running(dispatch, self._runs(EVALUATE), branch, pushed_at, None) is None:
                self.github.dispatch(EVALUATE, branch, inputs)
                looked.note = f"{EVALUATE} was started"
        except GitHubRefused as refused:
            self.notes.append(f"{EVALUATE} was not started for pull/{ready['pull']}: {refused.sentence}")

    def _pull_of(self, digest: str, seal: str | None) -> int | None:
        """The pull request that the approval names; of a training that needed none, the one of its run's title."""
        if seal is not None:
            entry = self.ledger.read(f"approvals/{digest}/{seal}.json")
            return _number(str(entry["change"])) if entry else None
        if self.github is None:
            return None
        for run in self._runs(TRAIN):
            words = str(run.get("display_title")).split()
            if len(words) == 5 and words[:2] == ["liftgate", "train"] and words[4] == digest:
                return _number(words[2])
        return None

    def _runs(self, workflow: str) -> list[Mapping[str, Any]]:
        """Runs of the default branch, newest first: whoever works elsewhere can call a run anything."""
        assert self.github is not None  # noqa: S101
        listed = self.github.request("GET", _RUNS.format(workflow)) or {}
        runs = listed.get("workflow_runs") if isinstance(listed, dict) else None
        branch = self.github.default_branch()
        return [run for run in runs or [] if isinstance(run, dict) and run.get("head_branch") == branch]

    def _trainer(self, provider: str) -> Trainer:
        return open_trainer(Settings(provider, self.environment))

    def _log(self, digest: str) -> JobLog:
        return JobLog(digest, holder(self.environment), "liftgate poll", self.ledger, self.clock)


def _number(change: str) -> int | None:
    match = re.fullmatch(r"pull/([1-9][0-9]{0,8})", change)
    return int(match[1]) if match else None
