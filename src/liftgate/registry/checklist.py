"""What has to be there before a variant is promoted, each item computed and told with its evidence. It blocks nothing:
what blocks are the findings of `check`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from liftgate.policy import Policy
from liftgate.registry.evidence import Candidate, RegistryEvidence
from liftgate.registry.identities import model_id_form
from liftgate.registry.models import Models
from liftgate.registry.readiness import decision_path, decision_problem
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
        for item, ok, told in _items(candidate):
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
    yield _cost(report)
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


def _cost(report: Mapping[str, Any] | None) -> tuple[str, bool | None, str]:
    arms = report["arms"] if report else []
    price = next((arm["usd_per_1k"] for arm in arms if arm["name"] == "candidate"), None)
    estimate = (report["estimate"] if report else None) or {}
    if price is None:
        return "cost projection", None, "the report does not price an answer of this model"
    training = estimate.get("usd")
    told = f"${price} for 1,000 answers" + (f", training ${training}" if training is not None else "")
    return "cost projection", True, told
