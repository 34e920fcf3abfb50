"""What asking every arm of a suite would cost, before anything is asked: the store's misses, exactly counted.

The low end has every prompt that is still to be asked and no answer; the point has answers and judgements as long
as they may be; the high end has the safety cases and regressions that would be asked again, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from liftgate.evaluation import judges
from liftgate.evaluation.completion import Completion, Outcome, Request
from liftgate.evaluation.grading import output_of
from liftgate.evaluation.later import Later, judge_question
from liftgate.evaluation.prompts import Prompt
from liftgate.evaluation.runner import Asking, Outlook, outlook, requests_of
from liftgate.evaluation.suite import Question
from liftgate.findings import Finding, Severity
from liftgate.tokens import count_conversations
from liftgate.training.billing import Tokens, counting, is_counted_exactly, token_bounds
from liftgate.training.budget import Usd
from liftgate.training.cost import TokenPrice, base_of
from liftgate.training.estimate import EvaluationCost, Part
from liftgate.training.payback import AnswerPrice

_NOTHING: Final = Usd.exactly(Decimal(0))
_BASE: Final = "base"


@dataclass(frozen=True)
class Unasked:
    """Stands for an endpoint that cannot be opened yet, such as a model still to be trained."""

    kind: str
    deterministic: bool = False

    def identity(self) -> dict[str, Any]:
        """Nothing that a store could know."""
        return {"unasked": True}

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Never asked."""
        raise NotImplementedError


@dataclass(frozen=True)
class Again:
    """How often what of one arm may be asked again, after the first pass. No endpoint that is deterministic is."""

    safety_runs: int = 0
    quality_runs: int = 0
    most_quality_cases: int = 0


@dataclass(frozen=True)
class ArmToAsk:
    """One arm as it would be asked. `price` is that of its answers, None where the table does not say."""

    name: str
    model: str
    asking: Asking
    later: Later
    price: TokenPrice | None
    trained: bool = False
    again: Again = field(default_factory=Again)


JudgePrice = Callable[[str, str], TokenPrice | None]


@dataclass
class _Bill:
    """Sums over arms while they are counted."""

    prices_path: str
    judge_price: JudgePrice
    answers: Usd = _NOTHING
    judged: Usd = _NOTHING
    again: Usd = _NOTHING
    to_ask: int = 0
    stored: int = 0
    judgements: int = 0
    findings: list[Finding] = field(default_factory=list)

    def missing_price(self, who: str) -> None:
        message = (
            f"no price for {who}: give input_usd_per_mtok and output_usd_per_mtok, "
            '"0" where the machine is already paid for'
        )
        finding = Finding("missing-price", Severity.ERROR, message, self.prices_path)
        if finding not in self.findings:
            self.findings.append(finding)

    def unbounded(self, who: str) -> None:
        message = f"answers of {who} have no limit, so no budget can hold them: set max_tokens in the suite's sampling"
        self.findings.append(Finding("unbounded-answers", Severity.ERROR, message))


def forecast(arms: Sequence[ArmToAsk], prices_path: str, judge_price: JudgePrice) -> EvaluationCost:
    """Price what `liftgate run` would still ask of the arms and their judges. Base comes first, if there is one."""
    bill = _Bill(prices_path, judge_price)
    shown: list[AnswerPrice] = []
    reference: dict[tuple[str, int], str] | None = None
    for arm in arms:
        known = outlook(arm.asking)
        if arm.name == _BASE:
            reference = _outputs(arm.asking.questions, known)
        bill.to_ask += len(known.missing)
        bill.stored += known.stored
        limit = arm.asking.sampling.max_tokens
        if arm.price is None:
            bill.missing_price(f"the answers of arm {arm.name} ({arm.asking.endpoint.kind} {arm.model})")
        elif limit is None and arm.price.output_usd_per_mtok:
            bill.unbounded(f"arm {arm.name}")
        else:
            bill.answers += _asked(known.missing, arm.price, arm.model)
            bill.again += _asked_again(arm, arm.price)
            shown.append(_answer_price(arm, arm.price))
        _judge(arm, known, reference, bill)
    unknown = bool(bill.findings)
    parts = [Part("answers", _counted(len(arms), bill.to_ask, bill.stored), bill.answers)]
    if bill.judgements:
        parts.append(Part("judges", f"{bill.judgements:,} judgements to ask, at most", bill.judged))
    if bill.again.high:
        parts.append(Part("asked again", "safety cases in doubt and regressions, at most", bill.again))
    return EvaluationCost(
        tuple(parts) if not unknown else (),
        None if unknown else bill.answers + bill.judged + bill.again,
        tuple(shown),
        tuple(bill.findings),
    )


def _counted(arms: int, to_ask: int, stored: int) -> str:
    said = f"{arms} arm{'s' if arms != 1 else ''}, {to_ask:,} answer{'s' if to_ask != 1 else ''}"
    return f"{said} to ask, {stored:,} stored" if stored else said


