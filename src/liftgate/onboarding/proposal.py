"""Examples parted into training, validation and golden set, so that no question is on two sides."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from liftgate.data.cluster import clustered
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
class Own:
    """What somebody has parted already: questions held out to measure by, and rows for validation.

    `cases` is how many golden cases are taken, instead of what the policy asks for, or of all held out.
    """

    golden: Sequence[Example] = ()
    validation: Sequence[Example] = ()
    cases: int | None = None


@dataclass(frozen=True)
class Proposal:
    """Rows and cases, ready to be written. `wanted` is how many cases the policy's lift asks for.

    `left` counts, by reason, what of the rows was not taken; `golden_left` and `validation_left` those of own files.
    """

    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    golden: list[dict[str, Any]]
    shots: list[tuple[str, str]]
    left: Counter[str]
    wanted: int
    golden_left: Counter[str]
    validation_left: Counter[str]


def propose(
    examples: Sequence[Example],
    answers: Answers,
    *,
    system: str,
    provenance: Provenance,
    safety: Sequence[dict[str, Any]],
    policy: Policy,
    seed: int = 0,
    own: Own | None = None,
) -> Proposal:
    """Choose the golden set, unless it was held out already; then split what is left, unless that was done."""
    own = own or Own()
    left: Counter[str] = Counter()
    golden_left: Counter[str] = Counter()
    validation_left: Counter[str] = Counter()
    kept = _once(examples, left)
    wanted = _wanted(answers, policy)
    if own.golden:
        held = _once(own.golden, golden_left)
        golden = _clustered(_held_out(held, own.cases, answers, provenance, seed))
    else:
        affordable = own.cases or min(wanted, max(int(len(kept) * _GOLDEN_SHARE), 1))
        chosen = sorted(_chosen(kept, answers, affordable, seed))
        golden = [
            _case(kept[index], number, answers, provenance) for number, index in enumerate(chosen, start=1)
        ]
        taken = set(chosen)
        kept = [example for index, example in enumerate(kept) if index not in taken]
    apart = _once(own.validation, validation_left)
    kept = _unlike(kept, apart, left)
    known = [cases for cases in (_cases(golden, "golden.jsonl"), _cases(safety, "safety.jsonl")) if cases]
    rows = _rows(kept, "row", answers, system, provenance, known, left)
    if own.validation:
        train, validation = rows, _rows(apart, "val", answers, system, provenance, known, validation_left)
    else:
        train, validation = _split(rows, seed)
    shots = _shots(train, answers, seed)
    return Proposal(
        [dict(row.data) for row in train], [dict(row.data) for row in validation], golden, shots,
        +left, wanted, +golden_left, +validation_left,
    )  # fmt: skip


def _held_out(
    examples: Sequence[Example], count: int | None, answers: Answers, provenance: Provenance, seed: int
) -> list[dict[str, Any]]:
    """Cases out of questions that nobody trains on: all of them, or as many as are asked for."""
    indices = list(range(len(examples)))
    if count is not None and count < len(examples):
        indices = sorted(_chosen(examples, answers, count, seed, to_train=0))
    return [
        _case(examples[index], number, answers, provenance) for number, index in enumerate(indices, start=1)
    ]


def _clustered(golden: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cases that nearly repeat one another share a `cluster_id`."""
    data = b"".join(orjson.dumps(case) + b"\n" for case in golden)
    return [
        orjson.loads(line) for line in clustered(data, read_cases(data, "golden.jsonl")).data.splitlines()
    ]


def _unlike(examples: Sequence[Example], apart: Sequence[Example], left: Counter[str]) -> list[Example]:
    """Those that do not nearly repeat a question of `apart`."""
    if not apart:
        return list(examples)
    leaders = near_clusters([unmasked_bytes(example.question) for example in (*apart, *examples)])
    taken = set(leaders[: len(apart)])
    kept = [e for e, leader in zip(examples, leaders[len(apart) :], strict=True) if leader not in taken]
    left["repeats-validation"] += len(examples) - len(kept)
    return kept


def _rows(
    examples: Sequence[Example],
    prefix: str,
    answers: Answers,
    system: str,
    provenance: Provenance,
    known: Sequence[Cases],
    left: Counter[str],
) -> Sequence[Row]:
    """Rows with ids, without those that give a case away."""
    rows = [_row(example, prefix, answers, system, provenance) for example in examples]
    _with_ids(rows, prefix)
    leaks = leaking(rows, known)
    left["gives-a-case-away"] += len(leaks)
    rows = [row for index, row in enumerate(rows) if index not in leaks]
    return read_rows(b"".join(orjson.dumps(row) + b"\n" for row in rows), "rows").rows


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
    examples: Sequence[Example], answers: Answers, wanted: int, seed: int, *, to_train: int = _LEFT_TO_TRAIN
) -> set[int]:
    """Indices of the golden cases: no two nearly alike, those with no near copy first, every class by its size.

    `to_train` rows of each class are left.
    """
    clusters = near_clusters([unmasked_bytes(example.question) for example in examples])
    sizes = Counter(clusters)
    by_label: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        by_label[example.answer if answers.is_classified else ""].append(index)
    parts = _parts({label: len(members) for label, members in by_label.items()}, answers, wanted)
    chosen: set[int] = set()
    used: set[int] = set()
    debt = 0.0
    for label in sorted(by_label):
        members = by_label[label]
        room = max(len(members) - to_train, 0) if answers.is_classified else len(members)
        debt += parts[label]
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


def _parts(sizes: Mapping[str, int], answers: Answers, wanted: int) -> dict[str, float]:
    """Every class its share, and up to an even part where the set is meant to tell classes apart."""
    total, even = sum(sizes.values()), wanted / max(len(sizes), 1)
    shares = {label: wanted * size / total for label, size in sizes.items()}
    if not answers.is_classified:
        return shares
    raised = {label: max(share, min(even, sizes[label] * _GOLDEN_SHARE)) for label, share in shares.items()}
    return {label: part * min(1, wanted / sum(raised.values())) for label, part in raised.items()}


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


def _row(
    example: Example, prefix: str, answers: Answers, system: str, provenance: Provenance
) -> dict[str, Any]:
    names = list(_label(example, answers).values())
    label = {"label": names[0]} if names else {}
    locale = {"locale": provenance.locale} if provenance.locale else {}
    own = {key: value for key, value in example.metadata.items() if key != "id" or isinstance(value, str)}
    metadata = {
        "id": f"{prefix}-{example.line:05d}",
        "source": provenance.source,
        "reviewed": provenance.reviewed,
        **label,
        **locale,
        **own,
    }
    asked = [{"role": "system", "content": system}, *(dict(message) for message in example.asked)]
    return {"messages": [*asked, {"role": "assistant", "content": example.answer}], "metadata": metadata}


def _with_ids(rows: Sequence[dict[str, Any]], prefix: str) -> None:
    """An id that stands twice names no row: such rows are named by their number."""
    counts = Counter(row["metadata"]["id"] for row in rows)
    for number, row in enumerate(rows, start=1):
        if counts[row["metadata"]["id"]] > 1:
            row["metadata"]["id"] = f"{prefix}-{number:05d}-again"


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
