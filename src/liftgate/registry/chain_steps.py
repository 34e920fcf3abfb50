"""The rollout as the first-parent history of models.yaml tells it: each step legal, each with a report. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from liftgate.findings import Finding, Severity
from liftgate.registry.chain import Link, Subject
from liftgate.registry.chain_places import told
from liftgate.registry.history import State, of_alias
from liftgate.registry.models import Alias, Variant
from liftgate.registry.transitions import identity, transition

_SHORT: Final = 12


def steps_link(subject: Subject) -> Link:
    """Walk the history of the variant, oldest commit first."""
    name, variant, history = subject.alias.name, subject.variant.name, subject.source.history
    seen = [state for state in history if state.variant(name, variant) is not None]
    if not subject.source.in_git or not seen:
        why = "no commit of the first-parent history has the variant"
        if not subject.source.in_git:
            why = "there is no git repository, so nobody can tell by which steps it came to be served"
        return Link("steps", unchecked=(why,))
    unchecked = ["how long each step lasted, and its shadow requests, were judged when the step was merged"]
    findings = []
    aliases = of_alias(history, name)
    for number, state in enumerate(history):
        there = state.variant(name, variant)
        if there is None:
            continue
        before = history[number - 1] if number else None
        if before is None and state.cut:
            unchecked.append(
                f"older commits than {state.commit[:_SHORT]} were not read (fetch-depth: 0 brings them)"
            )
            continue
        if before is not None and before.models is None and state is not seen[0]:
            unchecked.append(f"models.yaml cannot be read in {before.commit[:_SHORT]}")
            continue
        past = aliases[:number]
        findings += [
            Finding("step-illegal", Severity.ERROR, why, "models.yaml", _line(state, name, variant, *key))
            for why, *key in _step(subject, before, state, there, past)
        ]
    percents = [
        there.rollout_percent for state in seen if (there := state.variant(name, variant)) is not None
    ]
    walked = [percents[0], *(now for was, now in itertools.pairwise(percents) if now != was)]
    return Link("steps", tuple(findings), " → ".join(f"{percent}%" for percent in walked), tuple(unchecked))


def _step(
    subject: Subject, before: State | None, state: State, there: Variant, past: tuple[Alias | None, ...]
) -> Iterator[tuple[str, ...]]:
    name, commit = subject.alias.name, f"in commit {state.commit[:_SHORT]}"
    was = before.variant(name, there.name) if before else None
    old = before.alias(name) if before else None
    if transition(old, state.alias(name), past) == "rollback":
        return
    percent = there.rollout_percent
    if was is None:
        if percent > 0:
            yield f"{commit} it arrives at {percent}%, expected 0%", "rollout_percent"
        return
    if identity(was) != identity(there):
        reached = max(percent, was.rollout_percent, *(v.entry.get("shadow_percent", 0) for v in (was, there)))
        if reached > 0:
            mine, theirs = identity(there), identity(was)
            for key in sorted(mine.keys() | theirs.keys()):
                if mine.get(key) != theirs.get(key):
                    ours, expected = (told(side.get(key)) or "another value" for side in (mine, theirs))
                    yield f"{commit} `{key}` becomes {ours} while callers reach it, expected {expected}", key
    if percent <= was.rollout_percent:
        return
    following = next((step for step in subject.source.steps if step > was.rollout_percent), 100)
    if percent != following:
        yield (
            f"{commit} it goes from {was.rollout_percent}% to {percent}%, expected {following}% "
            "(policy rollout.steps)",
            "rollout_percent",
        )
    if "report" not in there.entry:
        yield f"{commit} it goes to {percent}% without a report", "rollout_percent"


def _line(state: State, alias: str, variant: str, *key: str) -> int | None:
    if state.models is None:
        return None
    return state.models.document.line(("models", alias, "variants", variant, *key))
