"""What a change of models.yaml means for one alias: a rollback, a promotion, or nothing.

A rollback makes callers get what they got before, or less of what is new. It rests on no evidence and asks no
provider, so its definition is narrow: whatever is neither lowered nor restored is a promotion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from liftgate.digests import digest
from liftgate.registry.models import Alias, Variant

Transition = Literal["promotion", "rollback"]

DIALS: Final = ("rollout_percent", "shadow_percent")
PAPERS: Final = frozenset(
    {
        "cost_tag",
        "decision",
        "evaluated_at",
        "load_report",
        "manifest",
        "on_call",
        "owner",
        "report",
        "retrain_trigger",
        "rollback_drill",
        "runbook",
        "shadow_report",
        "trained_at",
        "training_usd",
    }
)
"""Keys of a variant that say who answers for it and what was measured, and not what answers callers."""


def transition(
    before: Alias | None, after: Alias | None, history: Sequence[Alias | None] = ()
) -> Transition | None:
    """Classify the change of one alias.

    `history` holds the alias as the first-parent history of the base branch had it, oldest first, the last one being
    `before`; None where it was not there or could not be read. A rollback only lowers `rollout_percent` or
    `shadow_percent` of variants that exist on both sides, or restores byte for byte the entry that was active
    immediately before and was never itself rolled back. Everything else that changes what is or can be served is a
    promotion, and needs a verdict.
    """
    if before is after or (before is not None and after is not None and _equal(before, after)):
        return None
    if before is None or after is None:
        return "promotion"
    if lowers(before, after):
        return "rollback"
    wanted = restorable(history) if history and history[-1] == before else None
    return "rollback" if wanted is not None and _same_bytes(wanted, after) else "promotion"


def lowers(before: Alias, after: Alias) -> bool:
    """Whether nothing changes but dials of variants, and each of those only downwards."""
    if before.default != after.default or before.variants.keys() != after.variants.keys():
        return False
    pairs = [(before.variants[name].entry, after.variants[name].entry) for name in before.variants]
    changed = [(old, new) for old, new in pairs if old != new]
    return bool(changed) and all(_only_lowers(old, new) for old, new in changed)


def restorable(history: Sequence[Alias | None]) -> Alias | None:
    """The entry that a rollback may restore: the one active immediately before the last of `history`, oldest first.

    None where it was rolled back itself, or where the last change only lowered dials: what was switched off comes
    back with evidence. After an entry was restored, it is the one before that entry, so that going back twice goes
    further back, and never forth.
    """
    active: list[Alias] = []
    fallen: set[str] = set()
    for state in history:
        if state is None:
            # What was before an absence, or before a file that nobody can read, is not immediately before.
            active = []
        elif active and _key(active[-1]) == _key(state):
            active[-1] = state
        else:
            wanted = _before(active, fallen)
            lowered = bool(active) and lowers(active[-1], state)
            back = wanted is not None and (
                _same_bytes(wanted, state) or (lowered and _key(wanted) == _key(state))
            )
            if lowered or back:
                fallen.add(_key(active[-1]))
                active = active[:-2] if back else []
            active.append(state)
    return _before(active, fallen)


def identity(variant: Variant) -> dict[str, Any]:
    """What answers callers of a variant, and under which flag: its entry without dials and papers."""
    return {key: value for key, value in variant.entry.items() if key not in PAPERS and key not in DIALS}


def served(alias: Alias) -> dict[str, Any]:
    """What an alias sends callers to; two entries with the same are one, however they are written."""
    variants = {
        name: {**identity(variant), **{dial: variant.entry.get(dial, 0) for dial in DIALS}}
        for name, variant in alias.variants.items()
    }
    return {"default": alias.entry["default"], "variants": variants}


def _before(active: Sequence[Alias], fallen: set[str]) -> Alias | None:
    return active[-2] if len(active) > 1 and _key(active[-2]) not in fallen else None


def _key(alias: Alias) -> str:
    return digest(served(alias))


def _same_bytes(one: Alias, other: Alias) -> bool:
    return one.source == other.source and one.entry == other.entry


def _equal(before: Alias, after: Alias) -> bool:
    return before.default == after.default and before.variants == after.variants


def _only_lowers(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if any(old.get(key) != new.get(key) for key in old.keys() | new.keys() if key not in DIALS):
        return False
    return all(new.get(dial, 0) <= old.get(dial, 0) for dial in DIALS)
