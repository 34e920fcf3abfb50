"""`liftgate train` where a provider trains: launch once, follow, resume, cancel; propose the variant at the end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.launching.hosted import HostedTraining, job_summary, utc_now
from liftgate.commands.launching.provider_word import provider_word
from liftgate.commands.sources.ledgers import open_ledger, repository
from liftgate.config import did_you_mean
from liftgate.errors import ExitCode, InputError
from liftgate.files import pretty, read_bytes, write_bytes
from liftgate.findings import Finding, blocks
from liftgate.training.jobs import Job, JobState

if TYPE_CHECKING:
    from liftgate.project import Ruler, Subject
    from liftgate.training.estimate import Estimate
    from liftgate.training.ledger import Ledger

Say = Callable[[str], None]


def train_hosted(arguments: argparse.Namespace, subject: Subject, say: Say) -> int:
    """Carry the subject's job as far as the words ask; 0 trained, 5 running, 10 not allowed or failed."""
    digest = subject.manifest().digest
    if arguments.digest and arguments.digest != digest:
        raise InputError(
            f"the manifest of this work tree is {digest}, not {arguments.digest}",
            hint="the dataset or the card changed since that digest was made; estimate again",
        )
    hosted = open_hosted(arguments, subject, command_line(arguments))
    if arguments.cancel:
        with hosted.launching(None) as launch:
            job = launch.cancel(who(arguments.by))
        say(f"asked {job.provider} to stop job {job.id}; it is {job.state}")
        return _answer(arguments, hosted, job, say)
    job_or_no = carry_on(hosted, say, create=not arguments.resume)
    if job_or_no is None:
        return ExitCode.BLOCKED
    job = job_or_no
    if arguments.wait and not job.state.is_final:
        with hosted.launching(None) as launch:
            job = launch.follow(
                job, deadline_s=arguments.deadline, interval_s=arguments.interval, tell=teller(say)
            )
    else:
        teller(say)(job)
    return _answer(arguments, hosted, job, say)


def open_hosted(arguments: argparse.Namespace, subject: Subject, command: str) -> HostedTraining:
    """The training with its price by the ruler of now and the ledger's month."""
    root = arguments.root
    ledger = open_ledger(arguments.ledger, root)
    ruler = ruler_at(arguments, subject)
    return HostedTraining(
        subject,
        ruler,
        ledger,
        price_of(subject, ruler, root, ledger),
        command,
        author=arguments.author,
        repository=repository(arguments.repository),
        change=arguments.change,
        relaunch=getattr(arguments, "relaunch", False),
    )


def ruler_at(arguments: argparse.Namespace, subject: Subject) -> Ruler:
    """What measures: of the ref that `--base` names, or of the work tree."""
    from liftgate.project import Ruler, plan_of, ruler_of

    if not arguments.base:
        return Ruler(arguments.root, None)
    plan, base_id, _ = plan_of(arguments.root, arguments.base, "HEAD")
    folder = (getattr(arguments, "out", None) or Path(".liftgate")) / subject.card.alias
    return ruler_of(arguments.root, folder, base_id, plan, subject.card.alias)


def price_of(subject: Subject, ruler: Ruler, root: Path, ledger: Ledger) -> Estimate:
    """The whole bill, with the end of the models and the month's other launches."""
    from liftgate.commands.asking.forecasting import evaluation_cost
    from liftgate.commands.launching.bill import estimate_training
    from liftgate.commands.launching.decisions import held_to_decision
    from liftgate.commands.launching.ends import sunset_findings
    from liftgate.registry.models import read_models
    from liftgate.training.spent import spent_in

    today = utc_now().date()
    alias = subject.card.alias
    registered = read_models(read_bytes(root / "models.yaml"), "models.yaml").alias(alias)
    asked = evaluation_cost(subject, ruler, registered, ruler.suite(alias), None, registered.promoted)
    spent = spent_in(ledger, but=subject.manifest().digest)
    priced = estimate_training(subject, None, ruler, today, evaluation=asked, spent=spent)
    priced = priced.with_findings(sunset_findings(ruler, registered, today, subject, priced.pays_back_on))
    return held_to_decision(priced, root, alias, ruler.policy)[0]


def carry_on(hosted: HostedTraining, say: Say, *, create: bool) -> Job | None:
    """The job: known, found, or created where that is allowed; None, told why, where it is not."""
    known = hosted.standing().current is not None
    permit = None
    if create and not known:
        permit, findings = hosted.allowed()
        if permit is not None:
            word = provider_word(hosted, hosted.clock.now().date())
            findings, permit = [*findings, *word], None if blocks(word) else permit
        for finding in findings:
            say(as_line(finding))
        if permit is None and not hosted.standing().unresolved:
            return None
    with hosted.launching(permit) as launch:
        return launch.start() if permit is not None else launch.resume()


def teller(say: Say) -> Callable[[Job], None]:
    """Says what is new about a job: its state, its losses, and once that it learns by heart."""
    from liftgate.training.curve import overfit_advice, progress_line

    said: list[str] = []

    def tell(job: Job) -> None:
        line = progress_line(job.losses)
        for text in (f"job {job.id} is {job.state}{f', {line}' if line else ''}", overfit_advice(job.losses)):
            if text and text not in said:
                said.append(text)
                say(text)

    return tell


def as_line(finding: Finding) -> str:
    """A finding for a person."""
    place = f"{finding.place}: " if finding.place else ""
    return f"{place}{finding.severity}: {finding.message} [{finding.rule}]"


