"""The card's training section: which settings belong to which provider and method, told in sentences.

The schema knows every key; only here is it known that a full fine-tune has no rank and that only dpo has a beta.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from liftgate.config import Document
from liftgate.errors import Problem

_ABOUT: Final = frozenset({"provider", "base", "method", "seed", "epochs", "batch_size"})
_GUIDED: Final = frozenset({"learning_rate_multiplier", "beta", "grader"})
_BY_PROVIDER: Final[Mapping[str, frozenset[str]]] = {
    "openai": _ABOUT | _GUIDED,
    "azure": _ABOUT | _GUIDED,
    "fireworks": _ABOUT | _GUIDED,
    "together": _ABOUT | _GUIDED,
    "bedrock": _ABOUT | _GUIDED | {"learning_rate", "warmup_steps"},
}
_NOT_LOCAL: Final = frozenset({"learning_rate_multiplier", "grader"})
_HOSTED_METHODS: Final = ("supervised", "dpo", "reinforcement")
LOCAL_METHODS: Final = ("lora", "qlora", "full", "dpo", "command")

ADAPTER_KEYS: Final = frozenset({"rank", "alpha", "dropout", "target_modules", "layers"})
# A tool of somebody else has its own loop; these steer ours.
_OUR_LOOP: Final = frozenset({"early_stopping", "checkpoints", "packing"})
PACKING: Final = (
    "packing is refused: packed rows see each other wherever an attention kernel does not mask exactly; rows of "
    "like length are batched together instead, which leaves little padding. Remove it"
)


def training_problems(document: Document) -> Iterator[Problem]:
    """Keys and values that the section's provider or method does not know, each with its line."""
    training: Mapping[str, Any] = document.data.get("training") or {}
    if not training:
        return
    hosted = training["provider"] != "local"
    method = training.get("method", "supervised" if hosted else "lora")
    found = _hosted_problems(training, method) if hosted else _local_problems(training, method)
    for key, message in (*found, *_problems_of_both(training, method)):
        yield Problem(document.place(("training", key)), message)


def _hosted_problems(training: Mapping[str, Any], method: str) -> Iterator[tuple[str, str]]:
    provider = training["provider"]
    for key in training:
        if key not in _BY_PROVIDER[provider]:
            yield key, f"{key!r} means nothing to provider {provider}; remove it"
    if method not in _HOSTED_METHODS:
        yield "method", f"provider {provider} trains by {', '.join(_HOSTED_METHODS)}, not by {method}"


def _local_problems(training: Mapping[str, Any], method: str) -> Iterator[tuple[str, str]]:
    if method not in LOCAL_METHODS:
        yield "method", f"provider local trains by {', '.join(LOCAL_METHODS)}, not by {method}"
        return
    for key in training:
        if key in _NOT_LOCAL:
            yield key, f"{key!r} means nothing to provider local; remove it"
        elif key in ADAPTER_KEYS and method == "full":
            yield (
                key,
                f"{key!r} shapes an adapter, and method full trains every weight without one; remove it",
            )
        elif key in _OUR_LOOP and method == "command":
            yield key, f"{key!r} steers Liftgate's own training, and method command runs another; remove it"
    for key in ("epochs", "batch_size"):
        if training.get(key) == "auto":
            yield key, "a local training takes a number, not auto"
    if training.get("packing") and method != "command":
        yield "packing", PACKING
    if (method == "command") != ("command" in training):
        yield "command", "a command goes with method command, and that method names one of evals/policy.yaml"


def _problems_of_both(training: Mapping[str, Any], method: str) -> Iterator[tuple[str, str]]:
    if (method == "reinforcement") != ("grader" in training):
        yield "grader", "a grader goes with method reinforcement, and reinforcement needs one"
    if "beta" in training and method != "dpo":
        yield "beta", "beta goes with method dpo"
