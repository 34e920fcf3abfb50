"""`liftgate registry rollback`: callers get what they got before. No evidence, no provider, no secret."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from liftgate.commands.registry import proposing
from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.registry.models import Alias, Models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The alias, and how far back."""
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument(
        "variant",
        metavar="VARIANT",
        nargs="?",
        help="lower this one (default: the only one that callers get; of several, restore the entry before)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--to", type=int, metavar="N", help="lower to N percent (default: 0)")
    how.add_argument(
        "--restore", action="store_true", help="put back the alias' entry as it was before the last change"
    )
    proposing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Propose the rollback; 0, or 2 when there is nothing to roll back."""
    if arguments.restore and arguments.variant:
        raise InputError("--restore puts back the whole alias", hint="leave the variant out, or --restore")
    return proposing.carry_out(
        arguments,
        lambda source: propose(
            source, arguments.alias, arguments.variant, arguments.to, restore=arguments.restore
        ),
    )


def propose(
    source: proposing.Source, name: str, variant: str | None, to: int | None, *, restore: bool = False
) -> proposing.Proposal:
    """The rollback of an alias as a change of its registry. Raises `InputError` when none is possible."""
    from liftgate.config import did_you_mean
    from liftgate.registry.edits import with_dials
    from liftgate.registry.models import read_models
    from liftgate.registry.transitions import transition

    models = read_models(source.data, proposing.PATH)
    alias = models.alias(name)
    served = {each.name: each.rollout_percent for each in alias.variants.values() if each.rollout_percent > 0}
    if variant is not None and variant not in alias.variants:
        known = list(alias.variants)
        raise InputError(
            f"{proposing.PATH}: {variant!r} is not a variant of {name}{did_you_mean(variant, known)}",
            hint=f"variants: {', '.join(known) or 'none yet'}",
        )
    if not restore and variant is None and not served:
        raise InputError(
            f"{proposing.PATH}: no variant of {name} has callers, so there is nothing to roll back"
        )
    if restore or (variant is None and to is None and len(served) > 1):
        return _restored(source, models, alias, served)
    variant = variant or max(served, key=lambda each: served[each])
    percent, now = to or 0, alias.variants[variant].rollout_percent
    if not 0 <= percent < now:
        raise InputError(
            f"{proposing.PATH}: {name} {variant} is at {now}%, and a rollback only lowers",
            hint=f"--to takes 0 to {now - 1}" if now else "its flag is off already",
        )
    after = with_dials(source.text, name, {variant: percent})
    if transition(alias, read_models(after).aliases[name]) != "rollback":
        raise InputError(f"{proposing.PATH}: lowering {variant} would change more than its rollout")
    words = f"from {now}% to {percent}%"
    return _proposal(after, f"Roll back {name} {variant} {words}", name, f"{variant}-to-{percent}", [
        f"`{variant}` of `{name}` goes {words}; the callers that it loses get what they got before it.",
        *_mirrored(alias, variant),
    ], alias.variants[variant].entry.get("runbook"))  # fmt: skip


def _restored(
    source: proposing.Source, models: Models, alias: Alias, served: dict[str, int]
) -> proposing.Proposal:
    from liftgate.project import registry_history
    from liftgate.registry.edits import with_entry_of
    from liftgate.registry.history import of_alias
    from liftgate.registry.transitions import restorable

    history = of_alias(registry_history(source.root, source.commit or "HEAD"), alias.name)
    wanted = restorable(history) if history and history[-1] == alias else None
    if wanted is None:
        each = "; ".join(f"liftgate registry rollback {alias.name} {variant}" for variant in served)
        raise InputError(
            f"{proposing.PATH}: no earlier entry of {alias.name} may be restored: none is in the history of the base "
            "branch, or it was rolled back itself, or the work tree differs from it",
            hint=f"lower a variant instead: {each}"
            if served
            else "no variant has callers; nothing to roll back",
        )
    after = with_entry_of(source.text, models, wanted)
    names = sorted(alias.variants.keys() | wanted.variants.keys())
    moves = [(v, _percent(alias, v), _percent(wanted, v)) for v in names]
    lines = [f"`{v}` of `{alias.name}` goes from {was} to {then}." for v, was, then in moves if was != then]
    return _proposal(
        after,
        f"Roll back {alias.name} to its entry before",
        alias.name,
        "to-the-entry-before",
        ["The entry of the alias is restored byte for byte as it was before the last change.", *lines],
    )


def _mirrored(alias: Alias, variant: str) -> list[str]:
    percent = alias.variants[variant].entry.get("shadow_percent", 0)
    if not percent:
        return []
    return [
        f"Its answers to {percent}% of the requests are still mirrored and reach nobody; where it must not be asked at "
        "all, set `shadow_percent: 0` in this same pull request."
    ]


def _percent(alias: Alias, name: str) -> str:
    variant = alias.variants.get(name)
    return "nothing" if variant is None else f"{variant.rollout_percent}%"


def _proposal(
    after: str, title: str, alias: str, end: str, lines: Sequence[str], runbook: str | None = None
) -> proposing.Proposal:
    from liftgate.report.escape import escape

    body = "\n".join(
        [
            *lines,
            "",
            "A rollback changes nothing else, so the gate asks for no evaluation, no provider and no secret.",
            f"Merge it, then see {escape(runbook or 'docs/runbooks/rollback.md')}.",
            "",
        ]
    )
    details = {"alias": alias, "action": "rollback"}
    return proposing.Proposal(after, title, body, f"liftgate/rollback-{alias}-{end}", details=details)
