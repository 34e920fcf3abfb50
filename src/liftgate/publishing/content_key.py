"""The key of a verdict: a digest over everything that decides it, and over nothing else. Pure.

A rebase, a commit of a merge queue, a rerun or a rollback leaves the content as it was, and finds the verdict that
was paid for once. Whatever the gate reads of the subject or of the ruler makes another key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liftgate.digests import digest

# Raise it when the same content must be judged anew.
KEY_VERSION: Final = 1

# What is written about an alias without changing what answers or how it is measured. Each is checked on every change.
# The variants are: a candidate is what the card trains, and that a variant is this candidate is checked by itself.
DIALS: Final = frozenset(
    {
        "cost_tag",
        "decision",
        "load_report",
        "on_call",
        "owner",
        "report",
        "retrain_trigger",
        "rollback_drill",
        "rollout_percent",
        "runbook",
        "shadow_percent",
        "shadow_report",
        "variants",
    }
)
_SHARED_RULER: Final = frozenset({"policy.yaml", "prices.yaml", "sunsets.yaml"})


def content_key(
    alias: str,
    *,
    tool_version: str,
    subject: Mapping[str, str],
    ruler: Mapping[str, str],
    entry: Mapping[str, Any] | None,
    promoted: Mapping[str, Any] | None = None,
) -> str:
    """sha256, hex, over the content that a verdict rests on.

    `subject` and `ruler` map paths of the repository to the sha256 of their bytes: `subject` as `is_subject` chooses
    at the head, `ruler` as `is_ruler` chooses at the base, with the arms of the head where the change brings some.
    `entry` is the alias' own entry of models.yaml at the head, `promoted` that of the variant that most callers get,
    where an arm of the suite asks it.
    """
    asked = {} if promoted is None else {"promoted": _without_dials(promoted)}
    return digest(
        {
            "key_version": KEY_VERSION,
            "alias": alias,
            "tool_version": tool_version,
            "subject": dict(subject),
            "ruler": dict(ruler),
            "entry": _without_dials(entry),
            **asked,
        }
    )


def is_subject(path: str, alias: str) -> bool:
    """Whether a file at the head is part of what is judged."""
    return path.startswith(f"datasets/{alias}/")


def is_ruler(path: str, alias: str) -> bool:
    """Whether a file at the base is part of what judges, or of an arm of the suite.

    decision.yaml and reports are evidence: they are checked on every change, and decide no comparison. A backlog says
    what is to be written next.
    """
    folder, _, name = path.partition("/")
    if folder != "evals":
        return False
    beside = {f"{alias}/decision.yaml", f"{alias}/backlog.jsonl"}
    return name in _SHARED_RULER or (name.startswith(f"{alias}/") and name not in beside)


def _without_dials(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_dials(item) for key, item in value.items() if key not in DIALS}
    return [_without_dials(item) for item in value] if isinstance(value, list) else value
