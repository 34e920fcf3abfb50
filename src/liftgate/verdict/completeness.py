"""Were the same questions put to both models in the same way, and are enough of the answers scored?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from liftgate.errors import InputError, Problem
from liftgate.evaluation.runs import EvalRun
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy, exact
from liftgate.verdict.pairs import PairedScores, Pairs
from liftgate.verdict.parts import Part, State, count, listed, percent, plain_percent

_SAME_RULER = {"golden_sha256": "golden set", "safety_sha256": "safety suite"}
_WHOLE = "join shards with `liftgate merge-runs`; evaluate without --only and --bucket"
_SAME_SAMPLING = ("temperature", "top_p", "max_tokens")


@dataclass(frozen=True)
class Completeness:
    """The part and everything that is wrong."""

    part: Part
    findings: tuple[Finding, ...]


def refuse_other_ruler(base: EvalRun, candidate: EvalRun) -> None:
    """Raise `InputError` when the runs answered different golden sets: there is nothing to pair then.

    A shard, or a run that a filter narrowed, is no golden set at all.
    """
    problems = [
        Problem(f"run.json of {name}", said)
        for name, run in (("base", base), ("the candidate", candidate))
        for said in _parts(run.meta)
    ]
    if problems:
        raise InputError("only whole runs can be compared", problems=problems, hint=_WHOLE)
    for key, name in _SAME_RULER.items():
        ours, theirs = base.meta.get(key), candidate.meta.get(key)
        if ours and theirs and ours != theirs:
            problems.append(
                Problem(f"run.json $.{key}", f"{name} {ours[:12]} for base, {theirs[:12]} for the candidate")
            )
    if problems:
        raise InputError(
            "base and candidate answered different cases",
            problems=problems,
            hint="evaluate both models on the golden set of the base branch",
        )


def _parts(meta: Mapping[str, Any]) -> Iterator[str]:
    if part := meta.get("part"):
        yield f"shard {part.get('shard')} of a run"
    if chosen := meta.get("filter"):
        yield f"{chosen.get('cases')} of {chosen.get('of')} cases, chosen by a filter"


def primary_metric(base: EvalRun, candidate: EvalRun, policy: Policy) -> str:
    """The suite's primary metric, else the policy's. Raises `InputError` when no row can carry it."""
    named = {run.primary_metric for run in (base, candidate)} - {None}
    if len(named) > 1:
        ours, theirs = base.primary_metric, candidate.primary_metric
        raise InputError(
            f"base names {ours!r} as its primary metric, the candidate {theirs!r}",
            hint="evaluate both models with the same suite",
        )
    metric = next(iter(named), None) or policy.primary_metric
    known = sorted({name for run in (base, candidate) if run.quality.case_ids for name in run.quality.scores})
    if known and metric not in known:
        raise InputError(
            f"no answer has a score for the primary metric {metric!r}",
            hint=f"set primary_metric to one of {', '.join(known)}, or add its scorer to the suite",
        )
    return str(metric)


def judge_completeness(
    quality: Pairs,
    safety: Pairs,
    scores: PairedScores,
    policy: Policy,
    *,
    described: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
) -> Completeness:
    """Unpaired cases fail, too many unscored answers prove nothing. `described`: both run.json."""
    findings = [*_unpaired(quality, "quality"), *_unpaired(safety, "safety"), *_other_sampling(*described)]
    if not quality.n:
        message = "no quality case was answered by both models, so nothing was compared"
        findings.append(Finding("no-cases", Severity.ERROR, message))
    unscored = list(_unscored(scores, policy))
    state: State = "fail" if findings else "unclear" if unscored else "ok"
    told = "; ".join(finding.message for finding in [*findings, *unscored])
    if not told:
        missing = int(scores.unscored_base.sum() + scores.unscored_candidate.sum())
        told = f"{count(quality.n, 'case')} answered by both models"
        told += f", {count(missing, 'answer')} unscored" if missing else ", every answer scored"
    needs = f"same cases on both sides, at most {plain_percent(policy.errors.max_share)} unscored"
    return Completeness(Part("completeness", state, told, needs), (*findings, *unscored))


def _unpaired(pairs: Pairs, suite: str) -> Iterator[Finding]:
    for only, answered, missing in (
        (pairs.only_base, "base", "the candidate"),
        (pairs.only_candidate, "the candidate", "base"),
    ):
        if only:
            cases = count(len(only), f"{suite} case was", f"{suite} cases were")
            message = f"{cases} answered by {answered} and not by {missing}: {listed(only)}"
            yield Finding("unpaired-cases", Severity.ERROR, message)


def _other_sampling(base: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[Finding]:
    ours, theirs = base.get("sampling") or {}, candidate.get("sampling") or {}
    for key in _SAME_SAMPLING:
        if key in ours and key in theirs and ours[key] != theirs[key]:
            message = (
                f"{key} was {ours[key]} for base and {theirs[key]} for the candidate: no fair comparison"
            )
            yield Finding("sampling-differs", Severity.ERROR, message)


def _unscored(scores: PairedScores, policy: Policy) -> Iterator[Finding]:
    limit = policy.errors.max_share
    for name, unscored, answers in (
        ("base", scores.unscored_base, scores.answers_base),
        ("candidate", scores.unscored_candidate, scores.answers_candidate),
    ):
        missing, total = int(unscored.sum()), int(answers.sum())
        if total and Fraction(missing, total) > exact(limit):
            message = (
                f"{missing:,} of {count(total, f'{name} answer')} have no {scores.metric} score "
                f"({percent(missing / total)}, {plain_percent(limit)} is the limit)"
            )
            yield Finding("unscored-answers", Severity.WARNING, message)
