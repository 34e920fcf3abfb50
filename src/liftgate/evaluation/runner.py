"""Asks endpoints what a run needs and the store lacks, and keeps each answer as it comes.

Two arms may be asked in one stream, request about request, so that both meet the same weather: a difference in
latency is then one of the models, not of the hour.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from liftgate.errors import InputError, StillRunning
from liftgate.evaluation.completion import (
    Completion,
    Failure,
    Outcome,
    Request,
    Sampling,
    with_well_formed_text,
)
from liftgate.evaluation.endpoints import Endpoint
from liftgate.evaluation.grading import Answers, graded, used
from liftgate.evaluation.limits import OVER_BUDGET, Admitted, Limits
from liftgate.evaluation.prompts import Prompt, render
from liftgate.evaluation.responses import ResponseStore, response_key
from liftgate.evaluation.shards import Shard, grouped
from liftgate.evaluation.suite import Question, Truncated
from liftgate.progress import Progress
from liftgate.training.cost import TokenPrice

_GRACE_S = 5.0
_NAMED_CASES = 5


class Unfinished(StillRunning):
    """A limit stopped the run; every answer so far is kept, and the same command goes on."""


@dataclass
class Tally:
    """How far a run has come; kept up to date so that an interrupted one can say so."""

    wanted: int = 0
    kept: int = 0


@dataclass(frozen=True)
class Asking:
    """One arm of a run: the questions, how they are put, who answers, and where answers are kept."""

    questions: Sequence[Question]
    prompt: Prompt
    endpoint: Endpoint
    sampling: Sampling
    store: ResponseStore | None = None
    truncated: Truncated = "error"


@runtime_checkable
class SharesStream(Protocol):
    """An endpoint that can put its own requests and another's in one stream."""

    def complete_both(
        self, other: Endpoint, requests: Sequence[Request], seam: int, wanted: Sequence[int]
    ) -> Iterator[tuple[int, Outcome]]:
        """As `complete`; requests from number `seam` on are `other`'s."""
        ...


def run_arm(
    questions: Sequence[Question],
    *,
    prompt: Prompt,
    endpoint: Endpoint,
    sampling: Sampling,
    store: ResponseStore | None = None,
    truncated: Truncated = "error",
    shard: Shard | None = None,
    limits: Limits | None = None,
    label: str = "evaluate",
    tally: Tally | None = None,
    progress: Callable[..., Progress] = Progress,
    now: Callable[[], float] = time.monotonic,
) -> Answers:
    """Answer every question once and grade the answers.

    Questions with one request (two cases with one prompt; repeats, where the endpoint is deterministic)
    share one answer. Answers in `store` are not asked for again; new ones are kept at once. Raises
    `ProviderError` when the endpoint gives up and `Unfinished` when a limit is reached, with everything so
    far kept.
    """
    arm = _Arm(Asking(questions, prompt, endpoint, sampling, store, truncated), shard)
    seconds = _ask([arm], arm.ask, limits or Limits(), label, tally, progress, now)
    return arm.answers(seconds, None if limits is None else limits.price)


