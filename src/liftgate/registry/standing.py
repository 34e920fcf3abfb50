"""What must hold of a registry as it stands, whatever it was before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from liftgate.data.text import shown
from liftgate.findings import Finding, Severity
from liftgate.registry.identities import model_id_form
from liftgate.registry.models import Models


def standing(models: Models, only: str | None = None) -> Iterator[Finding]:
    """Flags, sums and model ids of every alias, or of one."""
    for name, alias in models.aliases.items():
        if only in (None, name):
            served = {v.name: v.rollout_percent for v in alias.variants.values() if v.rollout_percent > 0}
            if sum(served.values()) > 100:
                sums = " + ".join(f"{variant} {percent}%" for variant, percent in served.items())
                yield _finding(
                    models,
                    "rollout-over-100",
                    f"{name}: {sums} = {sum(served.values())}%; lower one by as much as the other rises",
                    "models",
                    name,
                    "variants",
                )
            for variant in alias.variants.values():
                yield from model_id_form(models, name, variant)
    yield from _flags(models, only)


def _flags(models: Models, only: str | None) -> Iterator[Finding]:
    users = defaultdict(list)
    for name, alias in models.aliases.items():
        for variant in alias.variants.values():
            users[variant.flag].append((name, variant.name))
    for flag, places in users.items():
        if len(places) > 1 and (only is None or any(alias == only for alias, _ in places)):
            who = " and ".join(" ".join(place) for place in places)
            of, named = next((p for p in reversed(places) if only in (None, p[0])), places[-1])
            yield _finding(
                models,
                "flag-used-twice",
                f"the flag {shown(flag, 'of these variants')} belongs to {who}; give each a flag of its own",
                "models",
                of,
                "variants",
                named,
                "flag",
            )


def _finding(models: Models, rule: str, message: str, *key: str) -> Finding:
    return Finding(rule, Severity.ERROR, message, models.path, models.document.line(key))
