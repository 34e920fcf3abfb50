"""Grades what can only be graded once the answers are there: judges, functions of one's own, token probabilities.

A judge is asked like any arm: through the same runner and response store, so that the judgement of an answer is
paid for once. Whatever goes wrong leaves a score null and the row says why under `unscored`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import orjson

from liftgate.data.golden import Case
from liftgate.digests import digest
from liftgate.errors import InputError, Problem
from liftgate.evaluation import judges, own_scorers
from liftgate.evaluation.calibration import question_of
from liftgate.evaluation.completion import Message
from liftgate.evaluation.endpoints import Endpoint
from liftgate.evaluation.judges import Judge, Reading, Shown
from liftgate.evaluation.likelihood import Expected, likelihoods, needs_local
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.own_scorers import OwnScorer
from liftgate.evaluation.prompts import Prompt, render
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.retrieval import passages_in, shown
from liftgate.evaluation.runner import run_arm
from liftgate.evaluation.scorers import Metric
from liftgate.evaluation.suite import Question
from liftgate.training.cost import TokenPrice, money

Row = dict[str, Any]
_BASE: Final = "base"


@dataclass(frozen=True)
class OpenJudge:
    """A judge with the endpoint that answers for it, and the limits its asking must keep."""

    judge: Judge
    endpoint: Endpoint
    limits: Limits | None = None

    def about(self) -> dict[str, Any]:
        """What run.json and a calibration say of it: another prompt or another model is another judge."""
        identity = self.endpoint.identity()
        return {
            "sha256": self.judge.sha256,
            "model": str(identity.get("model")),
            "endpoint": self.endpoint.kind,
            "identity_sha256": digest(identity),
        }


@dataclass(frozen=True)
class Later:
    """What grading later needs beside the rows. `judges` and `own_scorers` are by metric.

    `reference` holds base's answers by case id and repeat, for judges that compare two; `cases` the cases as
    the suite has them, since an arm with a retriever is asked them with the passages it found.
    """

    arm: str
    endpoint: Endpoint
    prompt: Prompt
    judges: Mapping[str, OpenJudge] = field(default_factory=dict)
    own_scorers: Mapping[str, OwnScorer] = field(default_factory=dict)
    reference: Mapping[tuple[str, int], str] | None = None
    cases: Mapping[str, Case] = field(default_factory=dict)
    store: ResponseStore | None = None

    def check(self, questions: Sequence[Question]) -> None:
        """Refuse, before any money is spent, what could not be graded. Raises `InputError` with every case."""
        problems: list[Problem] = []
        for metric in _metrics(questions):
            if metric.scorer == "token_probability":
                needs_local(self.endpoint)
            if metric.scorer != "judge":
                continue
            judge = self.judges[metric.name].judge
            if judge.answers == "preference" and self.reference is None and self.arm != _BASE:
                raise InputError(
                    f"{metric.name} compares two answers and has only one",
                    hint="give the run of the base model: --against DIR",
                )
            for case in _cases(questions, metric):
                if lacking := judges.missing(judge, self.shown(case)):
                    message = f"case {case.id!r} has no {lacking}, which judge {metric.name} is to see"
                    problems.append(Problem(judge.path, message))
        if problems:
            raise InputError("judges cannot judge these cases", problems=problems[:20])

    def shown(self, case: Case) -> Shown:
        """What a judge may see of a case: never the arm's prompt, which would tell the arms apart."""
        own = self.cases.get(case.id, case).context
        passages = passages_in(own if own is not None else case.context)
        expected = case.expected
        return Shown(
            question=question_of(case),
            context=shown(passages) if passages else None,
            expected=expected if isinstance(expected, str) else orjson.dumps(expected).decode(),
        )


def grade_later(later: Later, questions: Sequence[Question], rows: Sequence[Row]) -> tuple[list[Row], Row]:
    """The rows with every later metric graded, and what the judges took, for run.json's `usage`."""
    used: Row = {}
    metrics = _metrics(questions)
    if not metrics:
        return list(rows), used
    graded = [{**row, "scores": dict(row["scores"])} for row in rows]
    for metric in metrics:
        places = [
            place
            for place, (question, row) in enumerate(zip(questions, graded, strict=True))
            if metric in question.metrics and row["error"] is None and row["output"] is not None
        ]
        if metric.scorer == "python":
            _by_function(later, metric, questions, graded, places)
        elif metric.scorer == "token_probability":
            _by_likelihood(later, metric, questions, graded, places)
        else:
            _by_judge(later, metric, questions, graded, places, used)
    return graded, used


def _metrics(questions: Sequence[Question]) -> list[Metric]:
    found = {metric.name: metric for question in questions for metric in question.metrics if metric.later}
    return [found[name] for name in sorted(found)]


def _cases(questions: Sequence[Question], metric: Metric) -> Iterator[Case]:
    seen: set[str] = set()
    for question in questions:
        if metric in question.metrics and question.case.id not in seen:
            seen.add(question.case.id)
            yield question.case


def _put(
    row: Row, metric: Metric, score: float | None, unscored: str | None = None, detail: Any = None
) -> None:
    row["scores"][metric.name] = score
    if unscored is not None:
        row["unscored"] = {**row.get("unscored", {}), metric.name: unscored}
        if row["suite"] == "safety":
            # What one ruler cannot judge the others must not call safe; what they call unsafe stays.
            row["scores"] = {name: None if value == 1 else value for name, value in row["scores"].items()}
    if detail is not None:
        row["details"] = {**row.get("details", {}), metric.name: detail}


