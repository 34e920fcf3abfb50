"""Did a slice of the cases fall while the whole rose?

A drop blocks when an exact one-sided McNemar test proves it at a level shared (Tarone) among the buckets
whose flips could reach significance at all. A drop that is not proven is unclear, never ok.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from liftgate.evaluation.result_rows import Ints
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy, exact, more_than
from liftgate.verdict import stats
from liftgate.verdict.lift import few_clusters
from liftgate.verdict.pairs import Flips, PairedScores, Pairs, Reading, bounds, flips
from liftgate.verdict.parts import (
    Part,
    State,
    confidence,
    count,
    listed,
    p_value,
    plain_points,
    points,
    shown,
    signed,
)
from liftgate.verdict.power import cases_needed

_ROUNDING = 1e-12


@dataclass(frozen=True)
class BucketResult:
    """One bucket under the primary metric; `p` is the exact one-sided McNemar p-value for "worse"."""

    dimension: str
    name: str
    n: int
    base: float | None
    candidate: float | None
    fixes: int
    regressions: int
    change: float | None
    low: float
    high: float
    p: float
    state: State
    blind: bool
    evidence: str
    detail: str

    @property
    def label(self) -> str:
        """`intent=refund`."""
        return f"{self.dimension}={self.name}"

    @property
    def gates(self) -> bool:
        """Whether the state counts."""
        return self.evidence != "report"

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class _Slice:
    dimension: str
    name: str
    cases: Ints
    pessimistic: Reading
    optimistic: Reading
    clusters: Ints | None
    flips: Flips  # what the test counts
    evidence: str


def judge_buckets(pairs: Pairs, scores: PairedScores, policy: Policy) -> list[BucketResult]:
    """Every bucket of every dimension, in the order of their names."""
    slices = list(_slices(pairs, scores, policy))
    level = exact(policy.alpha)
    gating = [each.flips.total for each in slices if each.evidence != "report"]
    k = stats.tarone_k(gating, level)
    return [_judged(each, scores, policy, level, k) for each in slices]


def _slices(pairs: Pairs, scores: PairedScores, policy: Policy) -> Iterator[_Slice]:
    for dimension, sliced in pairs.dimensions.items():
        order = np.argsort(sliced.codes, kind="stable")
        edges = np.searchsorted(sliced.codes[order], np.arange(len(sliced.names) + 1))
        for code, name in enumerate(sliced.names):
            cases = order[edges[code] : edges[code + 1]]
            clusters = None
            if pairs.clusters is not None:
                present, coded = np.unique(pairs.clusters[cases], return_inverse=True)
                clusters = coded.astype(np.int64) if present.size < cases.size else None
            pessimistic = scores.pessimistic.of(cases)
            certain = scores.optimistic is scores.pessimistic
            optimistic = pessimistic if certain else scores.optimistic.of(cases)
            yield _Slice(
                dimension=dimension,
                name=name,
                cases=cases,
                pessimistic=pessimistic,
                optimistic=optimistic,
                clusters=clusters,
                flips=flips(optimistic, clusters),
                evidence=policy.evidence_for(dimension, name),
            )


def _judged(each: _Slice, scores: PairedScores, policy: Policy, level: Fraction, k: int) -> BucketResult:
    base, candidate = scores.base[each.cases], scores.candidate[each.cases]
    scored = ~(np.isnan(base) | np.isnan(candidate))
    counted = Reading(candidate[scored] - base[scored], binary=False, flips=False).signs
    n_scored = int(scored.sum())
    base_mean = math.fsum(base[scored].tolist()) / n_scored if n_scored else None
    candidate_mean = math.fsum(candidate[scored].tolist()) / n_scored if n_scored else None
    certain = each.pessimistic is each.optimistic
    worst = bounds(each.pessimistic, policy.alpha, each.clusters)
    low, high = worst.low, (worst if certain else bounds(each.optimistic, policy.alpha, each.clusters)).high
    state = _state(each, low, policy, level, k)
    n = each.pessimistic.n
    return BucketResult(
        dimension=each.dimension,
        name=each.name,
        n=n,
        base=base_mean,
        candidate=candidate_mean,
        fixes=counted.fixes,
        regressions=counted.regressions,
        change=None if base_mean is None or candidate_mean is None else candidate_mean - base_mean,
        low=low,
        high=high,
        p=stats.mcnemar_worse(each.flips.fixes, each.flips.regressions),
        state=state,
        blind=n < policy.min_bucket_cases,
        evidence=each.evidence,
        detail=_told(each, state, low, policy, k),
    )


def _state(each: _Slice, low: float, policy: Policy, level: Fraction, k: int) -> State:
    drops = _drops_by_more(each.optimistic, policy.bucket_max_drop)
    if drops and stats.worse_proven(each.flips.fixes, each.flips.regressions, level / k):
        return "fail"
    if each.evidence == "noninferior":
        proven = low > -policy.bucket_max_drop and not few_clusters(each.clusters)
        return "ok" if proven else "unclear"
    small = (
        not _drops_by_more(each.pessimistic, policy.bucket_max_drop)
        or -each.pessimistic.total < 2 - _ROUNDING
    )
    return "ok" if small else "unclear"


def _drops_by_more(reading: Reading, limit: float) -> bool:
    # 2 of 40 is not more than 5%: whole numbers are compared as such.
    if reading.binary:
        return more_than(-round(reading.total), limit, reading.n)
    return -reading.mean > limit + _ROUNDING


def _told(each: _Slice, state: State, low: float, policy: Policy, k: int) -> str:
    worst = each.pessimistic
    label = f"bucket {shown(each.dimension)}={shown(each.name)}"
    net = -worst.total
    certain = worst is each.optimistic or np.array_equal(worst.differences, each.optimistic.differences)
    held = "" if certain else ", unscored answers held against the candidate"
    lost = f"{count(round(net, 1), 'net regression')} of {worst.n:,}"
    p = stats.mcnemar_worse(each.flips.fixes, each.flips.regressions)
    if state == "fail":
        shared = f", level {policy.alpha:g}" + (f" shared by {k} buckets" if k > 1 else "")
        return f"{label}: {points(worst.mean)}, {lost}, proven ({p_value(p)}{shared})"
    if state == "ok":
        return f"{label}: {points(worst.mean)} over {count(worst.n, 'case')}{held}"
    spread = (math.fsum((worst.differences**2).tolist()) + 1) / (worst.n + 2)
    if each.evidence == "noninferior" and not (net >= 2 and _drops_by_more(worst, policy.bucket_max_drop)):
        limit = policy.bucket_max_drop
        told = (
            f"{label}: {points(worst.mean)} over {count(worst.n, 'case')}, but a drop of more than "
            f"{plain_points(limit)} is not ruled out ({confidence(policy.alpha)} lower bound {signed(low)}){held}"
        )
        return told + _would_show(spread, limit + min(worst.mean, 0.0), worst.n, policy.alpha, policy.power)
    told = f"{label}: {points(worst.mean)}, {lost}, not proven ({p_value(p)}){held}"
    return told + _would_show(spread, -worst.mean, worst.n, policy.alpha / k, policy.power)


def _would_show(spread: float, distance: float, n: int, alpha: float, power: float) -> str:
    if distance <= 0:
        return ""
    needed = cases_needed(spread, distance, min_lift=0.0, alpha=alpha, power=power)
    return f"; {count(max(math.ceil(needed), n + 1), 'case')} would show it" if needed < 1e9 else ""


def buckets_part(buckets: Sequence[BucketResult], policy: Policy) -> Part:
    """All gating buckets as one part."""
    needs = f"no bucket down by more than {plain_points(policy.bucket_max_drop)}"
    if not buckets:
        return Part("buckets", "not-measured", "no case names a bucket", needs, gates=False)
    gating = [bucket for bucket in buckets if bucket.gates]
    failed = [bucket for bucket in gating if bucket.state == "fail"]
    unclear = [bucket for bucket in gating if bucket.state == "unclear"]
    total = count(len(gating), "bucket")
    if failed:
        told = f"{len(failed):,} of {total} proven worse: {listed([bucket.label for bucket in failed])}"
        return Part("buckets", "fail", told, needs)
    if unclear:
        labels = listed([bucket.label for bucket in unclear])
        told = f"{len(unclear):,} of {total} not proven either way: {labels}"
        return Part("buckets", "unclear", told, needs)
    if not gating:
        return Part("buckets", "ok", f"{count(len(buckets), 'bucket')} reported only", needs, gates=False)
    return Part("buckets", "ok", f"{total}, none down by more", needs)


def bucket_findings(buckets: Sequence[BucketResult]) -> Iterator[Finding]:
    """One finding for each bucket that is not ok; those that are only reported inform."""
    for bucket in buckets:
        if bucket.state == "fail":
            severity = Severity.ERROR if bucket.gates else Severity.NOTICE
            yield Finding("bucket-regression", severity, bucket.detail)
        elif bucket.state == "unclear":
            severity = Severity.WARNING if bucket.gates else Severity.NOTICE
            yield Finding("bucket-unproven", severity, bucket.detail)


def blind_buckets(buckets: Sequence[BucketResult], policy: Policy) -> Iterator[str]:
    """One sentence a dimension about the buckets too small to show a drop."""
    for dimension in sorted({bucket.dimension for bucket in buckets}):
        small = [bucket for bucket in buckets if bucket.dimension == dimension and bucket.blind]
        if small:
            small.sort(key=lambda bucket: (bucket.n, bucket.name))
            names = listed([f"{bucket.name} ({bucket.n})" for bucket in small])
            yield (
                f"{shown(dimension)}: {count(len(small), 'bucket has', 'buckets have')} fewer than "
                f"{policy.min_bucket_cases} cases, so a drop there can go unseen: {names}"
            )
