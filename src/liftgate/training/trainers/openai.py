"""Trains at OpenAI, and at every host that speaks its fine-tuning API, through the `openai` SDK.

What is sent and what a reply means is in `finetuning_format`, how hosts differ in `finetuning_hosts`. A job is
created by one request that is never sent again: the SDK's own retries would start, and bill, a second one.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from liftgate.errors import (
    InputError,
    MissingExtra,
    Problem,
    ProviderError,
    ReplyLost,
    RowsRefused,
    StillRunning,
)
from liftgate.files import sha256_file
from liftgate.findings import Finding, Severity
from liftgate.training import finetuning_format as wire
from liftgate.training.finetuning_calls import Calls, NotThere
from liftgate.training.finetuning_hosts import FILE_FAILED, FILE_READY, HOSTS, Host
from liftgate.training.finetuning_limits import limit_findings, limits_of, shutdown_of
from liftgate.training.jobs import Job, Submission
from liftgate.training.trainers import Settings

if TYPE_CHECKING:
    import datetime

    import openai

MOST_FILE_BYTES: Final = 512_000_000
MOST_EVENT_PAGES: Final = 20
UPLOAD_TIMEOUT_S: Final = 1_800.0
FILE_WAIT_S: Final = 900.0
FILE_INTERVAL_S: Final = 5.0
MOST_PREPARING_S: Final = 5_400.0
"""A launch counts on it that nobody creates later than this after beginning to upload."""
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Clocks:
    """Time, given in tests. `now` is monotonic."""

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


def connect(settings: Settings, clocks: Clocks | None = None) -> OpenAITrainer:
    """Check address and key, which the environment holds; nothing is sent yet.

    Each row of `finetuning_hosts.HOSTS` names its variables: OPENAI_API_KEY and, where the address is not the
    host's own, OPENAI_BASE_URL; AZURE_OPENAI_API_KEY, AZURE_OPENAI_BASE_URL and so on.
    """
    host, environment = HOSTS[settings.provider], settings.environment
    base_url = environment.get(host.address_env, "").strip() or host.base_url
    if base_url is None:
        raise InputError(
            f"{host.name} needs the address of its fine-tuning API",
            hint=f"export {host.address_env}={_EXAMPLES.get(host.name, 'https://HOST/v1')}",
        )
    _check_address(base_url, host.address_env)
    key = environment.get(host.key_env, "").strip()
    if not key or not key.isascii() or any(letter.isspace() for letter in key):
        raise InputError(f"no usable key in {host.key_env}", hint=f"export {host.key_env}=...")
    sdk, client = _client(base_url, key, settings.timeout_s)
    training_type = environment.get(host.training_type_env) if host.training_type_env else None
    return OpenAITrainer(host, sdk, client, training_type=training_type or None, clocks=clocks or Clocks())


_EXAMPLES: Final = {"azure": "https://NAME.openai.azure.com/openai/v1/"}


def _check_address(base_url: str, variable: str) -> None:
    parts = urlsplit(base_url)
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if parts.username or parts.password or parts.query or not parts.hostname:
        raise InputError(f"{variable} is no plain address", hint="scheme, host and path only, without a key")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise InputError(f"{variable} must begin with https:// to send a key to {parts.hostname}")


def _client(base_url: str, key: str, timeout_s: float) -> tuple[Any, Any]:
    try:
        import openai
    except ImportError:
        raise MissingExtra("openai", "openai") from None
    # Followed redirects would carry rows to an address that nobody named.
    http = openai.DefaultHttpxClient(follow_redirects=False)
    return openai, openai.OpenAI(api_key=key, base_url=base_url, timeout=timeout_s, http_client=http)


class OpenAITrainer:
    """One account at one host."""

    def __init__(
        self, host: Host, sdk: Any, client: openai.OpenAI, *, training_type: str | None, clocks: Clocks
    ) -> None:
        self.name = host.name
        self._host, self._client, self._clocks = host, client, clocks
        self._training_type = training_type
        self._calls = Calls(sdk, host.name, host.key_env)
        weakref.finalize(self, client.close)

    # -- the Trainer protocol

    def submit(self, submission: Submission) -> Job:
        """Upload what is not there yet, wait until it is read, create the job by one request."""
        wire.checked(submission, self._host)
        if not submission.manifest.digest == submission.metadata.get(
            wire.DIGEST_KEY, submission.manifest.digest
        ):
            raise InputError("the submission carries another digest than its manifest has")
        started_s = self._clocks.now()
        training_file = self._file(submission, submission.train, "train")
        validation_file = None
        if submission.validation:
            validation_file = self._file(submission, submission.validation, "validation")
        self._await(training_file, submission.train)
        if validation_file and submission.validation:
            self._await(validation_file, submission.validation)
        if self._clocks.now() - started_s > MOST_PREPARING_S:
            raise StillRunning(
                f"uploading to {self.name} took too long to be sure that nobody else launches; no job was created",
                hint="run the same command again: the upload is kept and found",
            )
        body = wire.create_body(submission, self._host, training_file, validation_file)
        return self._create(body, submission.manifest.digest)

    def poll(self, job_id: str) -> Job:
        """The job as it is now, with its losses and checkpoints."""
        jobs = self._client.fine_tuning.jobs
        raw = self._calls.fields(self._calls.ask("reading the job", lambda: jobs.retrieve(job_id)))
        state = self._host.state(raw.get("status"))
        checkpoints: list[Mapping[str, Any]] = []
        if self._host.checkpoints:
            checkpoints = self._calls.pages_if_there(
                "listing checkpoints", lambda: jobs.checkpoints.list(job_id, limit=100)
            )
        losses = self._results(raw) if state.is_final else []
        if not losses and self._host.events:
            events = self._calls.pages_if_there(
                "listing events", lambda: jobs.list_events(job_id, limit=100), MOST_EVENT_PAGES
            )
            losses = wire.losses_of_events(events)
        return self._job(raw, losses=losses, checkpoints=sorted(checkpoints, key=_step))

    def cancel(self, job_id: str) -> Job:
        """Ask the provider to stop it. A job that has ended already stays as it is."""
        try:
            raw = self._calls.ask("cancelling the job", lambda: self._client.fine_tuning.jobs.cancel(job_id))
        except ProviderError:
            job = self.poll(job_id)
            if job.state.is_final:
                return job
            raise
        return self._job(self._calls.fields(raw))

    def find(self, digest: str) -> list[Job]:
        """Every job of the account that carries the digest, oldest first. The host's own filter is not trusted."""
        host, jobs = self._host, self._client.fine_tuning.jobs
        own_files = frozenset[str]()
        if not host.metadata:
            stem = wire.file_stem(digest, "train")
            own_files = frozenset(f["id"] for f in self._files() if str(f.get("filename")).startswith(stem))
        only: Any = {"metadata": {wire.DIGEST_KEY: digest}} if host.filters_by_metadata else {}
        listed = self._calls.pages("listing jobs", lambda: jobs.list(limit=100, **only))
        ours = [job for job in listed if wire.carries(job, digest, host, own_files)]
        return [self._job(job, digest=digest) for job in wire.oldest_first(ours)]

    # -- before a launch and after a training

    def limit_findings(self, model: str, *, rows: int, tokens: int, epochs: int | None) -> list[Finding]:
        """What of this training is over the provider's limits for the base. `tokens` are those of all epochs."""
        if not self._host.model_limits:
            return []
        reply = self._calls.ask(
            "asking for the limits", lambda: self._client.get("/fine_tuning/model_limits", cast_to=object)
        )
        limits = limits_of(reply, model)
        return list(limit_findings(limits, model, rows=rows, tokens=tokens, epochs=epochs))

    def shutdown_date(self, model: str) -> datetime.date | None:
        """The announced end of a model, or None: none is announced, or the host announces none."""
        if not self._host.shutdown_dates:
            return None
        raw = self._calls.fields(
            self._calls.ask("asking about the model", lambda: self._client.models.retrieve(model))
        )
        try:
            return shutdown_of(raw)
        except ValueError:
            raise ProviderError(f"{self.name} announces an end of the model that is no date") from None

    def smoke(self, model_id: str) -> list[Finding]:
        """Ask the trained model one thing. No finding: it answered."""
        if not self._host.serves:
            return [
                Finding(
                    "not-deployed",
                    Severity.NOTICE,
                    f"{self.name} serves a trained model from a deployment only, which is billed while it stands",
                )
            ]
        completions = self._client.chat.completions
        try:
            reply = self._calls.fields(
                self._calls.ask(
                    "asking the trained model",
                    lambda: completions.create(
                        model=model_id,
                        messages=[{"role": "user", "content": "Hello"}],
                        max_completion_tokens=16,
                    ),
                )
            )
        except ProviderError as error:
            return [Finding("model-does-not-answer", Severity.ERROR, error.sentence)]
        if not reply.get("choices"):
            return [Finding("model-does-not-answer", Severity.ERROR, "the trained model answered nothing")]
        return []

    # -- files

    def _file(self, submission: Submission, path: Path, half: str) -> str:
        """The id of the upload of these bytes for this manifest; uploaded only when it is not there."""
        size = path.stat().st_size
        if size > MOST_FILE_BYTES:
            raise InputError(f"{path}: {size:,} bytes, {self.name} takes {MOST_FILE_BYTES:,}")
        with path.open("rb") as handle:
            marked = handle.read(3) == _MARK
        if marked != (self._host.target == "azure"):
            raise InputError(
                f"{path}: not in the form of {self.name}",
                hint=f"liftgate data export --target {self._host.target}",
            )
        name = wire.file_name(submission.manifest.digest, half, sha256_file(path))
        if known := self._uploaded(name, size):
            return known
        files = self._client.with_options(max_retries=0, timeout=UPLOAD_TIMEOUT_S).files

        def upload() -> Any:
            with path.open("rb") as handle:
                return files.create(file=(name, handle, "application/jsonl"), purpose="fine-tune")

        try:
            raw = self._calls.fields(self._calls.ask(f"uploading {path.name}", upload, once=True))
        except RowsRefused as refusal:
            raise self._refused(path, refusal.lines) from None
        except ReplyLost:
            # Nothing is billed for a file that nobody trains on, but the next look finds the one that arrived.
            if known := self._uploaded(name, size):
                return known
            raise ProviderError(
                f"uploading {path.name} to {self.name} failed on the way; no job was created",
                hint="run the same command again",
            ) from None
        return self._id(raw)

    def _uploaded(self, name: str, size: int) -> str | None:
        for file in self._files():
            usable = str(file.get("status")).lower() not in FILE_FAILED
            if usable and file.get("filename") == name and file.get("bytes") == size:
                return self._id(file)
        return None

    def _files(self) -> Iterator[Mapping[str, Any]]:
        return self._calls.pages(
            "listing files", lambda: self._client.files.list(purpose="fine-tune", limit=1000)
        )

    def _await(self, file_id: str, path: Path) -> None:
        """Wait until the provider has read the file."""
        clocks = self._clocks
        deadline = clocks.now() + FILE_WAIT_S
        while True:
            raw = self._calls.fields(
                self._calls.ask("reading a file", lambda: self._client.files.retrieve(file_id))
            )
            status = str(raw.get("status") or "processed").lower()
            if status in FILE_READY:
                return
            if status in FILE_FAILED:
                raise self._refused(path, wire.lines_of(raw.get("status_details")))
            if clocks.now() >= deadline:
                raise StillRunning(
                    f"{self.name} has not read {path.name} after {FILE_WAIT_S:.0f} s; no job was created",
                    hint="run the same command again: the upload is kept and found",
                )
            clocks.sleep(FILE_INTERVAL_S)

    def _refused(self, path: Path, lines: tuple[int, ...]) -> RowsRefused:
        problems = [Problem(f"{path}:{line}", "the provider does not take this row") for line in lines]
        return RowsRefused(
            f"{self.name} cannot use {path.name}; no job was created", lines=lines, problems=problems
        )

    # -- requests

    def _create(self, body: dict[str, Any], digest: str) -> Job:
        extra = {}
        if self._host.training_type_key and self._training_type:
            extra[self._host.training_type_key] = self._training_type
        once = self._client.with_options(max_retries=0).fine_tuning.jobs
        reply = self._calls.ask(
            "creating the job", lambda: once.create(**body, extra_body=extra or None), once=True
        )
        try:
            return self._job(self._calls.fields(reply), digest=digest)
        except ProviderError:
            raise self._calls.lost("creating the job") from None

    def _results(self, job: Mapping[str, Any]) -> list[dict[str, Any]]:
        files = job.get("result_files")
        if not self._host.result_files or not isinstance(files, list):
            return []
        contents = (self._content(file) for file in files if wire.is_name(file))
        return [step for content in contents for step in wire.losses_of_results(content)]

    def _content(self, file_id: str) -> bytes:
        files = self._client.files
        try:
            return self._calls.ask("reading the results", lambda: files.content(file_id).read())
        except NotThere:
            return b""

    def _job(self, raw: Mapping[str, Any], **more: Any) -> Job:
        try:
            return wire.read_job(raw, self._host, **more)
        except (ValueError, TypeError, KeyError):
            raise self._calls.garbled("reading a job") from None

    def _id(self, raw: Mapping[str, Any]) -> str:
        if not wire.is_name(raw.get("id")):
            raise self._calls.garbled("reading a file")
        return str(raw["id"])


def _step(checkpoint: Mapping[str, Any]) -> int:
    step = checkpoint.get("step_number")
    return step if isinstance(step, int) else 0