def run_pair(
    first: Asking,
    second: Asking,
    *,
    limits: Limits | None = None,
    prices: tuple[TokenPrice | None, TokenPrice | None] = (None, None),
    label: str = "evaluate",
    tally: Tally | None = None,
    progress: Callable[..., Progress] = Progress,
    now: Callable[[], float] = time.monotonic,
) -> tuple[Answers, Answers]:
    """Both arms' answers, asked in one stream that takes a request of either in turn.

    The arm that goes first changes from pair to pair. `can_pair` says whether two endpoints allow it. `limits` hold
    both arms, `prices` are those that either is charged.
    """
    arms = [_Arm(first), _Arm(second)]
    seam = len(arms[0].keys)

    def ask(requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        assert isinstance(first.endpoint, SharesStream)  # noqa: S101
        return first.endpoint.complete_both(second.endpoint, requests, seam, wanted)

    seconds = _ask(arms, ask, limits or Limits(), label, tally, progress, now)
    return arms[0].answers(seconds, prices[0]), arms[1].answers(seconds, prices[1])


@dataclass(frozen=True)
class Outlook:
    """What an arm would still have to ask. `answers` are by question, None where the store has none."""

    missing: tuple[Request, ...]
    stored: int
    answers: tuple[Completion | None, ...]


def outlook(asking: Asking) -> Outlook:
    """What `run_arm` would ask for and what it would find; nothing is asked and nothing is written."""
    arm = _Arm(asking)
    found = [arm.known.get(arm.keys[number]) for number in arm.numbers]
    answers = tuple(each if isinstance(each, Completion) else None for each in found)
    return Outlook(tuple(arm.requests[index] for index in arm.wanted), len(arm.stored), answers)


def requests_of(asking: Asking) -> list[Request]:
    """The request behind each question."""
    requests, numbers = _requests(asking)
    listed = list(requests.values())
    return [listed[number] for number in numbers]


def can_pair(first: Endpoint, second: Endpoint) -> bool:
    """Whether two endpoints can be asked in one stream."""
    return isinstance(first, SharesStream) and first.kind == second.kind


class _Arm:
    """What one arm still lacks, and what has come."""

    def __init__(self, asking: Asking, shard: Shard | None = None) -> None:
        if not asking.questions:
            raise InputError("there is no case to answer", hint="an empty run says nothing about a model")
        self.asking, self.shard = asking, shard
        requests, self.numbers = _requests(asking)
        self.keys, self.requests = list(requests), list(requests.values())
        everything = range(len(self.keys))
        ours = everything if shard is None else shard.share(grouped(asking.endpoint, self.requests))
        self._ours = frozenset(ours)
        store = asking.store
        self.known: dict[str, Outcome] = (
            {} if store is None else dict(store.get([self.keys[i] for i in ours]))
        )
        self.stored = frozenset(self.known)
        self.wanted = [index for index in ours if self.keys[index] not in self.known]
        identity = asking.endpoint.identity()
        self._about = {"endpoint": asking.endpoint.kind, "model": identity.get("model")}

    @property
    def size(self) -> int:
        return len(self._ours)

    def ask(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        return self.asking.endpoint.complete(requests, wanted)

    def take(self, index: int, outcome: Outcome) -> bool:
        """Keep what came; True when it went into the store."""
        if isinstance(outcome, Failure):
            self.known[self.keys[index]] = outcome
            return False
        self.known[self.keys[index]] = answer = with_well_formed_text(outcome)
        if self.asking.store is None or self.asking.store.read_only:
            return False
        self.asking.store.put(self.keys[index], answer, about=self._about)
        return True

    def missing_cases(self) -> list[str]:
        """Ids of the cases that a limit left without an answer."""
        missing = {
            index
            for index in self.wanted
            if _is_missing(self.known.get(self.keys[index]))
        }  # fmt: skip
        pairs = zip(self.asking.questions, self.numbers, strict=True)
        return list(dict.fromkeys(question.case.id for question, number in pairs if number in missing))

    def answers(self, seconds: float, price: TokenPrice | None) -> Answers:
        positions = [place for place, number in enumerate(self.numbers) if number in self._ours]
        rows = []
        for place in positions:
            key = self.keys[self.numbers[place]]
            rows.append(
                graded(
                    self.asking.questions[place],
                    self.known.get(key),
                    cached=key in self.stored,
                    truncated=self.asking.truncated,
                )
            )
        fresh = [self.known[self.keys[i]] for i in self.wanted if self.keys[i] in self.known]
        usage = used(rows, fresh, requested=len(self.wanted), seconds=seconds, price=price)
        return Answers(rows, usage, None if self.shard is None else positions)


def _is_missing(outcome: Outcome | None) -> bool:
    return outcome is None or (isinstance(outcome, Failure) and outcome.kind == OVER_BUDGET)


_Ask = Callable[[Sequence[Request], Sequence[int]], Iterator[tuple[int, Outcome]]]


def _ask(
    arms: Sequence[_Arm],
    ask: _Ask,
    limits: Limits,
    label: str,
    tally: Tally | None,
    progress: Callable[..., Progress],
    now: Callable[[], float],
) -> float:
    """Ask all that is wanted of the arms, whose requests are numbered one arm after the other."""
    started = now()
    for arm in arms:
        limits.check(arm.asking.sampling)
    tally = tally if tally is not None else Tally()
    requests = [request for arm in arms for request in arm.requests]
    owners = [(arm, index) for arm in arms for index in range(len(arm.keys))]
    already = sum(len(arm.stored) for arm in arms)
    tally.wanted, tally.kept = sum(arm.size for arm in arms), already
    errors = 0
    with progress(tally.wanted, label, unit="answer", already=already) as shown:
        for index, outcome in _outcomes(ask, requests, _in_turn(arms), limits):
            arm, own = owners[index]
            tally.kept += arm.take(own, outcome)
            errors += isinstance(outcome, Failure)
            shown.advance(note=_note(errors, limits))
    missing = [case for arm in arms for case in arm.missing_cases()]
    if limits.reached and missing:
        raise _unfinished(limits, missing)
    return now() - started


def _in_turn(arms: Sequence[_Arm]) -> list[int]:
    """What is wanted, in flat numbers; of two arms in turn, the one that goes first changing from pair to pair."""
    if len(arms) == 1:
        return list(arms[0].wanted)
    seam, sides = len(arms[0].keys), [set(arm.wanted) for arm in arms]
    turns: list[int] = []
    for index in sorted(sides[0] | sides[1]):
        pair = [own + offset for own, offset, side in ((index, 0, 0), (index, seam, 1)) if own in sides[side]]
        turns += pair if index % 2 == 0 else reversed(pair)
    return turns


def _outcomes(
    ask: _Ask, requests: Sequence[Request], wanted: Sequence[int], limits: Limits
) -> Generator[tuple[int, Outcome], None, None]:
    # An endpoint may load a model to answer nothing. What did not fit beside the requests in flight may fit
    # once they have come back cheaper than they might have been.
    while wanted and limits.remaining_s() > 0:
        admitted = Admitted(wanted, requests, limits)
        with contextlib.closing(_closable(ask(requests, admitted))) as outcomes:
            for index, outcome in outcomes:
                limits.settle(requests[index], outcome)
                yield index, outcome
                if limits.remaining_s() < -_GRACE_S:
                    return
        if not admitted.sent:
            return
        wanted = admitted.held


def _closable(outcomes: Iterator[tuple[int, Outcome]]) -> Generator[tuple[int, Outcome], None, None]:
    yield from outcomes


def _note(errors: int, limits: Limits) -> str:
    said = [f"{errors} error{'s' if errors != 1 else ''}"] if errors else []
    if limits.price is not None and not limits.price.is_free:
        of = "" if limits.max_usd is None else f" of ${limits.max_usd}"
        said.append(f"${limits.usd:.4f}{of}")
    return ", ".join(said)


def _unfinished(limits: Limits, missing: Sequence[str]) -> Unfinished:
    named = ", ".join(missing[:_NAMED_CASES]) + (", ..." if len(missing) > _NAMED_CASES else "")
    cases = f"{len(missing):,} case{'s' if len(missing) != 1 else ''}"
    spent = "" if limits.max_usd is None else f"; spent ${limits.usd:.4f}"
    if limits.unconfirmed_usd:
        spent += f", and at most ${limits.unconfirmed_usd:.4f} for attempts without an answer"
    return Unfinished(f"{limits.reached}{spent}; without an answer: {cases} ({named})")


def _requests(asking: Asking) -> tuple[dict[str, Request], list[int]]:
    """The different requests by key, in the order of the questions, and each question's number among them."""
    requests: dict[str, Request] = {}
    place: dict[str, int] = {}
    numbers: list[int] = []
    endpoint = asking.endpoint
    identity, deterministic = endpoint.identity(), endpoint.deterministic
    for question in asking.questions:
        case = question.case
        messages = render(asking.prompt, case)
        repeat = 0 if deterministic else question.repeat
        schema = asking.prompt.answer_schema
        request = Request(messages, list(case.tools) or None, asking.sampling, repeat, case.id, schema)
        key = response_key(endpoint.kind, identity, request, deterministic=deterministic)
        if endpoint.kind == "recorded":
            # Recorded answers belong to cases, and two cases with one prompt may have recorded two answers.
            key += f" {case.id}"
        requests.setdefault(key, request)
        numbers.append(place.setdefault(key, len(place)))
    return requests, numbers
