"""The rows that comment, page and terminal share, as plain text with their numbers already rounded.

Nothing here is escaped: each renderer does that for the place where the text goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liftgate.report import numbers

Report = Mapping[str, Any]

_SIDES = ("base", "candidate")
_RANK = {"fail": 0, "unclear": 1, "ok": 2, "not-measured": 3}
_PART_NAMES = {
    "safety": "safety",
    "buckets": "buckets",
    "regression-share": "regressions",
    "json-valid": "valid JSON",
    "completeness": "answers",
    "latency": "latency P95",
    "cost": "per 1,000 answers",
    "judge": "judge",
}
_PART_ORDER = ["lift", *_PART_NAMES]


@dataclass(frozen=True)
class PartRow:
    """One part of the verdict that was measured."""

    name: str
    base: str
    candidate: str
    lift: str
    needs: str
    state: str
    gates: bool


@dataclass(frozen=True)
class ArmRow:
    """One way of answering."""

    name: str
    model: str
    score: str
    lift: str
    p95: str
    usd: str
    bar: str
    wins: bool


@dataclass(frozen=True)
class BucketRow:
    """One slice of the cases; `blind` means that a drop in so few cases can go unseen."""

    name: str
    n: str
    base: str
    candidate: str
    change: str
    flips: str
    p: str
    state: str
    blind: bool


def part_name(comparison: Mapping[str, Any], name: str) -> str:
    """What people call a part: the lift is called after its metric."""
    return str(comparison["lift"]["metric"]) if name == "lift" else _PART_NAMES.get(name, name)


def parts_in(comparison: Mapping[str, Any] | None, *states: str) -> list[Mapping[str, Any]]:
    """The gating parts in one of these states, in the order in which people should hear of them."""
    parts = comparison["parts"] if comparison else []
    urgency = ["completeness", "safety", "lift", "buckets", "regression-share"]
    found = [p for p in parts if p["state"] in states and p["gates"]]
    return sorted(found, key=lambda p: urgency.index(p["name"]) if p["name"] in urgency else len(urgency))


def part_rows(report: Report) -> list[PartRow]:
    """One row for each part that was measured, or that gates although it was not."""
    comparison = report["comparison"]
    if comparison is None:
        return []
    order = {name: i for i, name in enumerate(_PART_ORDER)}
    parts = sorted(comparison["parts"], key=lambda p: order.get(p["name"], len(order)))
    return [_part_row(comparison, p) for p in parts if p["state"] != "not-measured" or p["gates"]]


def _part_row(comparison: Mapping[str, Any], part: Mapping[str, Any]) -> PartRow:
    base, candidate, lift = _part_figures(comparison, part)
    return PartRow(
        name=part_name(comparison, part["name"]),
        base=base,
        candidate=candidate,
        lift=lift,
        needs=part["needs"],
        state=part["state"],
        gates=part["gates"],
    )


def _part_figures(comparison: Mapping[str, Any], part: Mapping[str, Any]) -> tuple[str, str, str]:
    lift, counts = comparison["lift"], comparison["counts"]
    match part["name"]:
        case "lift":
            sides = [numbers.percent(comparison[side]["mean"]) for side in _SIDES]
            return sides[0], sides[1], numbers.change(lift["mean"], lift["low"], lift["high"])
        case "regression-share":
            share = numbers.percent(counts["regressions"] / lift["n"]) if lift["n"] else numbers.NONE
            return "", "", f"{numbers.count(counts['regressions'])} of {numbers.count(lift['n'])} ({share})"
        case "buckets" if worst := worst_bucket(comparison):
            sides = [numbers.percent(worst[side]) for side in _SIDES]
            change = numbers.change(worst["change"], worst["low"], worst["high"])
            return sides[0], sides[1], f"worst {bucket_name(worst)}: {change}"
        case "safety" if safety := comparison["safety"]:
            sides = [f"{numbers.count(safety[f'{side}_unsafe'])} unsafe" for side in _SIDES]
            newly, proven = (
                len(safety["newly_unsafe"]),
                sum(c["state"] == "fail" for c in safety["newly_unsafe"]),
            )
            told = f"{numbers.count(newly)} newly unsafe of {numbers.count(safety['cases'])}"
            return sides[0], sides[1], told + (f", {numbers.count(proven)} proven" if newly else "")
        case "latency" if latency := comparison["latency"]:
            sides = [numbers.milliseconds(latency[f"{side}_p95_ms"]) for side in _SIDES]
            return sides[0], sides[1], numbers.ratio(latency["ratio"], latency["low"], latency["high"])
        case "cost" if cost := comparison.get("cost"):
            prices = [numbers.usd_rate(cost[f"{side}_usd_per_1k"]) for side in _SIDES]
            return prices[0], prices[1], numbers.ratio(cost["ratio"])
        case "json-valid" if row := next(
            (m for m in comparison["metrics"] if m["metric"] == "json_valid"), None
        ):
            sides = [numbers.percent(row[side]) for side in _SIDES]
            return sides[0], sides[1], numbers.change(row["change"], row["low"], row["high"])
    return "", "", part["detail"]


def bucket_name(bucket: Mapping[str, Any]) -> str:
    """`intent=billing`."""
    return f"{bucket['dimension']}={bucket['name']}"


def buckets_worst_first(comparison: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Failing, unclear, fine; within each the largest drop first."""
    return sorted(
        comparison["buckets"],
        key=lambda b: (
            _RANK.get(b["state"], 9),
            b["change"] if b["change"] is not None else 9,
            b["dimension"],
            b["name"],
        ),
    )


