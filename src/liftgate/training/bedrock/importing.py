"""Custom model import: a model that was trained and merged elsewhere, served by Bedrock.

boto3 fills no client token into an import, and a lost reply must not start a second one: jobs are looked up by
name and tag first, and the token follows from the digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.digests import digest
from liftgate.errors import InputError, ProviderError, ReplyLost
from liftgate.training.bedrock import names
from liftgate.training.bedrock.account import Account, Refused
from liftgate.training.bedrock.bucket import sha256_of, store
from liftgate.training.jobs import JobState

_STATES: Final[Mapping[str, JobState]] = {
    "InProgress": JobState.RUNNING,
    "Completed": JobState.SUCCEEDED,
    "Failed": JobState.FAILED,
}
_NEEDED: Final = ("config.json", "tokenizer.json", "tokenizer_config.json")
_TAKEN: Final = (
    *_NEEDED,
    "chat_template.jinja",
    "generation_config.json",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "tokenizer.model",
)


@dataclass(frozen=True)
class Import:
    """An import job; `model_arn` once it has succeeded."""

    id: str
    name: str
    state: JobState
    digest: str | None
    model_arn: str | None
    error: str | None = None


def import_model(account: Account, folder: Path, *, suffix: str, metadata: Mapping[str, str]) -> Import:
    """Upload a merged model and import it: found by digest, or created once."""
    marked, attempt = metadata[names.DIGEST_TAG], names.attempt_of(metadata)
    name = names.job_name(marked, attempt)
    if found := _adopted(account, name, marked):
        return found
    files = _files(folder)
    key = names.weights_key(account.prefix, digest([[file.name, sha256_of(file)] for file in files]))
    for file in files:
        store(account, file, f"{key}/{file.name}")
    tags = names.tags(metadata)
    try:
        made = account.create(
            "bedrock",
            "create_model_import_job",
            jobName=name,
            importedModelName=names.model_name(suffix, marked, attempt),
            roleArn=account.role_arn,
            modelDataSource={"s3DataSource": {"s3Uri": account.uri(key) + "/"}},
            jobTags=tags,
            importedModelTags=tags,
            clientRequestToken=names.client_token(marked, attempt, "import"),
        )
    except (ReplyLost, Refused) as error:
        if found := _adopted(account, name, marked):
            return found
        if isinstance(error, ReplyLost):
            raise ReplyLost(error.sentence, hint="run it again: it looks before it creates") from None
        raise
    return Import(made["jobArn"], name, JobState.RUNNING, marked, None)


def poll_import(account: Account, job_id: str) -> Import:
    """The import as it is now."""
    return _import(_told(account, job_id), None)


def find_imports(account: Account, marked: str) -> list[Import]:
    """Every import of this account that carries the digest, oldest first."""
    found, page = (
        [],
        {"nameContains": names.job_name(marked), "sortBy": "CreationTime", "sortOrder": "Ascending"},
    )
    while True:
        listed = account.ask("bedrock", "list_model_import_jobs", **page)
        for job in listed.get("modelImportJobSummaries", []):
            if _digest_of(account, job["jobArn"]) == marked:
                found.append(_import(job, marked))
        if not listed.get("nextToken"):
            return found
        page = {**page, "nextToken": listed["nextToken"]}


def _adopted(account: Account, name: str, marked: str) -> Import | None:
    """The import of this name, asked for directly: a list may lag behind."""
    try:
        told = _told(account, name)
    except Refused as error:
        if not error.is_missing:
            raise
        return next((job for job in find_imports(account, marked) if job.name == name), None)
    if _digest_of(account, told["jobArn"]) != marked:
        raise ProviderError(f"the import job {name} exists and is not ours", hint="nothing was created")
    return _import(told, marked)


def _told(account: Account, which: str) -> dict[str, Any]:
    told = account.ask("bedrock", "get_model_import_job", jobIdentifier=which)
    if not {"jobArn", "jobName", "status"} <= told.keys():
        raise ProviderError("bedrock get-model-import-job: the answer cannot be read")
    return told


def _digest_of(account: Account, arn: str) -> str | None:
    told = account.ask("bedrock", "list_tags_for_resource", resourceARN=arn)
    return names.digest_in(told.get("tags", []))


def _import(told: Mapping[str, Any], marked: str | None) -> Import:
    state = _STATES.get(str(told.get("status")), JobState.RUNNING)
    error = None
    if state is JobState.FAILED:
        error = "Bedrock cannot import the model; aws bedrock get-model-import-job shows its words"
    return Import(told["jobArn"], told["jobName"], state, marked, told.get("importedModelArn"), error)


def _files(folder: Path) -> list[Path]:
    """What Bedrock reads of a merged model: weights, config and tokenizer, nothing pickled."""
    weights = sorted(folder.glob("*.safetensors"))
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not weights:
        missing.append("*.safetensors")
    if (folder / "adapter_config.json").exists() or missing:
        raise InputError(
            f"{folder} is not a merged model" + (f": {', '.join(missing)} missing" if missing else ""),
            hint="merge the adapter into its base and save both model and tokenizer there",
        )
    return sorted([*weights, *(folder / name for name in _TAKEN if (folder / name).is_file())])
