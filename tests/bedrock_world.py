"""One AWS account on loopback: moto's S3 and STS, our control plane of Bedrock, and a submission to send."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bedrock_control_account import ACCOUNT, BASE, REGION, Record
from bedrock_control_server import BedrockControl
from liftgate.files import sha256_file
from liftgate.training.jobs import Submission
from liftgate.training.manifest import Manifest
from liftgate.training.trainers import Settings
from liftgate.training.trainers.bedrock import BedrockTrainer, connect

BUCKET = "tickets"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/liftgate-bedrock"
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
ROW_TEXT = "where is my parcel with the marmalade"


@dataclass
class World:
    """What stands: the trainer, both servers, a client of S3, and everything's environment."""

    trainer: BedrockTrainer
    control: BedrockControl
    s3: Any
    environment: Mapping[str, str]


@contextlib.contextmanager
def moto_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def aws_environment(endpoint: str, tmp_path: Path) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "LIFTGATE_BEDROCK_BUCKET": BUCKET,
        "LIFTGATE_BEDROCK_ROLE_ARN": ROLE,
    }


@functools.cache
def _loader(search_path: str | None = None) -> Any:
    from botocore.loaders import create_loader

    return create_loader(search_path)


@functools.cache
def _session() -> Any:
    """Of the servers' own client: it reads the descriptions of S3 once for all tests."""
    import boto3

    return boto3.Session(KEY_ID, SECRET, region_name=REGION)


class S3Gate:
    """Stands before moto's S3 and refuses chosen requests: a list of (method, part of the path, status, code)."""

    def __init__(self, behind: str, refusals: Sequence[tuple[str, str, int, str]]) -> None:
        self.refusals, self.behind, self.refused = list(refusals), behind, 0

    def __enter__(self) -> str:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                for refusal in gate.refusals:
                    method, part, status, code = refusal
                    if method == self.command and part in self.path:
                        gate.refusals.remove(refusal)
                        return self.say(status, {}, f"<Error><Code>{code}</Code></Error>".encode())
                headers = {name: value for name, value in self.headers.items() if name != "Connection"}
                asked = urllib.request.Request(  # noqa: S310
                    gate.behind + self.path, body or None, headers, method=self.command
                )
                try:
                    with urllib.request.urlopen(asked) as reply:  # noqa: S310
                        return self.say(reply.status, dict(reply.headers), reply.read())
                except urllib.error.HTTPError as error:
                    with error:
                        return self.say(error.code, dict(error.headers), error.read())

            do_GET = do_PUT = do_HEAD = do_POST = answer  # noqa: N815

            def say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name not in {"Content-Length", "Connection", "Server", "Date"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def world(
    endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    faults: Mapping[str, Sequence[str]] | None = None,
    late: int = 0,
    models: Mapping[str, Record] | None = None,
    owner_only: bool = True,
    more: Mapping[str, str] | None = None,
) -> Iterator[World]:
    environment = {**aws_environment(endpoint, tmp_path), **(more or {})}
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # Every session would read the descriptions of S3 and Bedrock anew: a tenth of a second for each test.
    monkeypatch.setattr("botocore.session.create_loader", _loader)
    s3 = _session().client("s3", endpoint_url=endpoint)
    empty(s3)
    s3.create_bucket(Bucket=BUCKET, **({"ObjectOwnership": "BucketOwnerEnforced"} if owner_only else {}))
    if owner_only:
        blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=dict.fromkeys(blocks, True))
    with BedrockControl(faults=faults, late=late, s3=s3, models=models) as control:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", control.url)
        environment["AWS_ENDPOINT_URL_BEDROCK"] = control.url
        trainer = connect(Settings("bedrock", environment, timeout_s=10.0))
        try:
            yield World(trainer, control, s3, environment)
        finally:
            trainer.account.close()
            s3.close()


def empty(s3: Any) -> None:
    """Remove the bucket of an earlier test."""
    with contextlib.suppress(s3.exceptions.NoSuchBucket):
        for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        s3.delete_bucket(Bucket=BUCKET)


def rows(path: Path, count: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {
        "schemaVersion": "bedrock-conversation-2024",
        "messages": [
            {"role": "user", "content": [{"text": ROW_TEXT}]},
            {"role": "assistant", "content": [{"text": "order"}]},
        ],
    }
    path.write_text("".join(json.dumps({**row, "n": n}) + "\n" for n in range(count)))
    return path


def submission(tmp_path: Path, *, seed: int = 0, validation: bool = False, **metadata: str) -> Submission:
    train = rows(tmp_path / "train.jsonl")
    held_out = rows(tmp_path / "validation.jsonl", 3) if validation else None
    manifest = Manifest(
        alias="support-intent",
        provider="bedrock",
        base=BASE,
        base_revision="unversioned",
        method="supervised",
        seed=seed,
        dataset_version="1.2.0",
        train_sha256=sha256_file(train),
        validation_sha256=sha256_file(held_out) if held_out else None,
        hyperparameters={"epochs": 2, "batch_size": "auto", "learning_rate": 0.00001, "warmup_steps": 10},
    )
    return Submission(
        manifest,
        train,
        held_out,
        suffix="support-intent-v1.2.0",
        metadata={"liftgate_digest": manifest.digest, "liftgate_dataset": "support-intent 1.2.0", **metadata},
    )
