"""What a provider lets one training hold, as it tells before the launch, and what of a dataset is over it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from liftgate.findings import Finding, Severity

# The endpoint stands in no API description, so every spelling that says the same thing is read.
_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "rows": ("max_examples", "max_training_examples", "max_rows", "max_training_rows"),
    "tokens": ("max_tokens", "max_training_tokens", "max_trained_tokens", "max_tokens_per_job"),
    "epochs": ("max_epochs", "max_n_epochs"),
    "jobs": ("max_active_jobs", "max_concurrent_jobs", "max_jobs_per_day"),
}


@dataclass(frozen=True)
class ModelLimits:
    """The most that one job on one base may hold; None where the provider does not say."""

    rows: int | None = None
    tokens: int | None = None
    epochs: int | None = None
    jobs: int | None = None

    @property
    def says_nothing(self) -> bool:
        """True when no limit could be read."""
        return self == ModelLimits()


def limits_of(reply: Any, model: str) -> ModelLimits:
    """The limits of a base in the provider's reply: the entry of its name, or of the longest name it begins with."""
    entries = _by_model(reply)
    fitting = [name for name in entries if model == name or model.startswith(f"{name}-")]
    if not fitting:
        return ModelLimits()
    entry = entries[max(fitting, key=len)]
    inner = entry.get("limits")
    merged = {**entry, **inner} if isinstance(inner, Mapping) else entry
    return ModelLimits(**{name: _least(merged, keys) for name, keys in _SPELLINGS.items()})


def limit_findings(
    limits: ModelLimits, model: str, *, rows: int, tokens: int, epochs: int | None
) -> Iterator[Finding]:
    """A finding for each limit that a training is over. `tokens` are those of all epochs; None epochs are `auto`."""
    if limits.says_nothing:
        yield Finding(
            "unknown-model-limit",
            Severity.WARNING,
            f"the provider names no limit for training {model}; it may refuse the job, which costs nothing",
        )
        return
    if limits.jobs == 0 or limits.rows == 0 or limits.tokens == 0:
        yield Finding(
            "training-not-offered", Severity.ERROR, f"the provider lets this account train no job on {model}"
        )
        return
    for what, asked, most in (
        ("rows", rows, limits.rows),
        ("training tokens", tokens, limits.tokens),
        ("epochs", epochs, limits.epochs),
    ):
        if asked is not None and most is not None and asked > most:
            yield Finding(
                "over-model-limit",
                Severity.ERROR,
                f"{asked:,} {what}, and the provider takes {most:,} for one job on {model}",
            )


def shutdown_of(model: Mapping[str, Any]) -> datetime.date | None:
    """The day on which a model ends; None when none is announced. Raises ValueError for what is no date."""
    date = model.get("shutdown_date")
    return None if date is None else datetime.date.fromisoformat(str(date)[:10])


def _by_model(reply: Any) -> dict[str, Mapping[str, Any]]:
    data = reply.get("data", reply) if isinstance(reply, Mapping) else reply
    if isinstance(data, Mapping):
        return {name: entry for name, entry in data.items() if isinstance(entry, Mapping)}
    if not isinstance(data, list):
        return {}
    named = [(entry.get("model") or entry.get("id"), entry) for entry in data if isinstance(entry, Mapping)]
    return {name: entry for name, entry in named if isinstance(name, str)}


def _least(entry: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    found = [
        entry[key] for key in keys if isinstance(entry.get(key), int) and not isinstance(entry[key], bool)
    ]
    return min(found, default=None)
