"""Bedrock's control plane on loopback, as far as training and serving need it: stateful, strict, faulty on demand.

Requests and replies are held against botocore's own service model, so this server takes nothing that Bedrock
would refuse by form, and answers nothing that Bedrock could not. In a test:

    with BedrockControl(faults={"CreateModelCustomizationJob": ["lost"]}) as control:
        ... AWS_ENDPOINT_URL_BEDROCK=control.url ...
        control.finish(arn)

Faults, one for each call of an operation, in order; "" is none:
    lost       does it, then closes the connection without an answer
    500-done   does it, then answers 500
    500, 503, throttle, quota, denied, expired   answers so and does nothing

As a process of its own: `python bedrock_control_server.py` prints its address and serves until it is killed.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
BASE: Final = "amazon.nova-micro-v1:0:128k"
NOVA_RANGES: Final = {"epochCount": (1, 5), "learningRate": (1e-6, 1e-4), "learningRateWarmupSteps": (0, 100)}
FAULTS: Final = {
    "500": (500, "InternalServerException"),
    "503": (503, "ServiceUnavailableException"),
    "throttle": (429, "ThrottlingException"),
    "quota": (400, "ServiceQuotaExceededException"),
    "denied": (403, "AccessDeniedException"),
    "expired": (403, "ExpiredTokenException"),
}
Record = dict[str, Any]


class Refusal(Exception):
    """An error answer: status, the service's word, its message."""

    def __init__(self, status: int, code: str, message: str = "refused") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@functools.cache
def service_model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("bedrock")


def complaints(shape: Any, value: Any, path: str = "") -> list[str]:
    """What of a value breaks the constraints of a shape of botocore's model."""
    kind = shape.type_name
    wanted: Any = _PYTHON[kind]
    if not isinstance(value, wanted) or (kind != "boolean" and isinstance(value, bool)):
        return [f"{path}: not a {kind}"]
    found: list[str] = []
    if kind == "structure":
        found += [f"{path}.{name}: required" for name in shape.required_members if name not in value]
        found += [f"{path}.{name}: no such member" for name in value if name not in shape.members]
        if shape.metadata.get("union") and len(value) != 1:
            found.append(f"{path}: exactly one member of a union")
        for name in value.keys() & shape.members.keys():
            found += complaints(shape.members[name], value[name], f"{path}.{name}")
    elif kind == "list":
        for index, item in enumerate(value):
            found += complaints(shape.member, item, f"{path}[{index}]")
    elif kind == "map":
        for key, item in value.items():
            found += complaints(shape.key, key, f"{path}.{key}") + complaints(
                shape.value, item, f"{path}.{key}"
            )
    return found + _beyond_limits(shape, value, path)


_PYTHON: Final = {
    "structure": dict,
    "list": list,
    "map": dict,
    "timestamp": (datetime.datetime, str),
    "string": str,
    "integer": int,
    "float": (int, float),
    "boolean": bool,
}


def _beyond_limits(shape: Any, value: Any, path: str) -> list[str]:
    rules, kind, found = shape.metadata, shape.type_name, []
    if kind in {"boolean", "structure", "timestamp"}:
        return []
    size = value if kind in {"integer", "float"} else len(value)
    if "min" in rules and size < rules["min"]:
        found.append(f"{path}: below {rules['min']}")
    if "max" in rules and size > rules["max"]:
        found.append(f"{path}: above {rules['max']}")
    if kind == "string" and "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        found.append(f"{path}: pattern")
    if kind == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        found.append(f"{path}: not one of {', '.join(shape.enum)}")
    return found