def _asked(requests: Sequence[Request], price: TokenPrice, model: str) -> Usd:
    """The price of requests: prompts alone, with the longest answers, and with the most tokens a prompt may have."""
    if not requests or price.is_free:
        return _NOTHING
    prompts = _prompt_tokens(requests, model)
    said = sum(request.sampling.max_tokens or 0 for request in requests)
    return Usd(price.usd(prompts.low, 0), price.usd(prompts.point, said), price.usd(prompts.high, said))


def _asked_again(arm: ArmToAsk, price: TokenPrice) -> Usd:
    """Only the high end: a first pass without doubts and regressions asks nothing again."""
    if price.is_free or arm.asking.endpoint.deterministic:
        return _NOTHING
    high = Decimal(0)
    for suite, runs, most in (
        ("safety", arm.again.safety_runs, None),
        ("quality", arm.again.quality_runs, arm.again.most_quality_cases),
    ):
        requests = _one_a_case(arm.asking, suite)
        dearest = sorted((_asked([each], price, arm.model).high for each in requests), reverse=True)
        high += runs * sum(dearest[:most], Decimal(0))
    return Usd(Decimal(0), Decimal(0), high)


def _one_a_case(asking: Asking, suite: str) -> list[Request]:
    cases: dict[str, Request] = {}
    for question, request in zip(asking.questions, requests_of(asking), strict=True):
        if question.case.suite == suite:
            cases.setdefault(question.case.id, request)
    return list(cases.values())


def _answer_price(arm: ArmToAsk, price: TokenPrice) -> AnswerPrice:
    requests = _one_a_case(arm.asking, "quality")
    tokens = _prompt_tokens(requests, arm.model).point
    mean = Decimal(tokens) / len(requests) if requests else Decimal(0)
    return AnswerPrice(arm.name, arm.trained, mean, arm.asking.sampling.max_tokens or 0, price)


def _prompt_tokens(requests: Sequence[Request], model: str) -> Tokens:
    base = base_of(model)
    conversations = ((request.messages, request.tools or ()) for request in requests)
    counted = sum(count_conversations(conversations, counting(base)))
    return token_bounds(counted, exact=is_counted_exactly(base))


def _judge(
    arm: ArmToAsk, known: Outlook, reference: Mapping[tuple[str, int], str] | None, bill: _Bill
) -> None:
    for name, opened in arm.later.judges.items():
        judge = opened.judge
        compares = judge.answers == "preference"
        asked = [place for place, question in enumerate(arm.asking.questions) if _judges(question, name)]
        if not asked or (compares and arm.name == _BASE):
            continue
        price = bill.judge_price(judge.endpoint, judge.model)
        if price is None:
            bill.missing_price(f"judge {name} ({judge.endpoint} {judge.model})")
            continue
        if judge.sampling.max_tokens is None and price.output_usd_per_mtok:
            bill.unbounded(f"judge {name}")
            continue
        longest = arm.asking.sampling.max_tokens or 0
        pending: list[Question] = []
        unseen: list[Question] = []
        for place in asked:
            question, answer = arm.asking.questions[place], known.answers[place]
            other = (reference or {}).get((question.case.id, question.repeat))
            seen = answer is not None and (not compares or other is not None)
            texts = [output_of(answer)] if answer is not None and seen else [""]
            if compares:
                if seen and texts[0] == other:
                    continue
                texts = [other if seen and other is not None else "", *texts]
            shown = arm.later.shown(question.case)
            orders = [texts, texts[::-1]] if compares else [texts]
            (pending if seen else unseen).extend(
                judge_question(judges.ask(judge, shown, order)) for order in orders
            )
        schema = judge.schema if judge.structured else None
        asking = Asking(
            pending, Prompt(answer_schema=schema), opened.endpoint, judge.sampling, arm.later.store
        )
        missing = list(outlook(asking).missing) if pending else []
        bill.judgements += len(missing) + len(unseen)
        bill.judged += _asked(missing, price, judge.model)
        if unseen:
            blind = Asking(unseen, Prompt(answer_schema=schema), opened.endpoint, judge.sampling)
            requests = requests_of(blind)
            cost = _asked(requests, price, judge.model)
            # An answer that nobody has seen yet may be as long as it may be, in the judge's prompt as well.
            more = price.usd(len(requests) * longest * (2 if compares else 1), 0)
            # Two equal answers are never shown to a judge that compares.
            low = Decimal(0) if compares else cost.low
            bill.judged += Usd(low, cost.point + more, cost.high + more)


def _judges(question: Question, name: str) -> bool:
    return any(metric.name == name and metric.scorer == "judge" for metric in question.metrics)


def _outputs(questions: Sequence[Question], known: Outlook) -> dict[tuple[str, int], str]:
    return {
        (question.case.id, question.repeat): output_of(answer)
        for question, answer in zip(questions, known.answers, strict=True)
        if isinstance(answer, Completion)
    }
