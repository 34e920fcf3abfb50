"""Bedrock on loopback: Converse, and the part of the control plane that Liftgate asks.

Every request is held against botocore's own model of the service and its signature is computed again, so what
the real service would refuse is refused here, in its words. In a test:

    with BedrockServer(faults={0: "throttled"}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url) ...

Batch jobs read and write the S3 that `s3_url` names; a job is done once it has been looked at `looks` times.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import Session
from botocore.validate import ParamValidator

ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "secret-of-the-test", "eu-central-1"
NOVA = "eu.amazon.nova-micro-v1:0"
PROFILE_ONLY = "anthropic.claude-sonnet-4-20250514-v1:0"
ACCOUNT = "arn:aws:bedrock:eu-central-1:123456789012"
DEPLOYMENT = f"{ACCOUNT}:custom-model-deployment/abcdefghij12"
PROVISIONED = f"{ACCOUNT}:provisioned-model/abcdefghij12"
CUSTOM = f"{ACCOUNT}:custom-model/amazon.nova-micro-v1:0/abcdefghij1"
Body = dict[str, Any]
Refusal = tuple[int, str, str]

REFUSALS: dict[str, Refusal] = {
    "throttled": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "per-day": (429, "ThrottlingException", "Too many tokens per day, please wait before trying again."),
    "not-ready": (429, "ModelNotReadyException", "The model is not ready for inference."),
    "unavailable": (503, "ServiceUnavailableException", "The service is temporarily unavailable."),
    "internal": (500, "InternalServerException", "The system encountered an unexpected error."),
    "model-timeout": (408, "ModelTimeoutException", "Model has timed out in processing the request."),
    "model-error": (424, "ModelErrorException", "The model errored."),
    "denied": (403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "expired": (403, "ExpiredTokenException", "The security token included in the request is expired"),
    "unknown-key": (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "end-of-life": (404, "ResourceNotFoundException", "This model version has reached the end of its life."),
    "no-tools": (400, "ValidationException", "This model doesn't support tool use."),
    "too-long": (400, "ValidationException", "Input is too long for requested model."),
    "quoting": (400, "ValidationException", "cannot use this: question 0 question 0"),
}  # fmt: skip
SHAPES = ("half", "not-json", "no-message", "reset")
STOPS = ("max_tokens", "content_filtered", "guardrail_intervened", "malformed_model_output")


def echo(body: Body) -> list[Body]:
    """The last text of the user: an answer a test can predict."""
    texts = [block["text"] for block in body["messages"][-1]["content"] if "text" in block]
    return [{"text": texts[-1] if texts else "done"}]


class BedrockServer:
    """A context manager; serves from threads between enter and exit. `bodies` and `headers` record Converse."""

    def __init__(
        self,
        answer: Callable[[Body], list[Body]] = echo,
        *,
        faults: str | Mapping[int, str] | None = None,
        s3_url: str | None = None,
        looks: int = 2,
        models: Iterable[str] = (),
    ) -> None:
        self.answer, self.faults, self.s3_url, self.looks = answer, faults, s3_url, looks
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.models = {NOVA, DEPLOYMENT, PROVISIONED, *models}
        self.served = CUSTOM
        self.jobs: dict[str, Body] = {}
        self.created = 0
        self.lose_reply = False
        self.deny_control = False
        self.end_as = "Completed"
        self.failing: set[str] = set()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def count(self) -> int:
        """Converse requests so far, refused ones included."""
        return len(self.bodies)

    def __enter__(self) -> BedrockServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def mode(self, number: int) -> str | None:
        return self.faults if self.faults is None or isinstance(self.faults, str) else self.faults.get(number)


def environment(server: BedrockServer) -> dict[str, str]:
    """What makes boto3 and Liftgate find the server and its credentials."""
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class Refused(Exception):
    def __init__(self, status: int, name: str, message: str) -> None:
        self.status, self.name, self.message = status, name, message


def _handler(server: BedrockServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                check_signature(self.command, self.path, dict(self.headers.items()), raw)
                status, reply = self._answer(raw)
            except Refused as refused:
                self._send(refused.status, {"message": refused.message}, refused.name)
                return
            if reply is not None:
                self._send(status, reply)

        def _answer(self, raw: bytes) -> tuple[int, Body | None]:
            path = urlsplit(self.path).path
            if self.command == "POST" and (found := re.fullmatch(r"/model/([^/]+)/converse", path)):
                return 200, self._converse(unquote(found[1]), json.loads(raw))
            if server.deny_control:
                raise Refused(403, "AccessDeniedException", "not authorized to perform this action")
            with server.lock:
                return 200, control(server, self.command, self.path, raw)

        def _converse(self, model: str, body: Body) -> Body | None:
            with server.lock:
                number = len(server.bodies)
                server.bodies.append(body)
                server.headers.append(dict(self.headers.items()))
            mode = server.mode(number)
            if mode in REFUSALS:
                raise Refused(*REFUSALS[mode])
            check_converse(model, body, server.models)
            if mode == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return None
            reply = converse_reply(server.answer(body), body, stop=mode if mode in STOPS else None)
            if mode in SHAPES:
                self._bent(mode, reply)
                return None
            return reply

        def _bent(self, mode: str, reply: Body) -> None:
            payload = json.dumps({} if mode == "no-message" else reply).encode()
            sent = {"not-json": b"<html>", "no-message": payload}.get(mode, payload[: len(payload) // 2])
            self.send_response(200)
            self.send_header("Content-Length", str(len(payload if mode == "half" else sent)))
            self.end_headers()
            self.wfile.write(sent)
            self.close_connection = True

        def _send(self, status: int, reply: Body, error: str | None = None) -> None:
            payload = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if error is not None:
                self.send_header("x-amzn-ErrorType", f"{error}:http://internal.amazon.com/coral/")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

    return Handler


def converse_reply(content: list[Body], body: Body, stop: str | None = None) -> Body:
    """A whole Converse output."""
    uses = any("toolUse" in block for block in content)
    words = sum(len(block.get("text", "").split()) for m in body["messages"] for block in m["content"])
    said = sum(len(block.get("text", "").split()) for block in content)
    usage = {"inputTokens": words, "outputTokens": said, "totalTokens": words + said}
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop or ("tool_use" if uses else "end_turn"),
        "usage": usage,
        "metrics": {"latencyMs": 5},
    }


def check_signature(method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
    """Compute the signature of what arrived, as the service does."""
    lower = {name.lower(): value for name, value in headers.items()}
    given = lower.get("authorization", "")
    if given == "Bearer test-api-key":
        return
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/bedrock/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        given,
    )
    if found is None:
        raise Refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    if found[1] != ACCESS_KEY:
        raise Refused(*REFUSALS["unknown-key"])
    signed = {name: lower[name] for name in found[4].split(";")}
    request = AWSRequest(method=method, url=f"http://{lower['host']}{target}", data=body, headers=signed)
    request.context["timestamp"] = lower["x-amz-date"]
    auth = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "bedrock", found[3])
    canonical = auth.canonical_request(request)
    if auth.signature(auth.string_to_sign(request, canonical), request) != found[5]:
        raise Refused(403, "InvalidSignatureException", "The request signature we calculated does not match")


def check_converse(model: str, body: Body, known: Collection[str]) -> None:
    """Refuse what the service refuses: by its model, and by the rules of a conversation."""
    if model == PROFILE_ONLY:
        raise _invalid(
            f"Invocation of model ID {model} with on-demand throughput isn\u2019t supported. Retry your request with "
            "the ID or ARN of an inference profile that contains this model."
        )
    if model not in known:
        raise _invalid("The provided model identifier is invalid.")
    check_shape("bedrock-runtime", "Converse", {"modelId": model, **body})
    roles = [message["role"] for message in body.get("messages", [])]
    if not roles or roles[0] != "user":
        raise _invalid("A conversation must start with a user message. Try again with one that does.")
    if any(one == other for one, other in pairwise(roles)):
        raise _invalid("A conversation must alternate between user and assistant roles.")
    open_calls: set[str] = set()
    for number, message in enumerate(body["messages"]):
        results = {b["toolResult"]["toolUseId"] for b in message["content"] if "toolResult" in b}
        if results != open_calls:
            raise _invalid(
                f"Expected toolResult blocks at messages.{number}.content for the following Ids: ..."
            )
        open_calls = {b["toolUse"]["toolUseId"] for b in message["content"] if "toolUse" in b}
        if (results or open_calls) and "toolConfig" not in body:
            raise _invalid(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            )
        for place, block in enumerate(message["content"]):
            if "text" in block and not block["text"].strip():
                raise _invalid(
                    f"The text field in the ContentBlock object at messages.{number}.content.{place} is blank."
                )


def check_shape(service: str, operation: str, params: Body) -> None:
    """Hold parameters against botocore's model: names, types, required, lengths, ranges, enums, patterns."""
    shape = Session().get_service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise _invalid(report.generate_report())
    for said in _beyond(params, shape):
        raise _invalid(said)


