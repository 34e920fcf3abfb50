"""From outcomes to the rows of results.jsonl: an error is never a score.

A question without an answer has null scores and says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from liftgate.evaluation.completion import Completion, Failure, Outcome
from liftgate.evaluation.suite import Question, Truncated
from liftgate.training.cost import TokenPrice, money


@dataclass(frozen=True)
class Usage:
    """What a run took. Tokens and dollars are of the answers asked for now, not of stored ones; None is unknown.

    Every field but `seconds` is a sum over the questions, so that the usage of shards adds up to that of the
    whole; `seconds` is not written.
    """

    answers: int
    cached: int
    requested: int
    errors: int
    truncated: int
    input_tokens: int | None
    output_tokens: int | None
    seconds: float
    usd: Decimal | None = None

    def to_dict(self) -> dict[str, Any]:
        """The form in run.json; money as text, so that no digit is lost."""
        counts = {name: value for name, value in vars(self).items() if name != "seconds"}
        return {**counts, "usd": None if self.usd is None else money(self.usd)}


@dataclass(frozen=True)
class Answers:
    """Rows in the form of results.jsonl, in the order of the questions, and what they took.

    `positions` are the rows' places among those of the whole run, when only a shard of it was asked.
    """

    rows: list[dict[str, Any]]
    usage: Usage
    positions: Sequence[int] | None = None


def graded(
    question: Question, outcome: Outcome | None, *, cached: bool, truncated: Truncated
) -> dict[str, Any]:
    """One row: the answer and its scores, or null scores and why there is none."""
    case = question.case
    row: dict[str, Any] = {
        "case_id": case.id,
        "repeat": question.repeat,
        "suite": case.suite,
        "buckets": dict(question.buckets),
        "scores": dict.fromkeys((item.name for item in question.metrics), None),
        "output": None,
        "latency_ms": None,
        "input_tokens": None,
        "output_tokens": None,
        "cached": cached,
        "error": None,
    }
    if case.cluster_id is not None:
        row["cluster_id"] = case.cluster_id
    if outcome is None:
        outcome = Failure("no-answer", "the endpoint gave no answer")
    if isinstance(outcome, Failure):
        row["error"] = {"kind": outcome.kind, "message": outcome.message}
        return row
    output = output_of(outcome)
    row |= {
        "output": output,
        "latency_ms": outcome.latency_ms,
        "input_tokens": outcome.input_tokens,
        "output_tokens": outcome.output_tokens,
    }
    if outcome.finish_reason == "length" and truncated == "error":
        row["error"] = {"kind": "truncated", "message": "the answer was cut at the token limit"}
        return row
    if outcome.tool_calls:
        row["tool_calls"] = [dict(call) for call in outcome.tool_calls]
    row["scores"] = {item.name: item.grade(outcome, output, case.expected) for item in question.metrics}
    details = {
        item.name: detail
        for item in question.metrics
        if row["scores"][item.name] is not None and (detail := item.detail(output, case.expected)) is not None
    }
    if details:
        row["details"] = details
    return row


def output_of(completion: Completion) -> str:
    """The answer as text; tool calls without text are written as JSON."""
    if completion.tool_calls and not completion.text:
        return orjson.dumps([dict(call) for call in completion.tool_calls]).decode()
    return completion.text


def error_counts(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """How many rows failed, by kind."""
    return Counter(row["error"]["kind"] for row in rows if row["error"] is not None)


def used(
    rows: Sequence[Mapping[str, Any]],
    fresh: Sequence[Outcome],
    *,
    requested: int,
    seconds: float,
    price: TokenPrice | None,
) -> Usage:
    """The sums over rows and over the outcomes that were asked for now."""
    answers = [outcome for outcome in fresh if isinstance(outcome, Completion)]
    asked = _sum([answer.input_tokens for answer in answers])
    said = _sum([answer.output_tokens for answer in answers])
    known = price is not None and asked is not None and said is not None
    return Usage(
        answers=sum(row["output"] is not None for row in rows),
        cached=sum(row["cached"] for row in rows),
        requested=requested,
        errors=sum(row["error"] is not None for row in rows),
        truncated=sum(answer.finish_reason == "length" for answer in answers),
        input_tokens=asked,
        output_tokens=said,
        seconds=round(seconds, 3),
        usd=price.usd(asked or 0, said or 0) if known and price else None,
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
