"""Fine-tuning at Amazon Bedrock: rows into the bucket, one customization job, found again by digest.

Three things make a job unique, each enough by itself: the client token, the job's name and the tags all follow
from the manifest's digest. boto3 retries everything except the create, which is sent once.
"""

from __future__ import annotations

import datetime
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError, ProviderError, ReplyLost
from liftgate.findings import Finding, Severity
from liftgate.training.bedrock import bucket, importing, names, serving
from liftgate.training.bedrock.account import Account, Refused
from liftgate.training.bedrock.lifecycle import Lifecycle, lifecycle
from liftgate.training.bedrock.reading import job_of
from liftgate.training.jobs import Job, JobState, Submission
from liftgate.training.trainers import Settings

METHODS: Final[Mapping[str, str]] = {"supervised": "FINE_TUNING"}


def connect(settings: Settings) -> BedrockTrainer:
    """Read region, bucket and role from the environment; nothing is sent yet."""
    return BedrockTrainer(Account.of(settings.environment, settings.timeout_s))


class BedrockTrainer:
    """One account in one region."""

    name = "bedrock"

    def __init__(self, account: Account) -> None:
        self.account = account
        weakref.finalize(self, account.close)

    def submit(self, submission: Submission) -> Job:
        """Upload what is not there yet, create the job by one request; a job that exists is adopted."""
        manifest, metadata = submission.manifest, self._metadata(submission)
        digest, attempt = manifest.digest, names.attempt_of(metadata)
        if manifest.method not in METHODS:
            raise InputError(
                f"training on Bedrock by {manifest.method} is not built", hint=f"method: {', '.join(METHODS)}"
            )
        name = names.job_name(digest, attempt)
        request: dict[str, Any] = {
            "jobName": name,
            "customModelName": names.model_name(submission.suffix, digest, attempt),
            "roleArn": self.account.role_arn,
            "clientRequestToken": names.client_token(digest, attempt),
            "baseModelIdentifier": manifest.base,
            "customizationType": METHODS[manifest.method],
            "hyperParameters": names.hyperparameters(manifest.hyperparameters),
            "jobTags": names.tags(metadata),
            "customModelTags": names.tags(metadata),
            "outputDataConfig": {
                "s3Uri": self.account.uri(names.output_key(self.account.prefix, digest)) + "/"
            },
        }
        if self.account.kms_key_arn:
            request["customModelKmsKeyId"] = self.account.kms_key_arn
        request["trainingDataConfig"] = {"s3Uri": self._upload(submission.train)}
        if submission.validation is not None:
            request["validationDataConfig"] = {"validators": [{"s3Uri": self._upload(submission.validation)}]}
        try:
            made = self.account.create("bedrock", "create_model_customization_job", **request)
        except Refused as error:
            # The name or the token may be taken by the very job that an earlier launch lost sight of.
            there = self._named(name, digest) if error.code in _MAY_BE_TAKEN else None
            if there is None:
                raise self._explained(error) from None
            return there
        return Job("bedrock", made["jobArn"], JobState.RUNNING, "InProgress", digest)

    def poll(self, job_id: str) -> Job:
        """The job as it is now; once it has ended, with the losses that it left in the bucket."""
        told = self.account.ask("bedrock", "get_model_customization_job", jobIdentifier=job_id)
        job = job_of(told)
        if not job.state.is_final or "output_uri" not in job.details:
            return job
        losses, problem = bucket.losses(self.account, job.details["output_uri"], job.id)
        return job_of(told, losses=losses, more={"metrics_problem": problem})

    def cancel(self, job_id: str) -> Job:
        """Ask Bedrock to stop it. A job that has ended already stays as it is."""
        try:
            self.account.ask("bedrock", "stop_model_customization_job", jobIdentifier=job_id)
        except Refused as error:
            job = self.poll(job_id)
            if error.code in {"ConflictException", "ValidationException"} and (
                job.state.is_final or job.provider_status == "Stopping"
            ):
                return job
            raise
        return self.poll(job_id)

    def find(self, digest: str) -> list[Job]:
        """Every job of this account that carries the digest, oldest first: listed by name, confirmed by tag."""
        found = []
        for summary in self._listed(names.job_name(digest)):
            arn = summary["jobArn"]
            if names.digest_in(self._tags(arn)) == digest:
                told = self.account.ask("bedrock", "get_model_customization_job", jobIdentifier=arn)
                found.append(job_of(told, digest=digest))
        return sorted(found, key=lambda job: job.created_at or "")

    # -- after a training, and before one

    def deploy(self, job: Job, suffix: str, metadata: Mapping[str, str]) -> serving.Serving:
        """A deployment of the job's model, billed by the token; found or created once."""
        model = self._model(job)
        return serving.deploy(self.account, model, suffix=suffix, metadata=_numbered(job, metadata))

    def provision(self, job: Job, suffix: str, metadata: Mapping[str, str], units: int) -> serving.Serving:
        """Throughput for the job's model, billed by the hour, without a commitment; found or bought once."""
        model, marks = self._model(job), _numbered(job, metadata)
        return serving.provision(self.account, model, suffix=suffix, metadata=marks, units=units)

    def import_model(self, folder: Path, suffix: str, metadata: Mapping[str, str]) -> importing.Import:
        """Import a merged model that was trained elsewhere; found or created once."""
        return importing.import_model(self.account, folder, suffix=suffix, metadata=metadata)

    def lifecycle(self, model: str) -> Lifecycle:
        """What Bedrock announces of a base: legacy, dearer, ended; and whether it can be trained."""
        return lifecycle(self.account, model)

    def shutdown_date(self, model: str) -> datetime.date | None:
        """The announced end of a base model, or None when none is announced."""
        return self.lifecycle(model).ends_on

    def smoke(self, model_id: str) -> list[Finding]:
        """Ask a served model one thing. No finding: it answered."""
        if not serving.is_served(model_id):
            return [
                Finding(
                    "not-deployed",
                    Severity.NOTICE,
                    "a trained model of Bedrock answers from a deployment (billed by the token) or from throughput "
                    "(billed by the hour) only: liftgate serve",
                )
            ]
        try:
            serving.ask_once(self.account, model_id)
        except ProviderError as error:
            return [Finding("model-does-not-answer", Severity.ERROR, error.sentence)]
        return []

    # -- pieces

    @staticmethod
    def _model(job: Job) -> str:
        if job.state is not JobState.SUCCEEDED or not job.model_id:
            raise InputError("only a job that has succeeded has a model to serve")
        return job.model_id

    @staticmethod
    def _metadata(submission: Submission) -> Mapping[str, str]:
        digest = submission.manifest.digest
        if submission.metadata.get(names.DIGEST_TAG, digest) != digest:
            raise InputError("the submission carries another digest than its manifest has")
        return {**submission.metadata, names.DIGEST_TAG: digest}

    def _upload(self, path: Path) -> str:
        key = names.data_key(self.account.prefix, bucket.sha256_of(path))
        return bucket.store(self.account, path, key).uri

    def _listed(self, name: str) -> Iterator[Mapping[str, Any]]:
        page = {"nameContains": name, "sortBy": "CreationTime", "sortOrder": "Ascending"}
        while True:
            listed = self.account.ask("bedrock", "list_model_customization_jobs", **page)
            yield from listed.get("modelCustomizationJobSummaries", [])
            if not listed.get("nextToken"):
                return
            page = {**page, "nextToken": listed["nextToken"]}

    def _tags(self, arn: str) -> list[dict[str, str]]:
        told = self.account.ask("bedrock", "list_tags_for_resource", resourceARN=arn)
        return list(told.get("tags", []))

    def _named(self, name: str, digest: str) -> Job | None:
        """The job of this name if it carries the digest, asked for directly: the list may lag behind.

        Whatever goes wrong here leaves open whether the job exists, so it is told as a lost reply.
        """
        try:
            told = self._told(name)
            if told is None:
                return next((job for job in self.find(digest) if job.details.get("job_name") == name), None)
            found = names.digest_in(self._tags(told["jobArn"]))
        except ProviderError as error:
            raise ReplyLost(
                f"the name {name} may be taken by this launch's own job; {error.sentence}", hint=error.hint
            ) from None
        if found != digest:
            raise ProviderError(f"the job {name} exists and is not ours", hint="nothing was created")
        return job_of(told, digest=digest)

    def _told(self, which: str) -> dict[str, Any] | None:
        try:
            return self.account.ask("bedrock", "get_model_customization_job", jobIdentifier=which)
        except Refused as error:
            if error.is_missing:
                return None
            raise

    @staticmethod
    def _explained(error: Refused) -> ProviderError:
        if error.code in _TAKEN:
            return ReplyLost(
                f"{error.sentence}: a job of this digest exists and is not listed yet",
                hint="run the same command again: it looks before it creates",
            )
        if error.code == "ValidationException":
            return Refused(
                error.sentence,
                error.code,
                error.status,
                "check base, hyperparameters and region; the role must be able to read the bucket and its key",
            )
        return error


_TAKEN: Final = frozenset({"ConflictException", "ResourceInUseException"})
_MAY_BE_TAKEN: Final = _TAKEN | {"ValidationException"}


def _numbered(job: Job, metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata with the attempt that the job's name carries: each attempt's model has a name of its own."""
    attempt = names.attempt_in(str(job.details.get("job_name", "")))
    return {**metadata, names.ATTEMPT: str(attempt)}
