"""`liftgate registry promote`: the next step of a variant, with everything that still stands against it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from liftgate.commands.registry import papers as measured
from liftgate.commands.registry import proposing
from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.registry.models import Alias, Variant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The variant, and the step."""
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument("variant", metavar="VARIANT")
    parser.add_argument(
        "--to", type=int, metavar="N", help="percent of the callers (default: the next step of the policy)"
    )
    measured.add_arguments(parser)
    proposing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Propose the promotion; 0, whatever the check says of it, because the check runs again on the pull request."""
    return proposing.carry_out(arguments, lambda source: _propose(source, arguments))


def _propose(source: proposing.Source, arguments: argparse.Namespace) -> proposing.Proposal:
    from liftgate.commands.registry.foretold import foretold, ledger_place, said_of
    from liftgate.config import did_you_mean, load
    from liftgate.policy import Policy
    from liftgate.registry.edits import with_dials, with_papers
    from liftgate.registry.models import read_models

    name, variant = arguments.alias, arguments.variant
    models = read_models(source.data, proposing.PATH)
    alias = models.alias(name)
    if variant not in alias.variants:
        known = list(alias.variants)
        raise InputError(
            f"{proposing.PATH}: {variant!r} is not a variant of {name}{did_you_mean(variant, known)}",
            hint=f"variants: {', '.join(known) or 'none yet; liftgate registry add'}",
        )
    written = source.read("evals/policy.yaml")
    if written is None:
        raise InputError(
            "evals/policy.yaml is missing, and with it the steps", hint="liftgate init writes one"
        )
    policy = Policy.from_document(load(written, "evals/policy.yaml", "policy"))
    now = alias.variants[variant].rollout_percent
    percent = arguments.to
    if percent is None:
        percent = next((step for step in policy.rollout.steps if step > now), 100)
    if not now < percent <= 100:
        raise InputError(
            f"{proposing.PATH}: {name} {variant} is at {now}%, and a promotion raises it",
            hint=f"liftgate registry rollback {name} {variant} lowers it" if now else None,
        )
    dials = {variant: percent, **_making_room(alias, variant, percent)}
    papers = measured.papers(arguments, source, name, alias.variants[variant])
    after = with_papers(with_dials(source.text, name, dials), name, variant, papers.entries)
    findings, items = foretold(
        source, models, read_models(after), name, policy, papers.files, ledger_place(arguments)
    )
    moved = ", ".join(f"{each} to {dials[each]}%" for each in dials if each != variant)
    title = f"Promote {name} {variant} from {now}% to {percent}%" + (f" ({moved})" if moved else "")
    details = {
        "alias": name,
        "action": "promote",
        "variant": variant,
        "from": now,
        "to": percent,
        "findings": [finding.to_dict() for finding in findings],
    }
    return proposing.Proposal(
        after,
        title,
        _body(name, variant, now, dials, findings, items),
        f"liftgate/promote-{name}-{variant}-to-{percent}",
        files=papers.files,
        said=tuple(said_of(findings)),
        details=details,
    )


def _making_room(alias: Alias, variant: str, percent: int) -> dict[str, int]:
    """How far another variant is lowered, so that the sum stays within 100%."""
    others = [each for each in alias.variants.values() if each.name != variant and each.rollout_percent > 0]
    excess = percent + sum(each.rollout_percent for each in others) - 100
    if excess <= 0:
        return {}
    giver: Variant | None = next((each for each in others if each.rollout_percent >= excess), None)
    if giver is None or len(others) > 1:
        raise InputError(
            f"{proposing.PATH}: the variants of {alias.name} would sum to {100 + excess}%",
            hint="lower one of the others first: liftgate registry rollback",
        )
    return {giver.name: giver.rollout_percent - excess}


def _body(
    alias: str,
    variant: str,
    now: int,
    dials: dict[str, int],
    findings: list[Finding],
    items: list[dict[str, Any]],
) -> str:
    from liftgate.report.escape import escape

    lines = [f"`{variant}` of `{alias}` goes from {now}% to {dials[variant]}% of the callers."]
    lines += [
        f"`{each}` goes to {percent}%, to make room." for each, percent in dials.items() if each != variant
    ]
    lines += ["", f"Back again: `liftgate registry rollback {alias} {variant} --pull-request`.", ""]
    marks = {True: "x", False: " ", None: " "}
    lines += [f"- [{marks[item['ok']]}] {escape(item['item'])}: {escape(item['evidence'])}" for item in items]
    if findings:
        lines += ["", "What stood against it when this was written:", ""]
        lines += [f"- {escape(finding.message)}" for finding in findings]
    return "\n".join(lines) + "\n"
