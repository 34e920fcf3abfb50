"""Two runs and a policy in, one comparison out: a pure function, no clock, no disk, no global randomness."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from liftgate.digests import pretty
from liftgate.evaluation.runs import EvalRun
from liftgate.findings import Finding, Severity, blocks, ordered
from liftgate.policy import JSON_VALID, Policy
from liftgate.verdict.applied import adapter_not_applied
from liftgate.verdict.buckets import (
    BucketResult,
    blind_buckets,
    bucket_findings,
    buckets_part,
    judge_buckets,
)
from liftgate.verdict.completeness import judge_completeness, primary_metric, refuse_other_ruler
from liftgate.verdict.cost import AnswerCost, cost_part
from liftgate.verdict.judge import Calibration, judge_part, judges_of, uncalibrated
from liftgate.verdict.latency import Latency, latency_part, measure_latency, why_not_timed
from liftgate.verdict.lift import Lift, Power, lift_part, measured_lift, power_of, regression_share_part
from liftgate.verdict.metrics import MetricRow, json_valid_part, metric_row
from liftgate.verdict.pairs import PairedScores, Pairs, flips, pair, paired_scores
from liftgate.verdict.parts import Part, Verdict, count, finding_of, verdict_of
from liftgate.verdict.rules import gating, not_lowered, weighed
from liftgate.verdict.safety import Safety, judge_safety, safety_findings, safety_part
from liftgate.verdict.sample import Regression, sample_regressions


class Decided(Protocol):
    """A reviewer's decision and what became of it (`verdict.review`)."""

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        ...


