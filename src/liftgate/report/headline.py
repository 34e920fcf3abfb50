"""One sentence a reviewer can act on, for every way in which a verdict can come about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.reviews import accepted_safety
from liftgate.report.tables import (
    Report,
    bucket_name,
    buckets_worst_first,
    candidate_of,
    part_name,
    parts_in,
    winning_arm,
)

OPENINGS = {
    "pass": "Pass, may be merged",
    "block": "Blocked, do not merge",
    "insufficient-evidence": "Insufficient evidence, do not merge yet",
}
# What only waits, when nothing else is wrong: its finding says for whom or for what.
UNDER_WAY = {
    "training-running": "Not finished, do not merge yet",
    "approval-missing": "Waiting, do not merge yet",
}
WAVED_THROUGH = "Insufficient evidence, may be merged because the policy only warns"
HEADLINE_LIMIT = 400

Reasons = Mapping[str, Callable[[Mapping[str, Any]], str]]


def headline(report: Report) -> str:
    """The verdict, what to do about the merge, and the one reason that weighs most. Plain text, one line."""
    opening, why = told(report)
    return clean(f"{opening}: {why}.", HEADLINE_LIMIT)


def told(report: Report) -> tuple[str, str]:
    """The verdict with what to do about the merge, and the reason without a full stop."""
    opening = WAVED_THROUGH if report.get("waved_through") else OPENINGS[report["verdict"]]
    match report["verdict"]:
        case "pass":
            opening, why = _cheaper_arm(report) or (opening, _why_pass(report))
        case "block":
            if waits := _waits(report):
                return UNDER_WAY[waits["rule"]], str(waits["message"]).rstrip(". ")
            why = _why_not(report, _FAILED, "fail") + _other_way_out(report)
        case _:
            why = _why_not(report, _UNCLEAR, "unclear", "not-measured") + _other_way_out(report)
    if report["verdict"] == "pass" or report.get("waved_through"):
        why = _signed_for(report) + why
    return opening, why.rstrip(". ")


def _waits(report: Report) -> Mapping[str, Any] | None:
    """The one error of a report that nothing is wrong with but that it is not there yet."""
    errors = [found for found in report["findings"] if found["severity"] == "error"]
    alone = report["comparison"] is None and len(errors) == 1
    return errors[0] if alone and errors[0]["rule"] in UNDER_WAY else None


def _signed_for(report: Report) -> str:
    """A newly unsafe answer that somebody accepted is the first thing to say, before any good news."""
    signed = [
        f"{each['case_id']} is newly unsafe and accepted by {each['owner']} until {each['expires']}; "
        for each in accepted_safety(report)
    ]
    more = f"{numbers.count(len(signed) - 2)} more such waivers; " if len(signed) > 2 else ""
    return "".join(signed[:2]) + more


def _why_pass(report: Report) -> str:
    comparison = report["comparison"]
    if comparison is None:
        kinds = set(report["plan"]["kinds"])
        if kinds == {"rollback"}:
            return "a rollback needs no new evidence"
        if kinds <= {"none"}:
            return "nothing to gate, the change touches no dataset, evals, policy or models.yaml"
        return f"the plan ({', '.join(report['plan']['kinds'])}) asks for no comparison"
    lift = comparison["lift"]
    change = numbers.change(lift["mean"], lift["low"], lift["high"])
    cases = numbers.plural(lift["n"], "case")
    lifts = f"the candidate lifts {lift['metric']} by {change}"
    return f"{lifts} over base on {cases}, and every part that gates is ok"


def _cheaper_arm(report: Report) -> tuple[str, str] | None:
    winner, candidate = winning_arm(report), candidate_of(report)
    if winner is None or candidate is None:
        return None
    if winner is candidate:
        return _optimisation(report)
    if winner["kind"] == "promoted":
        return (
            "Pass, but nothing new is needed",
            f"{winner['name']}, which callers get today, clears the same bar",
        )
    clears = f"{winner['name']} clears the same bar as the tuned model"
    ours, theirs = winner["usd_per_1k"], candidate["usd_per_1k"]
    if ours is None or theirs is None or Decimal(ours) >= Decimal(theirs):
        return "Pass, but prefer the untuned arm", f"{clears} without any training"
    prices = f"{numbers.usd_rate(ours)} against {numbers.usd_rate(theirs)} per 1,000 answers"
    never = ", so the training is never paid back" if report.get("break_even") else ""
    return "Pass, but prefer the cheaper arm", f"{clears} and costs less ({prices}){never}"


def _optimisation(report: Report) -> tuple[str, str] | None:
    """The tuned model is cheaper than an untuned arm that clears the bar, too: its training has to pay."""
    even = report.get("break_even")
    if not even:
        return None
    clears = f"{even['against']} clears the same bar without training"
    return "Pass, as an optimisation", f"{clears}; {_pays_back(even)}"


def _pays_back(even: Mapping[str, Any]) -> str:
    if even["state"] != "pays-back":
        return "when the tuned model pays back its training is not known, because a price is missing"
    training, requests = numbers.usd(even["training_usd"]), numbers.plural(even["requests"], "request")
    return f"the tuned model pays back its training of {training} after {requests}"


def _other_way_out(report: Report) -> str:
    winner = winning_arm(report)
    told = any(f["rule"] == "cheaper-arm-clears" and f["severity"] == "error" for f in report["findings"])
    if winner is None or winner["name"] == report["candidate_arm"] or told:
        return ""
    return f"; {winner['name']} clears the bar without it"


def _why_not(report: Report, why: Reasons, *states: str) -> str:
    comparison = report["comparison"]
    if comparison is None or not (parts := parts_in(comparison, *states)):
        return _why_without_parts(report)
    first, *others = parts
    sentence = why[first["name"]](comparison) if first["name"] in why else ""
    sentence = (
        sentence
        or first["detail"].rstrip(". ")
        or f"{part_name(comparison, first['name'])} is {first['state']}"
    )
    if others:
        word = "also failing" if first["state"] == "fail" else "also unclear"
        sentence += f"; {word}: {', '.join(part_name(comparison, p['name']) for p in others)}"
    return sentence


def _why_without_parts(report: Report) -> str:
    estimate = report["estimate"]
    errors = [f for f in report["findings"] if f["severity"] == "error"]
    if stopped := next((f for f in report["findings"] if f["rule"] == "evaluation-unfinished"), None):
        return "the evaluation is not finished: " + str(stopped["message"])
    if (
        report["verdict"] != "block"
        and report["training"] is None
        and estimate
        and not estimate["auto_approved"]
    ):
        return f"training would cost {numbers.usd(estimate['usd'])} and waits for an approval"
    if not errors:
        return "nothing was compared" if report["comparison"] is None else "a part of the verdict is missing"
    first, before = errors[0], ""
    if report["comparison"] is None and report["training"] is None:
        before = " before anything was trained"
    if first["path"] is None:
        found = first["message"].rstrip(". ")
    else:
        found = f"{first['rule']} at {first['path']}" + (
            f":{first['line']}" if first["line"] is not None else ""
        )
    if len(errors) == 1 and first["path"] is None and not before:
        return str(found)
    return f"{numbers.plural(len(errors), 'error')}{before}, first {found}"


def _lift_failed(comparison: Mapping[str, Any]) -> str:
    lift = comparison["lift"]
    if lift["mean"] is None:
        return ""
    needs = next((p["needs"] for p in comparison["parts"] if p["name"] == "lift"), "")
    return (
        f"{lift['metric']} changes by {numbers.change(lift['mean'], lift['low'], lift['high'])} on "
        f"{numbers.plural(lift['n'], 'case')}, which falls short" + (f" (needs {needs})" if needs else "")
    )


def _lift_unclear(comparison: Mapping[str, Any]) -> str:
    lift, power = comparison["lift"], comparison["power"] or {}
    if lift["mean"] is None:
        return ""
    sentence = (
        f"{lift['metric']} changes by {numbers.change(lift['mean'], lift['low'], lift['high'])} on "
        f"{numbers.plural(lift['n'], 'case')}, too few to tell"
    )
    needed = power.get("cases_needed")
    return sentence + (f"; about {numbers.count(needed)} would settle it" if needed else "")


def _safety_failed(comparison: Mapping[str, Any]) -> str:
    safety = comparison["safety"] or {"newly_unsafe": []}
    unsafe = [s["case_id"] for s in safety["newly_unsafe"] if s["state"] == "fail"]
    if not unsafe:
        return ""
    return (
        f"the candidate is newly unsafe on {numbers.count(len(unsafe))} of "
        f"{numbers.plural(safety['cases'], 'safety case')} ({_some(unsafe)})"
    )


def _safety_unclear(comparison: Mapping[str, Any]) -> str:
    safety = comparison["safety"] or {"newly_unsafe": []}
    unsafe = [s["case_id"] for s in safety["newly_unsafe"] if s["state"] == "unclear"]
    if not unsafe:
        return ""
    cases = numbers.plural(len(unsafe), "safety case")
    return f"a person must read {cases} where only the candidate was unsafe ({_some(unsafe)})"


def _buckets_failed(comparison: Mapping[str, Any]) -> str:
    return _drops(comparison, "fail", _drop)


def _buckets_unclear(comparison: Mapping[str, Any]) -> str:
    # What would settle it stands in the bucket's own words.
    return _drops(comparison, "unclear", lambda bucket: str(bucket["detail"]))


def _drop(bucket: Mapping[str, Any]) -> str:
    return (
        f"bucket {bucket_name(bucket)} drops {numbers.distance(bucket['change'])} points on "
        f"{numbers.plural(bucket['n'], 'case')} ({numbers.p_value(bucket['p'])})"
    )


def _drops(comparison: Mapping[str, Any], state: str, told: Callable[[Mapping[str, Any]], str]) -> str:
    buckets = [b for b in buckets_worst_first(comparison) if b["state"] == state]
    if not buckets:
        return ""
    worst, lift = buckets[0], comparison["lift"]
    sentence = told(worst)
    if len(buckets) > 1:
        sentence += f", and {numbers.plural(len(buckets) - 1, 'more bucket')} with it"
    if lift["mean"] is not None and lift["mean"] > 0:
        sentence += f", although {lift['metric']} rises {numbers.distance(lift['mean'])} points overall"
    return sentence


def _regressions_failed(comparison: Mapping[str, Any]) -> str:
    wrong, n = comparison["counts"]["regressions"], comparison["lift"]["n"]
    return (
        f"the candidate gets {numbers.count(wrong)} of {numbers.plural(n, 'case')} wrong that base got right"
    )


_FAILED: Reasons = {
    "lift": _lift_failed,
    "safety": _safety_failed,
    "buckets": _buckets_failed,
    "regression-share": _regressions_failed,
}
_UNCLEAR: Reasons = {"lift": _lift_unclear, "safety": _safety_unclear, "buckets": _buckets_unclear}


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {numbers.count(len(names) - 3)} more" if len(names) > 3 else "")
