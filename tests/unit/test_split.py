"""The split: stratified, seeded, repeated questions on one side."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from liftgate.data.dataset import Row
from liftgate.data.split import split_rows
from liftgate.data.text import normalise


def rows_of(*prompts: str, label: str = "billing", locale: str = "en", start: int = 1) -> list[Row]:
    return [
        Row(
            line,
            {
                "messages": [{"role": "user", "content": prompt}],
                "metadata": {"label": label, "locale": locale},
            },
        )
        for line, prompt in enumerate(prompts, start)
    ]


def numbered(count: int, label: str, locale: str = "en") -> list[Row]:
    return rows_of(*(f"{label} {locale} {n}" for n in range(count)), label=label, locale=locale)


def test_every_label_and_locale_gives_its_share() -> None:
    rows = [*numbered(50, "billing"), *numbered(25, "refund"), *numbered(25, "refund", "de")]
    train, validation = split_rows(rows, validation_share=0.2, seed=1)
    assert Counter((row.label, row.locale) for row in validation) == {
        ("billing", "en"): 10,
        ("refund", "en"): 5,
        ("refund", "de"): 5,
    }
    assert len(train) == 80


def test_the_whole_share_comes_out_though_each_class_is_odd() -> None:
    rows = [row for label in "abcdefg" for row in numbered(7, label)]
    _, validation = split_rows(rows, validation_share=0.16, seed=1)
    assert len(validation) == round(49 * 0.16)


def test_the_same_seed_gives_the_same_halves_and_another_seed_others() -> None:
    rows = numbered(100, "billing")
    halves = [split_rows(rows, validation_share=0.2, seed=seed) for seed in (7, 7, 8)]
    assert halves[0] == halves[1]
    assert halves[0] != halves[2]


def test_clusters_named_by_the_caller_stay_together() -> None:
    rows = numbered(20, "billing")
    _, validation = split_rows(
        rows, validation_share=0.5, seed=3, same_side={index: index // 5 for index in range(20)}
    )
    assert {row.line - 1 for row in validation} in [
        set(range(a * 5, a * 5 + 5)) | set(range(b * 5, b * 5 + 5)) for a in range(4) for b in range(a)
    ]


@given(st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=60), st.integers(0, 5))
def test_no_question_stands_on_both_sides_and_no_row_is_lost(prompts: list[str], seed: int) -> None:
    rows = rows_of(*prompts)
    train, validation = split_rows(rows, validation_share=0.2, seed=seed)
    assert sorted(row.line for row in [*train, *validation]) == [row.line for row in rows]
    left, right = ({normalise(row.prompt) for row in half} for half in (train, validation))
    assert not left & right
