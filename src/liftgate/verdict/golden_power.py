"""What a golden set can prove, told before any money is spent: the smallest lift it passes, its blind buckets.

No run exists yet, so how often two models disagree is an assumption: 12% of the answers, as in the operating
characteristics, unless an earlier comparison of the alias measured it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from liftgate.data.golden import Case, Cases
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy
from liftgate.verdict.parts import count, listed, percent, plain_percent, plain_points, points, shown
from liftgate.verdict.power import cases_needed, smallest_passable_lift

USUAL_DISAGREEMENT: Final = 0.12
"""Share of the answers that change, where nobody has measured it."""
USUAL_LIFT: Final = 0.06
"""Twice the default `min_lift`: what a fine-tune worth its money usually brings."""


@dataclass(frozen=True)
class Measured:
    """Cases of earlier reports whose answers changed between right and wrong."""

    changed: int
    cases: int
    reports: int

    @property
    def disagreement(self) -> float:
        """One more than seen, so that two equal models promise nothing for the next two."""
        return (self.changed + 1) / (self.cases + 2)


@dataclass(frozen=True)
class SmallBucket:
    """A bucket with fewer cases than the policy's `min_bucket_cases`, and what it can prove as it is.

    `provable_drop` is the share of its cases that must fall, with no case rising, before the drop is proven
    at the policy's alpha; None when even all of them would not do.
    """

    dimension: str
    name: str
    n: int
    missing: int
    provable_drop: float | None
    risky: bool

    def to_dict(self) -> dict[str, Any]:
        """The form in findings.json's `power`."""
        return {
            "dimension": self.dimension,
            "name": self.name,
            "n": self.n,
            "missing": self.missing,
            "provable_drop": None if self.provable_drop is None else _short(self.provable_drop),
            "risky": self.risky,
        }


@dataclass(frozen=True)
class GoldenPower:
    """`effective` counts clusters of near-duplicate cases once; lifts are ratios in [0, 1].

    `reports` are the earlier ones that the share of disagreement was measured in; 0 when it is assumed.
    """

    path: str
    cases: int
    effective: int
    disagreement: float
    reports: int
    power: float
    smallest_passable_lift: float
    cases_needed: int
    for_lift: float
    small_buckets: tuple[SmallBucket, ...]

    def to_dict(self) -> dict[str, Any]:
        """The form in findings.json's `power`."""
        return {
            "cases": self.cases,
            "effective_cases": self.effective,
            "disagreement": _short(self.disagreement),
            "measured_in_reports": self.reports,
            "power": self.power,
            "smallest_passable_lift": _short(self.smallest_passable_lift),
            "cases_needed": self.cases_needed,
            "for_lift": self.for_lift,
            "small_buckets": [bucket.to_dict() for bucket in self.small_buckets],
        }


def _short(ratio: float) -> float:
    return float(f"{ratio:.6g}")


def golden_power(
    golden: Cases, dimensions: Sequence[str] | None, policy: Policy, measured: Measured | None = None
) -> GoldenPower:
    """Power of a golden set by formula 5 of the verdict, before a run: with a share of disagreement that is assumed
    or was measured in earlier reports.

    `dimensions` are the suite's; None means every dimension that a case carries.
    """
    disagreement = USUAL_DISAGREEMENT if measured is None else measured.disagreement
    clusters = {case.cluster_id or f"\0{case.id}" for case in golden}
    n = len(clusters)
    # As `power_of` does after a run, with one disagreeing case more than expected.
    spread = (disagreement * n + 1) / (n + 2)
    limits = {"min_lift": policy.min_lift, "alpha": policy.alpha, "power": policy.power}
    wanted = max(2 * policy.min_lift, USUAL_LIFT)
    return GoldenPower(
        golden.path,
        len(golden),
        n,
        disagreement,
        0 if measured is None else measured.reports,
        policy.power,
        min(smallest_passable_lift(spread, n, **limits), 1.0),
        math.ceil(cases_needed(disagreement, wanted, **limits)),
        wanted,
        tuple(_small_buckets(golden.cases, dimensions, policy)),
    )


def _small_buckets(
    cases: Sequence[Case], dimensions: Sequence[str] | None, policy: Policy
) -> Iterator[SmallBucket]:
    counts = Counter(
        (dimension, name)
        for case in cases
        for dimension, name in case.buckets.items()
        if dimensions is None or dimension in dimensions
    )
    needed = max(1, math.ceil(-math.log2(policy.alpha)))
    for (dimension, name), n in sorted(counts.items()):
        if n < policy.min_bucket_cases:
            drop = needed / n if needed <= n else None
            missing = policy.min_bucket_cases - n
            yield SmallBucket(dimension, name, n, missing, drop, (dimension, name) == ("risk", "high"))


def power_findings(power: GoldenPower, policy: Policy) -> Iterator[Finding]:
    """A golden set too small for the lift that the policy asks for, and buckets too small to gate."""
    more = power.cases_needed - power.effective
    if more > 0:
        copies = f" ({power.effective:,} of them no near copies)" if power.effective < power.cases else ""
        yield Finding(
            "golden-power",
            Severity.WARNING,
            f"{count(power.cases, 'golden case')}{copies}: a candidate passes {plain_percent(policy.power)} of the "
            f"time from a true lift of {points(power.smallest_passable_lift)} on, when "
            f"{percent(power.disagreement)} of the answers change ({_source(power)}); "
            f"{count(more, 'more case')} would do for {points(power.for_lift)}",
            power.path,
        )
    for dimension in sorted({bucket.dimension for bucket in power.small_buckets}):
        small = [bucket for bucket in power.small_buckets if bucket.dimension == dimension]
        for risky, severity in ((True, Severity.ERROR), (False, Severity.WARNING)):
            if told := [bucket for bucket in small if bucket.risky is risky]:
                yield Finding("small-bucket", severity, _small_sentence(dimension, told, policy), power.path)


def _source(power: GoldenPower) -> str:
    if not power.reports:
        return "as is usual"
    return f"as in {count(power.reports, 'earlier report')}"


def _small_sentence(dimension: str, small: Sequence[SmallBucket], policy: Policy) -> str:
    small = sorted(small, key=lambda bucket: (bucket.n, bucket.name))
    names = listed([f"{bucket.name} ({bucket.n}, add {bucket.missing})" for bucket in small])
    worst = small[0]
    proof = (
        f"in {shown(worst.name)} a drop is proven from {plain_points(round(worst.provable_drop, 3))} on"
        if worst.provable_drop is not None
        else f"in {shown(worst.name)} no drop can ever be proven"
    )
    return (
        f"{shown(dimension)}: {count(len(small), 'bucket has', 'buckets have')} fewer than "
        f"{policy.min_bucket_cases} golden cases, so a drop there can go unseen ({proof}): {names}"
    )
