"""What an account at Bedrock remembers: jobs, models behind addresses, imports, tags and client tokens.

No HTTP here: each operation takes what was asked and answers, or raises the refusal that Bedrock would give.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
BASE: Final = "amazon.nova-micro-v1:0:128k"
NOVA_RANGES: Final = {"epochCount": (1, 5), "learningRate": (1e-6, 1e-4), "learningRateWarmupSteps": (0, 100)}
Record = dict[str, Any]


class Refusal(Exception):
    """An error answer: status, the service's word, its message."""

    def __init__(self, status: int, code: str, message: str = "refused") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class BedrockAccount:
    """`late` hides a new job from lists and from look-ups by name for so many of these calls.

    `s3` is a client of the S3 that the role may read: data are looked for there, metrics are written there.
    `created` counts what was made.
    """

    def __init__(self, *, late: int = 0, s3: Any = None, models: Mapping[str, Record] | None = None) -> None:
        self.late, self.s3 = late, s3
        self.models = dict(models or {BASE: {}})
        self.jobs: dict[str, Record] = {}
        self.deployments: dict[str, Record] = {}
        self.throughputs: dict[str, Record] = {}
        self.imports: dict[str, Record] = {}
        self.tags: dict[str, list[Record]] = {}
        self.created: Counter[str] = Counter()
        self._tokens: dict[tuple[str, str], tuple[Record, str]] = {}
        self._hidden: dict[str, int] = {}
        self._clock = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)

    # -- what a test does to it

    def finish(
        self, arn: str, status: str = "Completed", message: str | None = None, *, losses: Sequence[float] = ()
    ) -> None:
        """End a job; one that completes leaves a model and its metrics."""
        job = self.jobs[arn]
        job.update(status=status, endTime=self._now(), lastModifiedTime=self._now())
        job["statusDetails"] = {
            stage: {"status": "Completed" if status == "Completed" else status, "creationTime": self._now()}
            for stage in ("dataProcessingDetails", "trainingDetails", "validationDetails")
        }
        if status == "Failed":
            job["failureMessage"] = message or "Internal error"
        if status != "Completed":
            return
        base, identity = job["baseModelArn"].rpartition("/")[2], arn.rpartition("/")[2]
        job["outputModelArn"] = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:custom-model/{base}/{identity}"
        if losses:
            job["trainingMetrics"] = {"trainingLoss": losses[-1]}
        if losses and self.s3 is not None:
            bucket, _, prefix = job["outputDataConfig"]["s3Uri"].removeprefix("s3://").partition("/")
            lines = ["step_number,epoch_number,training_loss,perplexity"]
            lines += [f"{step},{0},{loss},{2.7**loss}" for step, loss in enumerate(losses)]
            self.s3.put_object(
                Bucket=bucket,
                Key=f"{prefix.rstrip('/')}/model-customization-job-{identity}/training_artifacts/"
                "step_wise_training_metrics.csv",
                Body="\n".join(lines).encode(),
            )

    def serve(self, arn: str, status: str = "Active") -> None:
        """End the creation or the update of a deployment, or the creation of a throughput."""
        record = self.deployments.get(arn) or self.throughputs[arn]
        update = record.get("updateDetails")
        if update and update["updateStatus"] == "Updating":
            done = status != "Failed"
            update["updateStatus"] = "UpdateCompleted" if done else "UpdateFailed"
            if done:
                record["modelArn"] = update["modelArn"]
        else:
            record["status"] = "InService" if arn in self.throughputs and status == "Active" else status

    def imported(self, arn: str, status: str = "Completed") -> None:
        """End an import."""
        job = self.imports[arn]
        job.update(status=status, endTime=self._now())
        if status == "Completed":
            identity = arn.rpartition("/")[2]
            job["importedModelArn"] = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:imported-model/{identity}"

    # -- pieces that operations share

    def _now(self) -> datetime.datetime:
        self._clock += datetime.timedelta(seconds=1)
        return self._clock

    def _once(self, name: str, asked: Record, make: Callable[[], str]) -> str:
        """The idempotency table: the same token never makes a second resource."""
        token = asked.get("clientRequestToken")
        if token and (name, token) in self._tokens:
            first, arn = self._tokens[name, token]
            if first != asked:
                raise Refusal(409, "ConflictException", "the token was used with other parameters")
            return arn
        arn = make()
        self.created[name] += 1
        if token:
            self._tokens[name, token] = (asked, arn)
        return arn

    def _identity(self) -> str:
        return f"{sum(self.created.values()) + 1:012d}"

    def _one(self, records: Mapping[str, Record], which: str, name: str) -> Record:
        for arn, record in records.items():
            if which == arn or (which == record[name] and not self._is_hidden(arn)):
                return record
        raise Refusal(404, "ResourceNotFoundException", f"{which} could not be found")

    def _is_hidden(self, arn: str) -> bool:
        left = self._hidden.get(arn, 0)
        self._hidden[arn] = max(0, left - 1)
        return left > 0

    def _page(self, records: Mapping[str, Record], asked: Record, name: str) -> tuple[list[Record], Record]:
        named = [
            record
            for arn, record in records.items()
            if asked.get("nameContains", "") in record[name] and not self._is_hidden(arn)
        ]
        if asked.get("sortOrder") != "Ascending":
            named.reverse()
        start, most = int(asked.get("nextToken", 0)), asked.get("maxResults", 2)
        return named[start : start + most], (
            {"nextToken": str(start + most)} if named[start + most :] else {}
        )

    def _readable(self, uri: str) -> None:
        if self.s3 is None:
            return
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix=key)
        if not listed.get("KeyCount"):
            message = (
                f"Could not validate GetObject permissions to access Amazon S3 bucket: {bucket} at key {key}"
            )
            raise Refusal(400, "ValidationException", message)

    def _role(self, asked: Record) -> None:
        if f"::{ACCOUNT}:role/" not in asked["roleArn"]:
            raise Refusal(403, "AccessDeniedException", "Cross-account pass role is not allowed.")

    # -- operations

    def create_job(self, asked: Record) -> Record:
        def make() -> str:
            base = asked["baseModelIdentifier"].rpartition("/")[2]
            if base not in self.models:
                raise Refusal(400, "ValidationException", "The provided model identifier is invalid.")
            if any(job["jobName"] == asked["jobName"] for job in self.jobs.values()):
                raise Refusal(409, "ConflictException", "The job name is in use.")
            if any(job["outputModelName"] == asked["customModelName"] for job in self.jobs.values()):
                raise Refusal(400, "ValidationException", "The model name is in use.")
            for key, value in asked.get("hyperParameters", {}).items():
                low, high = NOVA_RANGES.get(key, (1.0, 0.0))
                if not re.fullmatch(r"[0-9.]+", value) or not low <= float(value) <= high:
                    raise Refusal(400, "ValidationException", f"Invalid hyperparameter {key}")
            self._role(asked)
            self._readable(asked["trainingDataConfig"]["s3Uri"])
            for validator in asked.get("validationDataConfig", {}).get("validators", []):
                self._readable(validator["s3Uri"])
            arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-customization-job/{base}/{self._identity()}"
            self.jobs[arn] = {
                "jobArn": arn,
                "jobName": asked["jobName"],
                "outputModelName": asked["customModelName"],
                "roleArn": asked["roleArn"],
                "status": "InProgress",
                "statusDetails": {"dataProcessingDetails": {"status": "InProgress"}},
                "creationTime": self._now(),
                "baseModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{base}",
                "trainingDataConfig": asked["trainingDataConfig"],
                "validationDataConfig": asked.get("validationDataConfig", {"validators": []}),
                "outputDataConfig": asked["outputDataConfig"],
                "hyperParameters": asked.get("hyperParameters", {}),
                **{key: asked[key] for key in ("clientRequestToken", "customizationType") if key in asked},
            }
            self.tags[arn] = asked.get("jobTags", [])
            self._hidden[arn] = self.late
            return arn

        return {"jobArn": self._once("CreateModelCustomizationJob", asked, make)}

    def get_job(self, asked: Record) -> Record:
        return self._one(self.jobs, asked["jobIdentifier"], "jobName")

    def list_jobs(self, asked: Record) -> Record:
        page, more = self._page(self.jobs, asked, "jobName")
        kept = ("jobArn", "baseModelArn", "jobName", "status", "creationTime", "statusDetails", "endTime")
        return {"modelCustomizationJobSummaries": [_only(job, kept) for job in page], **more}

    def stop_job(self, asked: Record) -> Record:
        job = self._one(self.jobs, asked["jobIdentifier"], "jobName")
        if job["status"] != "InProgress":
            raise Refusal(409, "ConflictException", "The job is not running.")
        job["status"] = "Stopping"
        return {}

    def list_tags(self, asked: Record) -> Record:
        if asked["resourceARN"] not in self.tags:
            raise Refusal(404, "ResourceNotFoundException")
        return {"tags": self.tags[asked["resourceARN"]]}

    def get_base(self, asked: Record) -> Record:
        name = asked["modelIdentifier"]
        if name not in self.models:
            raise Refusal(404, "ResourceNotFoundException")
        arn = f"arn:aws:bedrock:{REGION}::foundation-model/{name}"
        return {"modelDetails": {"modelArn": arn, "modelId": name, **self.models[name]}}

    def _custom_model(self, arn: str) -> None:
        if not any(job.get("outputModelArn") == arn for job in self.jobs.values()):
            raise Refusal(404, "ResourceNotFoundException", "no such custom model")

    def create_deployment(self, asked: Record) -> Record:
        def make() -> str:
            self._custom_model(asked["modelArn"])
            name = asked["modelDeploymentName"]
            if any(there["modelDeploymentName"] == name for there in self.deployments.values()):
                raise Refusal(400, "ValidationException", "The deployment name is in use.")
            arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:custom-model-deployment/{self._identity()}"
            self.deployments[arn] = {
                "customModelDeploymentArn": arn,
                "modelDeploymentName": name,
                "modelArn": asked["modelArn"],
                "createdAt": self._now(),
                "status": "Creating",
            }
            self.tags[arn] = asked.get("tags", [])
            return arn

        return {"customModelDeploymentArn": self._once("CreateCustomModelDeployment", asked, make)}

    def get_deployment(self, asked: Record) -> Record:
        return self._one(self.deployments, asked["customModelDeploymentIdentifier"], "modelDeploymentName")

    def update_deployment(self, asked: Record) -> Record:
        record = self.get_deployment(asked)
        self._custom_model(asked["modelArn"])
        if record["status"] != "Active":
            raise Refusal(400, "ValidationException", "The deployment is not active.")
        record["updateDetails"] = {"modelArn": asked["modelArn"], "updateStatus": "Updating"}
        return {"customModelDeploymentArn": record["customModelDeploymentArn"]}

    def delete_deployment(self, asked: Record) -> Record:
        del self.deployments[self.get_deployment(asked)["customModelDeploymentArn"]]
        return {}

    def create_throughput(self, asked: Record) -> Record:
        def make() -> str:
            self._custom_model(asked["modelId"])
            name = asked["provisionedModelName"]
            if any(there["provisionedModelName"] == name for there in self.throughputs.values()):
                raise Refusal(400, "ValidationException", "The name is in use.")
            arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:provisioned-model/{self._identity()}"
            self.throughputs[arn] = {
                "provisionedModelArn": arn,
                "provisionedModelName": name,
                "modelUnits": asked["modelUnits"],
                "desiredModelUnits": asked["modelUnits"],
                "modelArn": asked["modelId"],
                "desiredModelArn": asked["modelId"],
                "foundationModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{BASE}",
                "status": "Creating",
                "creationTime": self._now(),
                "lastModifiedTime": self._now(),
                **_only(asked, ("commitmentDuration",)),
            }
            self.tags[arn] = asked.get("tags", [])
            return arn

        return {"provisionedModelArn": self._once("CreateProvisionedModelThroughput", asked, make)}

    def get_throughput(self, asked: Record) -> Record:
        return self._one(self.throughputs, asked["provisionedModelId"], "provisionedModelName")

    def delete_throughput(self, asked: Record) -> Record:
        del self.throughputs[self.get_throughput(asked)["provisionedModelArn"]]
        return {}

    def create_import(self, asked: Record) -> Record:
        def make() -> str:
            if any(job["jobName"] == asked["jobName"] for job in self.imports.values()):
                raise Refusal(409, "ConflictException", "The job name is in use.")
            self._role(asked)
            self._readable(asked["modelDataSource"]["s3DataSource"]["s3Uri"])
            arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-import-job/{self._identity()}"
            self.imports[arn] = {
                "jobArn": arn,
                "jobName": asked["jobName"],
                "importedModelName": asked["importedModelName"],
                "status": "InProgress",
                "creationTime": self._now(),
            }
            self.tags[arn] = asked.get("jobTags", [])
            self._hidden[arn] = self.late
            return arn

        return {"jobArn": self._once("CreateModelImportJob", asked, make)}

    def get_import(self, asked: Record) -> Record:
        return self._one(self.imports, asked["jobIdentifier"], "jobName")

    def list_imports(self, asked: Record) -> Record:
        page, more = self._page(self.imports, asked, "jobName")
        return {"modelImportJobSummaries": page, **more}