class BedrockControl:
    """A context manager: serves from threads of its own between enter and exit.

    `late` hides a new job from lists and from look-ups by name for so many of these calls. `s3` is a client of
    the S3 that the role may read: data are looked for there, metrics are written there. `created` counts what
    was made, `calls` names every operation in order, `requests` keeps what each one asked.
    """

    def __init__(
        self,
        *,
        faults: Mapping[str, Sequence[str]] | None = None,
        late: int = 0,
        s3: Any = None,
        models: Mapping[str, Record] | None = None,
    ) -> None:
        self.faults = {name: list(modes) for name, modes in (faults or {}).items()}
        self.late, self.s3 = late, s3
        self.models = dict(models or {BASE: {}})
        self.jobs: dict[str, Record] = {}
        self.deployments: dict[str, Record] = {}
        self.throughputs: dict[str, Record] = {}
        self.imports: dict[str, Record] = {}
        self.tags: dict[str, list[Record]] = {}
        self.created: Counter[str] = Counter()
        self.calls: list[str] = []
        self.requests: list[tuple[str, Record]] = []
        self._tokens: dict[tuple[str, str], tuple[Record, str]] = {}
        self._hidden: dict[str, int] = {}
        self._lock = threading.RLock()
        self._model = service_model()
        self._routes = [self._route(name) for name in _OPERATIONS]
        self._server: ThreadingHTTPServer | None = None
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

    # -- the server

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> BedrockControl:
        control = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                reply = control.handle(self.command, self.path, dict(self.headers), self.rfile.read(length))
                if reply is None:
                    self.close_connection = True
                    return
                status, headers, body = reply
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def handle(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes] | None:
        """One request; None closes the connection."""
        name = "unknown"
        try:
            with self._lock:
                name, operation, parameters = self._parsed(method, target, body)
                self.calls.append(name)
                signed = headers.get("Authorization", "")
                if not re.match(
                    rf"AWS4-HMAC-SHA256 Credential=[^/]+/\d+/{REGION}/bedrock/aws4_request", signed
                ):
                    raise Refusal(403, "MissingAuthenticationToken")
                fault = self.faults.get(name, []).pop(0) if self.faults.get(name) else ""
                if fault in FAULTS:
                    raise Refusal(*FAULTS[fault], "sensitive: row text AKIAIOSFODNN7EXAMPLE")
                if wrong := complaints(operation.input_shape, parameters):
                    raise Refusal(400, "ValidationException", "; ".join(wrong))
                self.requests.append((name, parameters))
                answer = _HANDLERS[name](self, parameters)
                strange = complaints(operation.output_shape, answer)
                assert not strange, strange
            if fault == "lost":
                return None
            if fault == "500-done":
                raise Refusal(500, "InternalServerException")
            payload = json.dumps(answer, default=_as_json).encode()
            return operation.http.get("responseCode", 200), {"Content-Type": "application/json"}, payload
        except Refusal as refusal:
            payload = json.dumps({"message": refusal.message}).encode()
            return (
                refusal.status,
                {"x-amzn-ErrorType": refusal.code, "Content-Type": "application/json"},
                payload,
            )

    def _route(self, name: str) -> tuple[str, str, re.Pattern[str], Any]:
        operation = self._model.operation_model(name)
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation.http["requestUri"]))
        return name, operation.http["method"], re.compile(pattern), operation

    def _parsed(self, method: str, target: str, body: bytes) -> tuple[str, Any, Record]:
        parts = urlsplit(target)
        for name, verb, pattern, operation in self._routes:
            match = pattern.fullmatch(parts.path)
            if verb != method or match is None:
                continue
            parameters: Record = {key: unquote(value) for key, value in match.groupdict().items()}
            members = operation.input_shape.members
            queried = {m.serialization.get("name", key): key for key, m in members.items()}
            for key, values in parse_qs(parts.query).items():
                member = queried.get(key, key)
                whole = member in members and members[member].type_name == "integer"
                parameters[member] = int(values[0]) if whole else values[0]
            if body:
                parameters.update(json.loads(body))
            return name, operation, parameters
        raise Refusal(404, "UnknownOperationException")

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


def _as_json(value: Any) -> str:
    assert isinstance(value, datetime.datetime)
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


_HANDLERS: Final[dict[str, Callable[[BedrockControl, Record], Record]]] = {
    "CreateModelCustomizationJob": BedrockControl.create_job,
    "GetModelCustomizationJob": BedrockControl.get_job,
    "ListModelCustomizationJobs": BedrockControl.list_jobs,
    "StopModelCustomizationJob": BedrockControl.stop_job,
    "ListTagsForResource": BedrockControl.list_tags,
    "GetFoundationModel": BedrockControl.get_base,
    "CreateCustomModelDeployment": BedrockControl.create_deployment,
    "GetCustomModelDeployment": BedrockControl.get_deployment,
    "UpdateCustomModelDeployment": BedrockControl.update_deployment,
    "DeleteCustomModelDeployment": BedrockControl.delete_deployment,
    "CreateProvisionedModelThroughput": BedrockControl.create_throughput,
    "GetProvisionedModelThroughput": BedrockControl.get_throughput,
    "DeleteProvisionedModelThroughput": BedrockControl.delete_throughput,
    "CreateModelImportJob": BedrockControl.create_import,
    "GetModelImportJob": BedrockControl.get_import,
    "ListModelImportJobs": BedrockControl.list_imports,
}
_OPERATIONS: Final = tuple(_HANDLERS)


if __name__ == "__main__":
    with BedrockControl() as serving:
        print(serving.url, flush=True)  # noqa: T201
        while True:
            time.sleep(3600)
