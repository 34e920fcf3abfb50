"""What a promotion rests on, as values: gathered by `commands/sources/registry_evidence.py`, judged by `check`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from liftgate.findings import Finding, Severity
from liftgate.policy import Policy
from liftgate.registry.history import State
from liftgate.registry.models import Models, Variant


@dataclass(frozen=True)
class Pins:
    """sha256 of the golden set and of the safety suite of an alias, as the base branch holds them."""

    golden_sha256: str
    safety_sha256: str | None


@dataclass(frozen=True)
class RegistryEvidence:
    """Everything that `check_registry` reads beside the two registries.

    `files` are the bytes of what variants name, at the head: a path that is not there is a missing file. `golden`
    holds the pins of each alias by the base. `history` is models.yaml through the base branch's first-parent commits,
    oldest first. `verdicts` are the ledger's verdict entries, `manifests` training manifests by digest (of the ledger,
    or of a file whose digest was recomputed), `model_ids` what finished jobs of the ledger made. `ledger` is false
    when there was none to read: nothing is recorded then.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    golden: Mapping[str, Pins] = field(default_factory=dict)
    history: Sequence[State] = ()
    verdicts: Sequence[Mapping[str, Any]] = ()
    manifests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    model_ids: frozenset[str] = frozenset()
    ledger: bool = True


@dataclass(frozen=True)
class Candidate:
    """A variant that a change exposes to more callers, with all that it is judged by."""

    alias: str
    variant: Variant
    models: Models
    evidence: RegistryEvidence
    policy: Policy
    now: datetime.datetime

    @property
    def named(self) -> str:
        """`support-intent v1.1.0`."""
        return f"{self.alias} {self.variant.name}"

    def refuse(self, rule: str, message: str, *key: str) -> Finding:
        """An error at a key of the variant, or at the variant where the key is missing."""
        place = ("models", self.alias, "variants", self.variant.name, *key)
        return Finding(
            rule,
            Severity.ERROR,
            f"{self.named}: {message}",
            self.models.path,
            self.models.document.line(place),
        )

    def pinned(self, key: str) -> tuple[Mapping[str, Any] | None, str | None]:
        """A JSON file that the variant names with its sha256, or what is wrong with it."""
        from liftgate.digests import sha256_bytes

        pin = self.variant.entry[key]
        data = self.evidence.files.get(pin["path"])
        if data is None:
            return None, f"`{key}` names a file that is not in this change"
        if sha256_bytes(data) != pin["sha256"]:
            return None, f"the file of `{key}` does not have the sha256 that models.yaml names"
        try:
            read = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None, f"the file of `{key}` is not JSON"
        return (read, None) if isinstance(read, dict) else (None, f"the file of `{key}` is not a JSON object")


def at(text: Any) -> datetime.datetime | None:
    """A time such as 2026-11-25T09:00:00Z; None when it is none."""
    try:
        read = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo is not None else None


def days(since: datetime.datetime, now: datetime.datetime) -> float:
    """Days between two times; negative when the first is still to come."""
    return (now - since) / datetime.timedelta(days=1)


def reported(problems: Iterator[Finding]) -> list[Finding]:
    """Every finding once, in the order of finding."""
    return list(dict.fromkeys(problems))
