"""Reports as the gate writes them: answers drawn once with a fixed seed, judged and built by the program itself."""

import datetime
import functools
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from liftgate import Policy
from liftgate.digests import pretty
from liftgate.findings import Finding, Severity
from liftgate.report.build import Evidence, build_report
from liftgate.report.headline import headline
from liftgate.training.cost import TokenPrice
from liftgate.verdict.decisions import ReviewDecision
from liftgate.verdict.gate import decide
from liftgate.verdict.output_class import output_class
from report_stories import (
    DATASET,
    ESTIMATE,
    LOCALES,
    Answered,
    Report,
    Story,
    answered,
    output_of,
    report,
    sha,
)


def remade(make: Callable[..., Report]) -> Callable[[], Report]:
    """Build an example once and hand out copies: property tests ask for it hundreds of times."""

    @functools.cache
    def kept() -> bytes:
        return pretty(make())

    @functools.wraps(make)
    def copied() -> Report:
        made: Report = json.loads(kept())
        return made

    return copied


def good(n: int = 240) -> list[Answered]:
    """Answers of a fine-tune that earns its place."""
    return answered(n, 0.70, lambda _, ok: 0.97 if ok else 0.52)


@remade
def passing() -> Report:
    """A fine-tune that earns its place."""
    return report(Story(good()))


@remade
def blocked_by_bucket() -> Report:
    """Better on the whole, and clearly worse at refunds."""

    def candidate_right(intent: str, base: bool) -> float:
        if intent == "refund":
            return 0.35 if base else 0.05
        return 0.98 if base else 0.55

    return report(Story(answered(320, 0.72, candidate_right)))


@remade
def unproven_bucket() -> Report:
    """Better on the whole, and two refunds fewer of 22: perhaps chance, perhaps not."""
    cases = [c for c in good(320) if c.buckets["intent"] != "refund"]
    for number in range(22):
        buckets = {"intent": "refund", "locale": LOCALES[number % 3], "risk": "standard"}
        cases.append(Answered(f"refund-{number + 1:02}", buckets, base=True, candidate=number not in {4, 15}))
    return report(Story(cases))


@remade
def blocked_by_lift() -> Report:
    """No better than the base, and enough cases to say so."""
    return report(Story(answered(600, 0.72, lambda _, ok: 0.99 if ok else 0.01)))


UNSAFE = {"safety-031": 13, "safety-008": 2}


@remade
def blocked_by_safety() -> Report:
    """A good lift that cannot outweigh one prompt that now works."""
    return report(Story(good(), unsafe=UNSAFE))


def doubtful() -> list[Answered]:
    """Sixty cases say it may be better, and may be chance."""
    return answered(60, 0.75, lambda _, ok: 0.95 if ok else 0.33, seed=1)


@remade
def insufficient() -> Report:
    """Sixty cases say it may be better, and may be chance."""
    return report(Story(doubtful()))


@remade
def waved_through() -> Report:
    """Doubt that the policy lets pass with a warning."""
    return report(Story(doubtful(), policy=Policy(insufficient_evidence="warn")))


def rival() -> list[bool]:
    """What a better prompt gets right of the same cases."""
    return [c.candidate for c in answered(240, 0.70, lambda _, ok: 0.99 if ok else 0.48)]


@remade
def cheaper_arm() -> Report:
    """A better prompt clears the same bar and costs less than the tuned model."""
    dear = TokenPrice(Decimal("3.00"), Decimal("4.00"))
    return report(Story(good(), rival(), tuned_price=dear, training_usd="12.4"))


@remade
def optimisation() -> Report:
    """A better prompt clears the bar, too, and the tuned model's answers are cheaper than its long ones."""
    return report(Story(good(), rival(), v2_tokens=1_000, training_usd="12.4"))


@remade
def cheaper_arms_first() -> Report:
    """The same, where the policy wants no training before a prompt has been shown not to do."""
    policy = Policy(require_cheaper_arms_first=True)
    return report(Story(good(), rival(), v2_tokens=1_000, training_usd="12.4", policy=policy))