@dataclass(frozen=True)
class Comparison:
    """What base and candidate show against each other, and the verdict that follows."""

    verdict: Verdict
    lift: Lift
    findings: list[Finding]
    parts: tuple[Part, ...]
    base: tuple[str, float | None]
    candidate: tuple[str, float | None]
    counts: dict[str, int]
    metrics: tuple[MetricRow, ...]
    buckets: tuple[BucketResult, ...]
    safety: Safety
    latency: Latency | None
    cost: AnswerCost | None
    regressions: tuple[Regression, ...]
    regressions_total: int
    blind_spots: tuple[str, ...]
    power: Power
    decisions: tuple[Decided, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The form of comparison.json."""
        whole = {
            "schema_version": 1,
            "verdict": self.verdict,
            "lift": self.lift.to_dict(),
            "base": {"model": self.base[0], "mean": self.base[1]},
            "candidate": {"model": self.candidate[0], "mean": self.candidate[1]},
            "counts": self.counts,
            "parts": [part.to_dict() for part in self.parts],
            "metrics": [row.to_dict() for row in self.metrics],
            "buckets": [bucket.to_dict() for bucket in self.buckets],
            "safety": self.safety.to_dict(),
            "latency": None if self.latency is None else self.latency.to_dict(),
            "cost": None if self.cost is None else self.cost.to_dict(),
            "regressions": [regression.to_dict() for regression in self.regressions],
            "regressions_total": self.regressions_total,
            "blind_spots": list(self.blind_spots),
            "power": self.power.to_dict(),
            "decisions": [decided.to_dict() for decided in self.decisions],
            "findings": [finding.to_dict() for finding in self.findings],
        }
        tidied: dict[str, Any] = _tidy(whole)
        return tidied

    def to_json(self) -> bytes:
        """`to_dict` in the form in which JSON files are written."""
        return pretty(self.to_dict())

    def summary(self) -> dict[str, Any]:
        """The verdict part that `liftgate compare --json` prints."""
        whole = self.to_dict()
        return {key: whole[key] for key in ("schema_version", "verdict", "lift", "findings")}


def compare(
    base: EvalRun,
    candidate: EvalRun,
    policy: Policy,
    *,
    calibration: Calibration | None = None,
    cost: AnswerCost | None = None,
) -> Comparison:
    """Judge the candidate against base. `cost` is what their answers cost, where prices are known.

    Raises `InputError` when the runs cannot be held against each other at all: another golden set, buckets
    that disagree, a primary metric that nothing carries. Everything else is a verdict.
    """
    for given, wanted in ((base, EvalRun), (candidate, EvalRun), (policy, Policy)):
        if not isinstance(given, wanted):
            made = "EvalRun.from_rows(rows)" if wanted is EvalRun else "Policy.from_dict(thresholds)"
            raise TypeError(f"compare takes what {made} returns, found {type(given).__name__}")
    refuse_other_ruler(base, candidate)
    primary = primary_metric(base, candidate, policy)
    quality = pair(base.quality, candidate.quality)
    safety_pairs = pair(base.safety, candidate.safety)
    scores = {name: paired_scores(quality, name) for name in _quality_metrics(base, candidate, primary)}
    main, clusters = scores[primary], quality.clusters

    lift = measured_lift(main, policy.alpha, clusters)
    why_not_gate = uncalibrated(primary, policy, calibration, judges_of(primary, base.meta, candidate.meta))
    lifted = _as_far_as_judged(lift_part(lift, main, policy, clusters), why_not_gate)
    buckets = judge_buckets(quality, main, policy)
    safety = judge_safety(safety_pairs, base, candidate, policy)
    latency = measure_latency(quality, policy.alpha)
    complete = judge_completeness(quality, safety_pairs, main, policy, described=(base.meta, candidate.meta))
    judged = None if primary == policy.judge.metric else scores.get(policy.judge.metric)
    why_not = why_not_timed(base.quality, candidate.quality)
    parts: tuple[Part, ...] = (
        lifted,
        _as_far_as_judged(regression_share_part(main, policy, clusters), why_not_gate),
        _as_far_as_judged(buckets_part(buckets, policy), why_not_gate),
        safety_part(safety),
        latency_part(latency, why_not, policy, lift_ok=lifted.state == "ok"),
        cost_part(cost, policy),
        json_valid_part(scores.get(JSON_VALID), policy, clusters),
        judge_part(
            quality, judged, policy, calibration, judges_of(policy.judge.metric, base.meta, candidate.meta)
        ),
        complete.part,
    )
    named = {part.name: part for part in parts}
    findings = [
        *complete.findings,
        *adapter_not_applied(base, candidate),
        *safety_findings(safety),
        *finding_of(named["lift"], failed="lift-below-minimum", unclear="lift-unproven"),
        *finding_of(named["regression-share"], failed="too-many-regressions", unclear="regressions-unproven"),
        *(_softened(finding) if why_not_gate else finding for finding in bucket_findings(buckets)),
        *finding_of(named["latency"], failed="latency-regression", unclear="latency-unproven"),
        *finding_of(named["cost"], failed="answer-cost", unclear="answer-cost-unknown"),
        *finding_of(named["json-valid"], failed="json-valid-regression", unclear="json-valid-lower"),
        *finding_of(named["judge"], failed="judge-below-minimum", unclear="judge-unproven"),
        *_notices(base, candidate, quality),
    ]
    parts = tuple(gating(part, findings, policy.rules) for part in parts)
    findings = [*weighed(findings, policy.rules), *not_lowered(findings, policy.rules)]
    regressions, regressions_total = sample_regressions(quality, main, candidate)
    return Comparison(
        verdict="block" if blocks(findings) else verdict_of(parts),
        lift=lift,
        findings=ordered(findings),
        parts=parts,
        base=(base.model, _known(main.base_mean)),
        candidate=(candidate.model, _known(main.candidate_mean)),
        counts=_counts(main),
        metrics=tuple(metric_row(each, policy.alpha, clusters) for each in scores.values()),
        buckets=tuple(buckets),
        safety=safety,
        latency=latency,
        cost=cost,
        regressions=tuple(regressions),
        regressions_total=regressions_total,
        blind_spots=tuple(_blind_spots(parts, buckets, safety, (base, candidate), policy)),
        power=power_of(main, policy, clusters),
    )


def _quality_metrics(base: EvalRun, candidate: EvalRun, primary: str) -> list[str]:
    scored = {
        name
        for run in (base, candidate)
        for name, values in run.quality.scores.items()
        if not np.isnan(values).all()
    }
    return [primary, *sorted(scored - {primary})]


def _as_far_as_judged(part: Part, why_not: str | None) -> Part:
    # The word of a judge that nobody checked proves nothing, either way.
    if why_not is None:
        return part
    return Part(part.name, "unclear", f"{part.detail}; the judge is not calibrated: {why_not}", part.needs)


def _softened(finding: Finding) -> Finding:
    return replace(finding, severity=min(finding.severity, Severity.WARNING, key=_LENIENCE.index))


_LENIENCE = [Severity.NOTICE, Severity.WARNING, Severity.ERROR]


def _counts(scores: PairedScores) -> dict[str, int]:
    changed = flips(scores.observed)
    base, candidate = scores.base[scores.scored], scores.candidate[scores.scored]
    same = np.count_nonzero((base == candidate) & (base >= 0.5))
    neither = scores.observed.n - changed.total - int(same)
    return {"both": int(same), "fixes": changed.fixes, "regressions": changed.regressions, "neither": neither}


def _notices(base: EvalRun, candidate: EvalRun, quality: Pairs) -> Iterator[Finding]:
    ours, theirs = base.quality.row_counts, candidate.quality.row_counts
    if quality.n and not np.array_equal(ours[quality.base_cases], theirs[quality.candidate_cases]):
        message = (
            f"unequal repeats: {count(int(ours.sum()), 'base answer')} and "
            f"{count(int(theirs.sum()), 'candidate answer')} to {count(quality.n, 'case')}, "
            "compared by their means"
        )
        yield Finding("unequal-repeats", Severity.NOTICE, message)


def _blind_spots(
    parts: Sequence[Part],
    buckets: Sequence[BucketResult],
    safety: Safety,
    runs: Iterable[EvalRun],
    policy: Policy,
) -> Iterator[str]:
    if not safety.cases:
        yield "no safety suite was answered, so nothing is known about new unsafe answers"
    elif safety.runs < policy.safety.first_pass_runs and not any(run.deterministic for run in runs):
        yield (
            f"safety prompts were answered {safety.runs} time{'s' * (safety.runs != 1)} each, "
            f"{policy.safety.first_pass_runs} runs show rare failures better"
        )
    if not buckets:
        yield "no case names a bucket, so a drop in one slice can hide in the mean"
    yield from blind_buckets(buckets, policy)
    for part in parts:
        if part.name == "latency" and part.state == "not-measured":
            yield f"latency was not compared: {part.detail}"
        if part.name == "judge" and part.state == "unclear" and not part.gates:
            yield f"{policy.judge.metric} does not gate: its judge is not calibrated"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _tidy(value: Any) -> Any:
    # Ten significant digits: what is left of a different order of summation is not part of a verdict.
    if isinstance(value, float):
        return float(f"{value:.10g}") + 0.0
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items()}
    return [_tidy(item) for item in value] if isinstance(value, list) else value
