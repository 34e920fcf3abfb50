"""Metrics that a model judges: shown always, gating only once people have checked the judge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from liftgate.errors import InputError, Problem
from liftgate.policy import Policy
from liftgate.verdict import stats
from liftgate.verdict.lift import describe_lift, lift_state, measured_lift
from liftgate.verdict.pairs import PairedScores, Pairs, bounds
from liftgate.verdict.parts import Part, State, plain_points, points


@dataclass(frozen=True)
class Calibration:
    """How well a judge agreed with people: pairs both labelled, Cohen's kappa, order swapped or not."""

    metric: str
    human_pairs: int
    kappa: float
    order_swapped: bool

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, path: str = "calibration") -> Calibration:
        """Read the form of a calibration file. Raises `InputError` with every problem."""
        kinds: dict[str, type | tuple[type, ...]] = {
            "metric": str,
            "human_pairs": int,
            "kappa": (int, float),
            "order_swapped": bool,
        }
        problems = [
            Problem(f"{path} $.{key}", "is missing or of another type")
            for key, kind in kinds.items()
            if not isinstance(data.get(key), kind) or (kind is not bool and isinstance(data.get(key), bool))
        ]
        if not problems and not (math.isfinite(data["kappa"]) and -1 <= data["kappa"] <= 1):
            problems.append(Problem(f"{path} $.kappa", "must lie between -1 and 1"))
        if problems:
            raise InputError(f"{path} is not a judge calibration", problems=problems)
        return cls(data["metric"], data["human_pairs"], float(data["kappa"]), data["order_swapped"])

    def shortfall(self, metric: str, policy: Policy) -> str | None:
        """Why this calibration does not let the metric gate, or None when it does."""
        if self.metric != metric:
            return f"the calibration is for {self.metric!r}"
        if self.human_pairs < policy.judge.min_human_pairs:
            return f"{self.human_pairs} pairs labelled by people, {policy.judge.min_human_pairs} are needed"
        if self.kappa < policy.judge.min_kappa:
            return f"kappa {self.kappa:.2f} with people, {policy.judge.min_kappa:g} is needed"
        return None if self.order_swapped else "pairs were not judged in both orders"


def uncalibrated(metric: str, policy: Policy, calibration: Calibration | None) -> str | None:
    """Why a judge metric must not gate; None for one that may, and for metrics that no model judges."""
    if metric != policy.judge.metric:
        return None
    return "no calibration file" if calibration is None else calibration.shortfall(metric, policy)


def judge_part(
    pairs: Pairs, scores: PairedScores | None, policy: Policy, calibration: Calibration | None
) -> Part:
    """The judge metric, decided like the lift, with limits of its own for named buckets."""
    limits = policy.judge
    needs = f"at least {points(limits.min_lift)}, lower bound above 0"
    if scores is None:
        return Part("judge", "not-measured", f"no answer has a {limits.metric} score", needs, gates=False)
    lift = measured_lift(scores, policy.alpha, pairs.clusters)
    told = describe_lift(lift, scores, policy.alpha)
    if reason := uncalibrated(limits.metric, policy, calibration):
        return Part(
            "judge",
            "unclear",
            f"{told}; shown only, the judge is not calibrated: {reason}",
            needs,
            gates=False,
        )
    states: list[State] = [lift_state(lift, scores, limits.min_lift, pairs.clusters)]
    if states[0] == "fail":
        told += f"; even the upper bound is below the {points(limits.min_lift)} asked for"
    elif states[0] == "unclear":
        told += "; not proven"
    for name, limit in sorted(limits.bucket_max_drop.items()):
        for label, fallen, change in _buckets(pairs, scores, name, limit, policy.alpha):
            states.append(fallen)
            if fallen != "ok":
                proven = "proven" if fallen == "fail" else "not proven"
                told += f"; bucket {label} {points(change)}, limit -{plain_points(limit)}, {proven}"
    state: State = "fail" if "fail" in states else "unclear" if "unclear" in states else "ok"
    return Part("judge", state, told, needs)


def _buckets(
    pairs: Pairs, scores: PairedScores, wanted: str, limit: float, alpha: float
) -> list[tuple[str, State, float]]:
    found: list[tuple[str, State, float]] = []
    key = ":".join(part.strip() for part in wanted.split(":", 1))
    for dimension, sliced in pairs.dimensions.items():
        for code, name in enumerate(sliced.names):
            if key not in (dimension, name, f"{dimension}:{name}"):
                continue
            cases = np.flatnonzero(sliced.codes == code)
            clusters = None if pairs.clusters is None else stats.numbered(pairs.clusters[cases])
            worst, best = scores.pessimistic.of(cases), scores.optimistic.of(cases)
            fallen: State = "ok"
            if -worst.mean > limit + 1e-12:
                fell = -best.mean > limit + 1e-12 and bounds(best, alpha, clusters).high < 0
                fallen = "fail" if fell else "unclear"
            found.append((f"{dimension}={name}", fallen, worst.mean))
    return found
