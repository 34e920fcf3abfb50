"""OpenAI's fine-tuning API as values: the body that creates a job, and what a reply says. Nothing is sent here.

A provider's message may quote a row. Of it only line numbers come through; the sentence is ours.
"""

from __future__ import annotations

import base64
import csv
import datetime
import io
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from liftgate.data.text import is_identifier
from liftgate.errors import InputError, Problem
from liftgate.training.finetuning_hosts import Host
from liftgate.training.jobs import Checkpoint, Job, JobState, Submission

DIGEST_KEY: Final = "liftgate_digest"
MOST_PAIRS: Final = 16
MOST_KEY: Final = 64
MOST_VALUE: Final = 512
MOST_LINES: Final = 100
DIGEST_PREFIX: Final = 16

_COMMON: Final = frozenset({"epochs", "batch_size", "learning_rate_multiplier"})
_HYPERPARAMETERS: Final[Mapping[str, frozenset[str]]] = {
    "supervised": _COMMON,
    "dpo": _COMMON | {"beta"},
    "reinforcement": _COMMON | {"reasoning_effort", "compute_multiplier", "eval_interval", "eval_samples"},
}
_LOSSES: Final = (
    "train_loss",
    "valid_loss",
    "full_valid_loss",
    "train_accuracy",
    "valid_mean_token_accuracy",
)
_SENTENCES: Final[Mapping[str, str]] = {
    "invalid_training_file": "the provider cannot train on the training file",
    "invalid_validation_file": "the provider cannot use the validation file",
    "invalid_file_format": "the provider cannot read a file's format",
    "unsafe_content": "the provider's moderation refuses rows of the file",
    "exceeded_quota": "the account has no quota left",
    "insufficient_quota": "the account has no quota left",
    "billing_hard_limit_reached": "the account's spending limit is reached",
    "server_error": "the provider had an error of its own",
    "internal_error": "the provider had an error of its own",
    "user_cancelled": "a person cancelled the job",
}


def checked(submission: Submission, host: Host) -> None:
    """Raise `InputError` with everything that the host would refuse, before anything is uploaded."""
    manifest, place = submission.manifest, f"{submission.manifest.alias}: training"
    problems = []

    def refuse(message: str) -> None:
        problems.append(Problem(place, message))

    if manifest.method not in host.methods:
        refuse(f"{host.name} trains by {', '.join(sorted(host.methods))}, not by {manifest.method!r}")
    known = _HYPERPARAMETERS.get(manifest.method, _COMMON) | {"grader"}
    if foreign := sorted(manifest.hyperparameters.keys() - known):
        refuse(f"{', '.join(map(repr, foreign))} is no hyperparameter of {manifest.method} here")
    if ("grader" in manifest.hyperparameters) != (manifest.method == "reinforcement"):
        refuse("reinforcement needs a grader, and no other method takes one")
    if not 0 <= manifest.seed < 2**31:
        refuse("the seed must lie between 0 and 2147483647")
    pairs = metadata(submission)
    if len(pairs) > MOST_PAIRS:
        refuse(f"{len(pairs)} metadata pairs, the API takes {MOST_PAIRS}")
    problems += [
        Problem(
            place, f"the metadata of {name[:MOST_KEY]!r} is too long: {MOST_KEY} and {MOST_VALUE} characters"
        )
        for name, value in pairs.items()
        if len(name) > MOST_KEY or len(value) > MOST_VALUE
    ]
    if problems:
        count = len(problems)
        raise InputError(
            f"{host.name} would refuse this training: {count} problem{'s' if count > 1 else ''}",
            problems=problems,
        )


def metadata(submission: Submission) -> dict[str, str]:
    """What the job carries at the provider: the digest always, the dataset where the caller did not say."""
    manifest = submission.manifest
    ours = {"liftgate_dataset": manifest.dataset_version, "liftgate_train_sha256": manifest.train_sha256}
    if manifest.validation_sha256:
        ours["liftgate_validation_sha256"] = manifest.validation_sha256
    return {**ours, **submission.metadata, DIGEST_KEY: manifest.digest}


