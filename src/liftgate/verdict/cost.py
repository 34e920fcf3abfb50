"""What an answer costs on both sides, and when a training that a cheaper road could spare pays back.

Prices are those of fresh tokens: an answer out of the response store counts as if it had been asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Any, Literal

from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy, exact
from liftgate.training.cost import TokenPrice, money
from liftgate.verdict.parts import Part, State

_PER = 1000


@dataclass(frozen=True)
class AnswerCost:
    """US dollars for 1,000 answers of base and candidate; None where no price is known."""

    base: Decimal | None
    candidate: Decimal | None

    @property
    def ratio(self) -> Decimal | None:
        """Candidate over base; None when a price is unknown or only base is free."""
        if self.base is None or self.candidate is None:
            return None
        if self.base:
            return self.candidate / self.base
        return None if self.candidate else Decimal(1)

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json; money as text."""
        ratio = self.ratio
        return {
            "base_usd_per_1k": _text(self.base),
            "candidate_usd_per_1k": _text(self.candidate),
            "ratio": None if ratio is None else float(ratio),
        }


def answer_usd_per_1k(run: EvalRun, price: TokenPrice | None, policy: Policy) -> Decimal | None:
    """US dollars for 1,000 answers to the golden set; None without a price or without token counts.

    Confirmation runs of safety cases are no part of it: they would weigh a few prompts twenty times.
    """
    if price is None:
        return None
    if price.is_free:
        return Decimal(0)
    answers = [row for row in run.rows if row.get("suite", "quality") == "quality" and not row.get("error")]
    counted = [
        (row["input_tokens"], row["output_tokens"])
        for row in answers
        if row.get("input_tokens") is not None and row.get("output_tokens") is not None
    ]
    silent = len(answers) - len(counted)
    if not counted or Fraction(silent, len(answers)) > exact(policy.errors.max_share):
        return None
    return (
        price.usd(sum(asked for asked, _ in counted), sum(said for _, said in counted)) / len(counted) * _PER
    )


def cost_part(cost: AnswerCost | None, policy: Policy) -> Part:
    """The candidate's answers against the policy's limit; without a limit they are only shown."""
    limit = None if policy.cost.max_answer_ratio is None else Decimal(str(policy.cost.max_answer_ratio))
    gates = limit is not None
    needs = "no limit set" if limit is None else f"at most {limit:f}× the price of base's answers"
    if cost is None or cost.base is None or cost.candidate is None:
        sides = [("base", cost and cost.base), ("the candidate", cost and cost.candidate)]
        unknown = " and ".join(name for name, price in sides if price is None)
        told = f"no price is known for an answer of {unknown}"
        return Part("cost", "unclear" if gates else "not-measured", told, needs, gates)
    state: State = "ok"
    if limit is not None and cost.candidate > limit * cost.base:
        state = "fail"
    ratio = cost.ratio
    told = "base answers free of charge, the candidate does not" if ratio is None else f"{ratio:.2f}× base"
    return Part("cost", state, told, needs, gates)


@dataclass(frozen=True)
class TrainingCost:
    """US dollars of the training; `actual` when they follow from the time it took, else an estimate."""

    usd: Decimal | None
    actual: bool


def training_cost(estimate: Mapping[str, Any] | None, training: Mapping[str, Any] | None) -> TrainingCost:
    """From the report's `estimate` and `training`: what was paid, else hours taken × price an hour, where known."""
    if training and training.get("usd") is not None:
        return TrainingCost(Decimal(training["usd"]), actual=True)
    rate = estimate["usd_per_hour"] if estimate else None
    seconds = training["seconds"] if training else None
    if rate is not None and seconds is not None:
        return TrainingCost(Decimal(rate) * Decimal(str(seconds)) / 3600, actual=True)
    usd = estimate["usd"] if estimate else None
    return TrainingCost(None if usd is None else Decimal(usd), actual=False)


@dataclass(frozen=True)
class BreakEven:
    """When the training is paid back against the cheapest untrained arm that clears the bar too.

    `requests` stands with `pays-back`; `never` means that an answer of the candidate is not cheaper;
    `unpriced` are untrained arms that clear the bar and whose price nobody knows.
    """

    state: Literal["pays-back", "never", "unknown"]
    against: str
    requests: int | None
    saved_usd_per_1k: Decimal | None
    training: TrainingCost
    unpriced: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The form in report.json; money as text."""
        return {
            "state": self.state,
            "against": self.against,
            "requests": self.requests,
            "saved_usd_per_1k": None if self.saved_usd_per_1k is None else f"{self.saved_usd_per_1k:f}",
            "training_usd": _text(self.training.usd),
            "training_is": "actual" if self.training.actual else "estimate",
            "unpriced": list(self.unpriced),
        }


def break_even(
    candidate: Decimal | None, rivals: Mapping[str, Decimal | None], training: TrainingCost
) -> BreakEven | None:
    """Requests until the training is paid back; prices for 1,000 answers. None without a rival."""
    if not rivals:
        return None
    unpriced = tuple(sorted(name for name, price in rivals.items() if price is None))
    priced = sorted((price, name) for name, price in rivals.items() if price is not None)
    if candidate is None or not priced:
        against = priced[0][1] if priced else unpriced[0]
        return BreakEven("unknown", against, None, None, training, unpriced)
    price, against = priced[0]
    saved = price - candidate
    if saved <= 0:
        return BreakEven("never", against, None, saved, training, unpriced)
    if training.usd is None:
        return BreakEven("unknown", against, None, saved, training, unpriced)
    requests = (training.usd * _PER / saved).to_integral_value(rounding=ROUND_CEILING)
    return BreakEven("pays-back", against, int(requests), saved, training, unpriced)


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else money(usd)
