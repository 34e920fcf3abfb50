"""What a change of models.yaml does to callers, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.registry.models import Alias
from liftgate.registry.transitions import identity


def moves(old: Alias | None, new: Alias | None) -> str:
    """`v1.1.0 goes from 5% to 25% of the callers`; of an alias on the two sides of a change."""
    if old is None or new is None:
        return "the alias is added" if old is None else "the alias is removed"
    return "; ".join(_each(old, new)) or "who answers for a variant, or what was measured of it, changes"


def raised(old: Alias | None, new: Alias | None) -> str | None:
    """The variant that gets more callers; None when none or several do."""
    before = {name: variant.rollout_percent for name, variant in old.variants.items()} if old else {}
    after = {name: variant.rollout_percent for name, variant in new.variants.items()} if new else {}
    found = [name for name, percent in after.items() if percent > before.get(name, 0)]
    return found[0] if len(found) == 1 else None


def _each(old: Alias, new: Alias) -> Iterator[str]:
    if old.default != new.default:
        yield "the default model changes"
    for name, variant in new.variants.items():
        there, percent = old.variants.get(name), variant.rollout_percent
        mirrored = variant.entry.get("shadow_percent", 0)
        if there is None:
            some = f", and {mirrored}% of the requests are mirrored to it" if mirrored else ""
            yield f"{name} is added at {percent}% of the callers{some}"
            continue
        if percent != there.rollout_percent:
            yield f"{name} goes from {there.rollout_percent}% to {percent}% of the callers"
        if mirrored != (was := there.entry.get("shadow_percent", 0)):
            yield f"{name} gets {mirrored}% of the requests mirrored, not {was}%"
        if identity(there) != identity(variant):
            yield f"{name} becomes another model or flag"
    for name in old.variants.keys() - new.variants.keys():
        yield f"{name} is removed"
