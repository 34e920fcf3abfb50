"""What Bedrock tells of a job, in our words. Values in, values out.

A failure message may quote the row that it complains about: only the kind of failure and the line numbers come
through, and the command that shows the rest to whoever may see it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from liftgate.training.bedrock.names import digest_of_token
from liftgate.training.jobs import Job, JobState

STATES: Final[Mapping[str, JobState]] = {
    "InProgress": JobState.RUNNING,
    "Stopping": JobState.RUNNING,
    "Completed": JobState.SUCCEEDED,
    "Failed": JobState.FAILED,
    "Stopped": JobState.CANCELLED,
}
_KINDS: Final = (
    ("key-denied", r"\bkms\b|kms:", "the role that Bedrock takes may not use the KMS key"),
    ("s3-denied", r"could not validate (get|put)object|perms missing|access ?denied|not authori[sz]ed", (
        "the role that Bedrock takes may not read the rows or write the metrics"
    )),
    ("row-too-long", r"max(imum)? (input )?token|too (many tokens|long)|token (count|length|limit)", (
        "a row holds more tokens than the model takes"
    )),
    ("reserved-word", r"reserved|not allowed in|prohibited", "a row holds a word that the model keeps for itself"),
    ("too-few-rows", r"(minimum|at least|fewer than) .{0,40}(rows|records|samples|examples|lines)", "too few rows"),
    ("too-many-rows", r"(maximum|at most|exceed\w*|more than) .{0,40}(rows|records|samples|examples|lines)", (
        "too many rows"
    )),
    ("invalid-row", r"json|format|schema|parse|malformed|invalid (row|line|record|sample|example|data|role)", (
        "a row does not have the form that the model is trained on"
    )),
    ("hyperparameter", r"hyper ?parameter|epochcount|learningrate|batchsize", "a hyperparameter is out of range"),
    ("quota", r"quota|limit exceeded|capacity", "the account's quota is used up"),
    ("provider-error", r"internal|try again|unexpected", "Bedrock failed by itself; an approved relaunch may succeed"),
)  # fmt: skip
_NUMBERS: Final = r"(\d{1,9}(?:\s*(?:,\s*(?:and\s+)?|-|–|to|and|&)\s*\d{1,9})*)"
_LINES: Final = re.compile(
    rf"\b(?:lines?|rows?|records?|samples?|examples?|entr(?:y|ies))\s*(?:numbers?|nos?\.?|#|:)?\s*\[?{_NUMBERS}",
    re.I,
)
_INDICES: Final = re.compile(rf"\bind(?:ex|ices|exes)\s*[:#]?\s*\[?{_NUMBERS}", re.I)
_RANGE: Final = re.compile(r"(\d+)\s*(?:-|–|to)\s*(\d+)")
_MOST_LINES: Final = 1_000


def job_of(
    told: Mapping[str, Any],
    *,
    digest: str | None = None,
    losses: Sequence[Mapping[str, Any]] = (),
    more: Mapping[str, Any] | None = None,
) -> Job:
    """The answer of GetModelCustomizationJob as a `Job`."""
    status = str(told.get("status", "unknown"))
    state = STATES.get(status, JobState.RUNNING)
    code = message = None
    lines: tuple[int, ...] = ()
    details: dict[str, Any] = {
        "job_name": told.get("jobName"),
        "base": told.get("baseModelArn"),
        "hyperparameters": dict(told.get("hyperParameters", {})),
        "stages": stages(told.get("statusDetails", {})),
        "train_uri": told.get("trainingDataConfig", {}).get("s3Uri"),
        "output_uri": told.get("outputDataConfig", {}).get("s3Uri"),
    }
    if "trainingLoss" in told.get("trainingMetrics", {}):
        details["train_loss"] = told["trainingMetrics"]["trainingLoss"]
    validation = [m["validationLoss"] for m in told.get("validationMetrics", []) if "validationLoss" in m]
    if validation:
        details["valid_loss"] = validation[-1]
    details.update(more or {})
    if state is JobState.FAILED:
        written = str(told.get("failureMessage", ""))
        code, message = kind_of_failure(written)
        # Lines of a `Job` are those of the training rows.
        if re.search(r"validation (data|file|set)", written, re.I):
            details["validation_lines"] = list(lines_in(written))
            message = f"{message} (validation rows)"
        else:
            lines = lines_in(written)
    return Job(
        provider="bedrock",
        id=str(told["jobArn"]),
        state=state,
        provider_status=status,
        digest=digest or digest_of_token(told.get("clientRequestToken")),
        model_id=told.get("outputModelArn") if state is JobState.SUCCEEDED else None,
        losses=tuple(losses),
        error_code=code,
        error_message=message,
        error_lines=lines,
        created_at=_time(told.get("creationTime")),
        finished_at=_time(told.get("endTime")),
        details={key: value for key, value in details.items() if value not in (None, {}, [])},
    )


def stages(told: Mapping[str, Any]) -> dict[str, str]:
    """How far each stage of a running job is: `data_processing`, `training`, `validation`."""
    names = {
        "data_processing": "dataProcessingDetails",
        "training": "trainingDetails",
        "validation": "validationDetails",
    }
    return {name: str(told[key]["status"]) for name, key in names.items() if "status" in told.get(key, {})}


def kind_of_failure(written: str) -> tuple[str, str]:
    """A word for the failure and a sentence of ours; nothing of the message itself."""
    for code, pattern, sentence in _KINDS:
        if re.search(pattern, written, re.I):
            return code, sentence
    return "failed", "Bedrock's own words may quote rows; aws bedrock get-model-customization-job shows them"


def lines_in(written: str) -> tuple[int, ...]:
    """The 1-based lines that a failure message names, in order, each once; an index counts from 0."""
    found: set[int] = set()
    for pattern, shift in ((_LINES, 0), (_INDICES, 1)):
        for match in pattern.finditer(written):
            for part in _RANGE.finditer(match[1]):
                first, last = int(part[1]), int(part[2])
                found |= {n + shift for n in range(first, min(last, first + _MOST_LINES) + 1)}
            found |= {int(number) + shift for number in re.findall(r"\d+", match[1])}
    return tuple(sorted(found - {0}))[:_MOST_LINES]


def _time(moment: object) -> str | None:
    if not isinstance(moment, datetime.datetime):
        return None
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
