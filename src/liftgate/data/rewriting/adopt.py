"""Chat rows that somebody else wrote, taken over: with provenance as rows, or with expectations as cases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from liftgate.data.dataset import Row, read_rows
from liftgate.data.golden import Cases
from liftgate.data.near import near_pairs
from liftgate.data.text import normal_print, unmasked_bytes


@dataclass(frozen=True)
class Adoption:
    """What the rows lack and their new owner knows."""

    id_prefix: str
    source: str
    reviewed: bool
    locale: str | None = None
    labels: frozenset[str] | None = None
    answer_key: str | None = None
    system: str | None = None
    """None keeps what the rows bring."""
    bucket: str = "intent"
    """The dimension of a case's label."""


LEFT_OUT: Final = {
    "no-answer": "with no answer at the end",
    "other-label": "with another label",
    "gives-a-case-away": "that give a case away",
    "repeated": "that repeat a question",
    "disputed": "that repeat a question with another answer",
}
"""Why a row is not taken over → what is said of such rows."""


def adopt_rows(
    rows: Iterable[Row], adoption: Adoption, left: Counter[str], *, without: Collection[bytes] = ()
) -> Iterator[dict[str, Any]]:
    """Rows with metadata; the answer is the label. Repeated prompts and prompts in `without` are left out.

    `without` holds fingerprints of normalised prompts, those of a golden set for instance. What is left out is
    counted in `left` by its reason.
    """
    for number, row in _wanted(rows, adoption, left, without):
        metadata = {
            "id": f"{adoption.id_prefix}-{number:05d}",
            "source": adoption.source,
            "reviewed": adoption.reviewed,
            "label": row.answer,
            **({"locale": adoption.locale} if adoption.locale else {}),
        }
        question = [message for message in row.messages[:-1] if message["role"] != "system"]
        answer = {"role": "assistant", "content": _answer(row.answer, adoption.answer_key)}
        own = [message for message in row.messages[:-1] if message["role"] == "system"]
        system = [{"role": "system", "content": adoption.system}] if adoption.system else own
        yield {"messages": [*system, *question, answer], "metadata": metadata}


def adopt_cases(rows: Iterable[Row], adoption: Adoption, left: Counter[str]) -> Iterator[dict[str, Any]]:
    """Cases whose expectation is the row's answer, with the label as bucket. Repeated prompts once."""
    for number, row in _wanted(rows, adoption, left, ()):
        label = row.answer
        expected: Any = {adoption.answer_key: label} if adoption.answer_key else label
        buckets = {adoption.bucket: label, **({"locale": adoption.locale} if adoption.locale else {})}
        yield {
            "id": f"{adoption.id_prefix}-{number:05d}",
            "messages": [message for message in row.messages[:-1] if message["role"] != "system"],
            "expected": expected,
            "buckets": buckets,
        }


def _wanted(
    rows: Iterable[Row], adoption: Adoption, left: Counter[str], without: Collection[bytes]
) -> Iterator[tuple[int, Row]]:
    answers: dict[bytes, str] = {}
    for row in rows:
        if not row.messages or row.messages[-1].get("role") != "assistant":
            left["no-answer"] += 1
            continue
        print_ = normal_print(row.prompt)
        if adoption.labels is not None and row.answer not in adoption.labels:
            left["other-label"] += 1
        elif print_ in without:
            left["gives-a-case-away"] += 1
        elif print_ in answers:
            left["repeated" if answers[print_] == row.answer else "disputed"] += 1
        else:
            answers[print_] = row.answer
            yield row.line, row


def _answer(label: str, key: str | None) -> str:
    return json.dumps({key: label}) if key else label


def prompt_prints(prompts: Iterable[str]) -> set[bytes]:
    """Fingerprints of normalised prompts, to be left out of an adoption."""
    return {normal_print(prompt) for prompt in prompts}


def leaking(rows: Sequence[Mapping[str, Any]], golden: Sequence[Cases]) -> frozenset[int]:
    """Indices of rows that give a case away: what the leakage rules flag, and near copies of every kind.

    What the rules take for boilerplate depends on the file, and these rows may yet be split: near copies of a case
    are left out even where their words are common.
    """
    # The rules know every kind of row and case, so they are asked rather than copied.
    from liftgate.data.checks.context import Context
    from liftgate.data.checks.leakage import golden_entity_swap, golden_leak, golden_near_leak

    written = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    context = Context(read_rows(written, "new rows"), golden=tuple(golden))
    found = (f for rule in (golden_leak, golden_near_leak, golden_entity_swap) for f in rule(context))
    cases, asked = context.case_texts, [unmasked_bytes(row.prompt) for row in context.dataset.rows]
    pairs = near_pairs([*cases, *asked], other_from=len(cases))
    near = {later - len(cases) for _, later in pairs if later >= len(cases)}
    return frozenset({finding.line - 1 for finding in found if finding.line} | near)
