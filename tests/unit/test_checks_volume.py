"""How many rows are enough: the policy's number where it says one, the task's where it is silent."""

from __future__ import annotations

import pytest

from liftgate.config import Document
from liftgate.data.asking import Asking
from liftgate.data.card import Card
from liftgate.data.checks import labels, volume
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Dataset, Row
from liftgate.data.targets import TARGETS
from liftgate.policy import DataPolicy, Policy

CARD = Card("card.yaml", "toy", "binary", (), Document("card.yaml", {}))


def labelled(**counts: int) -> Dataset:
    names = [name for name, count in counts.items() for _ in range(count)]
    return dataset(*(conversation(f"question {n}", name, label=name) for n, name in enumerate(names)))


def conversation(question: str, answer: str | dict[str, object], **metadata: str) -> dict[str, object]:
    said = {"role": "assistant", "content": answer} if isinstance(answer, str) else answer
    return {"messages": [{"role": "user", "content": question}, said], "metadata": metadata}


def dataset(*rows: dict[str, object], path: str = "v1.0.0.train.jsonl") -> Dataset:
    return Dataset(path, tuple(Row(line, row) for line, row in enumerate(rows, 1)), len(rows))


def told(rule: object, context: Context) -> list[tuple[str, str]]:
    return [(str(f.severity), f.message) for f in rule(context)]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("task", "rows", "per_class"),
    [
        ("binary", 500, 50),
        ("classification", 500, 50),
        ("extraction", 800, 100),
        ("style", 200, 50),
        ("tools", 500, 80),
    ],
)
def test_a_silent_policy_leaves_the_volume_to_the_task(task: str, rows: int, per_class: int) -> None:
    def of(data: Dataset) -> Context:
        return Context(data, card=CARD, task=task)

    assert told(volume.too_few_rows, of(labelled(a=rows // 2, b=rows // 2))) == []
    assert told(volume.too_few_rows, of(labelled(a=rows // 2, b=rows // 2 - 1))) == [
        ("warning", f"{rows - 1} usable rows; the task '{task}' usually takes {rows} or more")
    ]
    assert told(volume.small_class, of(labelled(a=rows, b=per_class))) == []
    assert told(volume.small_class, of(labelled(a=rows, b=per_class - 1))) == [
        (
            "warning",
            f"class 'b' has {per_class - 1} rows; the task '{task}' usually takes {per_class} or more each",
        )
    ]


def test_what_cannot_be_trained_at_all_is_an_error() -> None:
    assert told(volume.too_few_rows, Context(labelled(a=9), card=CARD, task="binary")) == [
        ("error", "9 usable rows; training needs at least 10")
    ]
    assert told(volume.small_class, Context(labelled(a=600, b=9, c=1), card=CARD, task="binary")) == [
        ("error", "2 of 3 classes have few rows ('c' 1, 'b' 9); training needs at least 10 each")
    ]


def test_a_number_in_the_policy_takes_the_place_of_the_table() -> None:
    lenient = Policy.from_dict({"data": {"min_rows": 10, "min_rows_per_class": 5}}).data
    few = labelled(a=9, b=6)
    assert told(volume.too_few_rows, Context(few, card=CARD, task="extraction", thresholds=lenient)) == []
    assert told(volume.small_class, Context(few, card=CARD, task="extraction", thresholds=lenient)) == []
    strict = DataPolicy(min_rows=900, min_rows_per_class=200)
    enough = labelled(a=500, b=100)
    assert told(volume.too_few_rows, Context(enough, card=CARD, task="binary", thresholds=strict)) == [
        ("error", "600 usable rows; the policy asks for at least 900")
    ]
    assert told(volume.small_class, Context(enough, card=CARD, task="binary", thresholds=strict)) == [
        ("error", "class 'b' has 100 rows; the policy asks for at least 200 each")
    ]


def test_a_policy_may_say_null_and_means_the_table() -> None:
    written = Policy.from_dict({"data": {"min_rows": None, "min_rows_per_class": None}})
    assert written == Policy()
    assert Policy.from_dict(written.to_dict()) == written


def test_a_target_that_wants_more_is_named() -> None:
    context = Context(labelled(a=20), target=TARGETS["bedrock-claude"])
    assert told(volume.too_few_rows, context) == [
        ("error", "20 usable rows; bedrock-claude asks for at least 32")
    ]


def test_many_small_classes_are_one_finding() -> None:
    context = Context(labelled(**{f"c{n}": 20 + n for n in range(8)}), card=CARD, task="classification")
    assert told(volume.small_class, context) == [
        (
            "warning",
            "8 of 8 classes have few rows ('c0' 20, 'c1' 21, 'c2' 22, 'c3' 23, 'c4' 24 and 3 more); "
            "the task 'classification' usually takes 50 or more each",
        )
    ]


def test_the_validation_half_is_not_measured_by_the_table() -> None:
    half = Dataset("v1.0.0.validation.jsonl", labelled(a=40, b=11).rows, 51)
    context = Context(half, card=CARD, task="binary")
    assert [*volume.too_few_rows(context), *volume.small_class(context)] == []


def test_without_a_task_only_what_nobody_could_train_is_told() -> None:
    assert told(volume.too_few_rows, Context(labelled(a=20))) == []
    assert told(volume.small_class, Context(labelled(a=20, b=3))) == [
        ("warning", "class 'b' has 3 rows; training needs at least 10 each")
    ]


def test_imbalance_weighs_the_whole_mix_not_one_odd_label() -> None:
    assert told(volume.class_imbalance, Context(labelled(a=95, b=5))) == [
        (
            "warning",
            "class 'a' has 95 rows, class 'b' 5 (19 to 1): "
            "2 classes as uneven as this teach as much as 1.2 even ones",
        )
    ]
    even = {f"c{n}": 76 for n in range(8)}
    assert told(volume.class_imbalance, Context(labelled(**even, typo=1))) == []
    assert told(volume.class_imbalance, Context(labelled(a=100))) == []


def test_a_tools_row_is_of_the_class_of_the_tool_it_calls_first() -> None:
    def calling(name: str) -> dict[str, object]:
        return {"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": "{}"}}]}

    rows = [conversation(f"q{n}", calling("find" if n < 90 else "cancel")) for n in range(100)]
    rows.append(conversation("hello", "Hello!"))
    assert told(volume.small_class, Context(dataset(*rows), card=CARD, task="tools")) == [
        ("warning", "class 'cancel' has 10 rows; the task 'tools' usually takes 80 or more each")
    ]


def test_free_answers_are_no_classes() -> None:
    rows = [conversation(f"q{n}", "yes") for n in range(30)]
    assert Context(dataset(*rows), task="extraction").classes == []
    assert Context(dataset(*rows), task="binary").classes == ["yes"] * 30


JSON_ONE, JSON_TWO = '{"a": 1, "b": -5}', '{ "b": -5, "a": 1 }'


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (JSON_ONE, JSON_TWO, []),
        (JSON_ONE, '{"a": 1, "b": 5}', [("error", "same question as line 1, other answer")]),
        ("billing", "Billing.", []),
        ("billing", "refund", [("error", "same question as line 1, other answer")]),
        ("word " * 13, "other " * 13, [("warning", "same question as line 1, other answer")]),
        ("{not json", "{other", [("error", "same question as line 1, other answer")]),
    ],
)
def test_answers_without_labels_are_compared_by_what_they_say(
    first: str, second: str, expected: list[tuple[str, str]]
) -> None:
    rows = dataset(conversation("Where is it?", first), conversation("where is it", second))
    assert told(labels.contradictory_label, Context(rows)) == expected


