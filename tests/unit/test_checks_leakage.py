"""Leaks that do not stand in the file itself: older releases, few-shot examples, the other half of the split."""

from __future__ import annotations

from typing import Any

import pytest

from liftgate.data.asking import Asking
from liftgate.data.checks import duplicates, leakage
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Dataset, Row
from liftgate.data.golden import Case, Cases
from liftgate.data.near import near_pairs

GOLDEN = "Please cancel order HH-48213 for Anna before it ships to the shop"
LONG = "please tell me when the blue lamp that I ordered for my mother last week will arrive"


def dataset(path: str, *prompts: str) -> Dataset:
    rows = [
        {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": "x"}]}
        for prompt in prompts
    ]
    return Dataset(path, tuple(Row(line, row) for line, row in enumerate(rows, 1)), len(rows))


def golden(*prompts: str) -> tuple[Cases, ...]:
    cases = [
        Case(f"g{line}", [{"role": "user", "content": prompt}], "x", {}, line)
        for line, prompt in enumerate(prompts, 1)
    ]
    return (Cases("golden.jsonl", tuple(cases)),)


def places(rule: Any, context: Context) -> list[tuple[str, str, int | None, str]]:
    return [(str(f.severity), f.path, f.line, f.message) for f in rule(context)]


NOW = dataset("v1.1.0.train.jsonl", "Where is it", "I was charged twice")


def test_a_case_that_stands_in_an_older_release_is_a_leak_at_the_old_line() -> None:
    old = dataset("v1.0.0.train.jsonl", "Where is it", "CANCEL it.", "cancel it")
    older = dataset("v0.9.0.train.jsonl", "cancel it", "charge")
    context = Context(NOW, golden=golden("cancel it"), history=(old, older))
    assert places(leakage.golden_leak, context) == [
        (
            "error",
            "v1.0.0.train.jsonl",
            2,
            "a row of another release: same prompt as golden case 'g1' (golden.jsonl:1)",
        )
    ]


def test_a_leak_of_this_file_is_not_told_again_for_every_release_that_had_it() -> None:
    old = dataset("v1.0.0.train.jsonl", "where is it!")
    context = Context(NOW, golden=golden("Where is it"), history=(old,))
    assert [(path, line) for _, path, line, _ in places(leakage.golden_leak, context)] == [
        ("v1.1.0.train.jsonl", 1)
    ]


def test_older_releases_are_judged_with_the_training_half_only() -> None:
    half = dataset("v1.1.0.validation.jsonl", "something else")
    context = Context(half, golden=golden("cancel it"), history=(dataset("v1.0.0.train.jsonl", "cancel it"),))
    assert places(leakage.golden_leak, context) == []


@pytest.mark.parametrize(
    ("rule", "prompt", "said"),
    [
        (leakage.golden_leak, GOLDEN.lower(), "same prompt as golden case"),
        (leakage.golden_near_leak, f"{GOLDEN} today", "nearly the same prompt as golden case"),
        (leakage.golden_entity_swap, GOLDEN.replace("HH-48213", "HH-1"), "with other names or numbers"),
    ],
)
def test_every_kind_of_leak_is_sought_in_releases_and_examples(rule: Any, prompt: str, said: str) -> None:
    old = dataset("v1.0.0.train.jsonl", "nothing", prompt)
    arm = Asking(
        "prompt-v2", "prompts/v2.yaml", examples=[("hello", "x"), (prompt, "x")], example_lines=[4, 6]
    )
    about: dict[str, Any]
    for about, path, line in (
        ({"history": (old,)}, "v1.0.0.train.jsonl", 2),
        ({"asking": (arm, arm)}, "prompts/v2.yaml", 6),
    ):
        (found,) = places(rule, Context(NOW, golden=golden(GOLDEN), **about))
        assert found[:3] == ("error", path, line)
        assert said in found[3]


def test_an_example_without_a_known_line_is_told_at_its_file() -> None:
    arm = Asking("prompt-v2", "v2.yaml", examples=[("cancel it", "x")])
    assert places(leakage.golden_leak, Context(NOW, golden=golden("cancel it"), asking=(arm,))) == [
        ("error", "v2.yaml", None, "a few-shot example: same prompt as golden case 'g1' (golden.jsonl:1)")
    ]


def test_a_training_row_may_repeat_an_example() -> None:
    arm = Asking("prompt-v2", "v2.yaml", examples=[("Where is it", "x")])
    context = Context(NOW, golden=golden("something quite different"), asking=(arm,))
    for rule in (leakage.golden_leak, leakage.golden_near_leak, leakage.golden_entity_swap):
        assert places(rule, context) == []


def test_boilerplate_is_measured_over_the_file_and_its_releases_together() -> None:
    letter = " ".join(f"word{n}" for n in range(45))
    now = dataset("v1.1.0.train.jsonl", *(f"{letter} about {n} and {n * n}" for n in range(30)))
    old = dataset("v1.0.0.train.jsonl", *(f"{letter} on {n} and {n * n}" for n in range(2)))
    context = Context(
        now, golden=golden(f"{letter} my own question about the missing green chair"), history=(old,)
    )
    assert places(leakage.golden_near_leak, context) == []


def test_near_repeats_across_the_split_are_told_once_a_validation_row() -> None:
    train = dataset("v1.0.0.train.jsonl", "Where is it", LONG, "I was charged twice")
    other = dataset("v1.0.0.validation.jsonl", f"{LONG} here", "Where is it?", f"{LONG} now", "nothing alike")
    context = Context(train, sibling=other)
    assert places(duplicates.split_near_leak, context) == [
        ("warning", "v1.0.0.train.jsonl", 2, "nearly the same prompt as v1.0.0.validation.jsonl:1"),
        ("warning", "v1.0.0.train.jsonl", 2, "nearly the same prompt as v1.0.0.validation.jsonl:3"),
    ]
    assert places(duplicates.near_duplicate_row, context) == []
    assert [line for _, _, line, _ in places(duplicates.split_leak, context)] == [1]
    assert places(duplicates.split_near_leak, Context(other, sibling=train)) == []


def test_the_other_set_does_not_change_the_pairs_within_ours() -> None:
    ours = [f"{LONG} {word}".encode() for word in ("one", "two", "three")] + [b"alone in the world"]
    other = [f"{LONG} four".encode(), b"alone in the world today", f"{LONG} five".encode()]
    within = near_pairs(ours)
    assert [pair for pair in near_pairs([*ours, *other], other_from=len(ours)) if pair[1] < 4] == within
    across = [pair for pair in near_pairs([*ours, *other], other_from=len(ours)) if pair[1] >= 4]
    assert {later for _, later in across} == {4, 6}
    assert all(earlier < 4 for earlier, _ in across)
