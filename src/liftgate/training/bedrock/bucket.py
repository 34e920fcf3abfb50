"""Rows into the bucket and metrics out of it: encrypted, the owner's only, each object written once."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError, Problem, ProviderError
from liftgate.training.bedrock.account import Account, Refused

LARGEST_OBJECT_BYTES: Final = 5 * 1024**3
_MOST_METRICS_BYTES: Final = 8 * 1024**2
_BLOCK: Final = 1024 * 1024
_METRICS: Final = (
    ("training_loss", "train_loss", "training_artifacts/step_wise_training_metrics.csv"),
    (
        "validation_loss",
        "valid_loss",
        "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv",
    ),
)


@dataclass(frozen=True)
class Stored:
    """An object in the bucket. `fresh` is False when the same bytes lay there already."""

    uri: str
    sha256: str
    size: int
    fresh: bool


def bucket_problems(account: Account) -> list[Problem]:
    """Why rows must not go into this bucket: another owner or region, public access, access lists."""
    asked = {"Bucket": account.bucket, "ExpectedBucketOwner": account.id}
    place, problems = f"s3://{account.bucket}", []
    try:
        region = account.ask("s3", "head_bucket", **asked).get("BucketRegion", account.region)
    except Refused as error:
        if error.status in {403, 404}:
            return [
                Problem(
                    place, "does not exist, belongs to another account, or is closed to these credentials"
                )
            ]
        raise
    if region != account.region:
        problems.append(
            Problem(place, f"lies in {region}; Bedrock in {account.region} reads only its own region")
        )
    try:
        blocked = account.ask("s3", "get_public_access_block", **asked)["PublicAccessBlockConfiguration"]
    except Refused as error:
        blocked = _unset(error)
    if not all(blocked.get(name) for name in _BLOCKS):
        problems.append(Problem(place, "public access is not blocked; turn all four blocks on"))
    try:
        controls = account.ask("s3", "get_bucket_ownership_controls", **asked)["OwnershipControls"]
    except Refused as error:
        controls = _unset(error)
    if [rule.get("ObjectOwnership") for rule in controls.get("Rules", [])] != ["BucketOwnerEnforced"]:
        problems.append(Problem(place, "access lists are on; set object ownership to BucketOwnerEnforced"))
    return problems


_BLOCKS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _unset(error: Refused) -> dict[str, Any]:
    """Nothing is set; any other refusal leaves the question open, and an open question uploads nothing."""
    if error.code in {"NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError"}:
        return {}
    raise error


def check_bucket(account: Account) -> None:
    """Raise `InputError` unless the bucket is the owner's only; asked once a connection."""
    if account._sound:
        return
    if problems := bucket_problems(account):
        raise InputError(
            "no row is sent into this bucket",
            problems=problems,
            hint="liftgate doctor bedrock checks it again",
        )
    account._sound = True


def store(account: Account, path: Path, key: str) -> Stored:
    """Write a file under a key, once: an object that lies there already is compared, never replaced.

    S3 checks the sha256 of what arrived. Raises `InputError` for a file that one request cannot carry.
    """
    sha256, size = _hashed(path)
    if size > LARGEST_OBJECT_BYTES:
        raise InputError(
            f"{path.name}: one object holds at most 5 GiB", hint='save the model with max_shard_size="4GB"'
        )
    check_bucket(account)
    encoded = base64.b64encode(bytes.fromhex(sha256)).decode()
    encryption = (
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": account.kms_key_arn}
        if account.kms_key_arn
        else {"ServerSideEncryption": "AES256"}
    )
    where = {"Bucket": account.bucket, "Key": key, "ExpectedBucketOwner": account.id}
    try:
        with path.open("rb") as body:
            account.ask(
                "s3",
                "put_object",
                **where,
                **encryption,
                Body=body,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=encoded,
                IfNoneMatch="*",
            )
    except Refused as error:
        if error.status not in {409, 412}:
            raise
        there = account.ask("s3", "head_object", **where, ChecksumMode="ENABLED")
        if there.get("ChecksumSHA256") != encoded or "ServerSideEncryption" not in there:
            raise ProviderError(
                f"{account.uri(key)}: another object lies under this name",
                hint="nobody but Liftgate writes there; remove it, then run the same command again",
            ) from None
        return Stored(account.uri(key), sha256, size, fresh=False)
    return Stored(account.uri(key), sha256, size, fresh=True)


def sha256_of(path: Path) -> str:
    """The sha256 that the object will be named by."""
    return _hashed(path)[0]


def _hashed(path: Path) -> tuple[str, int]:
    seen, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            seen.update(block)
            size += len(block)
    return seen.hexdigest(), size


def losses(account: Account, output_uri: str, job_arn: str) -> tuple[list[dict[str, Any]], str | None]:
    """Training and validation losses by step that the job left in the bucket, and why some could not be read.

    Metrics are evidence, not the result: a job whose metrics cannot be read has still succeeded.
    """
    bucket, _, prefix = output_uri.removeprefix("s3://").partition("/")
    folder = f"{prefix.rstrip('/')}/model-customization-job-{job_arn.rpartition('/')[2]}"
    steps: dict[int, dict[str, Any]] = {}
    problem = None
    for column, name, file in _METRICS:
        try:
            data = account.read(bucket, f"{folder}/{file}", _MOST_METRICS_BYTES)
        except ProviderError as error:
            if not (isinstance(error, Refused) and error.is_missing):
                problem = f"{file}: {error.sentence}"
            continue
        for entry in losses_in(data, column, name):
            steps.setdefault(entry["step"], {}).update(entry)
    return [steps[step] for step in sorted(steps)], problem


def losses_in(data: bytes, column: str, name: str) -> list[dict[str, Any]]:
    """The rows of a metrics file that hold a finite loss: `step`, `epoch` and the loss under its name."""
    found = []
    for row in csv.DictReader(io.StringIO(data.decode("utf-8", "replace"))):
        try:
            loss = float(row[column])
            entry = {
                "step": int(float(row["step_number"])),
                "epoch": int(float(row["epoch_number"])),
                name: loss,
            }
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if math.isfinite(loss):
            found.append(entry)
    return found
