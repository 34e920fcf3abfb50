"""The training of `liftgate run` where a provider trains: launch or find, look, and name the model to be asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liftgate.commands.launching.hosted import HostedTraining, where_to_deploy
from liftgate.commands.launching.hosted_train import carry_on, finish, propose, teller
from liftgate.commands.sources.ledgers import DEFAULT, open_ledger, repository
from liftgate.errors import StillRunning
from liftgate.findings import Finding, Severity
from liftgate.project import Ruler, Subject
from liftgate.registry.models import Alias, Model
from liftgate.training.curve import series
from liftgate.training.estimate import Estimate
from liftgate.training.jobs import Job, JobState
from liftgate.training.ledger import Ledger
from liftgate.training.manifest import Manifest


@dataclass(frozen=True)
class HostedWords:
    """What `liftgate run` was told about hosted trainings."""

    ledger: str = DEFAULT
    author: str | None = None
    repository: str | None = None
    change: str | None = None
    wait: bool = False
    deadline_s: float | None = None
    interval_s: float = 30.0
    digest: str | None = None

    def another(self, manifest: Manifest) -> list[Finding]:
        """An error where another manifest is at hand than the one that was named."""
        if self.digest in (None, manifest.digest):
            return []
        message = f"the manifest of this change is {manifest.digest}, not {self.digest}; nothing was started"
        return [_finding("another-manifest", message)]

    def open(self, root: Path) -> Ledger:
        """The ledger that was named."""
        return open_ledger(self.ledger, root)


@dataclass
class HostedCandidate:
    """What came of a hosted training: a model to ask, or findings; `still_running` when a job goes on."""

    findings: list[Finding] = field(default_factory=list)
    model: Model | None = None
    training: dict[str, Any] | None = None
    still_running: bool = False


def hosted_candidate(
    words: HostedWords,
    subject: Subject,
    ruler: Ruler,
    priced: Estimate,
    registered: Alias,
    *,
    root: Path,
    folder: Path,
    command: str,
    say: Callable[[str], None],
) -> HostedCandidate:
    """Carry the subject's job on. Nothing is created without the permit that `liftgate train` would need."""
    hosted = HostedTraining(
        subject,
        ruler,
        words.open(root),
        priced,
        command,
        author=words.author,
        repository=repository(words.repository),
        change=words.change,
    )
    came = HostedCandidate()
    known = hosted.standing()
    if known.current is None and not known.unresolved:
        permit, came.findings = hosted.allowed()
        if permit is None:
            return came
    try:
        job = carry_on(hosted, say, create=True)
        if job is not None and words.wait and not job.state.is_final:
            with hosted.launching(None) as launch:
                job = launch.follow(
                    job, deadline_s=words.deadline_s, interval_s=words.interval_s, tell=teller(say)
                )
    except StillRunning as running:
        return _running(came, running.sentence)
    if job is None:
        came.findings.append(_finding("training-not-started", "the training was not started; see above"))
        return came
    say(f"  job {job.id} is {job.state}")
    if not job.state.is_final:
        return _running(came, f"job {job.id} is {job.state} at {job.provider}")
    came.findings += hosted.failure(job)
    if job.state is JobState.SUCCEEDED:
        _succeeded(came, hosted, job, registered, root, folder, say)
    return came


def _running(came: HostedCandidate, why: str) -> HostedCandidate:
    came.still_running = True
    came.findings.append(_finding("training-running", f"{why}; run again, it goes on from there"))
    return came


def _succeeded(
    came: HostedCandidate,
    hosted: HostedTraining,
    job: Job,
    registered: Alias,
    root: Path,
    folder: Path,
    say: Callable[[str], None],
) -> None:
    smoke = finish(hosted, job)
    served = next(
        (
            str(each["model_id"])
            for each in reversed(hosted.standing().events)
            if each["event"] == "smoke" and each["job_id"] == job.id and each["answered"]
        ),
        None,
    )
    came.training = training_section(hosted, job)
    if served is None:
        came.findings += [_as_error(finding, job.provider) for finding in smoke]
        if not smoke:
            came.findings.append(_finding("model-not-asked", f"the model of job {job.id} was not asked yet"))
        return
    came.model = model_of(served, hosted, registered, hosted.environment)
    if served == job.model_id:
        say("  " + propose(hosted, job, root, folder).replace("\n", "\n  "))


def model_of(
    model_id: str, hosted: HostedTraining, registered: Alias, environment: Mapping[str, str] = os.environ
) -> Model:
    """The trained model as it is asked: where the alias' default model is, or at the provider's own address."""
    provider, default = str(hosted.subject.training["provider"]), registered.default
    if default.provider == provider:
        return Model(model_id, provider, default.base, default.base_url, default.region)
    base_url = environment.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    return Model(model_id, provider, base_url=None if provider == "bedrock" else base_url)


def training_section(hosted: HostedTraining, job: Job) -> dict[str, Any]:
    """What report.json says of the training."""
    manifest, ended = hosted.subject.manifest(), hosted.standing().finished.get(job.id, {})
    losses, checked = series(job.losses), series(job.losses, validation=True)
    return {
        "provider": manifest.provider,
        "base": manifest.base,
        "base_sha256": None,
        "adapter_sha256": None,
        "manifest_digest": manifest.digest,
        "steps": losses[-1][0] if losses else None,
        "seconds": None,
        "losses": [{"step": step, "loss": loss} for step, loss in losses],
        "validation_loss": checked[-1][1] if checked else None,
        "trainable_parameters": None,
        "job_id": job.id,
        "model_id": job.model_id,
        "trained_tokens": job.trained_tokens,
        "estimated_tokens": hosted.priced.training_tokens.point,
        "usd": ended.get("usd"),
    }


def _finding(rule: str, message: str) -> Finding:
    return Finding(rule, Severity.ERROR, message)


def _as_error(finding: Finding, provider: str) -> Finding:
    hint = f"; {where_to_deploy(provider)}" if finding.rule == "not-deployed" else ""
    return Finding(finding.rule, Severity.ERROR, f"{finding.message}{hint}", finding.path, finding.line)
