"""A hosted training from the card to its model: price, permission, launch, result. Shared by train, approve, run."""

from __future__ import annotations

import datetime
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.sources.ledgers import holder
from liftgate.data.dataset import Dataset, read_rows
from liftgate.data.storage import as_written
from liftgate.digests import digest
from liftgate.errors import InputError, Problem, RowsRefused
from liftgate.files import read_bytes
from liftgate.findings import Finding, Severity, blocks
from liftgate.training.approval import Terms, approval_missing, enough_reviewed, may_leave, usable
from liftgate.training.finetuning_hosts import HOSTS
from liftgate.training.job_log import Clock, Permit
from liftgate.training.jobs import Job, JobState, Submission, Trainer
from liftgate.training.launch import Launch, Order
from liftgate.training.ledger import Ledger
from liftgate.training.standing import Standing, read_standing
from liftgate.training.trainers import Settings, open_trainer

if TYPE_CHECKING:
    from liftgate.project import Ruler, Subject
    from liftgate.training.cost import Price
    from liftgate.training.estimate import Estimate

INTERVAL_S: Final = 30.0
MOST_LINES: Final = 20


def where_to_deploy(provider: str) -> str:
    """What gives a trained model an address: elsewhere than on Bedrock that is nothing of ours."""
    if provider == "bedrock":
        return "liftgate serve puts it behind an address"
    return f"deploy it at {provider}"


def utc_now() -> datetime.datetime:
    """Now, in UTC."""
    return datetime.datetime.now(datetime.UTC)


