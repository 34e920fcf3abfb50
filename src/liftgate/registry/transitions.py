"""What a change of models.yaml means for one alias: a rollback, a promotion, or nothing."""

from __future__ import annotations

from typing import Any, Literal

from liftgate.registry.models import Alias

Transition = Literal["promotion", "rollback"]


def transition(before: Alias | None, after: Alias | None) -> Transition | None:
    """Classify the change of one alias.

    A rollback only lowers `rollout_percent` (or `shadow_percent`) of variants that exist on both sides.
    Everything else that changes what is or can be served is a promotion, and needs a verdict.
    """
    if before == after:
        return None
    if before is None or after is None or before.default != after.default:
        return "promotion"
    if before.variants.keys() != after.variants.keys():
        return "promotion"
    pairs = [(before.variants[name].entry, after.variants[name].entry) for name in before.variants]
    changed = [(old, new) for old, new in pairs if old != new]
    if changed and all(_only_lowers(old, new) for old, new in changed):
        return "rollback"
    return "promotion"


def _only_lowers(old: Any, new: Any) -> bool:
    dials = ("rollout_percent", "shadow_percent")
    if any(old.get(key) != new.get(key) for key in old.keys() | new.keys() if key not in dials):
        return False
    return all(new.get(dial, 0) <= old.get(dial, 0) for dial in dials)
