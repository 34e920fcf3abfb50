"""Bedrock's batch inference: Converse records in S3, a model invocation job, answers in S3."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson

from liftgate.data.s3 import SCHEME, address_problem
from liftgate.errors import InputError, ProviderError, ReplyLost
from liftgate.evaluation import converse_format
from liftgate.evaluation.batches import Batch, Places, State
from liftgate.evaluation.chat_format import parsed
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request
from liftgate.evaluation.endpoints import Settings
from liftgate.evaluation.endpoints.bedrock import aws_session, region_of

_ENDED: Final = frozenset({"Completed", "PartiallyCompleted", "Expired", "Stopped"})
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_T = TypeVar("_T")


def connect(settings: Settings, places: Places) -> BedrockBatches:
    """Check the S3 folder and the role; nothing is sent yet."""
    if places.s3 is None or places.role is None:
        raise InputError(
            "--batch on bedrock needs an S3 folder and a role",
            hint="--batch-s3 s3://bucket/folder --batch-role arn:aws:iam::123456789012:role/NAME (the role reads "
            "and writes the folder for Bedrock)",
        )
    folder = places.s3.rstrip("/")
    if not folder.startswith(SCHEME) or (why := address_problem(f"{folder}/x")) is not None:
        raise InputError(f"--batch-s3: {why if folder.startswith(SCHEME) else 'write s3://bucket/folder'}")
    session, region = aws_session(), region_of(settings.region, settings.model)
    from botocore.config import Config

    # A creation carries a token, so that sending it twice creates one job.
    config = Config(
        connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4}
    )
    return BedrockBatches(settings.model, folder, places.role, session, region, config)


class BedrockBatches:
    """Model invocation jobs of one account and region. Clients are opened for each call and closed after it."""

    least = 100
    most = 50_000
    most_bytes = 1_000_000_000

    def __init__(self, model: str, folder: str, role: str, session: Any, region: str, config: Any) -> None:
        self._model, self._role = model, role
        self._bucket, _, self._prefix = folder.removeprefix(SCHEME).partition("/")
        self._session, self._region, self._config = session, region, config

    def line_id(self, key: str) -> str:
        """Eleven letters and digits, the form that Bedrock gives as an example: 56 bits of the key."""
        value, letters = int(key[:15], 16), ""
        for _ in range(11):
            value, digit = divmod(value, 36)
            letters += _DIGITS[digit]
        return letters

    def line(self, line_id: str, request: Request) -> bytes:
        """A Converse request with its id."""
        return orjson.dumps({"recordId": line_id, "modelInput": converse_format.fields(request)})

    def find(self, digest: str) -> Batch | None:
        """The job whose name and token are the digest's."""
        name = _job_name(digest)
        found = self._asked(
            "listing batch jobs",
            "bedrock",
            lambda client: client.list_model_invocation_jobs(nameContains=name)["invocationJobSummaries"],
        )
        job = next((job for job in found if job.get("clientRequestToken") == digest), None)
        return None if job is None or job["status"] == "Failed" else _batch(job)

    def create(self, digest: str, lines: Sequence[bytes]) -> Batch:
        """Put the records into S3 and create the job that reads them."""
        data = b"".join(line + b"\n" for line in lines)
        key = self._key(f"{digest}.jsonl")
        self._asked(
            "writing the records to S3",
            "s3",
            lambda client: client.put_object(Bucket=self._bucket, Key=key, Body=data),
        )
        arn = self._asked(
            "creating the batch job",
            "bedrock",
            lambda client: client.create_model_invocation_job(
                jobName=_job_name(digest),
                roleArn=self._role,
                clientRequestToken=digest,
                modelId=self._model,
                modelInvocationType="Converse",
                inputDataConfig={
                    "s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": f"{SCHEME}{self._bucket}/{key}"}
                },
                outputDataConfig={
                    "s3OutputDataConfig": {"s3Uri": f"{SCHEME}{self._bucket}/{self._key('output/')}"}
                },
            )["jobArn"],
            creates=True,
        )
        return Batch(str(arn), State.RUNNING, "Submitted")

    def look(self, batch_id: str) -> Batch:
        """The job as it is now."""
        return _batch(
            self._asked(
                "reading the batch job",
                "bedrock",
                lambda client: client.get_model_invocation_job(jobIdentifier=batch_id),
            )
        )

    def results(
        self, batch: Batch, digest: str, asked: Mapping[str, Request]
    ) -> Iterator[tuple[str, Outcome]]:
        """The lines of the output file; nothing where a job that was cut short wrote none."""
        key = self._key(f"output/{batch.id.rsplit('/', 1)[-1]}/{digest}.jsonl.out")
        content = self._asked("reading the answers from S3", "s3", lambda client: self._object(client, key))
        for line in content.splitlines():
            row = parsed(line)
            if isinstance(row, dict) and (request := asked.get(str(row.get("recordId")))) is not None:
                yield str(row["recordId"]), read_row(row, tools=bool(request.tools))

    def _object(self, client: Any, key: str) -> bytes:
        try:
            return bytes(client.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except client.exceptions.NoSuchKey:
            return b""

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _asked(self, what: str, service: str, ask: Callable[[Any], _T], *, creates: bool = False) -> _T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with contextlib.closing(
                self._session.client(service, region_name=self._region, config=self._config)
            ) as client:
                return ask(client)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code") or "error")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            if creates and (status >= 500 or code == "ConflictException"):
                raise ReplyLost(f"{what}: {code}", hint=_AGAIN) from None
            raise ProviderError(f"{what}: {code}", hint=_HINTS.get(code, _AGAIN)) from None
        except BotoCoreError as error:
            lost = ReplyLost if creates else ProviderError
            raise lost(f"{what}: {type(error).__name__}", hint=_AGAIN) from None


_AGAIN: Final = "run the same command again: a job that exists is found, never created twice"
_HINTS: Final = {
    "AccessDeniedException": "allow bedrock:CreateModelInvocationJob, Get and List, and iam:PassRole on the role",
    "AccessDenied": "allow s3:PutObject and s3:GetObject on the folder of --batch-s3",
    "NoSuchBucket": "check --batch-s3",
    "ValidationException": "check --model (does it take batches in this region?), --batch-role and the records",
}


def _job_name(digest: str) -> str:
    return f"liftgate-{digest[:54]}"


def _batch(job: Mapping[str, Any]) -> Batch:
    said = str(job["status"])
    state = State.FAILED if said == "Failed" else State.ENDED if said in _ENDED else State.RUNNING
    return Batch(
        str(job["jobArn"]), state, said, job.get("processedRecordCount"), job.get("totalRecordCount")
    )


def read_row(row: Mapping[str, Any], *, tools: bool) -> Outcome:
    """What one line of the output means."""
    output, error = row.get("modelOutput"), row.get("error")
    if isinstance(output, dict):
        reply = converse_format.answer(output, None, tools=tools)
        return reply if isinstance(reply, Completion) else Failure(reply.kind, reply.message)
    said = error if isinstance(error, dict) else {}
    code = said.get("errorCode")
    status = int(code) if isinstance(code, int | str) and str(code).isdecimal() else 500
    fault = converse_format.refusal(status, {}, {"message": said.get("errorMessage")}, 0.0)
    return Failure(fault.kind, fault.message)
