"""Asks an endpoint what a run needs and the store lacks, keeps each answer as it comes, and grades them all.

An error is never a score: a question without an answer has null scores and says why.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from liftgate.errors import InputError
from liftgate.evaluation.completion import (
    Completion,
    Failure,
    Outcome,
    Request,
    Sampling,
    with_well_formed_text,
)
from liftgate.evaluation.endpoints import Endpoint
from liftgate.evaluation.prompts import Prompt, render
from liftgate.evaluation.responses import ResponseStore, response_key
from liftgate.evaluation.suite import Question, Truncated
from liftgate.progress import Progress


@dataclass(frozen=True)
class Usage:
    """What a run took. Tokens are of the answers asked for now, not of stored ones; None is uncounted."""

    answers: int
    cached: int
    requested: int
    errors: int
    truncated: int
    input_tokens: int | None
    output_tokens: int | None
    seconds: float
    usd: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The form in run.json."""
        return dict(vars(self))


@dataclass(frozen=True)
class Answers:
    """Rows in the form of results.jsonl, in the order of the questions, and what they took."""

    rows: list[dict[str, Any]]
    usage: Usage


@dataclass
class Tally:
    """How far a run has come; kept up to date so that an interrupted one can say so."""

    wanted: int = 0
    kept: int = 0


def run_arm(
    questions: Sequence[Question],
    *,
    prompt: Prompt,
    endpoint: Endpoint,
    sampling: Sampling,
    store: ResponseStore | None = None,
    truncated: Truncated = "error",
    label: str = "evaluate",
    tally: Tally | None = None,
    progress: Callable[..., Progress] = Progress,
    now: Callable[[], float] = time.monotonic,
) -> Answers:
    """Answer every question once and grade the answers.

    Questions with one request (two cases with one prompt; repeats, where the endpoint is deterministic)
    share one answer. Answers in `store` are not asked for again; new ones are kept at once. Raises
    `ProviderError` when the endpoint gives up, with everything so far kept.
    """
    if not questions:
        raise InputError("there is no case to answer", hint="an empty run says nothing about a model")
    started = now()
    tally = tally if tally is not None else Tally()
    requests, numbers = _requests(questions, prompt, endpoint, sampling)
    keys = list(requests)
    known: dict[str, Outcome] = {} if store is None else dict(store.get(keys))
    wanted = [index for index, key in enumerate(keys) if key not in known]
    tally.wanted, tally.kept = len(keys), len(known)
    stored = frozenset(known)
    identity = endpoint.identity()
    about = {"endpoint": endpoint.kind, "model": identity.get("model")}
    errors = 0
    with (
        progress(len(keys), label, unit="answer", already=len(known)) as shown,
        contextlib.closing(_outcomes(endpoint, list(requests.values()), wanted)) as outcomes,
    ):
        for index, outcome in outcomes:
            if isinstance(outcome, Failure):
                known[keys[index]] = outcome
                errors += 1
            else:
                known[keys[index]] = answer = with_well_formed_text(outcome)
                if store is not None:
                    store.put(keys[index], answer, about=about)
                    tally.kept += 1
            shown.advance(note=f"{errors} error{'s' if errors != 1 else ''}" if errors else "")
    rows = [
        _row(question, known.get(keys[number]), cached=keys[number] in stored, truncated=truncated)
        for question, number in zip(questions, numbers, strict=True)
    ]
    fresh = [known[key] for key in keys if key not in stored and key in known]
    return Answers(rows, _usage(rows, fresh, len(wanted), now() - started))


def error_counts(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """How many rows failed, by kind."""
    return Counter(row["error"]["kind"] for row in rows if row["error"] is not None)


def _requests(
    questions: Sequence[Question], prompt: Prompt, endpoint: Endpoint, sampling: Sampling
) -> tuple[dict[str, Request], list[int]]:
    """The different requests by key, in the order of the questions, and each question's number among them."""
    requests: dict[str, Request] = {}
    place: dict[str, int] = {}
    numbers: list[int] = []
    identity, deterministic = endpoint.identity(), endpoint.deterministic
    for question in questions:
        case = question.case
        messages = render(prompt, case)
        repeat = 0 if deterministic else question.repeat
        request = Request(messages, list(case.tools) or None, sampling, repeat, case.id)
        key = response_key(endpoint.kind, identity, request, deterministic=deterministic)
        if endpoint.kind == "recorded":
            # Recorded answers belong to cases, and two cases with one prompt may have recorded two answers.
            key += f" {case.id}"
        requests.setdefault(key, request)
        numbers.append(place.setdefault(key, len(place)))
    return requests, numbers


def _outcomes(
    endpoint: Endpoint, requests: Sequence[Request], wanted: Sequence[int]
) -> Generator[tuple[int, Outcome], None, None]:
    if wanted:  # an endpoint may load a model to answer nothing
        yield from endpoint.complete(requests, wanted)


def _row(
    question: Question, outcome: Outcome | None, *, cached: bool, truncated: Truncated
) -> dict[str, Any]:
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
    output = _output(outcome)
    row |= {
        "output": output,
        "latency_ms": outcome.latency_ms,
        "input_tokens": outcome.input_tokens,
        "output_tokens": outcome.output_tokens,
    }
    if outcome.finish_reason == "length" and truncated == "error":
        row["error"] = {"kind": "truncated", "message": "the answer was cut at the token limit"}
        return row
    row["scores"] = {item.name: item.score(output, case.expected) for item in question.metrics}
    return row


def _output(completion: Completion) -> str:
    if completion.tool_calls and not completion.text:
        return orjson.dumps([dict(call) for call in completion.tool_calls]).decode()
    return completion.text


def _usage(
    rows: Sequence[Mapping[str, Any]], fresh: Sequence[Outcome], requested: int, seconds: float
) -> Usage:
    answers = [outcome for outcome in fresh if isinstance(outcome, Completion)]
    return Usage(
        answers=sum(row["output"] is not None for row in rows),
        cached=sum(row["cached"] for row in rows),
        requested=requested,
        errors=sum(row["error"] is not None for row in rows),
        truncated=sum(answer.finish_reason == "length" for answer in answers),
        input_tokens=_sum([answer.input_tokens for answer in answers]),
        output_tokens=_sum([answer.output_tokens for answer in answers]),
        seconds=round(seconds, 3),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
