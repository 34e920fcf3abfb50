"""Datasets in S3: an address that is pinned by its sha256, fetched once into a folder named by content."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError, LiftgateError, MissingExtra, ProviderError
from liftgate.files import replacing, sha256_file

SCHEME: Final = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BLOCK_BYTES: Final = 1024 * 1024


class Unpinned(InputError):
    """The object is not the one that the card pins; `finding` says so without the address."""

    def __init__(self, address: str, found: str, pinned: str) -> None:
        self.finding = f"the object has sha256 {found}, the card pins {pinned}"
        hint = "a released object is never replaced: put the old one back, or release a new version"
        super().__init__(f"{address}: {self.finding}", hint=hint)


def address_problem(address: str) -> str | None:
    """Why an s3:// address is refused, in words that repeat none of it; None when it is sound."""
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    if "@" in bucket or ":" in bucket:
        return "the s3 address holds credentials; take them out (and revoke them), boto3 finds its own"
    if "?" in key or "#" in key:
        return "the s3 address has a query; write s3://bucket/key, and version_id beside it"
    if not _BUCKET.fullmatch(bucket):
        return "the s3 address names no bucket; write s3://bucket/key"
    if not key.isprintable() or any(part in {"", ".", ".."} for part in key.split("/")):
        return "the s3 address has no plain key; write s3://bucket/folder/file.jsonl"
    return None


def fetch(address: str, sha256: str, version_id: str | None, cache: Path) -> Path:
    """The local copy of a pinned object, fetched when it is not there yet.

    Raises `Unpinned` when the object has another sha256, `ProviderError` when it cannot be had and
    `MissingExtra` without boto3. A damaged copy in the cache is fetched again.
    """
    kept = cache / "datasets" / sha256
    if kept.is_file() and sha256_file(kept) == sha256:
        return kept
    seen = hashlib.sha256()
    with replacing(kept) as temporary:
        with temporary.open("wb") as out:
            for block in _blocks(address, version_id):
                seen.update(block)
                out.write(block)
        if seen.hexdigest() != sha256:
            raise Unpinned(address, seen.hexdigest(), sha256)
    return kept


def download(address: str, target: Path) -> bool:
    """Write an object to a file, whole or not at all; False when there is none. Raises as `fetch` does."""
    try:
        with replacing(target) as temporary, temporary.open("wb") as out:
            for block in _blocks(address, None):
                out.write(block)
    except Absent:
        return False
    return True


def upload(address: str, path: Path) -> None:
    """Put a file there; S3 itself holds it against its sha256. Raises `ProviderError` and `MissingExtra`."""
    boto3, failures, config = _sdk()
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    checksum = base64.b64encode(bytes.fromhex(sha256_file(path))).decode()
    try:
        with (
            contextlib.closing(boto3.Session().client("s3", config=config)) as client,
            path.open("rb") as body,
        ):
            client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumSHA256=checksum)
    except failures as error:
        raise _unreachable(address, error, "put") from None


class Absent(ProviderError):
    """There is no such object."""


def _blocks(address: str, version_id: str | None) -> Iterator[bytes]:
    boto3, failures, config = _sdk()
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})
    try:
        # A session of its own: boto3's default one keeps the credentials that it found first.
        with contextlib.closing(boto3.Session().client("s3", config=config)) as client:
            yield from client.get_object(**wanted)["Body"].iter_chunks(_BLOCK_BYTES)
    except failures as error:
        raise _unreachable(address, error) from None


def _unreachable(address: str, error: Exception, done: str = "fetched") -> LiftgateError:
    answer = getattr(error, "response", {})
    said = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    kind = Absent if said in {"NoSuchKey", "404"} and done == "fetched" else ProviderError
    return kind(
        f"{address}: cannot be {done}: {said or type(error).__name__}",
        hint="check the address, the region and the credentials that boto3 finds: aws s3 ls " + address,
    )


def _sdk() -> tuple[Any, tuple[type[Exception], ...], Any]:
    try:
        import boto3
        from boto3.exceptions import Boto3Error
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise MissingExtra("aws", "boto3") from None
    config = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 3})
    return boto3, (Boto3Error, BotoCoreError, ClientError), config
