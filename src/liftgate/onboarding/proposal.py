"""Examples parted into training, validation and golden set, so that no question is on two sides."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from liftgate.data.dataset import Row, read_rows
from liftgate.data.golden import Cases, read_cases
from liftgate.data.near import near_clusters
from liftgate.data.rewriting.adopt import leaking
from liftgate.data.split import split_rows
from liftgate.data.text import normal_print, unmasked_bytes
from liftgate.onboarding.examples import Example
from liftgate.onboarding.tasks import Answers, expectation
from liftgate.policy import Policy
from liftgate.verdict.golden_power import USUAL_DISAGREEMENT, USUAL_LIFT
from liftgate.verdict.power import cases_needed

VALIDATION_SHARE: Final = 0.17
_GOLDEN_SHARE: Final = 0.25
_MOST_CASES: Final = 600
_LEFT_TO_TRAIN: Final = 13
"""Rows of a class that the golden set leaves, so that ten are still trained on after the split."""
_MOST_EXAMPLES: Final = 16
_LONGEST_EXAMPLE: Final = 400


@dataclass(frozen=True)
class Provenance:
    """What rows are given that bring none of their own."""

    source: str
    reviewed: bool
    locale: str | None = None


@dataclass(frozen=True)
class Proposal:
    """Rows and cases, ready to be written. `wanted` is how many cases the policy's lift asks for."""

    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    golden: list[dict[str, Any]]
    shots: list[tuple[str, str]]
    left: Counter[str]
    wanted: int


def propose(
    examples: Sequence[Example],
    answers: Answers,
    *,
    system: str,
    provenance: Provenance,
    safety: Sequence[dict[str, Any]],
    policy: Policy,
    seed: int = 0,
) -> Proposal:
    """Choose the golden set, then split what is left."""
    left: Counter[str] = Counter()
    kept = _once(examples, left)
    wanted = _wanted(answers, policy)
    clusters = near_clusters([unmasked_bytes(example.question) for example in kept])
    affordable = min(wanted, max(int(len(kept) * _GOLDEN_SHARE), 1))
    chosen = _chosen(kept, clusters, answers, affordable, seed)
    golden = [
        _case(kept[index], number, answers, provenance)
        for number, index in enumerate(sorted(chosen), start=1)
    ]
    rows = [_row(kept[i], answers, system, provenance) for i in range(len(kept)) if i not in chosen]
    _with_ids(rows)
    known = [_cases(golden, "golden.jsonl"), _cases(safety, "safety.jsonl")]
    leaks = leaking(rows, [cases for cases in known if cases is not None])
    left["gives-a-case-away"] += len(leaks)
    rows = [row for index, row in enumerate(rows) if index not in leaks]
    read = read_rows(b"".join(orjson.dumps(row) + b"\n" for row in rows), "rows").rows
    train, validation = _split(read, seed)
    shots = _shots(train, answers, seed)
    return Proposal(
        [dict(row.data) for row in train], [dict(row.data) for row in validation], golden, shots, +left, wanted
    )  # fmt: skip


def _once(examples: Sequence[Example], left: Counter[str]) -> list[Example]:
    """Each question once; one with several answers not at all, since nobody here knows which is right."""
    prints = [normal_print(example.question) for example in examples]
    answers: dict[bytes, set[str]] = defaultdict(set)
    for print_, example in zip(prints, examples, strict=True):
        answers[print_].add(example.answer)
    kept: dict[bytes, Example] = {}
    for print_, example in zip(prints, examples, strict=True):
        if len(answers[print_]) > 1:
            left["disputed"] += 1
        elif print_ in kept:
            left["repeated"] += 1
        else:
            kept[print_] = example
    return list(kept.values())


def _wanted(answers: Answers, policy: Policy) -> int:
    """As many cases as show twice the policy's lift, and as many of each class as its buckets want, if few enough."""
    lift = max(2 * policy.min_lift, USUAL_LIFT)
    needed = cases_needed(
        USUAL_DISAGREEMENT, lift, min_lift=policy.min_lift, alpha=policy.alpha, power=policy.power
    )
    of_buckets = policy.min_bucket_cases * len(answers.labels)
    return max(math.ceil(needed), of_buckets if of_buckets <= _MOST_CASES else 0)


