"""The state of an account at OpenAI: files, jobs, events, checkpoints; what each call does to it.

A job moves only when the test says so (`run`, `succeed`, `fail_job`, ...).
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from openai_finetuning_rules import (
    BODY_KEYS,
    PURPOSES,
    Body,
    Refused,
    check_body,
    check_lines,
    file_problem,
    form,
)

Query = dict[str, str]


@dataclass
class Account:
    """`late_listing`: listings from which a new job and file are missing; `slow_files`: looks that a file takes.

    `broken_files` maps a part of a file's name to what its processing complains about.
    """

    azure: bool = False
    keeps_metadata: bool = True
    filters: bool = True
    page: int = 100
    late_listing: int = 0
    slow_files: int = 0
    most_bytes: int = 512_000_000
    models: dict[str, str | None] = field(default_factory=lambda: {"gpt-4o-mini-2024-07-18": None})
    limits: Any = field(
        default_factory=lambda: {
            "object": "list",
            "data": [{"model": "gpt-4o-mini", "max_examples": 100_000}],
        }
    )
    answer: Callable[[Body], str] = lambda body: str(body["messages"][-1]["content"])

    def __post_init__(self) -> None:
        self.files: dict[str, Body] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, Body] = {}
        self.bodies: list[Body] = []
        self.events: dict[str, list[Body]] = {}
        self.checkpoints: dict[str, list[Body]] = {}
        self.broken_files: dict[str, str] = {}
        self._hidden: dict[str, int] = {}
        self._slow: dict[str, int] = {}
        self._numbers = itertools.count(1)

    # -- what a test makes happen

    def run(self, job_id: str) -> None:
        """From validating files to running; a file that cannot be trained on fails the job."""
        job = self.jobs[job_id]
        if message := file_problem(self.contents[job["training_file"]]):
            self.fail_job(job_id, "invalid_training_file", message, "training_file")
        else:
            self.set_status(job_id, "running")

    def set_status(self, job_id: str, status: str) -> None:
        """Any word, also one that nobody knows."""
        self.jobs[job_id]["status"] = status

    def metrics(self, job_id: str, step: int, **values: float) -> None:
        """One step's losses as an event."""
        self._event(job_id, f"Step {step}", "metrics", {"step": step, **values})

    def checkpoint(self, job_id: str, step: int, **metrics: float) -> str:
        """A model from the middle."""
        job = self.jobs[job_id]
        model = f"ft:{job['model']}:org:{job['_suffix']}:{job_id[-6:]}:ckpt-step-{step}"
        self.checkpoints.setdefault(job_id, []).insert(
            0,
            {
                "object": "fine_tuning.job.checkpoint",
                "id": f"ftckpt-{next(self._numbers)}",
                "created_at": 1_760_000_000,
                "fine_tuned_model_checkpoint": model,
                "fine_tuning_job_id": job_id,
                "step_number": step,
                "metrics": {"step": step, **metrics},
            },
        )
        self.models[model] = None
        return model

    def succeed(self, job_id: str, trained_tokens: int, results: str | None = None) -> str:
        """The job ends well; `results` is the CSV of its result file."""
        job = self.jobs[job_id]
        model = f"ft:{job['model']}:org:{job['_suffix']}:{job_id[-6:]}"
        job |= {"status": "succeeded", "fine_tuned_model": model, "trained_tokens": trained_tokens}
        job["finished_at"] = job["created_at"] + 900
        if results is not None:
            file = self._keep(base64.b64encode(results.encode()), "step_metrics.csv", "fine-tune-results")
            job["result_files"] = [file["id"]]
        self.models[model] = None
        return model

    def fail_job(self, job_id: str, code: str, message: str, param: str | None = None) -> None:
        """The job ends badly."""
        job = self.jobs[job_id]
        job |= {"status": "failed", "error": {"code": code, "message": message, "param": param}}
        job["finished_at"] = job["created_at"] + 60

    # -- the calls

    def route(self, method: str, path: str, query: Query, headers: dict[str, str], body: bytes) -> Any:
        """Carry out one call."""
        for wanted, pattern, call in _ROUTES:
            if wanted == method and (match := re.fullmatch(pattern, path)):
                return call(self, match, query, headers, body)
        raise Refused(404, f"Unknown request URL: {method} {path}", "unknown_url")

    def _upload(self, headers: dict[str, str], body: bytes) -> Body:
        parts = form(headers, body)
        name, content = parts.get("file", ("", b""))
        purpose = parts.get("purpose", ("", b""))[1].decode()
        if "file" not in parts or not name:
            raise Refused(400, "'file' is a required property", param="file")
        if purpose not in PURPOSES:
            raise Refused(400, f"{purpose!r} is not one of {list(PURPOSES)} - 'purpose'", param="purpose")
        if len(content) > self.most_bytes:
            raise Refused(413, "Maximum content size limit exceeded", "file_too_large")
        if purpose == "fine-tune":
            check_lines(content, azure=self.azure)
        return self._keep(content, name, purpose)

    def _keep(self, content: bytes, name: str, purpose: str) -> Body:
        file_id = f"file-{next(self._numbers):08d}A1b2C3d4E5f6"
        self.contents[file_id] = content
        self.files[file_id] = {
            "id": file_id,
            "object": "file",
            "bytes": len(content),
            "created_at": 1_760_000_000 + next(self._numbers),
            "filename": name,
            "purpose": purpose,
            "status": "uploaded" if self.slow_files or self.broken_files else "processed",
        }
        self._hidden[file_id], self._slow[file_id] = self.late_listing, self.slow_files
        return self.files[file_id]

    def _file(self, file_id: str) -> Body:
        if file_id not in self.files:
            raise Refused(404, f"No such File object: {file_id}", param="id")
        file = self.files[file_id]
        self._slow[file_id] -= 1
        broken = next((d for part, d in self.broken_files.items() if part in file["filename"]), None)
        if self._slow[file_id] < 0:
            file |= {"status": "error", "status_details": broken} if broken else {"status": "processed"}
        return file

    def _create(self, body: Body) -> Body:
        allowed = BODY_KEYS | ({"trainingType"} if self.azure else set())
        if foreign := sorted(body.keys() - allowed):
            raise Refused(400, f"Unrecognized request argument supplied: {foreign[0]}", param=foreign[0])
        if body.get("model") not in self.models:
            raise Refused(
                400, f"Model {body.get('model')} is not available for fine-tuning", "model_not_available"
            )
        for key in ("training_file", "validation_file"):
            file = self.files.get(body.get(key, ""))
            if (key == "training_file" or body.get(key)) and (not file or file["purpose"] != "fine-tune"):
                raise Refused(400, f"invalid {key}: {body.get(key)}", "invalid_file", key)
        check_body(body)
        self.bodies.append(body)
        number = next(self._numbers)
        job_id = f"ftjob-{number:06d}"
        self.jobs[job_id] = {
            "object": "fine_tuning.job",
            "id": job_id,
            "model": body["model"],
            "created_at": 1_760_000_000 + number,
            "finished_at": None,
            "fine_tuned_model": None,
            "organization_id": "org-1",
            "result_files": [],
            "status": "validating_files",
            "validation_file": body.get("validation_file"),
            "training_file": body["training_file"],
            "hyperparameters": {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8},
            "trained_tokens": None,
            "error": None,
            "seed": body.get("seed", 7),
            "method": body.get("method"),
            "user_provided_suffix": body.get("suffix"),
            "metadata": body.get("metadata") if self.keeps_metadata else None,
            "_suffix": (body.get("suffix") or "").lower(),
        }
        self._hidden[job_id] = self.late_listing
        self._event(job_id, f"Created fine-tuning job: {job_id}", "message", {})
        return _public(self.jobs[job_id])

    def _of_purpose(self, query: Query) -> list[Body]:
        return [f for f in self.files.values() if f["purpose"] == query.get("purpose", f["purpose"])]

    def _with_metadata(self, query: Query) -> list[Body]:
        return [_public(job) for job in self.jobs.values() if not self.filters or _has(job, query)]

    def _cancel(self, job_id: str) -> Body:
        job = self._job(job_id)
        if job["status"] in {"succeeded", "failed", "cancelled"}:
            raise Refused(400, f"Job has already completed: {job_id}")
        job["status"] = "cancelled"
        return _public(job)

    def _limits(self) -> Any:
        if self.limits is None:
            raise Refused(404, "Unknown request URL", "unknown_url")
        return self.limits

    def _event(self, job_id: str, message: str, kind: str, data: Body) -> None:
        self.events.setdefault(job_id, []).insert(
            0,
            {
                "object": "fine_tuning.job.event",
                "id": f"ftevent-{next(self._numbers)}",
                "created_at": 1_760_000_000,
                "level": "info",
                "message": message,
                "type": kind,
                "data": data,
            },
        )

    def _job(self, job_id: str) -> Body:
        if job_id not in self.jobs:
            raise Refused(404, f"Could not find fine tune: {job_id}", "fine_tune_not_found", "fine_tune_id")
        return self.jobs[job_id]

    def _list(self, items: list[Body], query: dict[str, str], default: int = 20) -> Body:
        for item in items:
            self._hidden[item["id"]] = self._hidden.get(item["id"], 0) - 1
        newest = sorted(items, key=lambda item: item["created_at"], reverse=True)
        shown = [item for item in newest if self._hidden[item["id"]] < 0]
        after = query.get("after")
        start = next((n for n, item in enumerate(shown, 1) if item["id"] == after), 0)
        size = min(int(query.get("limit", default)), self.page)
        data = shown[start : start + size]
        return {"object": "list", "data": data, "has_more": start + size < len(shown)}

    def _model(self, model: str) -> Body:
        if model not in self.models:
            raise Refused(404, f"The model '{model}' does not exist", "model_not_found", "model")
        known = {"id": model, "object": "model", "created": 1_720_000_000, "owned_by": "system"}
        return {**known, "shutdown_date": self.models[model]}

    def _complete(self, body: Body) -> Body:
        self._model(body["model"])
        message = {"role": "assistant", "content": self.answer(body), "refusal": None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }


