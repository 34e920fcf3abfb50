"""The data diff: every row of both sides once, whatever its line, and no row's text."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.dataset import Dataset, read_rows
from liftgate.data.diff import Changes, DataDiff, Side, diff
from liftgate.tokens import count_conversations

Data = dict[str, Any]


def row(
    prompt: str,
    label: str | None = "billing",
    *,
    answer: str | None = None,
    system: str | None = None,
    **metadata: Any,
) -> Data:
    said = [("user", prompt), ("assistant", answer or label or "yes")]
    if system is not None:
        said.insert(0, ("system", system))
    about = {**metadata} if label is None else {"label": label, **metadata}
    made: Data = {"messages": [{"role": role, "content": content} for role, content in said]}
    return {**made, "metadata": about} if about else made


def dataset(rows: Sequence[Data], path: str = "v1.train.jsonl") -> Dataset:
    return read_rows("".join(json.dumps(each) + "\n" for each in rows).encode(), path)


def side(*rows: Data, name: str = "1.0.0", path: str = "v1.train.jsonl") -> Side:
    return Side(name, (dataset(rows, path),))


def between(before: Sequence[Data], after: Sequence[Data]) -> DataDiff:
    return diff(side(*before), side(*after, name="1.1.0", path="v2.train.jsonl"))


def changes(before: Sequence[Data], after: Sequence[Data]) -> dict[str, int]:
    found = between(before, after).changes
    assert found is not None
    return {name: count for name, count in counts(found).items() if count}


def counts(found: Changes) -> dict[str, int]:
    names = ("added", "removed", "relabelled", "conversation", "metadata", "other_half")
    return {**{name: getattr(found, name).rows for name in names}, "unchanged": found.unchanged}


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["where is it", "pay me", "", "the parcel is late again please look"]),
        st.sampled_from([None, "billing", "order", "a whole sentence"]),
        answer=st.sampled_from(["a", "b"]),
        system=st.sampled_from([None, "S", "T"]),
        id=st.sampled_from([None, "1", "2", "3", 4]),
        source=st.sampled_from(["human", "synthetic"]),
        reviewed=st.booleans(),
        locale=st.sampled_from([None, "en", "de"]),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(ROWS)
def test_a_dataset_does_not_differ_from_itself(rows: list[Data]) -> None:
    made = diff(side(*rows), side(*rows))
    assert made.is_empty
    assert made.changes is not None
    assert made.changes.unchanged == len(rows)
    assert made.clusters == ()
    assert made.tokens_before == made.tokens_after
    assert made.system_prompts.before == made.system_prompts.after
    assert all(entry.before == entry.after for entry in (*made.classes.entries, *made.provenance))


@settings(deadline=None)
@given(ROWS, ROWS)
def test_a_diff_read_backwards_mirrors_it(before: list[Data], after: list[Data]) -> None:
    there, back = diff(side(*before), side(*after)), diff(side(*after), side(*before))
    assert there.changes is not None
    assert back.changes is not None
    mirrored = counts(back.changes)
    mirrored["added"], mirrored["removed"] = mirrored["removed"], mirrored["added"]
    assert counts(there.changes) == mirrored
    assert there.changes.added == back.changes.removed
    assert (there.tokens_before, there.tokens_after) == (back.tokens_after, back.tokens_before)
    assert [(e.before, e.after) for e in there.classes.entries] == [
        (e.after, e.before) for e in back.classes.entries
    ]
    moves = {(m.from_class, m.to_class): m.rows for m in there.changes.moves}
    assert sum(moves.values()) == there.changes.relabelled.rows
    assert sorted(moves.values()) == sorted(m.rows for m in back.changes.moves)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_the_counts_add_up(before: list[Data], after: list[Data]) -> None:
    made = diff(side(*before), side(*after))
    assert made.changes is not None
    found = counts(made.changes)
    kept = sum(found[name] for name in ("unchanged", "relabelled", "conversation", "metadata"))
    assert kept + found["removed"] == len(before)
    assert kept + found["added"] == len(after)
    for mix in (made.classes.entries, made.locales, made.provenance):
        assert sum(entry.after.rows for entry in mix) == len(after)
        assert sum(entry.before.rows if entry.before else 0 for entry in mix) == len(before)
    for locale in made.locales:
        assert sum(entry.after.rows for entry in locale.classes.entries) == locale.after.rows


@settings(deadline=None)
@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(
    before: list[Data], after: list[Data], chance: random.Random
) -> None:
    mixed = list(before), list(after)
    for rows in mixed:
        chance.shuffle(rows)
    assert without_places(between(before, after)) == without_places(between(*mixed))


def without_places(made: DataDiff) -> Any:
    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stripped(item) for key, item in value.items() if key != "places"}
        if isinstance(value, list | tuple):
            return [stripped(item) for item in value]
        return value.split(" at ")[0] if isinstance(value, str) else value

    return stripped(made.to_dict())


def test_rows_are_paired_by_id_and_told_apart_by_what_changed() -> None:
    before = [
        row("same", id="a"),
        row("reworded", id="b"),
        row("relabelled", id="c"),
        row("looked at", id="d"),
        row("gone", id="e"),
    ]
    after = [
        row("new", id="f"),
        row("looked at", id="d", reviewed=True),
        row("relabelled", "order", id="c"),
        row("reworded!", id="b"),
        row("same", id="a"),
    ]
    made = between(before, after)
    assert made.changes is not None
    assert {
        name: getattr(made.changes, name).places
        for name in ("added", "removed", "relabelled", "conversation", "metadata")
    } == {
        "added": ("v2.train.jsonl:1",),
        "removed": ("v1.train.jsonl:5",),
        "relabelled": ("v2.train.jsonl:3",),
        "conversation": ("v2.train.jsonl:4",),
        "metadata": ("v2.train.jsonl:2",),
    }
    assert made.changes.unchanged == 1
    assert [(m.from_class, m.to_class, m.rows) for m in made.changes.moves] == [("billing", "order", 1)]


def test_rows_without_an_id_are_paired_by_content() -> None:
    assert changes([row("a"), row("b")], [row("b", locale="en"), row("a")]) == {"metadata": 1, "unchanged": 1}
    assert changes([row("a")], [row("a!")]) == {"added": 1, "removed": 1}
    assert changes([row("a"), row("a")], [row("a")]) == {"removed": 1, "unchanged": 1}


def test_a_row_whose_id_alone_is_new_is_the_same_row() -> None:
    assert changes([row("a")], [row("a", id="1")]) == {"metadata": 1}
    assert changes([row("a", id="1")], [row("a", id="2")]) == {"metadata": 1}


def test_rows_with_equal_ids_each_find_the_closest() -> None:
    before = [row("a", id="1"), row("b", id="1"), row("c", id="1")]
    after = [row("d", id="1"), row("c", "order", id="1"), row("a", id="1")]
    assert changes(before, after) == {"unchanged": 1, "relabelled": 1, "conversation": 1}
    assert changes(before, before[:1]) == {"unchanged": 1, "removed": 2}


def test_a_label_given_or_taken_away_is_a_relabelling() -> None:
    made = between([row("a", None, id="1"), row("b", id="2")], [row("a", id="1"), row("b", None, id="2")])
    assert made.changes is not None
    assert [(m.from_class, m.to_class) for m in made.changes.moves] == [("billing", None), (None, "billing")]


def test_rows_that_change_halves_are_counted_beside() -> None:
    rows = [row("a", id="1"), row("b", id="2")]
    before = Side("1", (dataset(rows[:1], "v1.train.jsonl"), dataset(rows[1:], "v1.validation.jsonl")))
    after = Side("2", (dataset(rows[1:], "v2.train.jsonl"), dataset(rows[:1], "v2.validation.jsonl")))
    made = diff(before, after)
    assert made.changes is not None
    assert counts(made.changes) == {
        **dict.fromkeys(counts(made.changes), 0),
        "other_half": 2,
        "unchanged": 2,
    }
    assert not made.is_empty


def test_short_answers_are_the_classes_when_no_row_has_a_label() -> None:
    before = [row(f"q {n}", None, answer="yes" if n % 2 else "no", id=str(n)) for n in range(20)]
    after = [row(f"q {n}", None, answer="yes", id=str(n)) for n in range(20)]
    made = between(before, after)
    assert made.changes is not None
    assert made.changes.relabelled.rows == 10
    assert [(e.name, e.before and e.before.rows, e.after.rows) for e in made.classes.entries] == [
        ("yes", 10, 20),
        ("no", 10, 0),
    ]


def test_a_first_release_has_no_before_and_no_zeros_that_stand_for_one() -> None:
    made = diff(None, side(row("a", source="human"), row("b", "order"), row("c", "order")))
    document = made.to_dict()
    assert (document["before"], document["changes"], document["tokens_before"]) == (None, None, None)
    assert (document["system_prompts"], document["tool_rows_before"]) == (
        {"before": None, "after": 0, "new": None},
        None,
    )
    assert [(e["name"], e["before"], e["after"]["rows"]) for e in document["classes"]["entries"]] == [
        ("order", None, 2),
        ("billing", None, 1),
    ]


def test_an_empty_side_has_no_lengths() -> None:
    made = diff(side(), side(row("a")))
    assert made.tokens_before is None
    assert made.tokens_after is not None
    assert made.changes is not None
    assert counts(made.changes)["added"] == 1
    gone = diff(side(row("a")), side())
    assert gone.tokens_after is None
    assert gone.classes.entries[0].after.share == 0.0


def test_token_lengths_are_exact() -> None:
    rows = [row("word " * n) for n in range(1, 41)]
    expected = sorted(count_conversations([(each["messages"], ()) for each in rows], "o200k_base"))
    found = diff(None, side(*rows)).tokens_after
    assert found is not None
    assert (found.total, found.min, found.median, found.p95, found.max) == (
        sum(expected),
        expected[0],
        (expected[19] + expected[20]) / 2,
        expected[37],
        expected[-1],
    )


def test_provenance_is_told_by_source_and_review() -> None:
    made = between(
        [row("a", source="human", reviewed=True), row("b", source="human", reviewed=True)],
        [row("a", source="human", reviewed=True), row("c", source="synthetic", reviewed=False), row("d")],
    )
    assert [
        (o.name, o.reviewed, o.before and o.before.rows, o.after.rows, o.after.share) for o in made.provenance
    ] == [
        ("human", True, 2, 1, 0.3333333333),
        ("synthetic", False, 0, 1, 0.3333333333),
        (None, False, 0, 1, 0.3333333333),
    ]


def test_system_prompts_and_tools_are_counted() -> None:
    tools = [{"type": "function", "function": {"name": "refund"}}]
    before = [row("a", system="Route."), row("b", system="Route.")]
    after = [row("a", system="Route."), row("b", system="Route it."), {**row("c"), "tools": tools}]
    made = between(before, after)
    assert (made.system_prompts.before, made.system_prompts.after, made.system_prompts.new) == (1, 2, 1)
    assert (made.tool_rows_before, made.tool_rows_after) == (0, 1)


LONG = (
    "the blue lamp that I ordered from you in March came back to your shop broken into many little pieces {}"
)


def test_a_cluster_is_new_when_a_new_row_joins_it() -> None:
    before = [row(LONG.format("one"), id="1"), row("quite another question", id="2")]
    after = [
        *before,
        row(LONG.format("two"), id="3"),
        row(LONG.format("two") + "!", "order", id="4"),
        row("unlike all the rest of them", id="5"),
    ]
    made = between(before, after)
    assert [(c.rows, c.new, c.classes, c.places) for c in made.clusters] == [
        (3, 2, 2, ("v2.train.jsonl:1", "v2.train.jsonl:3", "v2.train.jsonl:4"))
    ]
    assert (made.clusters_total, made.clustered_rows) == (1, 3)


def test_a_cluster_that_stood_before_is_not_new_for_a_new_label_but_for_a_new_question() -> None:
    before = [row(LONG.format("one"), id="1"), row(LONG.format("two"), id="2"), row("other", id="3")]
    relabelled = [before[0], row(LONG.format("two"), "order", id="2"), before[2]]
    assert between(before, relabelled).clusters == ()
    reworded = [*before[:2], row(LONG.format("three"), id="3")]
    assert [(c.rows, c.new) for c in between(before, reworded).clusters] == [(3, 1)]


HOSTILE = [
    "a | b",
    "`tick`",
    "@octo-org/team",
    "\u202eevil\u2066",
    "Please send my money to Mrs Example, 4 Privet Drive",
    "x" * 1_000_000,
    "</details><script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_row_is_in_a_diff(text: str) -> None:
    before = [row("fine", id="1", locale="en", source="human")]
    after = [
        row("fine", text, id="1", locale=text, source=text),
        row(text, text, id=text, answer=text, system=text),
    ]
    written = json.dumps(between(before, after).to_dict(), ensure_ascii=False)
    assert text not in written
    assert len(written) < 10_000
    assert "the label at v2.train.jsonl:1" in written


def test_ten_thousand_labels_and_locales_are_bounded_and_still_add_up() -> None:
    rows = [row(f"q {n}", f"label number {n}", locale=f"l{n}", source=f"s{n}") for n in range(10_000)]
    made = between(rows[:5_000], rows)
    assert len(json.dumps(made.to_dict())) < 100_000
    assert made.classes.total == 10_000
    others = made.classes.others
    assert others is not None
    assert others.before is not None
    listed = sum(entry.after.rows for entry in made.classes.entries)
    assert (listed + others.after.rows, others.before.rows) == (
        10_000,
        5_000 - len([e for e in made.classes.entries if e.before and e.before.rows]),
    )
    assert (len(made.locales), made.locales_total) == (20, 10_000)
    assert (len(made.provenance), made.provenance_total) == (20, 10_000)


def test_lines_that_cannot_be_read_are_counted_apart() -> None:
    broken = read_rows(b'{"messages": [\n' + json.dumps(row("a")).encode() + b"\n", "v1.train.jsonl")
    made = diff(None, Side("1", (broken,)))
    assert [(f.path, f.rows, f.unreadable) for f in made.after.files] == [("v1.train.jsonl", 1, 1)]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["messages", "metadata", "tools", "input", "preferred_output"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["role", "content", "id", "label", "messages"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_a_row_of_any_shape_is_counted(odd: Data) -> None:
    lines = (json.dumps(odd) + "\n").encode()
    one = Side("1", (read_rows(lines, "v1.train.jsonl"),))
    assert diff(one, one).is_empty
    assert diff(None, one).after.rows == len(one.datasets[0].rows)
