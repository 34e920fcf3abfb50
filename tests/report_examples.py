"""Reports as the gate writes them, built from answers that were drawn once with a fixed seed."""

import hashlib
import math
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from liftgate.verdict.output_class import output_class

INTENTS = [
    "account_access",
    "billing",
    "cancel_change",
    "fraud_report",
    "order_status",
    "privacy_request",
    "product_defect",
    "refund",
]
LOCALES = ["en", "es", "de"]
HIGH_RISK = {"fraud_report", "privacy_request"}
MIN_LIFT, BUCKET_MAX_DROP, ALPHA, MIN_BUCKET = 0.03, 0.05, 0.05, 40

Report = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """One golden case and whether base and candidate got it right."""

    case_id: str
    buckets: dict[str, str]
    base: bool
    candidate: bool


def sha(name: str) -> str:
    """A stable hash that stands for a file of this name."""
    return hashlib.sha256(name.encode()).hexdigest()


def answered(
    n: int, base_right: float, candidate_right: Callable[[str, bool], float], seed: int = 7
) -> list[Answered]:
    """Draw n cases; `candidate_right(intent, base_ok)` is the candidate's chance of a right answer."""
    draw = random.Random(seed)  # noqa: S311
    cases = []
    for i in range(n):
        intent, locale = INTENTS[i % 8], LOCALES[(i // 8) % 3]
        risk = "high" if intent in HIGH_RISK else "standard"
        base = draw.random() < base_right
        candidate = draw.random() < candidate_right(intent, base)
        cases.append(
            Answered(
                f"golden-{i + 1:03}", {"intent": intent, "locale": locale, "risk": risk}, base, candidate
            )
        )
    return cases


def tally(cases: list[Answered]) -> dict[str, Any]:
    """Means, the four counts, and a plain interval of the paired difference."""
    n = len(cases)
    fixes = sum(c.candidate and not c.base for c in cases)
    regressions = sum(c.base and not c.candidate for c in cases)
    both = sum(c.base and c.candidate for c in cases)
    change = (fixes - regressions) / n
    half = 1.645 * math.sqrt(max((fixes + regressions) / n - change**2, 1 / n**2) / n)
    return {
        "n": n,
        "base": (both + regressions) / n,
        "candidate": (both + fixes) / n,
        "both": both,
        "fixes": fixes,
        "regressions": regressions,
        "neither": n - both - fixes - regressions,
        "change": change,
        "low": max(-1.0, change - half),
        "high": min(1.0, change + half),
    }


def mcnemar_worse(regressions: int, fixes: int) -> float:
    """Exact one-sided p."""
    n = regressions + fixes
    return float(sum(math.comb(n, k) for k in range(regressions, n + 1)) / 2**n)


def bucket_rows(cases: list[Answered]) -> list[dict[str, Any]]:
    """One row a bucket in the comparison's form."""
    names = sorted({(dimension, name) for c in cases for dimension, name in c.buckets.items()})
    rows = []
    for dimension, name in names:
        t = tally([c for c in cases if c.buckets[dimension] == name])
        p = mcnemar_worse(t["regressions"], t["fixes"])
        state = "ok"
        if t["change"] < -BUCKET_MAX_DROP and t["regressions"] - t["fixes"] >= 2:
            state = "fail" if p <= ALPHA / 4 else "unclear"
        row = {k: t[k] for k in ("n", "base", "candidate", "fixes", "regressions", "change", "low", "high")}
        rows.append(
            {
                "dimension": dimension,
                "name": name,
                **row,
                "p": p,
                "state": state,
                "blind": t["n"] < MIN_BUCKET,
                "evidence": "noninferior" if name == "high" else "suspect",
            }
        )
    return rows


def part(name: str, state: str, detail: str, needs: str, gates: bool = True) -> dict[str, Any]:
    return {"name": name, "state": state, "detail": detail, "needs": needs, "gates": gates}


def metric_row(metric: str, n: int, base: float, candidate: float) -> dict[str, Any]:
    change = candidate - base
    sides = {"base": base, "candidate": candidate, "change": change}
    return {"metric": metric, "n": n, **sides, "low": change - 0.02, "high": change + 0.02}


def comparison(cases: list[Answered], metric: str = "exact_match") -> dict[str, Any]:
    """A comparison whose safety, latency and JSON parts are fine."""
    t, buckets = tally(cases), bucket_rows(cases)
    n = t["n"]
    lift = "ok" if t["change"] >= MIN_LIFT and t["low"] > 0 else "fail" if t["high"] < MIN_LIFT else "unclear"
    worst = (
        "fail"
        if any(b["state"] == "fail" for b in buckets)
        else "unclear"
        if any(b["state"] == "unclear" for b in buckets)
        else "ok"
    )
    blind = [
        f"{b['dimension']}={b['name']} has {b['n']} cases, fewer than 40: too few to gate"
        for b in buckets
        if b["blind"]
    ]
    regressed = [c for c in cases if c.base and not c.candidate]
    made = {
        "schema_version": 1,
        "verdict": "pass",
        "lift": {"metric": metric, "n": n, "mean": t["change"], "low": t["low"], "high": t["high"]},
        "base": {"model": "smollm2-135m-instruct", "mean": t["base"]},
        "candidate": {"model": "smollm2-135m-instruct+support-intent", "mean": t["candidate"]},
        "counts": {k: t[k] for k in ("both", "fixes", "regressions", "neither")},
        "parts": [
            part(
                "completeness",
                "ok",
                f"all {n} cases answered by both sides",
                "same cases on both sides, at most 1% unscored",
            ),
            part("safety", "ok", "no case newly unsafe", "no new unsafe answer"),
            part("lift", lift, "lift of the primary metric", "at least +3.0 points, lower 95% bound above 0"),
            part("regression-share", "ok", f"{t['regressions']} of {n}", "below 15% of the cases"),
            part(
                "buckets", worst, "buckets against their largest drop", "no bucket down by more than 5 points"
            ),
            part("json-valid", "ok", "not worse", "not proven to fall"),
            part("latency", "ok", "not slower", "P95 ratio below 1.25", gates=False),
            part("judge", "not-measured", "no judge scores", "at least +5.0 points", gates=False),
        ],
        "metrics": [
            metric_row(metric, n, t["base"], t["candidate"]),
            metric_row("json_valid", n, 0.9625, 1.0),
            metric_row("field_match.intent", n, t["base"] + 0.05, t["candidate"] + 0.0375),
        ],
        "buckets": buckets,
        "safety": {
            "cases": 50,
            "base_unsafe": 3,
            "candidate_unsafe": 3,
            "newly_unsafe": [],
            "hidden_rate_high": 0.0582,
        },
        "latency": {
            "base_p95_ms": 1180.0,
            "candidate_p95_ms": 1224.0,
            "ratio": 1.0373,
            "low": 0.98,
            "high": 1.1,
        },
        "regressions": [
            {
                "case_id": c.case_id,
                "buckets": c.buckets,
                "base_score": 1.0,
                "candidate_score": 0.0,
                "outputs": [output_class(outputs_of(c)["candidate"])],
            }
            for c in regressed[:20]
        ],
        "regressions_total": len(regressed),
        "blind_spots": blind,
        "power": {"smallest_passable_lift": 0.061, "cases_needed": None, "for_lift": None},
        "decisions": [],
        "findings": [],
    }
    made["verdict"] = verdict_of(made)
    return made


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


def finding(
    rule: str, severity: str, message: str, path: str | None = None, line: int | None = None
) -> dict[str, Any]:
    return {"rule": rule, "severity": severity, "message": message, "path": path, "line": line}


def label(intent: str, locale: str) -> str:
    priority = "high" if intent in HIGH_RISK else "normal" if locale == "en" else "low"
    return f'{{"intent": "{intent}", "priority": "{priority}"}}'


def outputs_of(case: Answered) -> dict[str, str]:
    intent, locale = case.buckets["intent"], case.buckets["locale"]
    wrong = label(INTENTS[(INTENTS.index(intent) + 3) % 8], locale)
    return {
        "prompt-v1": label(intent, locale) if case.base else wrong,
        "candidate": label(intent, locale) if case.candidate else wrong,
    }


def arm(
    name: str,
    made: dict[str, Any] | None,
    mean: float,
    *,
    p95_ms: float,
    usd_per_1k: str | None,
    clears: bool | None = None,
    cheapest: bool = False,
) -> dict[str, Any]:
    kind = {"prompt-v1": "base", "candidate": "candidate"}.get(name, "prompt")
    return {
        "name": name,
        "kind": kind,
        "model": "smollm2-135m-instruct" + ("+support-intent" if kind == "candidate" else ""),
        "prompt": "prompts/prompt-v2.yaml" if name == "prompt-v2" else "prompts/prompt-v1.yaml",
        "alias_of": None,
        "n": made["lift"]["n"] if made else 240,
        "metrics": {"exact_match": mean, "json_valid": 1.0 if kind == "candidate" else 0.9625},
        "p95_ms": p95_ms,
        "usd_per_1k": usd_per_1k,
        "comparison": {k: v for k, v in made.items() if k != "findings"} if made else None,
        "clears_bar": clears,
        "cheapest": cheapest,
    }


def losses() -> list[dict[str, Any]]:
    draw = random.Random(3)  # noqa: S311
    return [
        {"step": s, "loss": round(0.05 + 1.9 * math.exp(-s / 28) + 0.06 * draw.random(), 4)}
        for s in range(5, 161, 5)
    ]


def report(cases: list[Answered], made: dict[str, Any]) -> Report:
    """A whole report of one data change that was trained and compared."""
    t = tally(cases)
    wins = made["verdict"] == "pass"
    v2 = comparison(answered(len(cases), 0.72, lambda _, ok: 0.96 if ok else 0.10, seed=11))
    return {
        "schema_version": 1,
        "alias": "support-intent",
        "verdict": made["verdict"],
        "headline": "",
        "tool_version": "0.1.0",
        "verdict_key": sha("verdict"),
        "ruler": {"source": "base ref", "ref": "origin/main"},
        "plan": {"kinds": ["data"], "steps": ["validate", "train", "evaluate", "compare", "gate"]},
        "dataset": {
            "version": "v1.1.0",
            "train_rows": 612,
            "validation_rows": 110,
            "train_sha256": sha("train"),
            "validation_sha256": sha("validation"),
        },
        "power": {
            "cases": len(cases),
            "effective_cases": len(cases),
            "disagreement": 0.12,
            "measured_in_reports": 0,
            "power": 0.8,
            "smallest_passable_lift": 0.0565,
            "cases_needed": 207,
            "for_lift": 0.06,
            "small_buckets": [
                {
                    "dimension": "intent",
                    "name": name,
                    "n": len(cases) // 8,
                    "missing": MIN_BUCKET - len(cases) // 8,
                    "provable_drop": 0.166667,
                    "risky": False,
                }
                for name in INTENTS
                if len(cases) // 8 < MIN_BUCKET
            ],
        },
        "attempts": {"number": 3, "chance": 0.05, "by_luck": 0.142625, "limit": 5},
        "estimate": {
            "rows": 612,
            "tokens": 61_204,
            "epochs": 4,
            "training_tokens": 244_816,
            "usd": "0.00",
            "hours": 0.0431,
            "usd_per_hour": "0.00",
            "price_source": "the machine that runs the job is already paid for",
            "checked_on": "2026-11-25",
            "auto_approved": True,
        },
        "training": {
            "provider": "local",
            "base": "smollm2-135m-instruct",
            "base_sha256": sha("base"),
            "adapter_sha256": sha("adapter"),
            "manifest_digest": sha("manifest"),
            "steps": 160,
            "seconds": 141.3,
            "losses": losses(),
            "validation_loss": 0.0934,
            "trainable_parameters": 1_843_200,
        },
        "arms": [
            arm("prompt-v1", None, t["base"], p95_ms=1180.0, usd_per_1k="0.0312"),
            arm("prompt-v2", v2, v2["candidate"]["mean"], p95_ms=1710.0, usd_per_1k="0.0875", clears=False),
            arm(
                "candidate",
                made,
                t["candidate"],
                p95_ms=1224.0,
                usd_per_1k="0.0318",
                clears=wins,
                cheapest=wins,
            ),
        ],
        "base_arm": "prompt-v1",
        "candidate_arm": "candidate",
        "comparison": made,
        "findings": [],
        "lineage": {
            "golden_sha256": sha("golden"),
            "safety_sha256": sha("safety"),
            "suite_sha256": sha("suite"),
            "policy_sha256": sha("policy"),
            "policy_fingerprint": sha("thresholds"),
            "calibration_sha256": None,
            "waivers_sha256": None,
            "models": {name: sha(f"model {name}") for name in ("prompt-v1", "prompt-v2", "candidate")},
            "prompts": {name: sha(name[-2:]) for name in ("prompt-v1", "prompt-v2", "candidate")},
            "training_rendering_sha256": sha("rendering"),
            "evaluation_rendering_sha256": sha("rendering"),
            "runs": {a: sha(f"run {a}") for a in ("prompt-v1", "prompt-v2", "candidate")},
        },
        "regressions": [
            {
                "case_id": c.case_id,
                "buckets": c.buckets,
                "expected": label(c.buckets["intent"], c.buckets["locale"]),
                "base": outputs_of(c)["prompt-v1"],
                "candidate": outputs_of(c)["candidate"],
                "outputs": [output_class(outputs_of(c)["candidate"])],
                "label": ("3/3 reproduces", "flaky 1/3")[c.case_id[-1] in "27"],
            }
            for c in cases
            if c.base and not c.candidate
        ][:20],
        "cases": [
            {
                "case_id": c.case_id,
                "buckets": c.buckets,
                "expected": label(c.buckets["intent"], c.buckets["locale"]),
                "outputs": outputs_of(c),
                "scores": {"prompt-v1": float(c.base), "candidate": float(c.candidate)},
            }
            for c in cases
        ],
        "resumable_hint": None,
    }


def passing(n: int = 240) -> Report:
    """A fine-tune that earns its place."""
    cases = answered(n, 0.70, lambda _, ok: 0.97 if ok else 0.52)
    return report(
        cases, with_part(comparison(cases), "buckets", "ok", "no bucket drops more than 5.0 points")
    )


def blocked_by_bucket() -> Report:
    """Better on the whole, and clearly worse at refunds."""

    def candidate_right(intent: str, base: bool) -> float:
        if intent == "refund":
            return 0.35 if base else 0.05
        return 0.98 if base else 0.55

    cases = answered(320, 0.72, candidate_right)
    made = comparison(cases)
    made["findings"] = [
        finding("bucket-regression", "error", f"{b['dimension']}={b['name']} is worse on {b['n']} cases")
        for b in made["buckets"]
        if b["state"] == "fail"
    ]
    return {**report(cases, made), "findings": made["findings"]}


def unsafe(case_id: str, candidate: int, p: float, state: str) -> dict[str, Any]:
    runs = {"base_unsafe": 0, "base_runs": 20, "candidate_unsafe": candidate, "candidate_runs": 20}
    outputs = [output_class(f"{case_id}: here is how")]
    return {"case_id": case_id, **runs, "p": p, "state": state, "outputs": outputs}


def decided(
    case_id: str, outputs: list[str], kind: str, status: str, *, why: str = "", suite: str = "quality"
) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "suite": suite,
        "outputs": outputs,
        "decision": kind,
        "owner": "@ana",
        "reason": "the shop's own | wording",
        "decided": "2026-11-25",
        "expires": "2026-12-20",
        "line": 4,
        "status": status,
        "why": why,
    }


def blocked_by_safety() -> Report:
    """A good lift that cannot outweigh one prompt that now works."""
    cases = answered(240, 0.70, lambda _, ok: 0.97 if ok else 0.52)
    made = with_part(comparison(cases), "buckets", "ok", "no bucket drops more than 5.0 points")
    made = with_part(made, "safety", "fail", "1 case newly unsafe after 20 confirmation runs")
    newly = [unsafe("safety-031", 13, 7.6e-06, "fail"), unsafe("safety-008", 2, 0.244, "unclear")]
    made["safety"].update(candidate_unsafe=5, newly_unsafe=newly)
    message = "safety-031: candidate unsafe in 13 of 20 runs, base in 0 of 20"
    made["findings"] = [finding("newly-unsafe", "error", message)]
    return {**report(cases, made), "findings": made["findings"]}


def insufficient() -> Report:
    """Sixty cases say it may be better, and may be chance."""
    cases = answered(60, 0.75, lambda _, ok: 0.95 if ok else 0.33, seed=1)
    made = with_part(comparison(cases), "buckets", "ok", "no bucket drops more than 5.0 points")
    made["power"] = {"smallest_passable_lift": 0.104, "cases_needed": 410, "for_lift": 0.05}
    made["findings"] = [finding("lift-unproven", "error", "the interval of the lift reaches below 0")]
    return {**report(cases, made), "findings": made["findings"]}


def cheaper_arm() -> Report:
    """A better prompt clears the same bar and costs less than the tuned model."""
    made = passing()
    v2_cases = answered(240, 0.70, lambda _, ok: 0.99 if ok else 0.48)
    v2 = with_part(comparison(v2_cases), "buckets", "ok", "no bucket drops more than 5.0 points")
    made["arms"][1] = arm(
        "prompt-v2",
        v2,
        v2["candidate"]["mean"],
        p95_ms=1310.0,
        usd_per_1k="0.0875",
        clears=True,
        cheapest=True,
    )
    made["arms"][2].update(usd_per_1k="0.31", cheapest=False)
    made["break_even"] = {
        "state": "never",
        "against": "prompt-v2",
        "requests": None,
        "saved_usd_per_1k": "-0.2225",
        "training_usd": "12.4",
        "training_is": "actual",
        "unpriced": [],
    }
    with_cost(made, "0.0312", "0.31", 9.93589744)
    clears = "prompt-v2 clears the same bar without training; the tuned model is an optimisation"
    return {**made, "findings": [finding("cheaper-arm-clears", "warning", clears)]}


def with_cost(made: Report, base: str, candidate: str, ratio: float) -> None:
    """What the answers of both sides cost."""
    compared = made["comparison"]
    compared["cost"] = {"base_usd_per_1k": base, "candidate_usd_per_1k": candidate, "ratio": ratio}
    compared["parts"].append(part("cost", "ok", f"{ratio:.2f}× base", "no limit set", gates=False))


def optimisation() -> Report:
    """A better prompt clears the bar, too, and the tuned model's answers are cheaper than its long ones."""
    made = cheaper_arm()
    made["arms"][1].update(usd_per_1k="0.31", cheapest=False)
    made["arms"][2].update(usd_per_1k="0.0318", cheapest=True)
    made["break_even"].update(state="pays-back", requests=44_572, saved_usd_per_1k="0.2782")
    made["comparison"]["parts"].pop()
    with_cost(made, "0.0312", "0.0318", 1.01923077)
    return made


def cheaper_arms_first() -> Report:
    """The same, where the policy wants no training before a prompt has been shown not to do."""
    made = {**optimisation(), "verdict": "block"}
    clears = (
        "prompt-v2 clears the same bar without training, and the tuned model is not proven better by +3.0 points; "
        "the policy takes cheaper arms first"
    )
    return {**made, "findings": [finding("cheaper-arm-clears", "error", clears)]}


def waved_through() -> Report:
    """Doubt that the policy lets pass with a warning."""
    return {**insufficient(), "waved_through": True}


def nothing_compared(verdict: str, kinds: list[str], steps: list[str]) -> Report:
    """A report without any model's answer in it."""
    made = passing()
    made.update(
        verdict=verdict, plan={"kinds": kinds, "steps": steps}, dataset=None, estimate=None, training=None
    )
    made["power"] = made["attempts"] = None
    made.update(arms=[], base_arm=None, candidate_arm=None, comparison=None, regressions=[], cases=[])
    made["lineage"].update(
        models={}, prompts={}, runs={}, training_rendering_sha256=None, evaluation_rendering_sha256=None
    )
    return made


def nothing_to_gate() -> Report:
    """The change touches nothing that the gate looks after."""
    made = nothing_compared("pass", ["none"], ["gate"])
    made["lineage"] = {k: {} if k in {"models", "prompts", "runs"} else None for k in made["lineage"]}
    return {**made, "verdict_key": None}


def bad_data() -> Report:
    """Errors in the rows stop everything that costs money."""
    full = passing()
    made = nothing_compared("block", ["data"], ["validate", "estimate", "gate"])
    path = "datasets/support-intent/v1.1.0.train.jsonl"
    findings = [
        finding("golden-leak", "error", "same prompt as golden case 'golden-017'", path, 41),
        finding("golden-leak", "error", "same prompt as golden case 'golden-202'", path, 377),
        finding("contradictory-label", "error", "same prompt as line 12 with another label", path, 118),
        finding("duplicate-row", "warning", "same messages as line 88", path, 90),
        finding(
            "few-rows-per-class",
            "notice",
            "order_status has 61 rows, the minimum is 50",
            f"{path[:24]}card.yaml",
        ),
    ]
    kept = {key: full[key] for key in ("dataset", "power", "estimate")}
    return {**made, "findings": findings, **kept}


def waived() -> Report:
    """Rows that a rule finds fault with and an owner answers for."""
    path = "datasets/support-intent/v1.1.0.train.jsonl"
    accepted = [
        ("pii", "error", "holds a phone number", 41),
        ("near-duplicate-row", "warning", "nearly repeats line 7", 90),
    ]
    signed = {"owner": "@ana", "reason": "the shop's public | hotline", "expires": "2027-01-31"}
    said = "(waived by @ana until 2027-01-31: the shop's public | hotline)"
    notices = [
        finding(rule, "notice", f"{message} {said}", path, line) for rule, _, message, line in accepted
    ]
    entries = [
        {**finding(rule, severity, message, path, line), **signed}
        for rule, severity, message, line in accepted
    ]
    expired = finding(
        "waiver-expired",
        "warning",
        "the waiver of duplicate-row expired on 2026-10-31 and no longer counts",
        "evals/support-intent/waivers.yaml",
        9,
    )
    return {**passing(), "findings": [expired, *notices], "waived": entries}


def waived_regressions() -> Report:
    """Regressions that a reviewer read, one unsafe answer among them, and decided about."""
    made = passing()
    fallen, compared = made["regressions"], made["comparison"]
    read = [(each["case_id"], each["outputs"]) for each in fallen]
    another = "the candidate gives another answer than those that were decided on"
    waiver = decided(
        "safety-008", unsafe("safety-008", 2, 0.244, "ok")["outputs"], "accept", "accepted", suite="safety"
    )
    compared["decisions"] = [
        decided(*read[0], "accept", "accepted"),
        decided(*read[1], "bad-label", "noted"),
        decided(read[2][0], ["0123456789abcdef"], "accept", "void", why=another),
        {**decided(*read[3], "accept", "expired"), "expires": "2026-11-30"},
        decided(
            "golden-001", ["0123456789abcdef"], "accept", "unused", why="the candidate is not worse there"
        ),
        waiver,
    ]
    made["lineage"]["waivers_sha256"], made["decisions_on"] = sha("waivers"), "2026-12-01"
    compared["safety"].update(candidate_unsafe=4, newly_unsafe=[unsafe("safety-008", 2, 0.244, "ok")])
    place = ("evals/support-intent/waivers.yaml", 4)
    made["findings"] = [
        finding(
            "decision-expired",
            "warning",
            f"the decision about quality case {read[3][0]!r} expired on 2026-11-30 and no longer counts",
            *place,
        ),
        finding(
            "decision-void",
            "warning",
            f"the decision about quality case {read[2][0]!r} does not count: {another}",
            *place,
        ),
        finding(
            "safety-unconfirmed",
            "notice",
            "safety case 'safety-008': unsafe in 2 of 20 candidate runs, 0 of 20 base runs, not proven worse "
            "(p = 0.24): a person decides; accepted by @ana until 2026-12-20: the shop's own | wording",
        ),
    ]
    return made


def errors() -> Report:
    """Too many answers are missing to say anything."""
    cases = answered(240, 0.70, lambda _, ok: 0.97 if ok else 0.52)
    made = with_part(comparison(cases), "buckets", "ok", "no bucket drops more than 5.0 points")
    detail = "19 of 240 candidate answers are missing after errors (timeout 17, connection 2)"
    made = with_part(made, "completeness", "unclear", detail)
    made["findings"] = [finding("too-many-errors", "error", detail)]
    hint = "liftgate evaluate --suite evals/support-intent/suite.yaml --model candidate --endpoint openai"
    return {**report(cases, made), "findings": made["findings"], "resumable_hint": hint}


def waiting_for_approval() -> Report:
    """The training has a price and nobody has agreed to it yet."""
    made = bad_data()
    made.update(
        verdict="insufficient-evidence",
        findings=[finding("approval-missing", "error", "training costs more than cost.auto_approve_usd")],
    )
    made["estimate"].update(usd="12.398", hours=1.24, usd_per_hour="9.9984", auto_approved=False)
    return made


def rollback() -> Report:
    """Going back needs no evidence."""
    return nothing_compared("pass", ["rollback"], ["gate"])


EXAMPLES: dict[str, Callable[[], Report]] = {
    "pass": passing,
    "block-by-bucket": blocked_by_bucket,
    "block-by-safety": blocked_by_safety,
    "insufficient-evidence": insufficient,
    "waved-through": waved_through,
    "cheaper-arm": cheaper_arm,
    "optimisation": optimisation,
    "cheaper-arms-first": cheaper_arms_first,
    "nothing-to-gate": nothing_to_gate,
    "errors": errors,
    "bad-data": bad_data,
    "waived": waived,
    "waived-regressions": waived_regressions,
    "waiting-for-approval": waiting_for_approval,
    "rollback": rollback,
}

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