def suffix(submission: Submission, host: Host) -> str:
    """The readable part of the model's name; with the digest's start where a host keeps no metadata."""
    words = re.sub(r"[^A-Za-z0-9-]+", "-", submission.suffix).strip("-")
    if host.metadata:
        return words[: host.most_suffix].strip("-") or submission.manifest.digest[:DIGEST_PREFIX]
    mark = submission.manifest.digest[:DIGEST_PREFIX]
    return f"{words[: host.most_suffix - len(mark) - 1].strip('-')}-{mark}".lstrip("-")


def file_name(digest: str, half: str, sha256: str) -> str:
    """The name of an upload: whose it is and what is in it, so that it is found again instead of sent twice."""
    return f"{file_stem(digest, half)}-{sha256[:DIGEST_PREFIX]}.jsonl"


def file_stem(digest: str, half: str) -> str:
    """How the name of every upload for a manifest begins."""
    return f"liftgate-{digest[:DIGEST_PREFIX]}-{half}"


def create_body(
    submission: Submission, host: Host, training_file: str, validation_file: str | None
) -> dict[str, Any]:
    """The body that creates the job. Hyperparameters stand under `method`; the old place is deprecated."""
    manifest = submission.manifest
    settings: dict[str, Any] = {}
    numbers = {
        "n_epochs" if name == "epochs" else name: value
        for name, value in manifest.hyperparameters.items()
        if name != "grader"
    }
    if numbers:
        settings["hyperparameters"] = numbers
    if manifest.method == "reinforcement":
        settings["grader"] = manifest.hyperparameters["grader"]
    body: dict[str, Any] = {
        "model": manifest.base,
        "training_file": training_file,
        "method": {"type": manifest.method, manifest.method: settings},
        "suffix": suffix(submission, host),
        "seed": manifest.seed,
    }
    if validation_file:
        body["validation_file"] = validation_file
    if host.metadata:
        body["metadata"] = metadata(submission)
    return body


def carries(job: Mapping[str, Any], digest: str, host: Host, own_files: frozenset[str]) -> bool:
    """Whether a listed job is the one of this manifest. Without metadata its name or its training file tells."""
    if host.metadata:
        pairs = job.get("metadata")
        return isinstance(pairs, Mapping) and pairs.get(DIGEST_KEY) == digest
    mark = digest[:DIGEST_PREFIX]
    names = (job.get(key) for key in ("suffix", "user_provided_suffix", "output_name", "fine_tuned_model"))
    return job.get("training_file") in own_files or any(isinstance(n, str) and mark in n for n in names)


def read_job(
    job: Mapping[str, Any],
    host: Host,
    *,
    digest: str | None = None,
    losses: Iterable[Mapping[str, Any]] = (),
    checkpoints: Iterable[Mapping[str, Any]] = (),
) -> Job:
    """A job object as a value. One that ended well but names no model yet still counts as running.

    Raises ValueError for what is no job.
    """
    if not is_name(job.get("id")):
        raise ValueError("no job")
    state = host.state(job.get("status"))
    model_id = job.get("fine_tuned_model") or job.get("output_name")
    if state is JobState.SUCCEEDED and not is_name(model_id):
        state = JobState.RUNNING
    error = job.get("error") if isinstance(job.get("error"), Mapping) else {}
    code = word(error.get("code")) if error else None
    pairs = job.get("metadata")
    carried = pairs.get(DIGEST_KEY) if isinstance(pairs, Mapping) else None
    return Job(
        provider=host.name,
        id=job["id"],
        state=state,
        provider_status=word(job.get("status")) or "unknown",
        digest=carried or digest,
        model_id=model_id if state is JobState.SUCCEEDED else None,
        trained_tokens=_whole(job.get("trained_tokens")),
        checkpoints=tuple(
            _checkpoint(each) for each in checkpoints if is_name(each.get("fine_tuned_model_checkpoint"))
        ),
        losses=tuple(losses),
        error_code=code,
        error_message=sentence(code) if error else None,
        error_lines=lines_of(error.get("message")) if error else (),
        created_at=_time(job.get("created_at")),
        finished_at=_time(job.get("finished_at")),
        details=_details(job, error),
    )


def word(value: Any) -> str | None:
    """A code or a status as it may be shown; None for what may be anything."""
    return value if isinstance(value, str) and is_identifier(value) else None


