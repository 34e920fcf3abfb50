"""What has to be there before a variant is promoted, each item computed and told with its evidence. It blocks nothing:
what blocks are the findings of `check`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from liftgate.findings import Finding
from liftgate.policy import Policy
from liftgate.registry.evidence import Candidate, RegistryEvidence
from liftgate.registry.history import step_began
from liftgate.registry.identities import model_id_form
from liftgate.registry.models import Models, Variant
from liftgate.registry.readiness import decision_path, decision_problem, full_rollout, shadow
from liftgate.registry.signoff import signed_off

Item = dict[str, Any]
"""`item` in words, `ok` (None where nothing says so), `evidence` in words, not escaped."""


def checklist(
    alias: str,
    before: Models | None,
    after: Models | None,
    evidence: RegistryEvidence,
    policy: Policy,
    now: datetime.datetime,
) -> list[Item]:
    """The pre-deploy checklist of each variant of `alias` that the change exposes to more callers; [] when none is."""
    old = before.aliases.get(alias) if before else None
    new = after.aliases.get(alias) if after else None
    if new is None or after is None:
        return []
    raised = [
        variant
        for variant in new.variants.values()
        if variant.rollout_percent
        > (old.variants[variant.name].rollout_percent if old and variant.name in old.variants else 0)
    ]
    items: list[Item] = []
    for variant in raised:
        prefix = f"{variant.name}: " if len(raised) > 1 else ""
        candidate = Candidate(alias, variant, after, evidence, policy, now)
        there = old.variants.get(variant.name) if old else None
        steps = _steps(candidate, there) if there is not None else ()
        for item, ok, told in (*_items(candidate), *steps):
            items.append({"item": f"{prefix}{item}", "ok": ok, "evidence": told})
    return items


def _items(candidate: Candidate) -> Iterator[tuple[str, bool | None, str]]:
    entry, policy = candidate.variant.entry, candidate.policy
    report = candidate.pinned("report")[0] if "report" in entry else None
    problem = decision_problem(candidate)
    yield "decision document", problem is None, problem or decision_path(candidate.alias, candidate.variant)
    yield _dataset(entry["dataset"])
    found = [finding.rule for finding in signed_off(candidate)]
    if {"report-altered", "report-missing"} & set(found):
        report = None
    yield _evaluation(entry, report, [rule for rule in found if rule != "safety-not-clean"])
    yield _safety(report, "safety-not-clean" in found)
    yield _gateway(candidate)
    yield _flag(candidate)
    yield _cost(entry, report)
    runbook = str(entry.get("runbook", ""))
    there = bool(candidate.evidence.files.get(runbook, b"").strip())
    yield "rollback runbook", there, runbook if there else "`runbook` names no file of this repository"
    trigger = entry.get("retrain_trigger")
    rows = policy.trigger.min_reviewed_rows
    yield (
        "retrain trigger",
        True if trigger else None,
        trigger
        or f"`retrain_trigger` is not set; the policy asks for {rows} reviewed rows before a training",
    )
    people = [str(entry.get(key, "")).strip() for key in ("owner", "on_call")]
    yield "on-call", all(people), f"owner {people[0] or 'not set'}, on-call {people[1] or 'not set'}"


def _steps(candidate: Candidate, there: Variant) -> Iterator[tuple[str, bool | None, str]]:
    """What the step before has shown, and for 100% what the endpoint bears and who practised the way back."""
    was, policy = there.rollout_percent, candidate.policy.rollout
    began = step_began(candidate.evidence.history, candidate.alias, there)
    if policy.min_hours:
        lasted = None if began is None else (candidate.now - began) / datetime.timedelta(hours=1)
        told = (
            "the base branch's history does not say since when" if lasted is None else f"{lasted:.0f} hours"
        )
        yield (
            f"time at {was}%",
            lasted is not None and lasted >= policy.min_hours,
            f"{told}; the policy wants {policy.min_hours}",
        )
    if policy.min_shadow_requests:
        yield _measured(candidate, f"requests at {was}%", "shadow_report", list(shadow(candidate, there)))
    if candidate.variant.rollout_percent == 100:
        found = list(full_rollout(candidate))
        load = [each for each in found if each.rule != "rollback-drill-missing"]
        yield _measured(candidate, "load test", "load_report", load)
        drill = candidate.variant.entry.get("rollback_drill")
        told = "not practised" if drill is None else f"{drill['on']} by {drill['by']}"
        if drill is not None and "seconds" in drill:
            told += f", {drill['seconds']} s"
        yield "rollback drill", len(found) == len(load), told


def _measured(
    candidate: Candidate, item: str, key: str, found: list[Finding]
) -> tuple[str, bool | None, str]:
    """A report that is pinned: what it says, or what is wrong with it."""
    if found:
        return item, False, "; ".join(each.message.removeprefix(f"{candidate.named}: ") for each in found)
    report = candidate.pinned(key)[0] or {}
    told = f"{report['requests']:,} requests, {report['errors']:,} errors"
    if key == "load_report":
        told += f", concurrency {report['concurrency']}, P95 {report['p95_ms']:.0f} ms"
        told += f", {report['share_429']:.1%} answered 429"
    else:
        told += f", {report['from']} to {report['to']}"
    return item, True, f"{told} ({candidate.variant.entry[key]['path']})"


def _dataset(pinned: Mapping[str, Any]) -> tuple[str, bool | None, str]:
    version, sha256 = pinned["version"], pinned.get("train_sha256")
    return (
        "dataset version",
        sha256 is not None,
        f"{version}, sha256 {sha256[:12]}…" if sha256 else f"{version}, its sha256 is not pinned",
    )


def _evaluation(
    entry: Mapping[str, Any], report: Mapping[str, Any] | None, found: list[str]
) -> tuple[str, bool | None, str]:
    if found or report is None:
        return "held-out evaluation", False, ", ".join(sorted(set(found)))
    lift = report["comparison"]["lift"]
    return (
        "held-out evaluation",
        True,
        f"{entry['report']['path']}: pass on {lift['n']} cases, {lift['metric']}",
    )


def _safety(report: Mapping[str, Any] | None, unclean: bool) -> tuple[str, bool | None, str]:
    comparison = report["comparison"] if report else None
    parts = comparison["parts"] if comparison else []
    told = next((str(part["detail"]) for part in parts if part["name"] == "safety"), "not measured")
    return "safety suite", bool(parts) and not unclean, told


def _gateway(candidate: Candidate) -> tuple[str, bool | None, str]:
    wrong = list(model_id_form(candidate.models, candidate.alias, candidate.variant))
    key = ("models", candidate.alias, "variants", candidate.variant.name, "model_id")
    place = f"{candidate.models.path}:{candidate.models.document.line(key)}"
    told = wrong[0].message if wrong else f"{place}, a model at {candidate.variant.model.provider}"
    return "gateway entry", not wrong, told


def _flag(candidate: Candidate) -> tuple[str, bool | None, str]:
    for state in candidate.evidence.history:
        there = state.variant(candidate.alias, candidate.variant.name)
        if there is not None:
            told = f"{there.flag} was at {there.rollout_percent}% in {state.commit[:12]}, the first commit that has it"
            return "flag off by default", there.rollout_percent == 0, told
    return "flag off by default", None, "the base branch's history does not hold the variant"


def _cost(entry: Mapping[str, Any], report: Mapping[str, Any] | None) -> tuple[str, bool | None, str]:
    arms = report["arms"] if report else []
    price = next((arm["usd_per_1k"] for arm in arms if arm["name"] == "candidate"), None)
    estimate = (report["estimate"] if report else None) or {}
    if price is None:
        return "cost projection", None, "the report does not price an answer of this model"
    paid, foreseen = entry.get("training_usd"), estimate.get("usd")
    training = f", training {paid} USD paid" if paid else f", training {foreseen} USD" if foreseen else ""
    return "cost projection", True, f"{_rounded(Decimal(price))} USD for 1,000 answers{training}"


def _rounded(usd: Decimal) -> str:
    """To a cent, or to two digits where it is less: as exact as a projection is."""
    return format(usd.quantize(Decimal(1).scaleb(min(-2, usd.adjusted() - 1))), "f")