def _beyond(value: Any, shape: Any) -> Iterator[str]:
    """What botocore leaves to the service: upper bounds, enums, patterns, unions."""
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure":
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            yield f"exactly one of {list(shape.members)} is expected"
        for name, each in value.items():
            yield from _beyond(each, shape.members[name])
    elif shape.type_name == "list":
        for each in value:
            yield from _beyond(each, shape.member)
    elif shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield f"Value '{value}' failed to satisfy enum value set: {shape.enum}"
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield f"Value '{value}' failed to satisfy the pattern {pattern}"
        if len(value) > shape.metadata.get("max", len(value)):
            yield "Member must have length less than or equal to the limit"
    elif "max" in shape.metadata and value > shape.metadata["max"]:
        yield f"Member must have value less than or equal to {shape.metadata['max']}"


def _invalid(message: str) -> Refused:
    return Refused(400, "ValidationException", message)


def control(server: BedrockServer, method: str, target: str, raw: bytes) -> Body:
    """The control plane."""
    parts = urlsplit(target)
    path, query = parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
    if path.startswith("/model-customization/custom-model-deployments/"):
        return {"customModelDeploymentArn": DEPLOYMENT, "modelArn": server.served, "status": "Active"}
    if path.startswith("/provisioned-model-throughput/"):
        return {"provisionedModelArn": PROVISIONED, "modelArn": server.served, "status": "InService"}
    if (method, path) == ("POST", "/model-invocation-job"):
        return _create_job(server, json.loads(raw))
    if path == "/model-invocation-jobs":
        check_shape("bedrock", "ListModelInvocationJobs", query)
        jobs = [job for job in server.jobs.values() if query.get("nameContains", "") in job["jobName"]]
        return {"invocationJobSummaries": [_summary(job) for job in jobs]}
    if path.startswith("/model-invocation-job/"):
        arn = unquote(path.removeprefix("/model-invocation-job/"))
        if arn not in server.jobs:
            raise Refused(404, "ResourceNotFoundException", "The specified job does not exist")
        return _looked_at(server, server.jobs[arn])
    raise Refused(404, "UnknownOperationException", "")