def test_tool_calls_are_compared_without_their_ids() -> None:
    def calling(identity: str, arguments: object) -> dict[str, object]:
        function = {"name": "find", "arguments": arguments}
        return {"role": "assistant", "tool_calls": [{"id": identity, "function": function}]}

    same = dataset(
        conversation("Where?", calling("c1", '{"a": 1, "b": 2}')),
        conversation("where", calling("c2", {"b": 2, "a": 1})),
    )
    assert told(labels.contradictory_label, Context(same)) == []
    other = dataset(
        conversation("Where?", calling("c1", '{"a": 1}')), conversation("where", calling("c2", '{"a": 2}'))
    )
    assert told(labels.contradictory_label, Context(other)) == [
        ("error", "same question as line 1, other answer")
    ]


def test_near_questions_with_other_short_answers_are_told_without_labels() -> None:
    long = "please tell me when the blue lamp that I ordered for my mother last week will arrive"
    rows = [conversation(f"number {n} {n + 1} {n + 2}", "order" if n % 2 else "refund") for n in range(20)]
    near = [conversation(long, "order"), conversation(f"{long} here", "refund")]
    context = Context(dataset(*rows, *near))
    assert told(labels.contradictory_label, context) == [
        ("warning", "nearly the same question as line 21, other answer")
    ]


def test_another_system_prompt_makes_another_question() -> None:
    def under(system: str, answer: str) -> dict[str, object]:
        said = [{"role": "system", "content": system}, {"role": "user", "content": "Where?"}]
        return {"messages": [*said, {"role": "assistant", "content": answer}]}

    rows = dataset(under("Answer with an intent.", "order"), under("Answer with a priority.", "high"))
    assert told(labels.contradictory_label, Context(rows, asking=(Asking("a", "p.yaml"),))) == []
