"""Paths that a pull request may bring: refused before anything is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.path_names import colliding, odd_name, printable
from liftgate.plan import make_plan
from liftgate.repository import Change


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("datasets/toy/a\nb.jsonl", "line break"),
        ("datasets/toy/\u202egolden.jsonl", "nobody can see"),
        ("datasets/toy/a\u200bb.jsonl", "nobody can see"),
        ("datasets/toy/\udcff.jsonl", "is not UTF-8"),
        ("datasets/../models.yaml", "leads out"),
        ("datasets//x", "leads out"),
        ("/etc/passwd", "leads out"),
        ("datasets/toy/.git/config", "leads out"),
        ("datasets/toy/GIT~1/config", "leads out"),
        ("datasets/toy/aux.jsonl", "device"),
        ("datasets/COM1/card.yaml", "device"),
        ("datasets/toy/a:b", "Windows"),
        ("datasets\\toy\\x", "Windows"),
        ("datasets/toy./x", "space or a dot"),
        ("datasets/toy/x ", "space or a dot"),
        (f"datasets/toy/{'x' * 201}", "200 bytes"),
        ("/".join(["datasets", *["y" * 100] * 11]), "1000 bytes"),
    ],
)
def test_odd_names_are_refused_with_the_reason(path: str, why: str) -> None:
    assert why in str(odd_name(path))


@pytest.mark.parametrize("path", ["models.yaml", "datasets/toy/v1.0.0.train.jsonl", "evals/größe/a b.yaml"])
def test_plain_names_pass(path: str) -> None:
    assert odd_name(path) is None


@given(st.text(max_size=300))
def test_what_is_printed_of_a_path_is_one_short_line_of_ascii(path: str) -> None:
    written = printable(path)
    assert written.isascii()
    assert written.isprintable()
    assert len(written) <= 163


def test_names_that_some_disks_take_for_one_are_told_once() -> None:
    paths = [
        "datasets/Toy/a",
        "datasets/Toy/b",
        "datasets/toy/a",
        "datasets/toy/c",
        "evals/\u00e9",
        "evals/e\u0301",
    ]
    assert list(colliding(paths)) == [("datasets/Toy", "datasets/toy"), ("evals/e\u0301", "evals/\u00e9")]


@given(st.lists(st.sampled_from(["a", "A", "b", "a/b", "a/B", "c/d"]), unique=True))
def test_no_collision_means_that_folded_names_differ(paths: list[str]) -> None:
    if not list(colliding(paths)):
        assert len({path.casefold() for path in paths}) == len(paths)


def test_a_plan_reads_nothing_from_an_odd_path_and_blocks() -> None:
    changed = [Change("datasets/toy/x\n.train.jsonl", "added"), Change("Datasets/toy/y.jsonl", "added")]
    plan = make_plan(changed, known_aliases=["toy"], transitions={})
    assert [(f.rule, f.path) for f in plan.findings] == [
        ("odd-path", "datasets/toy/x\\n.train.jsonl"),
        ("odd-path", "Datasets/toy/y.jsonl"),
    ]
    assert plan.aliases == {}


def test_an_odd_path_may_be_deleted_and_does_not_matter_where_nothing_is_read() -> None:
    changed = [Change("datasets/toy/x\n.jsonl", "deleted"), Change("docs/a\nb", "added")]
    assert make_plan(changed, known_aliases=["toy"], transitions={}).findings == ()


def test_a_rollback_beside_an_odd_path_is_none() -> None:
    changed = [Change("models.yaml", "modified"), Change("docs/a\nb", "added")]
    plan = make_plan(changed, known_aliases=["toy"], transitions={"toy": "rollback"})
    assert plan.aliases == {"toy": ("promotion",)}