def worst_bucket(comparison: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The bucket that people should look at first; one too small to gate only when nothing else is wrong."""
    buckets = buckets_worst_first(comparison)
    return min(buckets, key=lambda b: (_RANK.get(b["state"], 9), b["blind"]), default=None)


def bucket_row(bucket: Mapping[str, Any]) -> BucketRow:
    """One bucket as people read it."""
    return BucketRow(
        name=bucket_name(bucket),
        n=numbers.count(bucket["n"]),
        base=numbers.percent(bucket["base"]),
        candidate=numbers.percent(bucket["candidate"]),
        change=numbers.change(bucket["change"], bucket["low"], bucket["high"]),
        flips=f"{numbers.count(bucket['fixes'])} / {numbers.count(bucket['regressions'])}",
        p=numbers.p_value(bucket["p"]),
        state=bucket["state"],
        blind=bucket["blind"],
    )


def primary_metric(report: Report) -> str | None:
    """The metric whose lift decides."""
    if report["comparison"]:
        return str(report["comparison"]["lift"]["metric"])
    return next((name for arm in report["arms"] for name in arm["metrics"]), None)


def winning_arm(report: Report) -> Mapping[str, Any] | None:
    """The cheapest arm that clears the bar."""
    return next((arm for arm in report["arms"] if arm["clears_bar"] and arm["cheapest"]), None)


def candidate_of(report: Report) -> Mapping[str, Any] | None:
    """The arm under judgement."""
    return next((arm for arm in report["arms"] if arm["name"] == report["candidate_arm"]), None)


def arm_rows(report: Report) -> list[ArmRow]:
    """One row an arm, in the suite's order."""
    metric, winner = primary_metric(report), winning_arm(report)
    return [_arm_row(arm, metric, report["base_arm"], arm is winner) for arm in report["arms"]]


def _arm_row(arm: Mapping[str, Any], metric: str | None, base_arm: str | None, wins: bool) -> ArmRow:
    lift = arm["comparison"]["lift"] if arm["comparison"] else None
    if arm["name"] == base_arm:
        shown_lift, bar = "is the base", numbers.NONE
    else:
        shown_lift = numbers.change(lift["mean"], lift["low"], lift["high"]) if lift else numbers.NONE
        bar = {True: "yes", False: "no", None: numbers.NONE}[arm["clears_bar"]]
    return ArmRow(
        name=arm["name"] if arm["alias_of"] is None else f"{arm['name']} (same as {arm['alias_of']})",
        model=arm["model"],
        score=numbers.percent(arm["metrics"].get(metric)),
        lift=shown_lift,
        p95=numbers.milliseconds(arm["p95_ms"]),
        usd=numbers.usd_rate(arm["usd_per_1k"]),
        bar="yes, cheapest" if wins else bar,
        wins=wins,
    )
