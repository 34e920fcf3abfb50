"""What reviewers decided about single regressions, folded into a comparison.

A decision settles a doubt and never overturns a proof. An accepted regression stays a regression in the lift and in
every number shown. In the share of regressions and in a bucket it counts as no change, and only where that turns
*unclear* into *ok*: what is proven says something about cases that nobody has read, so it stays. A bucket that has
to show non-inferiority shows it by cases, not by signature. An accepted safety case must have all its runs, each
with a score, and be unproven.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from liftgate.evaluation.runs import EvalRun
from liftgate.findings import Finding, Severity, blocks, ordered
from liftgate.policy import Policy
from liftgate.verdict.buckets import BucketResult, buckets_part, judge_buckets
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.decisions import Decisions, ReviewDecision
from liftgate.verdict.lift import regression_share_part
from liftgate.verdict.output_class import Read, answers_below
from liftgate.verdict.pairs import PairedScores, Pairs, Reading, pair, paired_scores
from liftgate.verdict.parts import Part, count, listed, shown, verdict_of
from liftgate.verdict.rules import weighed
from liftgate.verdict.safety import SafetyCase, safety_metrics, safety_part

Status = Literal["accepted", "to-fix", "noted", "expired", "void", "unused"]
_RULES: Mapping[Status, tuple[str, Severity]] = {
    "to-fix": ("regression-to-fix", Severity.ERROR),
    "expired": ("decision-expired", Severity.WARNING),
    "void": ("decision-void", Severity.WARNING),
    "unused": ("decision-unused", Severity.NOTICE),
}
_SAYS: Mapping[Status, str] = {
    "to-fix": "the decision about {} asks for another answer, and the candidate still gives this one",
    "expired": "the decision about {} expired on {} and no longer counts",
    "void": "the decision about {} does not count: {}",
    "unused": "the decision about {} is not needed: {}",
}


@dataclass(frozen=True)
class Reviewed:
    """One decision and what became of it; `why` says so where the status alone does not."""

    decision: ReviewDecision
    status: Status
    why: str

    @property
    def finding(self) -> Finding | None:
        """What the reader has to know; an accepted regression and a noted one need no words of their own."""
        if self.status not in _RULES:
            return None
        rule, severity = _RULES[self.status]
        told = f"{self.decision.suite} case {shown(self.decision.case_id)!r}"
        more = self.decision.expires if self.status == "expired" else self.why
        message = _SAYS[self.status].format(told, more)
        if self.status == "to-fix":
            message += f" ({self.decision.signed})"
        return Finding(rule, severity, message, self.decision.path, self.decision.line)

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        decision = self.decision
        return {
            "case_id": decision.case_id,
            "suite": decision.suite,
            "outputs": sorted(decision.outputs),
            "decision": decision.kind,
            "owner": decision.owner,
            "reason": decision.reason,
            "decided": decision.decided.isoformat(),
            "expires": decision.expires.isoformat(),
            "line": decision.line,
            "status": self.status,
            "why": self.why,
        }


def review(
    comparison: Comparison, base: EvalRun, candidate: EvalRun, policy: Policy, decisions: Decisions
) -> Comparison:
    """The comparison of these two runs by this policy, with the decisions that count folded in."""
    if not decisions.entries:
        return comparison
    quality = pair(base.quality, candidate.quality)
    scores = paired_scores(quality, comparison.lift.metric)
    decided = {(entry.suite, entry.case_id) for entry in decisions.entries}
    fallen = _fallen(quality, scores, candidate, decided)
    unsafe = {case.case_id: case for case in comparison.safety.doubtful}
    bars = {case: 1.0 for case in unsafe if ("safety", case) in decided}
    unsafe_read = answers_below(candidate, "safety", bars, safety_metrics(base, candidate, policy))
    cases = _Cases(fallen, unsafe, unsafe_read, _known(base, candidate), policy.safety.max_waiver_days)
    reviewed = _reviewed(decisions, cases)

    accepted = {suite: _accepted(reviewed, suite) for suite in ("quality", "safety")}
    parts, buckets, settled = list(comparison.parts), list(comparison.buckets), []
    tied = _as_no_change(scores, quality, accepted["quality"])
    parts, found = _settled_share(parts, scores, tied, policy, quality, accepted["quality"])
    settled += found
    parts, buckets, found = _settled_buckets(parts, buckets, quality, tied, policy, accepted["quality"])
    settled += found
    safety = replace(
        comparison.safety,
        doubtful=tuple(_settled_case(case, accepted["safety"]) for case in comparison.safety.doubtful),
    )
    parts = [safety_part(safety) if part.name == "safety" else part for part in parts]
    settled += [
        (old.detail, new.detail)
        for old, new in zip(comparison.safety.doubtful, safety.doubtful, strict=True)
        if new.state != old.state
    ]
    told = weighed((each.finding for each in reviewed if each.finding is not None), policy.rules)
    parts += _to_fix(reviewed, told)
    findings = [*_softened(comparison.findings, settled), *told]
    return replace(
        comparison,
        verdict="block" if blocks(findings) else verdict_of(parts),
        parts=tuple(parts),
        buckets=tuple(buckets),
        safety=safety,
        findings=ordered(findings),
        decisions=tuple(reviewed),
    )


def _to_fix(reviewed: Iterable[Reviewed], told: Sequence[Finding]) -> list[Part]:
    cases = sorted({each.decision.case_id for each in reviewed if each.status == "to-fix"})
    if not cases:
        return []
    gates = any(each.rule == "regression-to-fix" and each.severity is Severity.ERROR for each in told)
    detail = f"{count(len(cases), 'case')} whose answer a reviewer wants fixed: {listed(cases)}"
    return [Part("review", "fail", detail, "no answer that a reviewer wants fixed", gates)]


@dataclass(frozen=True)
class _Cases:
    """What the decisions are held against: regressions and newly unsafe prompts, and what was asked at all."""

    fallen: Mapping[str, Read]
    unsafe: Mapping[str, SafetyCase]
    unsafe_read: Mapping[str, Read]
    known: Collection[tuple[str, str]]
    max_safety_days: int

    def read(self, decision: ReviewDecision) -> Read | None:
        found = self.fallen if decision.suite == "quality" else self.unsafe_read
        return found.get(decision.case_id)


def _fallen(
    quality: Pairs, scores: PairedScores, candidate: EvalRun, decided: Collection[tuple[str, str]]
) -> dict[str, Read]:
    with np.errstate(invalid="ignore"):
        fell = np.flatnonzero(scores.candidate < scores.base).tolist()
    bars = {
        quality.case_ids[case]: float(scores.base[case])
        for case in fell
        if ("quality", quality.case_ids[case]) in decided
    }
    read = answers_below(candidate, "quality", bars, [scores.metric])
    # A case with an answer that base did not get graded is no regression that anybody could read whole.
    unscored = {quality.case_ids[case] for case in fell if scores.unscored_base[case]}
    return {case: replace(each, unscored=each.unscored + (case in unscored)) for case, each in read.items()}


def _known(base: EvalRun, candidate: EvalRun) -> frozenset[tuple[str, str]]:
    return frozenset(
        (suite, case)
        for run in (base, candidate)
        for suite, table in (("quality", run.quality), ("safety", run.safety))
        for case in table.case_ids
    )


def _reviewed(decisions: Decisions, cases: _Cases) -> list[Reviewed]:
    standing = [(entry, *_standing(entry, decisions, cases)) for entry in decisions.entries]
    kinds: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for entry, status, _ in standing:
        if status not in {"expired", "void", "unused"}:
            for output in entry.outputs:
                kinds[entry.suite, entry.case_id, output].add(entry.kind)
    return [
        Reviewed(entry, *_with_others(entry, status, why, kinds, cases)) for entry, status, why in standing
    ]


def _standing(entry: ReviewDecision, decisions: Decisions, cases: _Cases) -> tuple[Status, str]:
    """What one decision amounts to by itself."""
    if entry.expires < decisions.today:
        return "expired", ""
    if entry.decided > decisions.today:
        return "void", f"it is dated {entry.decided}, which is still to come"
    read = cases.read(entry)
    if read is None:
        known = (entry.suite, entry.case_id) in cases.known
        return "unused", "the candidate is not worse there" if known else "no such case was asked"
    if entry.outputs.isdisjoint(read.outputs):
        return "void", "the candidate gives another answer than those that were decided on"
    if entry.kind == "fix":
        return "to-fix", ""
    if entry.kind != "accept":
        return "noted", ""
    if read.unscored:
        return "void", "an answer without a score cannot be accepted"
    if entry.suite == "safety" and (why := _unfit(entry, cases)):
        return "void", why
    return "accepted", ""


def _unfit(entry: ReviewDecision, cases: _Cases) -> str:
    """Why a newly unsafe prompt cannot be accepted by this decision; empty when it can."""
    case = cases.unsafe[entry.case_id]
    if case.state == "fail":
        return "it is proven to be less safe than base, which nobody can accept"
    if not case.for_people:
        return "its confirmation runs are not complete"
    days = (entry.expires - entry.decided).days
    if days > cases.max_safety_days:
        return f"it would count for {count(days, 'day')}, and the policy allows {cases.max_safety_days}"
    return ""


def _with_others(
    entry: ReviewDecision,
    status: Status,
    why: str,
    kinds: Mapping[tuple[str, str, str], set[str]],
    cases: _Cases,
) -> tuple[Status, str]:
    """A case is accepted when every one of its answers is, by whichever entries, and none of them is to be fixed."""
    read = cases.read(entry)
    if status != "accepted" or read is None:
        return status, why
    said = [kinds.get((entry.suite, entry.case_id, output), set()) for output in read.outputs]
    if any("fix" in each for each in said):
        return "void", "another decision asks for this case to be fixed"
    if undecided := sum("accept" not in each for each in said):
        return "void", f"only {len(said) - undecided} of its {len(said)} answers are accepted"
    return status, why


def _accepted(reviewed: Iterable[Reviewed], suite: str) -> dict[str, ReviewDecision]:
    return {
        each.decision.case_id: each.decision
        for each in reviewed
        if each.status == "accepted" and each.decision.suite == suite
    }


def _as_no_change(
    scores: PairedScores, quality: Pairs, accepted: Mapping[str, ReviewDecision]
) -> PairedScores:
    places = [place for place, case in enumerate(quality.case_ids) if case in accepted] if accepted else []

    def tied(reading: Reading) -> Reading:
        differences = reading.differences.copy()
        differences[places] = np.maximum(differences[places], 0.0)
        return Reading(differences, reading.binary, reading.flips)

    pessimistic = tied(scores.pessimistic)
    certain = scores.optimistic is scores.pessimistic
    return replace(
        scores, pessimistic=pessimistic, optimistic=pessimistic if certain else tied(scores.optimistic)
    )


_Settled = list[tuple[str, str]]


def _settled_share(
    parts: list[Part],
    scores: PairedScores,
    tied: PairedScores,
    policy: Policy,
    quality: Pairs,
    accepted: Mapping[str, ReviewDecision],
) -> tuple[list[Part], _Settled]:
    plain = regression_share_part(scores, policy, quality.clusters)
    if not accepted or not any(_is_as_measured(part, plain) for part in parts):
        return parts, []
    if regression_share_part(tied, policy, quality.clusters).state != "ok":
        return parts, []
    told = f"{plain.detail}; {_accepting(accepted.values())}"
    return [
        replace(part, state="ok", detail=told) if _is_as_measured(part, plain) else part for part in parts
    ], [(plain.detail, told)]


def _settled_buckets(
    parts: list[Part],
    buckets: list[BucketResult],
    quality: Pairs,
    tied: PairedScores,
    policy: Policy,
    accepted: Mapping[str, ReviewDecision],
) -> tuple[list[Part], list[BucketResult], _Settled]:
    plain = buckets_part(buckets, policy)
    if not accepted or not any(_is_as_measured(part, plain) for part in parts):
        return parts, buckets, []
    places = {case: place for place, case in enumerate(quality.case_ids)}
    inside: dict[tuple[str, str], list[ReviewDecision]] = defaultdict(list)
    for case, decision in accepted.items():
        for name in quality.buckets_of(places[case]).items():
            inside[name].append(decision)
    judged, settled = [], []
    for bucket, again in zip(buckets, judge_buckets(quality, tied, policy), strict=True):
        if bucket.state == "unclear" and bucket.evidence == "suspect" and again.state == "ok":
            told = f"{bucket.detail}; {_accepting(inside[bucket.dimension, bucket.name])}"
            settled.append((bucket.detail, told))
            judged.append(replace(bucket, state="ok", detail=told))
        else:
            judged.append(bucket)
    now = buckets_part(judged, policy)
    return (
        [
            replace(part, state=now.state, detail=now.detail) if _is_as_measured(part, plain) else part
            for part in parts
        ],
        judged,
        settled,
    )


def _is_as_measured(part: Part, plain: Part) -> bool:
    """Unclear for its own reason: one that something else made unclear (an unchecked judge) stays so."""
    return (part.name, part.state, part.detail) == (plain.name, "unclear", plain.detail)


def _settled_case(case: SafetyCase, accepted: Mapping[str, ReviewDecision]) -> SafetyCase:
    decision = accepted.get(case.case_id)
    if decision is None:
        return case
    return replace(case, state="ok", detail=f"{case.detail}; {decision.signed}")


def _accepting(decisions: Iterable[ReviewDecision]) -> str:
    signed = list(decisions)
    owners = listed(sorted({decision.owner for decision in signed}))
    return f"{count(len(signed), 'regression')} accepted by {owners}"


def _softened(findings: Sequence[Finding], settled: _Settled) -> Iterator[Finding]:
    """What a decision settled stays in the list, as a notice that says who settled it."""
    told = dict(settled)
    for finding in findings:
        if finding.message in told:
            yield replace(finding, severity=Severity.NOTICE, message=told[finding.message])
        else:
            yield finding
