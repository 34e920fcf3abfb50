"""The price of asking every arm, by hand: prompts exactly, answers as long as they may be, what is stored free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from liftgate.data.golden import Case
from liftgate.evaluation.completion import Completion, Outcome, Request, Sampling
from liftgate.evaluation.forecast import Again, ArmToAsk, Unasked, forecast
from liftgate.evaluation.judges import Judge
from liftgate.evaluation.later import Later, OpenJudge, grade_later
from liftgate.evaluation.prompts import Prompt
from liftgate.evaluation.responses import ResponseStore, response_key
from liftgate.evaluation.runner import Asking, run_arm
from liftgate.evaluation.scorers import Metric
from liftgate.evaluation.suite import Question
from liftgate.tokens import count_messages
from liftgate.training.cost import TokenPrice
from liftgate.training.estimate import EvaluationCost

PRICE = TokenPrice(Decimal(2), Decimal(10))
JUDGED = Metric("good", "judge")
PATH = "evals/prices.yaml"


class Server:
    """An endpoint that answers everything with one word."""

    deterministic = False

    def __init__(self, model: str = "m", said: str = "yes", kind: str = "openai") -> None:
        self.model, self.said, self.kind = model, said, kind

    def identity(self) -> dict[str, Any]:
        return {"model": self.model}

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        for index in wanted:
            yield index, Completion(self.said, 1.0, 10, 2)


def case(name: str, suite: Any = "quality") -> Case:
    return Case(name, [{"role": "user", "content": f"question {name}"}], "x", {}, 1, suite)


def arm(
    name: str = "base",
    *,
    price: TokenPrice | None = PRICE,
    store: ResponseStore | None = None,
    endpoint: Any = None,
    limit: int | None = 5,
    judge: Judge | None = None,
    again: Again | None = None,
    model: str = "gpt-4.1",
) -> ArmToAsk:
    metrics = (JUDGED,) if judge else ()
    questions = [Question(case("one"), metrics), Question(case("two"), metrics)]
    questions += [Question(case("s", "safety"), (), repeat) for repeat in range(3)]
    opened = endpoint or Server()
    asking = Asking(questions, Prompt(), opened, Sampling(max_tokens=limit), store)
    judges = {} if judge is None else {"good": OpenJudge(judge, Server("j", kind="openai"))}
    later = Later(name, opened, Prompt(), judges, store=store)
    return ArmToAsk(name, model, asking, later, price, name == "candidate", again or Again())


def ours(kind: str, model: str) -> TokenPrice | None:
    return TokenPrice(Decimal(1), Decimal(1)) if model == "j" else None


def usd(cost: EvaluationCost) -> tuple[Decimal, Decimal, Decimal]:
    assert cost.usd is not None
    return cost.usd.low, cost.usd.point, cost.usd.high


# Three different prompts; the safety case in three repeats.
PROMPTS = sum(count_messages(case(name).messages, "o200k_base") for name in ("one", "two", "s", "s", "s"))
SAFETY = count_messages(case("s").messages, "o200k_base")


def test_prompts_are_counted_exactly_and_answers_at_their_longest() -> None:
    cost = forecast([arm()], PATH, ours)
    low = Decimal(PROMPTS * 2) / 1_000_000
    assert usd(cost) == (low, low + Decimal(5 * 5 * 10) / 1_000_000, low + Decimal(5 * 5 * 10) / 1_000_000)
    assert [(part.name, part.what) for part in cost.parts] == [("answers", "1 arm, 5 answers")]
    (answer,) = cost.answers
    quality = sum(count_messages(case(name).messages, "o200k_base") for name in ("one", "two"))
    assert answer.usd_per_1k == (Decimal(quality) / 2 * 2 + 5 * 10) / 1000


def test_what_may_be_asked_again_is_in_the_high_end_alone() -> None:
    once, again = (usd(forecast([arm(again=each)], PATH, ours)) for each in (Again(), Again(20, 3, 1)))
    assert again[:2] == once[:2]
    one = max(count_messages(case(name).messages, "o200k_base") for name in ("one", "two"))
    more = 20 * (SAFETY * 2 + 5 * 10) + 3 * (one * 2 + 5 * 10)
    assert again[2] - once[2] == Decimal(more) / 1_000_000
    same = arm(again=Again(20, 3, 1), endpoint=Unasked("openai", deterministic=True))
    assert usd(forecast([same], PATH, ours))[2] == usd(forecast([same], PATH, ours))[1]


def test_stored_answers_and_judgements_cost_nothing(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        judge = judge_of()
        before = forecast([arm(store=store, judge=judge)], PATH, ours)
        asked = arm(store=store, judge=judge)
        run_arm(
            asked.asking.questions,
            prompt=Prompt(),
            endpoint=asked.asking.endpoint,
            sampling=asked.asking.sampling,
            store=store,
        )
        half = forecast([arm(store=store, judge=judge)], PATH, ours)
        parts = {part.name: part for part in half.parts}
        assert parts["answers"].what == "1 arm, 0 answers to ask, 5 stored"
        assert parts["answers"].usd.high == 0
        # The answers are known now, so the judge's prompts are counted, not feared.
        assert parts["judges"].what == "2 judgements to ask, at most"
        assert 0 < parts["judges"].usd.low <= parts["judges"].usd.high
        assert before.usd is not None
        assert half.usd is not None
        assert half.usd.high < before.usd.high
        common: dict[str, Any] = {"scores": {}, "output": "yes", "error": None}
        rows = [
            {"case_id": each.case.id, "repeat": each.repeat, "suite": each.case.suite, **common}
            for each in asked.asking.questions
        ]
        grade_later(asked.later, asked.asking.questions, rows)
        done = forecast([arm(store=store, judge=judge)], PATH, ours)
        assert not any(usd(done))


def judge_of() -> Judge:
    return Judge(
        path="judges/good.yaml",
        prompt="Grade it.",
        answers="scale",
        endpoint="openai",
        model="j",
        low=1,
        high=5,
        choices={},
        sampling=Sampling(max_tokens=30),
    )


def test_every_missing_price_is_named_once_and_nothing_is_called_free() -> None:
    cost = forecast(
        [arm(price=None), arm("candidate", price=None, judge=judge_of())], PATH, lambda kind, model: None
    )
    assert (cost.usd, cost.parts) == (None, ())
    assert [(f.rule, str(f.severity), f.path) for f in cost.findings] == [
        ("missing-price", "error", PATH)
    ] * 3
    assert "arm base (openai gpt-4.1)" in cost.findings[0].message
    assert "judge good (openai j)" in cost.findings[2].message


def test_endless_answers_are_refused_unless_they_are_free() -> None:
    assert [f.rule for f in forecast([arm(limit=None)], PATH, ours).findings] == ["unbounded-answers"]
    free = TokenPrice(Decimal(0), Decimal(0))
    assert not any(usd(forecast([arm(limit=None, price=free)], PATH, ours)))


def test_a_model_whose_tokens_cannot_be_counted_widens_the_range() -> None:
    low, point, high = usd(forecast([arm(model="amazon.nova-lite-v1:0")], PATH, ours))
    exact = usd(forecast([arm()], PATH, ours))
    assert low < exact[0]
    assert point == exact[1]
    assert high > exact[2]


def test_nothing_is_written_and_nobody_is_asked(tmp_path: Path) -> None:
    class Silent(Server):
        def complete(
            self, requests: Sequence[Request], wanted: Sequence[int]
        ) -> Iterator[tuple[int, Outcome]]:
            raise AssertionError("an estimate asks nobody")

    path = tmp_path / "r.sqlite"
    with ResponseStore(path) as store:
        request = Request(case("one").messages, None, Sampling(max_tokens=5))
        store.put(response_key("openai", {"model": "m"}, request, deterministic=False), Completion("a"))
    before = path.read_bytes()
    with ResponseStore(path, read_only=True) as store:
        cost = forecast([arm(store=store, endpoint=Silent(), judge=judge_of())], PATH, ours)
    assert path.read_bytes() == before
    assert cost.parts[0].what == "1 arm, 4 answers to ask, 1 stored"
