"""The rules of the verdict: what each finding of a comparison means, and how a policy may weigh it.

A finding that a policy lowers no longer counts in the verdict: its part is shown and does not gate. One that a
policy raises to an error blocks. Safety and completeness always count: they can be raised, never lowered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from liftgate.findings import Finding, Severity
from liftgate.verdict.parts import Part

RULES: Final[Mapping[str, str]] = {
    "golden-power": """The golden set is too small for the lift that the policy asks for.
        Why: a candidate that is really better would end as insufficient evidence, after its training was paid.
        Fix: add as many golden cases as the message says, in a pull request of their own.""",
    "small-bucket": """A bucket has fewer golden cases than the policy's `min_bucket_cases`.
        An error for `risk: high`, else a warning.
        Why: in few cases no drop can be proven, so a slice of the users can be harmed unseen.
        Fix: add cases to the buckets that the message names, or merge buckets that nobody looks at.""",
    "no-comparison": """Nothing was compared, and nothing else says why.
        Why: silence is no evidence.
        Fix: run `liftgate run`; a missing run folder or arm is named in what it prints.""",
    "unpaired-cases": """A case was answered by one model and not by the other.
        Why: leaving out the cases that one side could not answer makes that side look better.
        Fix: evaluate both models on the whole golden set.""",
    "no-cases": """No quality case was answered by both models.
        Fix: evaluate both models on the golden set.""",
    "adapter-not-applied": """The candidate answered every case exactly as base did.
        Told from ten cases on, of two models with different names that were asked with one prompt.
        Why: a server that finds no use for an adapter answers as the plain base, with status 200.
        Fix: check that the served name is the adapter's and that it belongs to this base; if it does, the training
        changed no answer: more epochs, a higher learning rate, or nothing to train.""",
    "sampling-differs": """Base and candidate were sampled with different settings.
        Why: then settings are compared, not models.
        Fix: give both arms the suite's `sampling`.""",
    "unscored-answers": """More answers have no score than `errors.max_share` allows.
        Why: what failed is rarely what was easy; each counts against the candidate.
        Fix: evaluate again; answers that are in the store are not asked for twice.""",
    "lift-below-minimum": """Even the upper bound of the lift is below what the policy asks for.
        Fix: more or better training rows, or no second model.""",
    "lift-unproven": """The lift is not proven to reach the policy's minimum, nor to miss it.
        Fix: add golden cases; the message says about how many.""",
    "too-many-regressions": """Too many cases that base got right fall, whatever the mean does.
        Fix: read the listed regressions and add rows for what they have in common.""",
    "regressions-unproven": """The share of regressions is above the limit, but so few cases do not prove it.
        Fix: add golden cases, and read the listed regressions.""",
    "bucket-regression": """A bucket fell by more than `bucket_max_drop`, and the drop is proven.
        Fix: add training rows for this bucket; `bucket_evidence: {default: suspect, intent:x: report}` lets one go.""",
    "bucket-unproven": """A bucket fell by more than `bucket_max_drop`, or may have, and so few cases do not say.
        Fix: add golden cases to this bucket; the message says about how many.""",
    "safety-regression": """The candidate is proven less safe than base on a safety case.
        Fix: read its answers, mend the rows that teach them, train again.""",
    "safety-unconfirmed": """Only the candidate answered a safety case unsafely, and chance is not ruled out.
        Fix: a person reads the answers and decides.""",
    "safety-unscored": """Answers to a safety case are missing or have no score: they are never taken for safe ones.
        Fix: evaluate again, or give the case a scorer that can grade it.""",
    "latency-regression": """The P95 of the latency rose past `latency.block_ratio`, and no lift pays for it.
        Fix: shorter answers or a smaller model.""",
    "latency-unproven": """The latency may have risen past what the policy allows.
        Fix: time more cases, base and candidate in turn.""",
    "answer-cost": """An answer of the candidate costs more than `cost.max_answer_ratio` times one of base.
        Fix: a shorter prompt or a cheaper model; or raise the limit in its own pull request.""",
    "answer-cost-unknown": """The policy limits what an answer may cost, and a price is missing.
        Fix: add both models to `evals/prices.yaml`, with source and date.""",
    "json-valid-regression": """Fewer answers parse as JSON, and the drop is proven.
        Fix: look for rows whose answers are not valid JSON, and for answers cut off by `max_tokens`.""",
    "json-valid-lower": """Fewer answers parse as JSON, which may be chance. It does not gate.""",
    "judge-below-minimum": """The judged metric is proven to miss what the policy asks for.""",
    "judge-unproven": """The judged metric is not proven either way, or nobody has checked its judge.
        Fix: `liftgate calibrate` holds the judge against people; more golden cases do the rest.""",
    "unequal-repeats": """Base and candidate answered a different number of times; their means are compared.""",
    "cheaper-arm-clears": """A prompt, retrieval or another model clears the bar without training.
        The candidate is not proven better than it, so it is an optimisation: the report says when it pays back.
        An error where the policy sets `require_cheaper_arms_first`, else a warning.
        Fix: ship the cheaper arm, or show with more golden cases that the candidate beats it.""",
    "cheaper-arm-beaten": """An untrained arm clears the bar, and the candidate is proven better than it.""",
    "cheaper-arm-untried": """The policy sets `require_cheaper_arms_first`, and no better prompt or retrieval was tried.
        Fix: add an arm with a better prompt to the suite, such as one with examples, and evaluate it.""",
    "many-attempts": """So many candidates were judged on this golden set that one may have passed by luck.
        Fix: refresh the golden set: replace cases by ones that no candidate has met.""",
    "attempts-uncounted": """The file that counts attempts is damaged, so the count may be too small.
        Fix: restore `attempts.jsonl` beside the response store.""",
    "regression-to-fix": """A reviewer decided that an answer must be fixed, and the candidate still gives it.
        Fix: mend the rows that teach it and train again; the decision stands in `evals/<alias>/waivers.yaml`.""",
    "decision-expired": """The last day of a reviewer's decision is over, so it no longer counts.
        Fix: decide again in a pull request of its own, or remove the entry.""",
    "decision-void": """A reviewer's decision does not count, and the message says why.
        The candidate gives another answer, the case is proven worse, its answers are not all decided on, or a waiver of
        a safety case would last longer than the policy's `safety.max_waiver_days`.
        Why: what was accepted is the answer that somebody read, and no proof can be signed away.
        Fix: read the answer that is given now, and decide about that.""",
    "decision-unused": """A reviewer's decision names a case in which the candidate is not worse, or that was not asked.
        Fix: remove the entry, or correct the id.""",
    "rule-not-lowered": """The policy lowers a rule of safety or completeness, which always counts.
        Fix: take the line out of the policy's `rules`.""",
}
"""Rule id → what it means, `Why:`, `Fix:`."""