def who(given: str | None) -> str:
    """The account that acts."""
    found = given or os.environ.get("GITHUB_ACTOR", "")
    if not found:
        raise InputError("who cancels the job?", hint="--by WHO")
    return found


def command_line(arguments: argparse.Namespace) -> str:
    """What a person runs to go on."""
    from liftgate.commands.asking.cases import command_line as written
    from liftgate.commands.train import add_arguments

    kept = argparse.Namespace(**vars(getattr(arguments, "asked", arguments)))
    for word in ("resume", "cancel", "relaunch", "json", "by"):
        setattr(kept, word, False if word != "by" else None)
    return written("train", add_arguments, kept)


def serve_command(arguments: argparse.Namespace) -> str:
    """What puts the trained model behind an address."""
    from liftgate.commands.asking.cases import command_line as written
    from liftgate.commands.serve import add_arguments

    shared = ("alias", "version", "root", "ledger", "out", "change", "repository", "base")
    kept = argparse.Namespace(**{name: getattr(arguments, name) for name in shared})
    if (asked := getattr(arguments, "asked", None)) is not None:
        # The head of a pull request is in a folder that is gone by then.
        kept.root, kept.base = asked.root, asked.base
    return written("serve", add_arguments, kept)


def _answer(arguments: argparse.Namespace, hosted: HostedTraining, job: Job, say: Say) -> int:
    if arguments.json:
        sys.stdout.write(pretty(job_summary(job, hosted)).decode())
    if not job.state.is_final:
        say(f"job {job.id} goes on at {job.provider}\n  hint: {hosted.command} --resume")
        return ExitCode.STILL_RUNNING
    if job.state is not JobState.SUCCEEDED:
        for finding in hosted.failure(job):
            say(as_line(finding))
        return ExitCode.BLOCKED
    findings = finish(hosted, job)
    if any(finding.rule == "not-deployed" for finding in findings) and job.provider == "bedrock":
        # Its model has no name that callers could send; the one that they can is proposed once it answers.
        say(f"{findings[0].message}\n  {serve_command(arguments)}")
        return ExitCode.PASS
    for finding in findings:
        say(as_line(finding))
    out = (arguments.out or Path(".liftgate")) / hosted.subject.card.alias
    say(propose(hosted, job, arguments.root, out))
    return ExitCode.PASS


def finish(hosted: HostedTraining, job: Job) -> list[Finding]:
    """Ask the trained model once, and write down whether it answered; once is enough."""
    model_id = job.model_id
    smoke = getattr(hosted.trainer, "smoke", None)
    asked = any(
        each["event"] == "smoke" and each["job_id"] == job.id and each["answered"]
        for each in hosted.standing().events
    )
    if model_id is None or smoke is None or asked:
        return []
    findings: list[Finding] = smoke(model_id)
    if not any(finding.rule == "not-deployed" for finding in findings):
        with hosted.launching(None) as launch:
            launch.answered(job, model_id, answered=not findings)
    return findings


def propose(hosted: HostedTraining, job: Job, root: Path, out: Path) -> str:
    """Write the variant as a patch of models.yaml; says where it is, or why there is none."""
    from liftgate.registry.models import read_models
    from liftgate.registry.proposal import patch, with_variant

    path = root / "models.yaml"
    before = read_bytes(path, "registry").decode()
    registered = read_models(before, "models.yaml").alias(hosted.subject.card.alias)
    entry = variant_of(hosted, job, registered.default.base_url, registered.entry)
    name = f"v{hosted.subject.release.version}"
    there = registered.variants.get(name)
    if there is not None and there.entry.get("job_id") == job.id:
        return f"models.yaml holds the model of job {job.id} as variant {name}"
    if there is not None:
        name = f"{name}-{hosted.digest[:8]}"
    if name in registered.variants:
        return f"models.yaml holds variant {name} already{did_you_mean(name, list(registered.variants))}"
    after = with_variant(before, registered.name, name, entry)
    target = out / "models.patch"
    write_bytes(target, patch(before, after).encode())
    return f"{job.model_id}: proposed as variant {name} at 0%\n  git apply {target}"


def variant_of(hosted: HostedTraining, job: Job, base_url: str | None, alias: object) -> dict[str, object]:
    """The variant's entry, filled with everything that made the model."""
    manifest = hosted.subject.manifest()
    standing = hosted.standing()
    ended = standing.finished.get(job.id, {})
    submitted = next((each for each in standing.jobs if each["job_id"] == job.id), {})
    flags = (
        [each["flag"] for each in (alias.get("variants") or {}).values()] if isinstance(alias, dict) else []
    )
    flag = f"{manifest.alias}-v{manifest.dataset_version}".replace(".", "-")
    entry: dict[str, object] = {
        "model_id": job.model_id,
        "provider": manifest.provider,
        "base": manifest.base,
        "base_revision": manifest.base_revision,
        "dataset": {
            "version": manifest.dataset_version,
            "train_sha256": manifest.train_sha256,
            **({"validation_sha256": manifest.validation_sha256} if manifest.validation_sha256 else {}),
        },
        "job_id": job.id,
        "manifest_digest": manifest.digest,
        "method": manifest.method,
        "hyperparameters": dict(manifest.hyperparameters),
        "training_usd": ended.get("usd") or submitted.get("estimated_usd", "0"),
        "flag": flag if flag not in flags else f"{flag}-{manifest.digest[:8]}",
        "rollout_percent": 0,
    }
    if base_url is not None:
        entry["base_url"] = base_url
    return entry