def _create_job(server: BedrockServer, body: Body) -> Body:
    check_shape("bedrock", "CreateModelInvocationJob", body)
    token = body["clientRequestToken"]
    known = next((job for job in server.jobs.values() if job["clientRequestToken"] == token), None)
    if known is None:
        if any(job["jobName"] == body["jobName"] for job in server.jobs.values()):
            raise Refused(400, "ConflictException", "The job name is already in use")
        lines = list(_records(server, body))
        if len(lines) < 100:
            raise _invalid(
                f"The number of records in your input ({len(lines)}) is less than the minimum of 100."
            )
        arn = f"{ACCOUNT}:model-invocation-job/job{len(server.jobs):09d}"
        known = {**body, "jobArn": arn, "status": "Submitted", "looks": 0, "submitTime": 1_750_000_000}
        server.jobs[arn] = known
        server.created += 1
    if server.lose_reply:
        server.lose_reply = False
        raise Refused(500, "InternalServerException", "lost")
    return {"jobArn": known["jobArn"]}


def _summary(job: Body) -> Body:
    keys = ("jobArn", "jobName", "modelId", "clientRequestToken", "roleArn", "status", "submitTime")
    return {key: job[key] for key in (*keys, "inputDataConfig", "outputDataConfig")}


def _looked_at(server: BedrockServer, job: Body) -> Body:
    job["looks"] += 1
    if job["looks"] >= server.looks and job["status"] in {"Submitted", "InProgress"}:
        job["status"] = server.end_as
        if server.end_as in {"Completed", "PartiallyCompleted", "Expired", "Stopped"}:
            _write_output(server, job)
    elif job["status"] == "Submitted":
        job["status"] = "InProgress"
    return _summary(job)


def _s3(server: BedrockServer) -> Any:
    return boto3.Session().client("s3", endpoint_url=server.s3_url, region_name=REGION)


def _address(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _records(server: BedrockServer, job: Body) -> Iterator[Body]:
    bucket, key = _address(job["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
    with closing(_s3(server)) as s3:
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return (json.loads(line) for line in text.splitlines())


def _write_output(server: BedrockServer, job: Body) -> None:
    """Answers in an order of the service's own, with an error in place of an answer for some."""
    lines = []
    for record in reversed(list(_records(server, job))):
        body, text = record["modelInput"], json.dumps(record["modelInput"])
        if job["modelInvocationType"] != "Converse" or not record["recordId"].isalnum():
            raise AssertionError("only Converse records with an alphanumeric id are understood here")
        if any(word in text for word in server.failing):
            error = {"errorCode": 400, "errorMessage": f"bad: {text}", "expired": False, "retryable": False}
            lines.append({**record, "error": error})
            continue
        try:
            check_converse(NOVA, body, (NOVA,))
        except Refused as refused:
            lines.append({**record, "error": {"errorCode": 400, "errorMessage": refused.message}})
            continue
        lines.append({**record, "modelOutput": converse_reply(server.answer(body), body)})
    if server.end_as != "Completed":
        lines = lines[: len(lines) // 2]
    bucket, prefix = _address(job["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
    _, key = _address(job["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
    folder = f"{prefix.rstrip('/')}/{job['jobArn'].rsplit('/', 1)[-1]}".lstrip("/")
    output = "".join(json.dumps(line) + "\n" for line in lines)
    with closing(_s3(server)) as s3:
        s3.put_object(Bucket=bucket, Key=f"{folder}/{key.rsplit('/', 1)[-1]}.out", Body=output.encode())
        s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json.out", Body=b"{}")
