"""The model that answers when every variant is rolled back: it stays until its successor has been looked at again."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from liftgate.findings import Finding, Severity
from liftgate.policy import Policy, RolloutPolicy
from liftgate.registry.evidence import RegistryEvidence, at
from liftgate.registry.history import at_full_since
from liftgate.registry.models import Alias, Models, Variant


def default_path(
    name: str,
    old: Alias | None,
    new: Alias | None,
    after: Models | None,
    evidence: RegistryEvidence,
    policy: Policy,
    now: datetime.datetime,
) -> Iterator[Finding]:
    """Whether the default model of an alias may change, or go."""
    if old is None or (new is not None and new.default == old.default):
        return
    rollout = policy.rollout
    cycles = max((clean_cycles(name, v, evidence, rollout, now) for v in old.variants.values()), default=0)
    if cycles >= rollout.reevaluation_cycles:
        return
    tuned = {variant.model.model_id for alias in (old, new) if alias for variant in alias.variants.values()}
    gone = new is None or new.default.model_id in tuned
    what = "the alias is removed, and with it" if new is None else "a tuned model takes the place of"
    found = f"{what} the path that answers without one" if gone else "the default model changes"
    path = after.path if after else "models.yaml"
    yield Finding(
        "base-path-removed" if gone else "default-model-changed",
        Severity.ERROR,
        f"{name}: {found}, and the policy wants {rollout.reevaluation_cycles} re-evaluations of a variant at 100% "
        f"in the ledger first, {rollout.min_cycle_days} days apart; there are {cycles}",
        path,
        after.document.line(("models", name, "default")) if after and new else None,
    )


def clean_cycles(
    name: str, variant: Variant, evidence: RegistryEvidence, rollout: RolloutPolicy, now: datetime.datetime
) -> int:
    """Passes of this very model since every caller gets it, each far enough from the one before."""
    since = at_full_since(evidence.history, name, variant)
    digest = variant.entry.get("manifest_digest")
    if since is None or digest is None:
        return 0
    told = [
        at(entry["at"])
        for entry in evidence.verdicts
        if (entry["alias"], entry["verdict"]) == (name, "pass") and entry.get("manifest_digest") == digest
    ]
    counted, last = 0, since
    for time in sorted(time for time in told if time is not None and since < time <= now):
        if time - last >= datetime.timedelta(days=rollout.min_cycle_days):
            counted, last = counted + 1, time
    return counted