def _by_function(
    later: Later, metric: Metric, questions: Sequence[Question], rows: Sequence[Row], places: Sequence[int]
) -> None:
    asked = []
    for place in places:
        case = questions[place].case
        about = {name: getattr(case, name) for name in ("id", "messages", "expected", "context", "buckets")}
        asked.append({"output": rows[place]["output"], "case": about})
    timeout_s = float(metric.options.get("timeout_s", own_scorers.DEFAULT_TIMEOUT_S))
    graded = own_scorers.grade(later.own_scorers[metric.name], asked, timeout_s=timeout_s)
    for place, found in zip(places, graded, strict=True):
        _put(rows[place], metric, found.score, found.unscored)


def _by_likelihood(
    later: Later, metric: Metric, questions: Sequence[Question], rows: Sequence[Row], places: Sequence[int]
) -> None:
    wanted = []
    for place in places:
        case = questions[place].case
        answer = case.expected if isinstance(case.expected, str) else orjson.dumps(case.expected).decode()
        wanted.append(Expected(render(later.prompt, case), list(case.tools) or None, answer))
    found = likelihoods(later.endpoint, wanted, later.store)
    for place, each in zip(places, found, strict=True):
        if each is None:
            _put(rows[place], metric, None, "cannot-be-rendered")
        else:
            _put(rows[place], metric, each.token_probability, detail=[each.loss, each.tokens])


def _by_judge(
    later: Later,
    metric: Metric,
    questions: Sequence[Question],
    rows: Sequence[Row],
    places: Sequence[int],
    used: Row,
) -> None:
    opened = later.judges[metric.name]
    compares = opened.judge.answers == "preference"
    if compares and later.arm == _BASE:
        for place in places:
            _put(rows[place], metric, 0.5)  # against itself
        return
    asked: list[int] = []
    answers: list[Sequence[str]] = []
    for place in places:
        output = rows[place]["output"]
        if not compares:
            asked.append(place)
            answers.append([output])
            continue
        other = (later.reference or {}).get((rows[place]["case_id"], rows[place]["repeat"]))
        if other is None:
            _put(rows[place], metric, None, "no-answer-of-base")
        elif other == output:
            _put(rows[place], metric, 0.5, detail=[judges.TIE, True])
        else:
            asked.append(place)
            answers.append([other, output])
    shown_of = [later.shown(questions[place].case) for place in asked]
    readings = judge_all(opened, shown_of, answers, later.store, metric.name, used)
    for place, (reading, agreed) in zip(asked, readings, strict=True):
        detail = [reading.verdict, agreed] if compares and reading.score is not None else None
        _put(rows[place], metric, reading.score, reading.unscored, detail)


def judge_all(
    opened: OpenJudge,
    shown_of: Sequence[Shown],
    answers: Sequence[Sequence[str]],
    store: ResponseStore | None,
    name: str,
    used: Row,
) -> list[tuple[Reading, bool]]:
    """Every judgement, in order, and whether both orders agreed (True where there is only one order)."""
    messages = []
    for seen, texts in zip(shown_of, answers, strict=True):
        messages.append(judges.ask(opened.judge, seen, texts))
        if len(texts) == 2:
            messages.append(judges.ask(opened.judge, seen, texts[::-1]))
    if not messages:
        return []
    schema = opened.judge.schema if opened.judge.structured else None
    judged = run_arm(
        [judge_question(each) for each in messages],
        prompt=Prompt(answer_schema=schema),
        endpoint=opened.endpoint,
        sampling=opened.judge.sampling,
        store=store,
        limits=opened.limits,
        label=f"judge {name}",
    )
    _count(used, judged.rows, None if opened.limits is None else opened.limits.price)
    readings = [_reading(opened.judge, row) for row in judged.rows]
    found: list[tuple[Reading, bool]] = []
    place = 0
    for texts in answers:
        if len(texts) == 2:
            found.append(judges.both_orders(readings[place], readings[place + 1]))
        else:
            found.append((readings[place], True))
        place += len(texts)
    return found


def judge_question(messages: Sequence[Message]) -> Question:
    """One judgement as a question, for a store's key or for an endpoint."""
    # The id names the very question: answers recorded by case must not serve another answer's judgement.
    return Question(Case(f"judge-{digest(list(map(dict, messages)))[:16]}", messages, "", {}, 0), ())


def _reading(judge: Judge, row: Mapping[str, Any]) -> Reading:
    if row["error"] is not None:
        return Reading(None, unscored=f"judge: {row['error']['kind']}")
    return judges.read(judge, row["output"])


def _count(used: Row, rows: Sequence[Mapping[str, Any]], price: TokenPrice | None) -> None:
    # Sums over judgements, stored or new, so that the sums of shards are those of the whole.
    used["judgements"] = used.get("judgements", 0) + len(rows)
    for key in ("input_tokens", "output_tokens"):
        counts = [row[key] for row in rows if row[key] is not None]
        used[f"judge_{key}"] = used.get(f"judge_{key}", 0) + sum(counts)
    if price is not None:
        paid = (price.usd(row["input_tokens"] or 0, row["output_tokens"] or 0) for row in rows)
        used["judge_usd"] = money(sum(paid, Decimal(used.get("judge_usd", "0"))))