def _public(job: Body) -> Body:
    return {key: value for key, value in job.items() if not key.startswith("_")}


def _has(job: Body, query: dict[str, str]) -> bool:
    wanted = {key[9:-1]: value for key, value in query.items() if key.startswith("metadata[")}
    return all((job["metadata"] or {}).get(key) == value for key, value in wanted.items())


def _events(account: Account, match: re.Match[str], query: Query, *_: Any) -> Body:
    account._job(match[1])
    return account._list(account.events.get(match[1], []), query)


def _checkpoints(account: Account, match: re.Match[str], query: Query, *_: Any) -> Body:
    account._job(match[1])
    return account._list(account.checkpoints.get(match[1], []), query, default=10)


_ROUTES: Final[list[tuple[str, str, Callable[..., Any]]]] = [
    ("POST", "/files", lambda a, m, q, headers, body: a._upload(headers, body)),
    ("GET", "/files", lambda a, m, q, *_: a._list(a._of_purpose(q), q, default=10_000)),
    ("GET", "/files/([^/]+)", lambda a, m, *_: a._file(m[1])),
    ("GET", "/files/([^/]+)/content", lambda a, m, *_: a.contents[a._file(m[1])["id"]]),
    ("POST", "/fine_tuning/jobs", lambda a, m, q, h, body: a._create(json.loads(body))),
    ("GET", "/fine_tuning/jobs", lambda a, m, q, *_: a._list(a._with_metadata(q), q)),
    ("GET", "/fine_tuning/jobs/([^/]+)", lambda a, m, *_: _public(a._job(m[1]))),
    ("GET", "/fine_tuning/jobs/([^/]+)/events", _events),
    ("GET", "/fine_tuning/jobs/([^/]+)/checkpoints", _checkpoints),
    ("POST", "/fine_tuning/jobs/([^/]+)/cancel", lambda a, m, *_: a._cancel(m[1])),
    ("GET", "/fine_tuning/model_limits", lambda a, *_: a._limits()),
    ("GET", "/models/(.+)", lambda a, m, *_: a._model(m[1])),
    ("POST", "/chat/completions", lambda a, m, q, h, body: a._complete(json.loads(body))),
]
