"""What Bedrock calls things: every name, token, tag and key follows from the manifest's digest. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from liftgate.errors import InputError, Problem

DIGEST_TAG: Final = "liftgate_digest"
ATTEMPT: Final = "liftgate_attempt"
LONGEST_NAME: Final = 63
SAFE_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
"""Narrower than S3 allows: Bedrock refuses `=`, `+` and spaces in the addresses of its data."""

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_NOT_IN_TAG: Final = re.compile(r"[^a-zA-Z0-9\s._:/=+@-]")
_MOST_TAGS: Final = 50
_HYPERPARAMETERS: Final[Mapping[str, str]] = {
    "epochs": "epochCount",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "learning_rate_multiplier": "learningRateMultiplier",
    "warmup_steps": "learningRateWarmupSteps",
}


def job_name(digest: str, attempt: int = 1) -> str:
    """`ft-` and sixteen digits of the digest; a relaunch that somebody approved carries its number."""
    return f"ft-{_checked(digest)[:16]}{_again(attempt)}"


def model_name(suffix: str, digest: str, attempt: int = 1) -> str:
    """A readable start, then the digest: letters, digits and single hyphens, at most 63."""
    end = f"{_checked(digest)[:16]}{_again(attempt)}"
    start = re.sub(r"[^0-9a-zA-Z]+", "-", suffix).strip("-")[: LONGEST_NAME - len(end) - 1].strip("-")
    return f"{start or 'liftgate'}-{end}"


def client_token(digest: str, attempt: int = 1, what: str = "") -> str:
    """What makes a create idempotent at Bedrock: the same digest never makes a second resource of the kind."""
    return f"{_checked(digest)}{f'-{what}' if what else ''}{_again(attempt)}"


def attempt_of(metadata: Mapping[str, str]) -> int:
    """Which launch of this manifest it is; above 1 only after an approved relaunch."""
    written = metadata.get(ATTEMPT, "1")
    if not re.fullmatch("[1-9][0-9]{0,2}", written):
        raise InputError(f"{ATTEMPT} is a number from 1 to 999")
    return int(written)


def attempt_in(name: str) -> int:
    """The attempt that a job's name carries; 1 for a name that carries none."""
    match = re.fullmatch(r"ft-[0-9a-f]{16}-([1-9][0-9]{0,2})", name)
    return int(match[1]) if match else 1


def tags(metadata: Mapping[str, str]) -> list[dict[str, str]]:
    """The metadata as tags: characters that no tag may hold become `_`, the digest comes through untouched."""
    if not _DIGEST.fullmatch(metadata.get(DIGEST_TAG, "")):
        raise InputError(f"the metadata lack {DIGEST_TAG}: without it a lost job is never found again")
    if len(metadata) > _MOST_TAGS:
        raise InputError(f"{len(metadata)} tags are more than the {_MOST_TAGS} that a resource may have")
    return [
        {"key": _NOT_IN_TAG.sub("_", key)[:128], "value": _NOT_IN_TAG.sub("_", value)[:256]}
        for key, value in sorted(metadata.items())
    ]


def digest_in(found: list[dict[str, str]]) -> str | None:
    """The digest among the tags of a resource."""
    return next((tag["value"] for tag in found if tag["key"] == DIGEST_TAG), None)


def digest_of_token(token: str | None) -> str | None:
    """The digest that a client token starts with, None for a token that is not ours."""
    start = (token or "")[:64]
    return start if _DIGEST.fullmatch(start) else None


def hyperparameters(chosen: Mapping[str, Any]) -> dict[str, str]:
    """The manifest's hyperparameters in Bedrock's words, as text; `auto` is left to Bedrock.

    Raises `InputError` naming each one that Bedrock has no word for: silently dropped, it would be part of the
    digest and not of the training.
    """
    written = {key: value for key, value in chosen.items() if key != "trainer_version"}
    unknown = sorted(written.keys() - _HYPERPARAMETERS.keys())
    if unknown:
        raise InputError(
            "Bedrock does not know these hyperparameters",
            problems=[Problem("training", key) for key in unknown],
            hint=f"it knows {', '.join(_HYPERPARAMETERS)}; which of them a model takes is the model's own",
        )
    return {_HYPERPARAMETERS[key]: _as_text(value) for key, value in written.items() if value != "auto"}


def data_key(prefix: str, sha256: str) -> str:
    """Where rows lie: named by content, so that two launches of the same rows share one object."""
    return f"{prefix}/data/{sha256}.jsonl"


def output_key(prefix: str, digest: str) -> str:
    """Where Bedrock writes metrics of a digest's jobs."""
    return f"{prefix}/output/{_checked(digest)}"


def weights_key(prefix: str, sha256: str) -> str:
    """Where the files of a merged model lie, under the digest over their list."""
    return f"{prefix}/models/{sha256}"


def _as_text(value: object) -> str:
    if isinstance(value, float):
        return f"{Decimal(str(value)):f}"
    return str(value)


def _again(attempt: int) -> str:
    return "" if attempt == 1 else f"-{attempt}"


def _checked(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise InputError("a manifest digest is 64 hexadecimal digits")
    return digest
