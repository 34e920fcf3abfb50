"""Changes as the publisher hands them to the comment: one for each way in which a pull request can stand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import decision_examples as decisions
import report_examples as examples
from liftgate.findings import Finding, Severity
from liftgate.publishing.outcome import AliasOutcome, ChangeReport, State, Waiting
from report_stories import sha

BASE, HEAD, EARLIER = (sha(name)[:40] for name in ("base", "head", "earlier"))
RUN = "https://github.com/octocat/toy/actions/runs/4711"
APPROVE = "https://github.com/octocat/toy/actions/runs/4712"
ALIAS = "support-intent"


def settled(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with fixed hashes of the policy, so that a new key of it changes no snapshot."""
    lineage = {**report["lineage"], "policy_fingerprint": sha("thresholds")}
    key = report["verdict_key"] and sha("verdict key")
    # No comment reads the answers of every case, and copying them takes most of a test's time.
    return {**report, "lineage": lineage, "verdict_key": key, "cases": []}


def outcome(state: State, report: Mapping[str, Any] | None = None, **about: Any) -> AliasOutcome:
    """One alias of new data."""
    whole: dict[str, Any] = {
        "alias": ALIAS,
        "kinds": ("data",),
        "state": state,
        "headline": "",
        "key": sha("key"),
    }
    held = None if report is None else settled(report)
    return AliasOutcome(**{**whole, "report": held, **about})


def change(*outcomes: AliasOutcome, **about: Any) -> ChangeReport:
    """A change of these aliases."""
    kinds = tuple(dict.fromkeys(kind for each in outcomes for kind in each.kinds)) or ("none",)
    whole: dict[str, Any] = {"kinds": kinds, "base_sha": BASE, "head_sha": HEAD, "outcomes": outcomes}
    return ChangeReport(**{**whole, **about})


def static() -> dict[str, Any]:
    """The report of the stages that cost nothing, without a complaint."""
    return {**examples.waiting_for_approval(), "findings": []}


APPROVAL = Waiting(
    "an approval of the training",
    ("ana", "ben"),
    APPROVE,
    usd="12.398",
    digest=sha("manifest"),
    label="liftgate-approve",
    expires="72 hours from the approval, or until the next push",
)


def nothing_to_gate() -> ChangeReport:
    return change()


def bad_data() -> ChangeReport:
    return change(outcome("block", examples.bad_data()))


def split_this_pr() -> ChangeReport:
    finding = Finding(
        "split-this-pr",
        Severity.ERROR,
        "this change moves the ruler (evals/policy.yaml) together with what it measures "
        "(datasets/support-intent/v1.2.0.train.jsonl); split it into two pull requests, the ruler first",
        "evals/policy.yaml",
    )
    return change(kinds=("data", "policy"), findings=(finding,))


def waiting_for_approval() -> ChangeReport:
    return change(outcome("waiting", static(), waiting=APPROVAL, usd="12.398", digest=sha("manifest")))


def waiting_with_the_decision() -> ChangeReport:
    report = {**static(), "road": decisions.agrees()}
    return change(outcome("waiting", report, waiting=APPROVAL, usd="12.398", digest=sha("manifest")))


def waiting_undecided() -> ChangeReport:
    road = decisions.incomplete()
    missing = "; ".join(road["missing"])
    found = examples.finding(
        "decision-incomplete",
        "warning",
        f"the decision matrix cannot tell yet; missing: {missing}",
        decisions.PAPER,
    )
    report = {**static(), "road": road, "findings": [found]}
    return change(outcome("waiting", report, waiting=APPROVAL, usd="12.398", digest=sha("manifest")))


def against_the_decision() -> ChangeReport:
    road = decisions.differs()
    said = f"the decision matrix recommends a better prompt, and this change would train: {'; '.join(road['reasons'])}"
    found = examples.finding("against-decision", "error", said, decisions.PAPER)
    return change(outcome("block", {**static(), "verdict": "block", "road": road, "findings": [found]}))


