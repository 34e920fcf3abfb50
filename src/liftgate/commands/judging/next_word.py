"""What has to happen before an alias has a verdict: an approval, the end of a training, an evaluation."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from liftgate.commands.launching.hosted import HostedTraining
from liftgate.commands.launching.local_terms import Names, local_terms
from liftgate.findings import Finding, Severity, blocks
from liftgate.publishing.outcome import State, Waiting
from liftgate.training.approval import approval_missing, parse_time, usable
from liftgate.training.job_log import Clock
from liftgate.training.standing import Standing, read_standing

if TYPE_CHECKING:
    from liftgate.policy import Policy
    from liftgate.project import Ruler, Subject
    from liftgate.training.estimate import Estimate
    from liftgate.training.ledger import Ledger
    from liftgate.training.manifest import Manifest

__all__ = ["Names", "NextWord", "next_word"]
# A launch that wrote down no job for so long has died, or its runner has.
_LOST_AFTER: Final = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class NextWord:
    """Where an alias without a verdict stands. `findings` say in its report why there is none."""

    state: State
    headline: str
    findings: list[Finding] = field(default_factory=list)
    waiting: Waiting | None = None
    job_id: str | None = None
    next_step: Literal["train", "evaluate"] | None = None
    stage: Literal["training", "evaluation"] | None = None


def next_word(
    subject: Subject,
    manifest: Manifest | None,
    ruler: Ruler,
    ledger: Ledger,
    priced: Estimate,
    names: Names,
    now: datetime.datetime,
) -> NextWord:
    """What the ledger and the policy say of a training that has no verdict yet. Nothing is started or written."""
    if manifest is None:
        return _approval(
            "an approval of the training, given where its base model is",
            ruler.policy,
            None,
            None,
            [
                _finding(
                    "approval-missing",
                    "the base model is not here, so neither digest nor price is known here",
                )
            ],
        )
    if not subject.is_hosted:
        return _local(subject, manifest, ruler, ledger, priced, names, now)
    hosted = HostedTraining(
        subject,
        ruler,
        ledger,
        priced,
        "liftgate train",
        author=names.author,
        repository=names.repository,
        change=names.change,
        environment={},
        clock=Clock(lambda: now, time.sleep),
    )
    standing = hosted.standing()
    if standing.current is not None:
        return _with_job(standing)
    if standing.unresolved and standing.lock is not None:
        return _begun(standing, now)
    permit, findings = hosted.allowed()
    ended = list(standing.finished.values())
    if ended and (permit is None or permit.approval is None):
        # It was paid for and gave no model; another attempt needs an approval that was given since.
        return NextWord("block", "its training gave no model", [*_failures(len(ended)), *findings])
    if permit is not None:
        return _start(approved=permit.approval is not None)
    if any(each.severity is Severity.ERROR and each.rule != "approval-missing" for each in findings):
        return NextWord("block", "its training is not allowed", findings)
    usd = None if priced.usd is None else f"{priced.usd.rounded.high:f}"
    return _approval("an approval of the training", ruler.policy, usd, manifest.digest, findings)


def _local(
    subject: Subject,
    manifest: Manifest,
    ruler: Ruler,
    ledger: Ledger,
    priced: Estimate,
    names: Names,
    now: datetime.datetime,
) -> NextWord:
    if priced.auto_approved:
        return _start(approved=False)
    terms, findings = local_terms(subject, manifest, ruler, names, now.date())
    if terms is None or blocks(findings):
        return NextWord("block", "its training is not allowed", findings)
    approvals = [entry for _, entry in ledger.entries(f"approvals/{manifest.digest}")]
    consumed = read_standing(ledger, manifest.digest).consumed
    approval, reasons = usable(approvals, terms, ruler.policy, now=now, consumed=consumed)
    if approval is not None:
        return _start(approved=True)
    missing = approval_missing(terms, reasons)
    return _approval(
        "an approval of the training", ruler.policy, f"{terms.usd:f}", manifest.digest, [missing]
    )


def _approval(
    what: str, policy: Policy, usd: str | None, digest: str | None, findings: list[Finding]
) -> NextWord:
    agreed = policy.approval
    by_label = "label" in agreed.modes and bool(agreed.approvers)
    waiting = Waiting(
        what,
        agreed.approvers,
        usd=usd,
        digest=digest,
        label=agreed.label if by_label else None,
        expires=f"{agreed.max_age_hours} hours",
    )
    return NextWord("waiting", "its training waits for an approval", findings, waiting)


def _start(*, approved: bool) -> NextWord:
    why = "is approved" if approved else "costs so little that the policy starts it by itself"
    finding = _finding("training-running", f"the training {why}; it was not started yet")
    return NextWord("running", f"its training {why}", [finding], next_step="train", stage="training")


def _with_job(standing: Standing) -> NextWord:
    job = standing.current
    job_id = str(job["job_id"]) if job else ""
    if job_id in standing.finished:
        finding = _finding("not-evaluated", "the model is trained; its evaluation is not recorded yet")
        return NextWord(
            "running",
            "trained, to be evaluated",
            [finding],
            job_id=job_id,
            next_step="evaluate",
            stage="evaluation",
        )
    finding = _finding("training-running", f"job {job_id} is at work; nothing is compared before it ends")
    return NextWord("running", f"job {job_id} is training", [finding], job_id=job_id, stage="training")


def _begun(standing: Standing, now: datetime.datetime) -> NextWord:
    lock = standing.lock
    finding = _finding(
        "training-running", "a launch began and has written down no job; what became of it is looked up first"
    )
    if lock is not None and now - parse_time(lock["at"]) < _LOST_AFTER:
        return NextWord("running", "its training is being started", [finding], stage="training")
    waiting = Waiting("a look at a launch that did not end: liftgate train --resume")
    return NextWord("waiting", "a launch of its training did not end", [finding], waiting)


def _failures(count: int) -> list[Finding]:
    said = "its job" if count == 1 else f"all of its {count} jobs"
    message = (
        f"the training failed or was cancelled in {said}; liftgate train --relaunch after a new approval"
    )
    return [_finding("training-failed", message)]


def _finding(rule: str, message: str) -> Finding:
    return Finding(rule, Severity.ERROR, message)