NEVER_LOWERED: Final = frozenset(
    {
        "no-comparison",
        "unpaired-cases",
        "no-cases",
        "sampling-differs",
        "unscored-answers",
        "safety-regression",
        "safety-unconfirmed",
        "safety-unscored",
        "rule-not-lowered",
    }
)
OF_PART: Final[Mapping[str, tuple[str, str]]] = {
    "lift": ("lift-below-minimum", "lift-unproven"),
    "regression-share": ("too-many-regressions", "regressions-unproven"),
    "buckets": ("bucket-regression", "bucket-unproven"),
    "latency": ("latency-regression", "latency-unproven"),
    "cost": ("answer-cost", "answer-cost-unknown"),
    "json-valid": ("json-valid-regression", "json-valid-lower"),
    "judge": ("judge-below-minimum", "judge-unproven"),
}
"""Part → the rules of its failure and of its doubt."""

_RANK: Final = ("off", *map(str, reversed(Severity)))


def weighed(findings: Iterable[Finding], rules: Mapping[str, str]) -> list[Finding]:
    """Findings of the verdict with the policy's severities; those of `NEVER_LOWERED` are at most raised.

    A bucket that is only reported stays a notice: its own entry says more than its rule's.
    """
    kept = []
    for finding in findings:
        level = rules.get(finding.rule)
        if level is not None:
            lowered = _RANK.index(level) < _RANK.index(finding.severity)
            reported = finding.rule in OF_PART["buckets"] and finding.severity is Severity.NOTICE
            if (lowered and finding.rule in NEVER_LOWERED) or (reported and not lowered):
                level = None
        if level != "off":
            kept.append(finding if level is None else replace(finding, severity=Severity(level)))
    return kept


def not_lowered(findings: Iterable[Finding], rules: Mapping[str, str]) -> list[Finding]:
    """One warning for each rule that the policy lowers in vain."""
    refused = {
        finding.rule: finding.severity
        for finding in findings
        if finding.rule in NEVER_LOWERED
        and _RANK.index(rules.get(finding.rule, finding.severity)) < _RANK.index(finding.severity)
    }
    return [
        Finding(
            "rule-not-lowered",
            Severity.WARNING,
            f"the policy sets {rule} to {rules[rule]}; safety and completeness always count, "
            f"so it stays {'an error' if severity is Severity.ERROR else f'a {severity}'}",
        )
        for rule, severity in sorted(refused.items())
    ]


def gating(part: Part, findings: Sequence[Finding], rules: Mapping[str, str]) -> Part:
    """A part whose rule the policy lowers is shown and no longer counts; a doubt beside it still does.

    `findings` are those before the policy weighed them.
    """
    if part.name not in OF_PART or not part.gates or part.state not in ("fail", "unclear"):
        return part
    failed, unclear = OF_PART[part.name]
    if part.state == "fail" and rules.get(failed, "error") != "error":
        doubted = any(f.rule == unclear and f.severity is Severity.WARNING for f in findings)
        if doubted and rules.get(unclear, "warning") in ("warning", "error"):
            return replace(part, state="unclear")
        return _let_through(part, failed)
    if part.state == "unclear" and rules.get(unclear, "warning") in ("notice", "off"):
        return _let_through(part, unclear)
    return part


def _let_through(part: Part, rule: str) -> Part:
    return replace(part, gates=False, detail=f"{part.detail}; the policy's rule {rule} lets it through")
