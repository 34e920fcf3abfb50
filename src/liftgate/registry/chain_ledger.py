"""What the ledger has of a variant: its plan, its job, the approval of it, its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from liftgate.errors import InputError
from liftgate.findings import Finding, Severity
from liftgate.registry.chain import Link, Subject
from liftgate.registry.chain_places import partings, told
from liftgate.registry.evidence import at
from liftgate.training.ledger import approval_name, job_name, plan_name, verdict_name

if TYPE_CHECKING:
    from liftgate.training.lineage import Lineage

# Providers whose job tells the very id that callers send; elsewhere a deployment stands between.
_TOLD_BY_JOBS = ("fireworks", "openai", "together")


def ledger_link(
    subject: Subject, manifest: Mapping[str, Any] | None, report: Mapping[str, Any] | None
) -> Link:
    """Hold job, approval and verdict against the committed files."""
    ledger, digest = subject.source.ledger, subject.variant.entry.get("manifest_digest")
    if ledger is None:
        why = "no ledger was read: who approved the training, which job ran and who recorded the verdict (--ledger)"
        return Link("ledger", unchecked=(why,))
    if digest is None:
        return Link("ledger", unchecked=("the variant names no manifest to look up",))
    from liftgate.training.lineage import lineage

    try:
        found = lineage(ledger, digest, subject.variant.entry.get("job_id"))
    except InputError as error:
        name = error.sentence.removeprefix("ledger entry ").split(" ", 1)[0]
        place = name if error.sentence.startswith("ledger entry ") else None
        return Link("ledger", (Finding("ledger-altered", Severity.ERROR, error.sentence, place),))
    findings = [*_plan(found, manifest), *_job(subject, found), *_approval(found, manifest)]
    findings += _verdict(subject, found, report)
    told_ = [f"plan {digest[:12]}…"]
    if found.job is not None:
        told_.append(f"job {found.job['job_id']}")
        told_.append(
            f"approved by {found.approval['approver']}" if found.approval else "started by the policy itself"
        )
    elif found.approval is not None:
        told_.append(f"approved by {found.approval['approver']}")
    told_ += [f"verdict {entry['verdict']}" for entry in found.verdicts if report and _of(entry, report)]
    return Link("ledger", tuple(findings), ", ".join(told_))


def _differs(name: str, key: str, found: Any, expected: Any, where: str) -> Finding:
    said, wanted = (told(value) or "another value" for value in (found, expected))
    return Finding("ledger-differs", Severity.ERROR, f"`{key}` is {said}, expected {wanted} ({where})", name)


def _missing(name: str, what: str) -> Finding:
    return Finding("ledger-incomplete", Severity.ERROR, f"the ledger holds no {what}", name)


def _plan(found: Lineage, manifest: Mapping[str, Any] | None) -> Iterator[Finding]:
    name = plan_name(found.digest)
    if found.plan is None:
        yield _missing(name, "plan of this manifest")
    elif manifest is not None:
        # A run on one's own machine notes its weights beside the manifest, after the plan was written.
        planned, made = (
            {k: v for k, v in m.items() if k != "adapter_sha256"} for m in (found.plan["manifest"], manifest)
        )
        for key, ours, theirs in partings(planned, made):
            yield _differs(
                name, ".".join(map(str, ("manifest", *key))), ours, theirs, "the committed manifest"
            )


def _job(subject: Subject, found: Lineage) -> Iterator[Finding]:
    entry = subject.variant.entry
    wanted = entry.get("job_id")
    if wanted is None:
        for each in found.standing.jobs:
            yield _differs(_named(each), "job_id", each["job_id"], None, subject.place())
        return
    job, ended = found.job, found.ended
    if job is None:
        yield _missing(f"jobs/{found.digest}", f"job {told(wanted)} ({subject.place('job_id')})")
        return
    if job["provider"] != entry["provider"]:
        yield _differs(_named(job), "provider", job["provider"], entry["provider"], subject.place("provider"))
    if ended is None:
        yield _missing(_named(job), "end of this job")
        return
    if ended["state"] != "succeeded":
        yield _differs(_named(ended), "state", ended["state"], "succeeded", "a job that made a model")
    made = {ended["model_id"], *ended["checkpoints"]}
    if entry["provider"] in _TOLD_BY_JOBS and entry["model_id"] not in made:
        yield _differs(
            _named(ended), "model_id", ended["model_id"], entry["model_id"], subject.place("model_id")
        )
    paid = entry.get("training_usd")
    if paid is not None and ended.get("usd") is not None and Decimal(paid) != Decimal(ended["usd"]):
        yield _differs(_named(ended), "usd", ended["usd"], paid, subject.place("training_usd"))


def _named(job: Mapping[str, Any]) -> str:
    return job_name(str(job["digest"]), int(job["number"]))


def _approval(found: Lineage, manifest: Mapping[str, Any] | None) -> Iterator[Finding]:
    job = found.job
    if job is None or job["approval"] is None:
        return
    approval = found.approval
    if approval is None:
        yield _missing(_named(job), f"approval {told(job['approval'])}, under which this job was launched")
        return
    name = approval_name(approval)
    if manifest is not None:
        rows, said = manifest["dataset"], "the committed manifest"
        wanted = {"alias": manifest["alias"], "provider": manifest["provider"]}
        wanted |= {key: rows[key] for key in ("train_sha256", "validation_sha256")}
        for key, expected in wanted.items():
            if approval[key] != expected:
                yield _differs(name, key, approval[key], expected, said)
    if Decimal(job["estimated_usd"]) > Decimal(approval["usd"]):
        why = f"`usd` is {approval['usd']}, expected at least {job['estimated_usd']} ({_named(job)})"
        yield Finding("ledger-differs", Severity.ERROR, why, name)
    launched, begins, ends = at(job["at"]), at(approval["issued_at"]), at(approval["expires_at"])
    if launched is None or begins is None or ends is None or not begins <= launched < ends:
        span = f"{approval['issued_at']} to {approval['expires_at']}"
        why = f"it holds from {span}, expected over {job['at']} ({_named(job)})"
        yield Finding("ledger-differs", Severity.ERROR, why, name)


def _of(entry: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    return bool(entry["report_sha256"] == report["report_sha256"])


def _verdict(subject: Subject, found: Lineage, report: Mapping[str, Any] | None) -> Iterator[Finding]:
    if report is None:
        return
    ours = [entry for entry in found.verdicts if _of(entry, report)]
    key = report["verdict_key"] or ""
    if not ours:
        yield _missing(verdict_name(key), f"verdict with the report's digest {told(report['report_sha256'])}")
    lift = (report["comparison"] or {"lift": {}})["lift"]
    wanted = {"verdict": report["verdict"], "alias": report["alias"]}
    for name, of in (("metric", "metric"), ("n", "n"), ("lift", "mean"), ("low", "low"), ("high", "high")):
        if lift.get(of) is not None:
            wanted[name] = lift[of]
    for entry in ours:
        for each, expected in wanted.items():
            if each in entry and entry[each] != expected:
                yield _differs(
                    verdict_name(entry["key"]),
                    each,
                    entry[each],
                    expected,
                    subject.variant.entry["report"]["path"],
                )