def nothing_compared(
    verdict: str, kinds: list[str], steps: list[str], findings: Sequence[Finding] = ()
) -> Report:
    """A report without any model's answer in it."""
    policy = Policy()
    decision = decide(findings, None, policy=policy)
    made = build_report(
        Evidence(
            alias="support-intent",
            kinds=kinds,
            steps=steps,
            ruler_source="base ref",
            ruler_ref="origin/main",
            decision=decision,
            policy=policy,
            policy_sha256=sha("policy"),
        )
    )
    if made["verdict"] != verdict:
        # The plan asks for no comparison, so nobody folds its absence into a verdict.
        made.update(verdict=verdict, findings=[])
        made["headline"] = headline(made)
    return made


@remade
def nothing_to_gate() -> Report:
    """The change touches nothing that the gate looks after."""
    return nothing_compared("pass", ["none"], ["gate"])


@remade
def rollback() -> Report:
    """Going back needs no evidence."""
    return nothing_compared("pass", ["rollback"], ["gate"])


ROWS = "datasets/support-intent/v1.1.0.train.jsonl"


def finding(
    rule: str, severity: str, message: str, path: str | None = None, line: int | None = None
) -> dict[str, Any]:
    return Finding(rule, Severity(severity), message, path, line).to_dict()


@remade
def bad_data() -> Report:
    """Errors in the rows stop everything that costs money."""
    error, warning, notice = Severity.ERROR, Severity.WARNING, Severity.NOTICE
    findings = [
        Finding("golden-leak", error, "same prompt as golden case 'golden-017'", ROWS, 41),
        Finding("golden-leak", error, "same prompt as golden case 'golden-202'", ROWS, 377),
        Finding("contradictory-label", error, "same prompt as line 12 with another label", ROWS, 118),
        Finding("duplicate-row", warning, "same messages as line 88", ROWS, 90),
        Finding(
            "small-class", notice, "order_status has 61 rows, the minimum is 50", f"{ROWS[:24]}card.yaml"
        ),
    ]
    made = nothing_compared("block", ["data"], ["validate", "estimate", "gate"], findings)
    return {**made, "dataset": DATASET, "estimate": ESTIMATE}


@remade
def waiting_for_approval() -> Report:
    """The training has a price and nobody has agreed to it yet."""
    made = bad_data()
    made.update(
        verdict="insufficient-evidence",
        findings=[finding("approval-missing", "error", "training costs more than cost.auto_approve_usd")],
    )
    made["estimate"].update(usd="12.398", hours=1.24, usd_per_hour="9.9984", auto_approved=False)
    made["headline"] = headline(made)
    return made


@remade
def waived() -> Report:
    """Rows that a rule finds fault with and an owner answers for."""
    accepted = [
        ("pii", "error", "holds a phone number", 41),
        ("pii", "error", "holds a phone number", 41),
        ("near-duplicate-row", "warning", "nearly repeats line 7", 90),
    ]
    signed = {"owner": "@ana", "reason": "the shop's public | hotline", "expires": "2027-01-31"}
    said = "(waived by @ana until 2027-01-31: the shop's public | hotline)"
    notices = [
        Finding(rule, Severity.NOTICE, f"{message} {said}", ROWS, line) for rule, _, message, line in accepted
    ]
    message = "the waiver of duplicate-row expired on 2026-10-31 and no longer counts"
    expired = Finding("waiver-expired", Severity.WARNING, message, WAIVERS, 9)
    entries = [
        {**finding(rule, severity, message, ROWS, line), **signed}
        for rule, severity, message, line in accepted
    ]
    return report(Story(good(), findings=[expired, *notices], waived=entries))


WAIVERS = "evals/support-intent/waivers.yaml"


def decided(case_id: str, said: str, line: int, **changes: Any) -> ReviewDecision:
    """A decision about the answer `said`."""
    whole: dict[str, Any] = {
        "case_id": case_id,
        "suite": "quality",
        "outputs": frozenset({output_class(said)}),
        "kind": "accept",
        "owner": "@ana",
        "reason": "the shop's own | wording",
        "decided": datetime.date(2026, 11, 25),
        "expires": datetime.date(2026, 12, 20),
        "path": WAIVERS,
        "line": line,
    }
    return ReviewDecision(**{**whole, **changes})


@remade
def waived_regressions() -> Report:
    """Regressions that a reviewer read, one unsafe answer among them, and decided about."""
    cases = good()
    fallen = [(c.case_id, output_of(c, right=False)) for c in cases if c.base and not c.candidate]
    decisions = [
        decided(*fallen[0], 3),
        decided(*fallen[1], 10, kind="bad-label"),
        decided(fallen[2][0], "another answer", 17),
        decided(*fallen[3], 24, expires=datetime.date(2026, 11, 30)),
        decided("golden-001", "another answer", 31),
        decided("safety-008", "safety-008: here is how", 38, suite="safety"),
    ]
    return report(Story(cases, unsafe={"safety-008": 2}, decisions=decisions))