def decision_unfinished() -> ChangeReport:
    road = decisions.unfinished()
    said = (
        f"the decision document is not finished: {', '.join(road['open'])}; liftgate decide support-intent says what "
        "each asks for"
    )
    found = examples.finding("no-decision", "error", said, decisions.PAPER)
    return change(outcome("block", {**static(), "verdict": "block", "road": road, "findings": [found]}))


def training() -> ChangeReport:
    said = "training at openai as job ftjob-abc123"
    about = {"provider": "openai", "job_id": "ftjob-abc123", "stage": "training"}
    return change(outcome("running", static(), headline=said, usd="12.398", **about))


def evaluating() -> ChangeReport:
    said = "the trained model answers 240 golden and 50 safety cases"
    return change(outcome("running", static(), headline=said, stage="evaluation"))


def passing() -> ChangeReport:
    return change(outcome("pass", examples.passing()))


def cheaper_arm() -> ChangeReport:
    return change(outcome("pass", examples.cheaper_arm()))


def block_by_lift() -> ChangeReport:
    return change(outcome("block", examples.blocked_by_lift()))


def block_by_bucket() -> ChangeReport:
    return change(outcome("block", examples.blocked_by_bucket()))


def block_by_safety() -> ChangeReport:
    return change(outcome("block", examples.blocked_by_safety()))


def insufficient_evidence() -> ChangeReport:
    return change(outcome("insufficient-evidence", examples.insufficient()))


def promotion() -> ChangeReport:
    checklist = [
        {
            "item": "the report is of this very model",
            "ok": True,
            "evidence": f"adapter {sha('adapter')[:12]}",
        },
        {"item": "the report is younger than 90 days", "ok": True, "evidence": "judged 2026-11-20"},
        {"item": "somebody is on call for it", "ok": False, "evidence": "models.yaml names nobody"},
        {"item": "its base model outlives 180 days", "ok": None, "evidence": "no end is known"},
    ]
    found = Finding(
        "no-on-call", Severity.ERROR, "models.yaml names nobody who is on call", "models.yaml", 14
    )
    made = outcome("block", examples.passing(), kinds=("promotion",), checklist=checklist, findings=(found,))
    return change(made)


def rollback() -> ChangeReport:
    return change(outcome("pass", examples.rollback(), kinds=("rollback",), key=None))


def policy_needs_owners() -> ChangeReport:
    needed = Waiting(
        "a review of the new thresholds", ("@octo-org/eval-owners",), RUN.partition("/actions")[0]
    )
    return change(outcome("pass", examples.passing(), kinds=("policy",)), waiting=needed)


def retrain_together() -> ChangeReport:
    message = (
        "pull requests 7 and 9 both change the training data of support-intent, and nobody trained on both"
    )
    return change(kinds=("data",), findings=(Finding("retrain-together", Severity.ERROR, message),))


def fork_waits() -> ChangeReport:
    needed = Waiting(
        "a maintainer's word that this fork's data may be trained on", ("ana", "ben", "cleo", "dan"), APPROVE
    )
    return change(outcome("waiting", static(), waiting=needed))


def other_base() -> ChangeReport:
    message = (
        "the base of this change is not the default branch, whose rules are the only ones that count here"
    )
    return change(kinds=("data",), findings=(Finding("not-the-default-branch", Severity.ERROR, message),))


def two_aliases() -> ChangeReport:
    better = replace(outcome("pass", examples.passing()), alias="triage")
    return change(better, outcome("block", examples.blocked_by_bucket()))


def publishing_degraded() -> ChangeReport:
    notes = (
        "GitHub did not take the annotations: 403 Resource not accessible by integration",
        "the results could not be kept: the branch liftgate-results is protected",
    )
    return change(outcome("pass", examples.passing()), notes=notes)


def found_in_the_ledger() -> ChangeReport:
    return change(outcome("pass", examples.passing(), found=True))


