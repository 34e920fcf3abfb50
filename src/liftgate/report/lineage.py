"""Where a model comes from, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.training.ledger import Entry
from liftgate.training.lineage import Lineage

_LIMIT: Final = 200
_SHORT: Final = 12


class ServedStep(NamedTuple):
    """Since when callers get a model at which share, by a commit of models.yaml."""

    at: str
    commit: str
    percent: int


def trace_text(found: Lineage, model_id: str, served: Sequence[ServedStep] = ()) -> str:
    """One line a question: data, base, job, cost, approval, verdicts, and the steps by which callers got it."""
    lines = [*_trained(found), *_cost(found), _approved(found), *_measured(found), *_served(served)]
    width = max(len(name) for name, _ in lines)
    told = [f"  {name.ljust(width)}  {clean(text, _LIMIT)}" for name, text in lines]
    return "\n".join([clean(model_id, _LIMIT), *told]) + "\n"


def _trained(found: Lineage) -> Iterator[tuple[str, str]]:
    manifest = found.plan["manifest"] if found.plan else None
    if manifest is None:
        yield "data", "unknown: the ledger holds no plan of it"
    else:
        data = manifest["dataset"]
        yield "data", f"{manifest['alias']} {data['version']}, training rows sha256 {data['train_sha256']}"
        if data["validation_sha256"]:
            yield "", f"validation rows sha256 {data['validation_sha256']}"
        chosen = ", ".join(
            f"{key} {value}" for key, value in manifest["hyperparameters"].items() if key != "grader"
        )
        yield "base", f"{manifest['base']} by {manifest['method']}, {chosen}, seed {manifest['seed']}"
    yield "manifest", found.digest
    job, ended = found.job, found.ended
    if manifest is not None and manifest["provider"] == "local":
        yield "job", "on a machine of one's own"
    if job is not None:
        state = ended["state"] if ended else "not ended"
        adopted = ", found after its create was lost" if job["found"] else ""
        yield "job", f"{job['job_id']} at {job['provider']}, {state}, launched {job['at']}{adopted}"


def _cost(found: Lineage) -> Iterator[tuple[str, str]]:
    job, ended = found.job, found.ended
    if job is None:
        return
    paid = ended.get("usd") if ended else None
    estimated = numbers.usd(job["estimated_usd"])
    yield "cost", f"{numbers.usd(paid)} paid, {estimated} estimated" if paid else f"{estimated} estimated"
    tokens = ended.get("trained_tokens") if ended else None
    if tokens is not None:
        yield "tokens", f"{tokens:,} trained, {job['estimated_tokens']:,} estimated"


def _approved(found: Lineage) -> tuple[str, str]:
    approval = found.approval
    if approval is None:
        by_policy = found.job is not None and found.job["approval"] is None
        return "approved", "by the policy itself (cost.auto_approve_usd)" if by_policy else "unknown"
    where = " of ".join(each for each in (approval["change"], approval["repository"]) if each)
    return "approved", (
        f"by {approval['approver']} on {approval['issued_at']}, {numbers.usd(approval['usd'])}, "
        f"for {approval['author']}{f' ({where})' if where else ''}"
    )


def _measured(found: Lineage) -> Iterator[tuple[str, str]]:
    if not found.verdicts:
        yield "measured", "nothing yet"
    for index, verdict in enumerate(sorted(found.verdicts, key=lambda each: str(each["at"]))):
        yield "" if index else "measured", _verdict(verdict)


def _served(steps: Sequence[ServedStep]) -> Iterator[tuple[str, str]]:
    was = 0
    for index, step in enumerate(steps):
        back = f", rolled back from {was}%" if step.percent < was else ""
        told = f"{step.percent}% since {step.at}, commit {step.commit[:_SHORT]}{back}"
        yield "" if index else "callers", told
        was = step.percent


def _verdict(verdict: Entry) -> str:
    lift = ""
    if "lift" in verdict and "metric" in verdict:
        change = numbers.change(verdict["lift"], verdict["low"], verdict["high"])
        lift = f", {verdict['metric']} {change} on {numbers.plural(verdict['n'], 'case')}"
    return f"{verdict['verdict']}{lift}, report {verdict['report_sha256'][:_SHORT]}…, {verdict['at']}"