@dataclass
class HostedTraining:
    """One subject, one price, one ledger. `command` is what a person runs to go on.

    `author`, `repository` and `change` are what an approval is held against; None is not known, and an author that
    is not known is not held against it.
    """

    subject: Subject
    ruler: Ruler
    ledger: Ledger
    priced: Estimate
    command: str
    author: str | None = None
    repository: str | None = None
    change: str | None = None
    relaunch: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    clock: Clock = field(default_factory=lambda: Clock(utc_now, time.sleep))

    @cached_property
    def trainer(self) -> Trainer:
        """The provider that the card names, by keys of the environment."""
        return open_trainer(Settings(self.subject.training["provider"], self.environment))

    @cached_property
    def dataset(self) -> Dataset:
        """The training rows."""
        return _rows(self.subject, self.subject.train_path)

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return self.subject.manifest().digest

    def standing(self) -> Standing:
        """What the ledger says now."""
        return read_standing(self.ledger, self.digest)

    def terms(self) -> Terms | None:
        """What would be launched now; None without a price."""
        if self.priced.usd is None or self.priced.price is None:
            return None
        return Terms(
            self.subject.manifest(),
            self.priced.usd.rounded.high,
            price_sha256(self.priced.price),
            self.ruler.policy.fingerprint,
            self.author,
            self.repository,
            self.change,
        )

    def forbidden(self) -> list[Finding]:
        """What stands against the training whoever approves it: price, budget, classification, rows."""
        policy, card = self.ruler.policy, self.subject.card
        # Who looks up later what a model learnt goes by the card.
        findings = [*self.priced.findings, *self.subject.unpinned()]
        findings += may_leave(
            self.subject.training["provider"],
            card.document.data.get("data_classification"),
            policy,
            card=card.path,
            line=card.document.line(("data_classification",)),
        )
        reviewed = sum(row.reviewed for row in self.dataset.rows)
        findings += enough_reviewed(reviewed, policy, path=as_written(self.subject.train_path))
        return findings

    def allowed(self) -> tuple[Permit | None, list[Finding]]:
        """The permit of a launch, or what stands against it."""
        policy, findings = self.ruler.policy, self.forbidden()
        terms = self.terms()
        if terms is None:
            return None, findings
        approvals = [entry for _, entry in self.ledger.entries(f"approvals/{self.digest}")]
        approval, reasons = usable(
            approvals, terms, policy, now=self.clock.now(), consumed=self.standing().consumed
        )
        if approval is None and not self.priced.auto_approved:
            findings.append(approval_missing(terms, reasons))
        if blocks(findings):
            return None, findings
        rate = self.priced.price.train_usd_per_mtok if self.priced.price else None
        tokens = self.priced.training_tokens.point
        return Permit(terms.usd, terms.price_sha256, tokens, rate, approval), findings

    @contextmanager
    def launching(self, permit: Permit | None) -> Iterator[Launch]:
        """A launch with its rows in the provider's form, which are gone again afterwards.

        Without a permit there are no rows and nothing can be created: it only resumes, polls and cancels.
        """
        manifest = self.subject.manifest()
        named = {
            "liftgate_digest": manifest.digest,
            "liftgate_alias": manifest.alias,
            "liftgate_dataset_version": manifest.dataset_version,
            "liftgate_train_sha256": manifest.train_sha256,
        }
        suffix = f"{manifest.alias}-v{manifest.dataset_version}".replace(".", "-")[:40].rstrip("-")
        with tempfile.TemporaryDirectory(prefix="liftgate-") as folder:
            train, validation = Path(folder) / "train.jsonl", None
            if permit is not None:
                train = self._exported(self.subject.train_path, train)
                if self.subject.validation_path is not None:
                    validation = self._exported(
                        self.subject.validation_path, Path(folder) / "validation.jsonl"
                    )
            submission = Submission(manifest, train, validation, suffix, named)
            order = Order(submission, permit, holder(self.environment), self.command, self.relaunch)
            try:
                yield Launch(order, self.trainer, self.ledger, self.clock)
            except RowsRefused as refused:
                raise self._mapped(refused) from None

    def failure(self, job: Job) -> list[Finding]:
        """Why a job gave no model, at the rows that it names. No word of the provider's is repeated."""
        if job.state is JobState.SUCCEEDED:
            return []
        path = as_written(self.subject.train_path)
        if job.state is JobState.CANCELLED:
            message = f"job {job.id} was cancelled; it gave no model"
            return [Finding("training-cancelled", Severity.ERROR, message, path)]
        code = self.standing().finished.get(job.id, {}).get("error_code") or "no code"
        message = f"job {job.id} failed at {job.provider} ({code}) and gave no model"
        found = [Finding("training-failed", Severity.ERROR, message, path)]
        for line in job.error_lines[:MOST_LINES]:
            where = _line(self.dataset, line)
            found.append(
                Finding("row-refused", Severity.ERROR, "the provider cannot train on this row", path, where)
            )
        return found

    def _exported(self, path: Path, target: Path) -> Path:
        from liftgate.commands.data.export import export_rows, write_export

        dataset = self.dataset if path == self.subject.train_path else _rows(self.subject, path)
        form = upload_form(self.subject)
        written, findings = export_rows(dataset, form)
        if findings:
            raise InputError(
                f"{len(findings)} rows cannot be written for {form}",
                problems=[Problem(each.place, each.message) for each in findings[:MOST_LINES]],
                hint=f"liftgate data export {path} --target {form} tells all of them",
            )
        write_export(target, written, form)
        target.chmod(0o600)
        return target

    def _mapped(self, refused: RowsRefused) -> RowsRefused:
        """A refusal of the uploaded file, told of the file that people edit."""
        problems = []
        for problem in refused.problems:
            name, _, line = problem.place.rpartition(":")
            path = self.subject.train_path
            if Path(name).name == "validation.jsonl" and self.subject.validation_path is not None:
                path = self.subject.validation_path
            dataset = self.dataset if path == self.subject.train_path else _rows(self.subject, path)
            place = f"{as_written(path)}:{_line(dataset, int(line))}" if line.isdecimal() else problem.place
            problems.append(Problem(place, problem.message))
        return RowsRefused(refused.sentence, lines=refused.lines, problems=problems, hint=refused.hint)


def upload_form(subject: Subject) -> str:
    """The form in which the card's provider reads rows: OpenAI's, where it does not have one of its own."""
    provider, base = subject.training["provider"], str(subject.training["base"])
    if provider != "bedrock":
        host = HOSTS.get(provider)
        return host.target if host is not None else "openai"
    return "bedrock-claude" if "claude" in base else "bedrock-nova"


def price_sha256(price: Price) -> str:
    """Of what a row of the price table says, wherever it stands."""
    return digest({key: str(value) for key, value in vars(price).items() if key != "place"})


def job_summary(job: Job, hosted: HostedTraining) -> dict[str, Any]:
    """A job for machines: nothing that its provider wrote freely."""
    return {
        "schema_version": 1,
        "digest": hosted.digest,
        "provider": job.provider,
        "job_id": job.id,
        "state": str(job.state),
        "model_id": job.model_id,
        "checkpoints": [each.model_id for each in job.checkpoints],
        "trained_tokens": job.trained_tokens,
    }


def _rows(subject: Subject, path: Path) -> Dataset:
    return read_rows(read_bytes(subject.data(path), "dataset"), as_written(path))


def _line(dataset: Dataset, number: int) -> int | None:
    """The line of the file that people edit, for a row of the uploaded one."""
    return dataset.rows[number - 1].line if 0 < number <= len(dataset.rows) else None
