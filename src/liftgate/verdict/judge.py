"""Metrics that a model judges: shown always, gating only once people have checked the judge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from liftgate.errors import InputError, Problem
from liftgate.policy import Policy
from liftgate.verdict import stats
from liftgate.verdict.lift import describe_lift, lift_state, measured_lift
from liftgate.verdict.pairs import PairedScores, Pairs, bounds
from liftgate.verdict.parts import Part, State, plain_points, points

_MOST_UNSCORED = 0.1


@dataclass(frozen=True)
class Calibration:
    """How well a judge agreed with people: pairs both graded, Cohen's kappa, order swapped or not.

    `pairwise` is false for a judge that sees one answer at a time, which has no order to swap. `judge` is its
    sha256 and the digest of its model's identity: another prompt or another model is another judge. It is None
    in a calibration that somebody vouches for by hand.
    """

    metric: str
    human_pairs: int
    kappa: float
    order_swapped: bool
    pairwise: bool = True
    unscored: int = 0
    low: float | None = None
    high: float | None = None
    judge: tuple[str, str] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, path: str = "calibration") -> Calibration:
        """Read the form of a calibration file. Raises `InputError` with every problem."""
        kinds: dict[str, type | tuple[type, ...]] = {
            "metric": str,
            "human_pairs": int,
            "kappa": (int, float),
            "order_swapped": bool,
            "pairwise": bool,
            "unscored": int,
            "judge": dict,
        }
        filled = {"pairwise": True, "unscored": 0, "judge": {}, **data}
        problems = [
            Problem(f"{path} $.{key}", "is missing or of another type")
            for key, kind in kinds.items()
            if not isinstance(filled.get(key), kind)
            or (kind is not bool and isinstance(filled.get(key), bool))
        ]
        if not problems and not (math.isfinite(data["kappa"]) and -1 <= data["kappa"] <= 1):
            problems.append(Problem(f"{path} $.kappa", "must lie between -1 and 1"))
        for key in ("low", "high"):
            bound = filled.get(key)
            if bound is not None and (not isinstance(bound, int | float) or not -1 <= bound <= 1):
                problems.append(Problem(f"{path} $.{key}", "must lie between -1 and 1, or be null"))
        if not problems and filled["judge"] and judge_key(filled["judge"]) is None:
            problems.append(Problem(f"{path} $.judge", "needs sha256 and identity_sha256"))
        if problems:
            raise InputError(f"{path} is not a judge calibration", problems=problems)
        return cls(
            filled["metric"],
            filled["human_pairs"],
            float(filled["kappa"]),
            filled["order_swapped"],
            filled["pairwise"],
            filled["unscored"],
            filled.get("low"),
            filled.get("high"),
            judge_key(filled["judge"]),
        )

    @property
    def told(self) -> str:
        """`κ 0.71 on 64 pairs (95% bounds 0.55 to 0.84)`."""
        bounds_of = (
            ""
            if self.low is None or self.high is None
            else f" (95% bounds {self.low:.2f} to {self.high:.2f})"
        )
        return f"κ {self.kappa:.2f} on {self.human_pairs} pairs{bounds_of}"

    def shortfall(self, metric: str, policy: Policy) -> str | None:
        """Why this calibration does not let the metric gate, or None when it does."""
        if self.metric != metric:
            return f"the calibration is for {self.metric!r}"
        if self.human_pairs < policy.judge.min_human_pairs:
            return f"{self.human_pairs} pairs labelled by people, {policy.judge.min_human_pairs} are needed"
        if self.unscored > _MOST_UNSCORED * (self.human_pairs + self.unscored):
            # A judge that is silent where it is hard would agree with people on the rest.
            return f"{self.unscored} answers that people labelled got no judgement on the menu"
        if self.kappa < policy.judge.min_kappa:
            return f"kappa {self.kappa:.2f} with people, {policy.judge.min_kappa:g} is needed"
        return None if self.order_swapped or not self.pairwise else "pairs were not judged in both orders"


def judge_key(about: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """What a judge is, out of run.json or a calibration; None where nothing is said."""
    said = about or {}
    key = (said.get("sha256"), said.get("identity_sha256"))
    return (key[0], key[1]) if isinstance(key[0], str) and isinstance(key[1], str) else None


def judges_of(metric: str, *metas: Mapping[str, Any]) -> list[tuple[str, str] | None]:
    """The judge of a metric as each run names it."""
    return [judge_key((meta.get("judges") or {}).get(metric)) for meta in metas]


def is_judged(metric: str, policy: Policy, judges: Sequence[tuple[str, str] | None]) -> bool:
    """Whether a model grades this metric: the policy says so, or a run names its judge."""
    return metric == policy.judge.metric or any(judge is not None for judge in judges)


def uncalibrated(
    metric: str,
    policy: Policy,
    calibration: Calibration | None,
    judges: Sequence[tuple[str, str] | None] = (),
) -> str | None:
    """Why a judge metric must not gate; None for one that may, and for metrics that no model judges.

    `judges` are those of both runs, from `judges_of`.
    """
    if not is_judged(metric, policy, judges):
        return None
    if len(set(judges)) > 1:
        return "base and the candidate were graded by different judges"
    if calibration is None:
        return "no calibration file"
    if any(judge != calibration.judge for judge in judges):
        return "the calibration is of another judge, prompt or model"
    return calibration.shortfall(metric, policy)


def judge_part(
    pairs: Pairs,
    scores: PairedScores | None,
    policy: Policy,
    calibration: Calibration | None,
    judges: Sequence[tuple[str, str] | None] = (),
) -> Part:
    """The judge metric, decided like the lift, with limits of its own for named buckets."""
    limits = policy.judge
    needs = f"at least {points(limits.min_lift)}, lower bound above 0"
    if scores is None:
        return Part("judge", "not-measured", f"no answer has a {limits.metric} score", needs, gates=False)
    lift = measured_lift(scores, policy.alpha, pairs.clusters)
    told = describe_lift(lift, scores, policy.alpha)
    if calibration is not None and calibration.metric == limits.metric:
        told += f"; agreement with people {calibration.told}"
    if reason := uncalibrated(limits.metric, policy, calibration, judges):
        return Part(
            "judge",
            "unclear",
            f"{told}; shown only, the judge is not calibrated: {reason}",
            needs,
            gates=False,
        )
    states: list[State] = [lift_state(lift, scores, policy, pairs.clusters)]
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