def _chosen(
    examples: Sequence[Example], clusters: Sequence[int], answers: Answers, wanted: int, seed: int
) -> set[int]:
    """Indices of the golden cases: no two nearly alike, those with no near copy first, every class by its size."""
    sizes = Counter(clusters)
    by_label: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        by_label[example.answer if answers.is_classified else ""].append(index)
    total = sum(map(len, by_label.values()))
    chosen: set[int] = set()
    used: set[int] = set()
    debt = 0.0
    for label in sorted(by_label):
        members = by_label[label]
        room = max(len(members) - _LEFT_TO_TRAIN, 0) if answers.is_classified else len(members)
        even = wanted / len(by_label)
        share = wanted * len(members) / total
        # Every class its share, and up to an even part where the set is meant to tell classes apart.
        debt += max(share, min(even, len(members) * _GOLDEN_SHARE)) if answers.is_classified else share
        quota = min(round(debt), room)
        debt -= quota
        random.Random(f"{seed}/{label}").shuffle(members)  # noqa: S311 — reproducible, not secret
        for index in sorted(members, key=lambda each: sizes[clusters[each]] > 1):
            if quota == 0:
                break
            if clusters[index] not in used:
                used.add(clusters[index])
                chosen.add(index)
                quota -= 1
    return chosen


def _label(example: Example, answers: Answers) -> dict[str, str]:
    """The class by its dimension: the answer itself, or the first field of a JSON answer. Empty without classes."""
    if not answers.is_classified:
        return {}
    if not answers.fields:
        return {"label": example.answer}
    first = str(expectation(example.answer, answers)[answers.fields[0]])
    return {answers.fields[0]: first} if first else {}


def _case(example: Example, number: int, answers: Answers, provenance: Provenance) -> dict[str, Any]:
    buckets = _label(example, answers)
    locale = example.metadata.get("locale") or provenance.locale
    return {
        "id": f"golden-{number:04d}",
        "messages": [dict(message) for message in example.asked],
        "expected": expectation(example.answer, answers),
        "buckets": {**buckets, **({"locale": str(locale)} if locale else {})},
    }


def _row(example: Example, answers: Answers, system: str, provenance: Provenance) -> dict[str, Any]:
    names = list(_label(example, answers).values())
    label = {"label": names[0]} if names else {}
    locale = {"locale": provenance.locale} if provenance.locale else {}
    own = {key: value for key, value in example.metadata.items() if key != "id" or isinstance(value, str)}
    metadata = {
        "id": f"row-{example.line:05d}",
        "source": provenance.source,
        "reviewed": provenance.reviewed,
        **label,
        **locale,
        **own,
    }
    asked = [{"role": "system", "content": system}, *(dict(message) for message in example.asked)]
    return {"messages": [*asked, {"role": "assistant", "content": example.answer}], "metadata": metadata}


def _with_ids(rows: Sequence[dict[str, Any]]) -> None:
    """An id that stands twice names no row: such rows are named by their number."""
    counts = Counter(row["metadata"]["id"] for row in rows)
    for number, row in enumerate(rows, start=1):
        if counts[row["metadata"]["id"]] > 1:
            row["metadata"]["id"] = f"row-{number:05d}-again"


def _cases(cases: Sequence[dict[str, Any]], path: str) -> Cases | None:
    return read_cases(b"".join(orjson.dumps(case) + b"\n" for case in cases), path) if cases else None


def _split(rows: Sequence[Row], seed: int) -> tuple[list[Row], list[Row]]:
    leaders = near_clusters([unmasked_bytes(row.prompt) for row in rows])
    sizes = Counter(leaders)
    beside = {index: leader for index, leader in enumerate(leaders) if sizes[leader] > 1}
    return split_rows(rows, validation_share=VALIDATION_SHARE, seed=seed, same_side=beside)


def _shots(train: Sequence[Row], answers: Answers, seed: int) -> list[tuple[str, str]]:
    """Training rows that show each class once, as far as a prompt bears it; never a golden case."""
    fit = [
        row for row in train if len(row.prompt) + len(row.answer) <= _LONGEST_EXAMPLE and _is_one_turn(row)
    ]
    random.Random(f"{seed}/shots").shuffle(fit)  # noqa: S311 — reproducible, not secret
    shown: dict[str, tuple[str, str]] = {}
    for row in fit:
        shown.setdefault(row.answer if answers.is_classified else row.prompt, (row.prompt, row.answer))
        if len(shown) == _MOST_EXAMPLES:
            break
    return [shown[key] for key in sorted(shown)]


def _is_one_turn(row: Row) -> bool:
    return [m.get("role") for m in row.messages] == ["system", "user", "assistant"]
