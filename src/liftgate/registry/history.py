"""The registry as the base branch had it, one state a first-parent commit: since when a step lasts, what was before."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from liftgate.config import parse_yaml, schema
from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.registry.models import Alias, Models, Variant, models_of
from liftgate.registry.transitions import identity, served

LEAST_STANDING: Final = datetime.timedelta(minutes=2)
"""Longer than GitHub takes to write the commits of one change onto a branch."""


@dataclass(frozen=True)
class State:
    """models.yaml after one commit. `models` is None where it was not there or cannot be read any more.

    `cut` says that older ones exist and were not read.
    """

    commit: str
    at: datetime.datetime
    models: Models | None
    cut: bool = False

    def alias(self, name: str) -> Alias | None:
        """The alias, where it was there."""
        return None if self.models is None else self.models.aliases.get(name)

    def variant(self, alias: str, name: str) -> Variant | None:
        """The variant, where it was there."""
        found = self.alias(alias)
        return None if found is None else found.variants.get(name)


def states(
    versions: Iterable[tuple[str, datetime.datetime, bytes | None]], *, cut: bool = False
) -> tuple[State, ...]:
    """Read versions of the file, oldest first; the last is what the base branch holds now.

    No state is older than the one before it, whatever its commit claims. `cut` is that of the first.
    """
    made: list[State] = []
    for commit, at, data in versions:
        made.append(State(commit, max(at, made[-1].at) if made else at, _read(data), cut and not made))
    return tuple(made)


def of_alias(history: Sequence[State], name: str) -> tuple[Alias | None, ...]:
    """One alias through the history, oldest first.

    Of a history that is cut, the first entry counts as unknown: nobody can tell whether it was rolled back after.
    What never stood for `LEAST_STANDING` counts as never there: where a change is merged by rebase, its own commits
    stand in the history, and what one of them held was judged by nobody and reached no caller.
    """
    found = _standing(history, [state.alias(name) for state in history])
    if history and history[0].cut and found[0] is not None:
        first = served(found[0])
        known = next((i for i, each in enumerate(found) if each is None or served(each) != first), len(found))
        return (*[None] * known, *found[known:])
    return tuple(found)


def _standing(history: Sequence[State], found: Sequence[Alias | None]) -> list[Alias | None]:
    """The entries, each that was only passed through replaced by the one before it."""
    keys = [None if each is None else digest(served(each)) for each in found]
    stood = {None, *keys[-1:]}
    since = history[0].at if history else None
    for number in range(1, len(keys)):
        if keys[number] != keys[number - 1]:
            if since is not None and history[number].at - since >= LEAST_STANDING:
                stood.add(keys[number - 1])
            since = history[number].at
    kept: list[Alias | None] = []
    for key, each in zip(keys, found, strict=True):
        kept.append(each if key in stood else kept[-1] if kept else None)
    return kept


def step_began(history: Sequence[State], alias: str, variant: Variant) -> datetime.datetime | None:
    """Since when callers get `variant` at the share that it has now; None when the history does not say."""

    def same(there: Variant) -> bool:
        return identity(there) == identity(variant) and there.rollout_percent == variant.rollout_percent

    return _since(history, alias, variant.name, same)


def at_full_since(history: Sequence[State], alias: str, variant: Variant) -> datetime.datetime | None:
    """Since when every caller gets this model, to which the share of 100% belongs; None when they do not."""

    def full(there: Variant) -> bool:
        return identity(there) == identity(variant) and there.rollout_percent == 100

    return _since(history, alias, variant.name, full)


def _since(
    history: Sequence[State], alias: str, name: str, holds: Callable[[Variant], bool]
) -> datetime.datetime | None:
    began = None
    for state in reversed(history):
        there = state.variant(alias, name)
        if there is None or not holds(there):
            break
        began = state.at
    return began


def _read(data: bytes | None) -> Models | None:
    if data is None:
        return None
    try:
        document = parse_yaml(data, "models.yaml")
    except InputError:
        return None
    # A hundred of them are read before a rollback is told, and nobody hears what is wrong with an old one.
    return models_of(document, data) if _validator().is_valid(document.data) else None


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema("models")))