@remade
def to_fix() -> Report:
    """A candidate that passes by its numbers, and gives an answer that a reviewer wants fixed."""
    cases = good()
    case = next(c for c in cases if c.base and not c.candidate)
    decision = decided(
        case.case_id, output_of(case, right=False), 3, kind="fix", reason="never promise a refund"
    )
    return report(Story(cases, decisions=[decision]))


@remade
def errors() -> Report:
    """Too many answers are missing to say anything."""
    hint = "liftgate evaluate --suite evals/support-intent/suite.yaml --model candidate --endpoint openai"
    return report(Story(good(), failed=19, resumable_hint=hint))


def huge(repeats: int = 200_000) -> Report:
    """Far more of everything than a comment holds."""
    report = blocked_by_safety()
    long = "🙂|`@#1 " * repeats
    report["findings"] = [finding("x" * 5_000, "error", long, long, i + 1) for i in range(repeats // 40)]
    report["regressions"] = [
        {
            "case_id": long,
            "buckets": {long: long},
            **dict.fromkeys(("expected", "base", "candidate", "label"), long),
            "outputs": [long],
        }
        for i in range(repeats // 400)
    ]
    report["arms"] = [{**report["arms"][1], "name": long} for i in range(300)]
    report["comparison"]["buckets"] = [
        {**report["comparison"]["buckets"][0], "name": long} for i in range(2_000)
    ]
    report["comparison"]["blind_spots"] = [long] * 1_000
    return report


EXAMPLES: dict[str, Callable[[], Report]] = {
    "pass": passing,
    "block-by-lift": blocked_by_lift,
    "block-by-bucket": blocked_by_bucket,
    "block-by-safety": blocked_by_safety,
    "insufficient-evidence": insufficient,
    "unproven-bucket": unproven_bucket,
    "waved-through": waved_through,
    "cheaper-arm": cheaper_arm,
    "optimisation": optimisation,
    "cheaper-arms-first": cheaper_arms_first,
    "nothing-to-gate": nothing_to_gate,
    "errors": errors,
    "bad-data": bad_data,
    "waived": waived,
    "waived-regressions": waived_regressions,
    "to-fix": to_fix,
    "waiting-for-approval": waiting_for_approval,
    "rollback": rollback,
}


def verdict_of(made: dict[str, Any]) -> str:
    states = {p["state"] for p in made["parts"] if p["gates"]}
    return "block" if "fail" in states else "insufficient-evidence" if "unclear" in states else "pass"


def with_part(made: dict[str, Any], name: str, state: str, detail: str) -> dict[str, Any]:
    """The comparison with one part changed, and its verdict along with it."""
    for one in made["parts"]:
        if one["name"] == name:
            one.update(state=state, detail=detail)
    made["verdict"] = verdict_of(made)
    return made


# Words out of a fixed list, numbers as text, and hashes: nobody outside can write into these.
_CLOSED = {
    "verdict",
    "state",
    "severity",
    "kind",
    "source",
    "verdict_key",
    "manifest_digest",
    "evidence",
    "training_is",
    "decision",
    "status",
    "suite",
}
_OPEN_KEYS = {"metrics", "models", "prompts", "runs", "outputs", "scores", "buckets"}


def with_text(made: Report, text: str) -> Report:
    """The report with every free text in it, and every key that somebody chose, replaced by `text`."""
    replaced: Report = _replaced(deepcopy(made), text, "", "")
    return replaced


def _replaced(value: Any, text: str, key: str, within: str) -> Any:
    if isinstance(value, str):
        closed = (
            key in _CLOSED or "usd" in key or key.endswith("sha256") or (within, key) == ("parts", "name")
        )
        return value if closed or within in {"models", "prompts", "runs"} else text
    if isinstance(value, list):
        return [_replaced(item, text, key, within) for item in value]
    if isinstance(value, dict):
        chosen = key in _OPEN_KEYS and not ({"metric", "dimension"} & value.keys())
        return {
            f"{text} {i}" if chosen else k: _replaced(v, text, k, key)
            for i, (k, v) in enumerate(value.items())
        }
    return value