def sentence(code: str | None) -> str:
    """What an error code means, in words of ours."""
    if code is None:
        return "the job failed and the provider gives no code that could be shown"
    return _SENTENCES.get(code, f"the job failed with the provider's code {code!r}")


_NUMBERS: Final = r"(\d{1,9}(?:(?:,| and|, and|, or| or)? \d{1,9}\b)*)"
_PLACES: Final = (
    re.compile(rf"\bExamples? {_NUMBERS}"),
    re.compile(r"\(line (\d{1,9})\)"),
    re.compile(rf"\b[Ll]ines? {_NUMBERS}(?! column)"),
)


def lines_of(message: Any) -> tuple[int, ...]:
    """1-based rows that a provider's message names, never a word of the rows it may quote after a hint."""
    if not isinstance(message, str):
        return ()
    told = message.partition("HINT")[0]
    for pattern in _PLACES:
        found = {int(number) for match in pattern.findall(told) for number in re.findall(r"\d+", match)} - {0}
        if found:
            return tuple(sorted(found)[:MOST_LINES])
    return ()


def losses_of_events(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Losses by step, from events of the kind `metrics`; oldest step first."""
    steps: dict[int, dict[str, Any]] = {}
    for event in events:
        data = event.get("data")
        if event.get("type") != "metrics" or not isinstance(data, Mapping):
            continue
        step = _whole(data.get("step"))
        if step is not None:
            steps.setdefault(step, {"step": step}).update(_numbers(data))
    return [steps[step] for step in sorted(steps)]


def losses_of_results(content: bytes) -> list[dict[str, Any]]:
    """Losses by step from a result file: a CSV, which OpenAI hands out in base64."""
    text = _as_csv(content)
    if text is None:
        return []
    rows = csv.DictReader(io.StringIO(text))
    found = []
    for row in itertools.islice(rows, 1_000_000):
        step = _whole(_number(row.get("step")))
        if step is not None:
            found.append({"step": step, **_numbers(row)})
    return found


def _as_csv(content: bytes) -> str | None:
    plain = content.lstrip()
    try:
        if not plain.startswith(b"step,"):
            plain = base64.b64decode(content)
        text = plain.decode("utf-8-sig")
    except ValueError:
        return None
    return text if text.startswith("step,") else None


def _checkpoint(each: Mapping[str, Any]) -> Checkpoint:
    metrics = each.get("metrics")
    return Checkpoint(
        model_id=each["fine_tuned_model_checkpoint"],
        step=_whole(each.get("step_number")) or 0,
        metrics=_numbers(metrics) if isinstance(metrics, Mapping) else {},
    )


def _details(job: Mapping[str, Any], error: Any) -> dict[str, Any]:
    method = job.get("method") if isinstance(job.get("method"), Mapping) else {}
    kind = word(method.get("type")) if method else None
    settings = method.get(kind) if kind and method else None
    numbers = (settings or {}).get("hyperparameters") if isinstance(settings, Mapping) else None
    numbers = numbers or job.get("hyperparameters")
    kept: dict[str, Any] = {
        name: job[name] for name in ("training_file", "validation_file") if is_name(job.get(name))
    }
    kept["method"] = kind
    kept["seed"] = _whole(job.get("seed"))
    kept["estimated_finish"] = _time(job.get("estimated_finish"))
    if isinstance(numbers, Mapping):
        kept["hyperparameters"] = {
            name: value
            for name, value in sorted(numbers.items())
            if isinstance(value, int | float) or value == "auto"
        }
    if error:
        kept["error_file"] = word(error.get("param"))
    return {name: value for name, value in kept.items() if value is not None}


_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,255}")


def is_name(value: Any) -> bool:
    """True for what can be the id of a job, a file or a model."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _numbers(data: Mapping[str, Any]) -> dict[str, float]:
    found = {name: _number(data.get(name)) for name in (*_LOSSES, "train_mean_token_accuracy")}
    return {name: value for name, value in found.items() if value is not None}


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time(value: Any) -> str | None:
    if not isinstance(value, int | float) or not 0 < value < 1e11:
        return None
    moment = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def oldest_first(jobs: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Listed jobs in the order of their creation."""
    return sorted(jobs, key=lambda job: (_whole(job.get("created_at")) or 0, str(job.get("id"))))