def _only(record: Mapping[str, Any], names: Sequence[str]) -> Record:
    return {name: record[name] for name in names if name in record}


HANDLERS: Final[dict[str, Callable[[BedrockAccount, Record], Record]]] = {
    "CreateModelCustomizationJob": BedrockAccount.create_job,
    "GetModelCustomizationJob": BedrockAccount.get_job,
    "ListModelCustomizationJobs": BedrockAccount.list_jobs,
    "StopModelCustomizationJob": BedrockAccount.stop_job,
    "ListTagsForResource": BedrockAccount.list_tags,
    "GetFoundationModel": BedrockAccount.get_base,
    "CreateCustomModelDeployment": BedrockAccount.create_deployment,
    "GetCustomModelDeployment": BedrockAccount.get_deployment,
    "UpdateCustomModelDeployment": BedrockAccount.update_deployment,
    "DeleteCustomModelDeployment": BedrockAccount.delete_deployment,
    "CreateProvisionedModelThroughput": BedrockAccount.create_throughput,
    "GetProvisionedModelThroughput": BedrockAccount.get_throughput,
    "DeleteProvisionedModelThroughput": BedrockAccount.delete_throughput,
    "CreateModelImportJob": BedrockAccount.create_import,
    "GetModelImportJob": BedrockAccount.get_import,
    "ListModelImportJobs": BedrockAccount.list_imports,
}