def gate_error() -> ChangeReport:
    said = "the results branch could not be read: 502 Bad Gateway"
    return change(outcome("error", headline=said, key=None))


CHANGES: dict[str, Callable[[], ChangeReport]] = {
    "nothing-to-gate": nothing_to_gate,
    "bad-data": bad_data,
    "split-this-pr": split_this_pr,
    "waiting-for-approval": waiting_for_approval,
    "waiting-with-the-decision": waiting_with_the_decision,
    "waiting-undecided": waiting_undecided,
    "against-the-decision": against_the_decision,
    "decision-unfinished": decision_unfinished,
    "training": training,
    "evaluating": evaluating,
    "pass": passing,
    "cheaper-arm": cheaper_arm,
    "block-by-lift": block_by_lift,
    "block-by-bucket": block_by_bucket,
    "block-by-safety": block_by_safety,
    "insufficient-evidence": insufficient_evidence,
    "promotion": promotion,
    "rollback": rollback,
    "policy-needs-owners": policy_needs_owners,
    "retrain-together": retrain_together,
    "fork-waits": fork_waits,
    "other-base": other_base,
    "two-aliases": two_aliases,
    "publishing-degraded": publishing_degraded,
    "found-in-the-ledger": found_in_the_ledger,
    "gate-error": gate_error,
}


def with_words(whole: ChangeReport, text: str) -> ChangeReport:
    """The change with every text in it, and in its reports, replaced by `text`; states stay what they are."""
    return replace(
        whole,
        kinds=tuple(text for _ in whole.kinds),
        base_sha=text,
        head_sha=text,
        outcomes=tuple(_outcome_with(each, text) for each in whole.outcomes),
        findings=tuple(_finding_with(each, text) for each in whole.findings),
        waiting=None if whole.waiting is None else _waiting_with(whole.waiting, text),
        notes=tuple(text for _ in whole.notes),
    )


def _outcome_with(each: AliasOutcome, text: str) -> AliasOutcome:
    return replace(
        each,
        alias=text,
        kinds=tuple(text for _ in each.kinds),
        headline=text,
        report=None if each.report is None else examples.with_text(dict(each.report), text),
        waiting=None if each.waiting is None else _waiting_with(each.waiting, text),
        key=text,
        digest=text,
        provider=text,
        usd=text,
        job_id=text,
        findings=tuple(_finding_with(finding, text) for finding in each.findings),
        checklist=tuple({"item": text, "ok": item["ok"], "evidence": text} for item in each.checklist),
    )


def _finding_with(finding: Finding, text: str) -> Finding:
    return replace(finding, rule=text, message=text, path=text)


def _waiting_with(waiting: Waiting, text: str) -> Waiting:
    who = tuple(text for _ in waiting.who)
    return Waiting(text, who, text, text, text, waiting.label and text, waiting.expires and text)


def every_part() -> ChangeReport:
    """Three aliases and a change that has every part a comment can have."""
    finding = Finding("a-rule", Severity.ERROR, "a message", "a/path.jsonl", 3)
    items = [{"item": "an item", "ok": ok, "evidence": "evidence"} for ok in (True, False, None)]
    blocked = outcome(
        "block", examples.blocked_by_safety(), findings=(finding,), checklist=items, headline="a headline"
    )
    held = {**static(), "road": decisions.incomplete()}
    waits = replace(outcome("waiting", held, waiting=APPROVAL), alias="triage")
    runs = outcome("running", headline="training", provider="openai", job_id="job", stage="training")
    failed = outcome("error", headline="it broke")
    waived = outcome("pass", examples.waived_regressions(), found=True)
    notes = tuple(f"note {number}" for number in range(7))
    outcomes = (
        blocked,
        waits,
        replace(runs, alias="summaries"),
        replace(failed, alias="titles"),
        replace(waived, alias="tags"),
    )
    return change(*outcomes, findings=(finding,), waiting=APPROVAL, notes=notes)
