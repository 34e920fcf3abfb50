"""A rollback: what is lowered, and what goes back to the entry before it. Nothing else."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.registry.history import State, of_alias
from liftgate.registry.models import Alias, Models, read_models
from liftgate.registry.transitions import restorable, transition


def alias(
    default: str = "m", more: str = "", rollouts: Mapping[str, int] | None = None, **named: int
) -> Alias:
    """An alias whose variants are named after their rollout; `more` is text put into each entry."""
    rollouts = {**(rollouts or {}), **named}
    lines = ["version: 1", "models:", "  toy:", f"    default: {{model_id: {default}, provider: local}}"]
    lines += ["    variants:" if rollouts else "    variants: {}"]
    for name, percent in rollouts.items():
        lines.append(
            f"      {name}: {{model_id: t-{name}, provider: local, dataset: {{version: 1.0.0}}, flag: f-{name}, "
            f"rollout_percent: {percent}{more}}}"
        )
    return read_models("\n".join(lines) + "\n").aliases["toy"]


FULL, STARTED, HALF = alias(v1=100, v2=0), alias(v1=95, v2=5), alias(v1=75, v2=25)


def test_the_entry_immediately_before_is_restored() -> None:
    assert restorable([FULL, STARTED]) == FULL
    assert transition(STARTED, FULL, [FULL, STARTED]) == "rollback"
    assert transition(STARTED, FULL) == "promotion"


def test_an_older_entry_is_not() -> None:
    assert transition(HALF, FULL, [FULL, STARTED, HALF]) == "promotion"
    assert transition(HALF, STARTED, [FULL, STARTED, HALF]) == "rollback"


def test_an_entry_that_was_rolled_back_is_never_restored() -> None:
    history = [FULL, STARTED, FULL]
    assert restorable(history) is None
    assert transition(FULL, STARTED, history) == "promotion"


def test_going_back_twice_goes_further_back() -> None:
    history = [FULL, STARTED, HALF, STARTED]
    assert transition(STARTED, HALF, history) == "promotion"
    assert transition(STARTED, FULL, history) == "rollback"


def test_what_was_switched_off_comes_back_with_evidence_only() -> None:
    killed = alias(v1=0, v2=0)
    history = [alias(v1=0, v2=0, more=" "), alias(v1=5, v2=0), alias(v1=25, v2=0), killed]
    assert restorable(history) is None
    assert transition(killed, alias(v1=5, v2=0), history) == "promotion"


@pytest.mark.parametrize(
    "after",
    [
        alias(v1=100),
        alias(v1=100, v2=0, v3=0),
        alias(v1=99, v2=0),
        alias(v1=100, v2=5),
        alias(v1=100, v2=0, default="n"),
        alias(v1=100, v2=0, more=", owner: me"),
        alias(v1=100, v2=0, more=" "),
        None,
    ],
)
def test_anything_but_the_same_bytes_is_a_promotion(after: Alias | None) -> None:
    assert transition(STARTED, after, [FULL, STARTED]) == "promotion"


def test_a_history_that_does_not_end_in_the_base_restores_nothing() -> None:
    assert transition(STARTED, FULL, [FULL, STARTED, HALF]) == "promotion"


def test_what_was_before_an_absence_or_an_unreadable_file_is_gone() -> None:
    assert restorable([FULL, None, STARTED]) is None
    assert transition(STARTED, FULL, [FULL, None, STARTED]) == "promotion"


def test_of_a_history_that_is_cut_the_oldest_entry_is_not_restored() -> None:
    # It may have been rolled back to the next one, and nobody can see that.
    def state(one: Alias, day: int, *, cut: bool = False) -> State:
        return State("a" * 40, datetime.datetime(2026, 1, day, tzinfo=datetime.UTC), _models(one), cut)

    for cut, kind in ((True, "promotion"), (False, "rollback")):
        seen = of_alias([state(STARTED, 1, cut=cut), state(STARTED, 2), state(FULL, 3)], "toy")
        assert transition(FULL, STARTED, seen) == kind
        longer = [state(HALF, 1, cut=cut), state(STARTED, 2), state(alias(v1=100, v2=0), 3)]
        assert transition(FULL, STARTED, of_alias(longer, "toy")) == "rollback"


def test_what_was_only_passed_through_was_never_there() -> None:
    # A change merged by rebase leaves its own commits in the history; nobody judged what one of them held.
    def seen(*stays: tuple[Alias, int]) -> tuple[Alias | None, ...]:
        at, made = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), []
        for one, seconds in stays:
            made.append(State("a" * 40, at, _models(one)))
            at += datetime.timedelta(seconds=seconds)
        return of_alias(made, "toy")

    evil, owned = alias(default="evil", v1=100, v2=0), alias(v1=100, v2=0, more=", owner: me")
    for seconds, kind in ((1, "promotion"), (119, "promotion"), (120, "rollback")):
        assert transition(STARTED, evil, seen((FULL, 999), (evil, seconds), (STARTED, 1))) == kind
    assert transition(STARTED, FULL, seen((FULL, 999), (evil, 1), (STARTED, 1))) == "rollback"
    # One that was served for long and is passed through later is still what was rolled back.
    fallen = seen((FULL, 999), (STARTED, 999), (FULL, 1), (owned, 1))
    assert transition(owned, STARTED, fallen) == "promotion"
    assert transition(evil, FULL, seen((evil, 1), (FULL, 1), (evil, 1))) == "promotion"


def test_changed_papers_do_not_hide_what_was_active_before() -> None:
    renamed = alias(v1=95, v2=5, more=", owner: others")
    assert transition(renamed, FULL, [FULL, STARTED, renamed]) == "rollback"


def test_a_default_model_comes_back_the_same_way() -> None:
    other = alias(default="n", v1=100, v2=0)
    assert transition(other, FULL, [FULL, other]) == "rollback"


def test_lowering_needs_no_history() -> None:
    assert transition(HALF, alias(v1=75, v2=5)) == "rollback"
    assert transition(HALF, alias(v1=0, v2=0)) == "rollback"
    assert transition(HALF, alias(v1=0, v2=25), [None]) == "rollback"


def test_comments_and_forms_change_nothing() -> None:
    spread = read_models(json.dumps(json.loads(json.dumps(dict(_entries(FULL)))))).aliases["toy"]
    assert transition(FULL, spread) is None
    assert transition(alias(), read_models(_no_variants()).aliases["toy"]) is None


def _models(one: Alias) -> Models:
    text = "version: 1\nmodels:\n" + one.source + "\n"
    return read_models(text)


def _entries(one: Alias) -> Mapping[str, Any]:
    return {"version": 1, "models": {"toy": one.entry}}


def _no_variants() -> str:
    return "version: 1\nmodels:\n  toy:\n    default: {model_id: m, provider: local}  # alone\n"


ROLLOUTS = st.fixed_dictionaries(
    {"v1": st.sampled_from([0, 5, 25, 100]), "v2": st.sampled_from([0, 5, 25, 100])}
)


@given(st.lists(ROLLOUTS, min_size=1, max_size=6), ROLLOUTS)
def test_what_is_never_lowered_and_never_was_there_before_is_no_rollback(
    past: list[dict[str, int]], then: dict[str, int]
) -> None:
    history = [alias(rollouts=rollouts) for rollouts in past]
    before, after = history[-1], alias(rollouts=then)
    kind = transition(before, after, history)
    if then == past[-1]:
        assert kind is None
    elif all(then[name] <= past[-1][name] for name in then):
        assert kind == "rollback"
    elif kind == "rollback":
        assert then in past
        wanted = restorable(history)
        assert wanted is not None
        assert wanted.source == after.source


@given(st.lists(ROLLOUTS, min_size=2, max_size=6))
def test_rolling_back_again_and_again_ends_and_never_returns(past: list[dict[str, int]]) -> None:
    history: list[Alias | None] = [alias(rollouts=rollouts) for rollouts in past]
    left: list[str] = []
    for _ in range(len(past)):
        wanted = restorable(history)
        if wanted is None:
            break
        now = history[-1]
        assert now is not None
        assert transition(now, wanted, history) == "rollback"
        left.append(now.source)
        assert wanted.source not in left
        history.append(wanted)
    assert restorable(history) is None
