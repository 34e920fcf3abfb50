"""Hosts that speak OpenAI's fine-tuning API: one table, and what each of them lacks.

`openai` and `azure` follow their public references. `together` and `fireworks` stand for servers that take the same
calls at an address of theirs and keep less of them: no metadata, no list of limits, no checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from liftgate.training.jobs import JobState

METHODS: Final = frozenset({"supervised", "dpo", "reinforcement"})

# Words of a job's status that all of them use. Whatever is in no table counts as running.
STATES: Final[Mapping[str, JobState]] = {
    "paused": JobState.PAUSED,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
    "canceled": JobState.CANCELLED,
}
FILE_READY: Final = frozenset({"processed", "succeeded"})
FILE_FAILED: Final = frozenset({"error", "failed", "deleted", "deleting", "canceled", "cancelled"})


@dataclass(frozen=True)
class Host:
    """What one host of the API does and does not.

    `metadata`: jobs carry pairs of ours. `filters_by_metadata`: the list takes them as a filter. `serves`: a trained
    model answers without a deployment. `training_type_key`: where the body says which hardware trains. Key, address
    and training type come from variables of the environment, so no change in a repository redirects them.
    """

    name: str
    key_env: str
    address_env: str
    base_url: str | None = None
    target: str = "openai"
    methods: frozenset[str] = METHODS
    most_suffix: int = 64
    metadata: bool = True
    filters_by_metadata: bool = True
    events: bool = True
    checkpoints: bool = True
    result_files: bool = True
    model_limits: bool = False
    shutdown_dates: bool = False
    serves: bool = True
    training_type_key: str | None = None
    training_type_env: str = ""
    words: Mapping[str, JobState] = field(default_factory=dict)

    def state(self, status: Any) -> JobState:
        """What the host's word for a status means here."""
        word = status.lower() if isinstance(status, str) else ""
        return self.words.get(word) or STATES.get(word, JobState.RUNNING)


_SMALLER_WORDS: Final = {
    "completed": JobState.SUCCEEDED,
    "error": JobState.FAILED,
    "user_error": JobState.FAILED,
}

HOSTS: Final[Mapping[str, Host]] = {
    "openai": Host(
        "openai",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        base_url="https://api.openai.com/v1",
        model_limits=True,
        shutdown_dates=True,
    ),
    "azure": Host(
        "azure",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_BASE_URL",
        target="azure",
        filters_by_metadata=False,
        serves=False,
        training_type_key="trainingType",
        training_type_env="AZURE_OPENAI_TRAINING_TYPE",
    ),
    "together": Host(
        "together",
        "TOGETHER_API_KEY",
        "TOGETHER_BASE_URL",
        methods=frozenset({"supervised", "dpo"}),
        most_suffix=40,
        metadata=False,
        filters_by_metadata=False,
        checkpoints=False,
        result_files=False,
        words=_SMALLER_WORDS,
    ),
    "fireworks": Host(
        "fireworks",
        "FIREWORKS_API_KEY",
        "FIREWORKS_BASE_URL",
        methods=frozenset({"supervised", "dpo", "reinforcement"}),
        most_suffix=40,
        metadata=False,
        filters_by_metadata=False,
        events=False,
        checkpoints=False,
        result_files=False,
        serves=False,
        words=_SMALLER_WORDS,
    ),
}
