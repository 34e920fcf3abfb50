"""From drawn answers to a whole report, by the program's own steps: what the examples are told with."""

import datetime
import hashlib
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from liftgate import EvalRun, Policy
from liftgate.findings import Finding
from liftgate.report.build import Evidence, build_report
from liftgate.training.cost import TokenPrice
from liftgate.verdict.arm_results import arm_results
from liftgate.verdict.attempts import Attempts
from liftgate.verdict.cost import training_cost
from liftgate.verdict.decisions import Decisions, ReviewDecision
from liftgate.verdict.gate import decide

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
MIN_BUCKET = 40
PROMPTS = 50
TODAY = datetime.date(2026, 12, 1)

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
        buckets = {"intent": intent, "locale": locale, "risk": risk}
        cases.append(Answered(f"golden-{i + 1:03}", buckets, base, candidate))
    return cases


def label(intent: str, locale: str) -> str:
    priority = "high" if intent in HIGH_RISK else "normal" if locale == "en" else "low"
    return f'{{"intent": "{intent}", "priority": "{priority}"}}'


def output_of(case: Answered, right: bool) -> str:
    intent, locale = case.buckets["intent"], case.buckets["locale"]
    return label(intent, locale) if right else label(INTENTS[(INTENTS.index(intent) + 3) % 8], locale)


@dataclass(frozen=True)
class Side:
    """How one arm answers: which cases it gets right, at what length and speed, and where it is unsafe."""

    right: Sequence[bool]
    model: str
    prompt: str = "v1"
    input_tokens: int = 90
    slower: float = 1.0
    invalid_every: int = 0
    unsafe: Mapping[str, int] = field(default_factory=dict)
    """Confirmation runs out of 20 that are unsafe, by prompt."""
    failed: int = 0


def run_of(cases: Sequence[Answered], side: Side, confirmed: Sequence[str]) -> EvalRun:
    """The run, with three answers to each safety prompt and twenty more to those that were confirmed."""
    draw, jitter = random.Random(5), random.Random(f"{side.model} {side.prompt}")  # noqa: S311
    rows: list[dict[str, Any]] = []
    for number, (case, right) in enumerate(zip(cases, side.right, strict=True)):
        valid = not side.invalid_every or number % side.invalid_every > 0
        scores = {"exact_match": float(right), "field_match.intent": float(right), "json_valid": float(valid)}
        row: dict[str, Any] = {"case_id": case.case_id, "buckets": case.buckets, "scores": scores}
        row |= {"output": output_of(case, right), "input_tokens": side.input_tokens, "output_tokens": 10}
        row["latency_ms"] = round(math.exp(draw.gauss(6.4, 0.4)) * side.slower * jitter.uniform(0.9, 1.1), 1)
        if number % 12 == 5 and number // 12 < side.failed:
            row |= {
                "scores": dict.fromkeys(scores),
                "output": None,
                "input_tokens": None,
                "output_tokens": None,
            }
            row |= {"latency_ms": None, "error": {"kind": "timeout", "message": "no answer in 60 s"}}
        rows.append(row)
    for number in range(1, PROMPTS + 1):
        name = f"safety-{number:03}"
        bad = {repeat: number in {2, 17, 44} for repeat in range(3)}
        bad[0] = bad[0] or name in side.unsafe
        if name in confirmed:
            bad |= {3 + run: run < side.unsafe.get(name, 0) for run in range(20)}
        rows += [
            {
                "case_id": name,
                "suite": "safety",
                "repeat": repeat,
                "scores": {"safe_output": float(not unsafe)},
                "output": f"{name}: here is how" if unsafe else "I will not help with that.",
            }
            for repeat, unsafe in bad.items()
        ]
    return EvalRun.from_rows(
        rows,
        model=side.model,
        endpoint="openai",
        identity={"model": side.model},
        metrics=["exact_match", "field_match.intent", "json_valid", "safe_output"],
        primary_metric="exact_match",
        golden_sha256=sha("golden"),
        safety_sha256=sha("safety"),
        suite_sha256=sha("suite"),
        prompt_sha256=sha(side.prompt),
    )


BASE, TUNED = "smollm2-135m-instruct", "smollm2-135m-instruct+support-intent"
CHEAP = TokenPrice(Decimal("0.30"), Decimal("0.42"))
TUNED_PRICE = TokenPrice(Decimal("0.30"), Decimal("0.48"))


@dataclass(frozen=True)
class Story:
    """Everything that differs between one example and the next."""

    cases: Sequence[Answered]
    prompt_v2: Sequence[bool] | None = None
    v2_tokens: int = 260
    unsafe: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0
    tuned_price: TokenPrice = TUNED_PRICE
    policy: Policy = field(default_factory=Policy)
    training_usd: str | None = None
    decisions: Sequence[ReviewDecision] = ()
    labels: bool = True
    findings: Sequence[Finding] = ()
    waived: Sequence[Mapping[str, Any]] = ()
    resumable_hint: str | None = None


def report(story: Story) -> Report:
    """A whole report of one data change that was trained and compared."""
    cases, policy = story.cases, story.policy
    weak = [c.base for c in cases]
    for place in range(4, len(weak), 31):
        weak[place] = not weak[place]
    runs = {
        "base": Side([c.base for c in cases], BASE, invalid_every=27),
        "candidate": Side(
            [c.candidate for c in cases], TUNED, slower=1.04, unsafe=story.unsafe, failed=story.failed
        ),
        "prompt-v2": Side(story.prompt_v2 or weak, BASE, "v2", story.v2_tokens, slower=1.45),
    }
    answers = {name: run_of(cases, side, sorted(story.unsafe)) for name, side in runs.items()}
    arms = arm_results(
        answers,
        policy,
        kinds={"base": "base", "candidate": "candidate", "prompt-v2": "prompt"},
        alias_of={},
        prices={"base": CHEAP, "candidate": story.tuned_price, "prompt-v2": CHEAP},
        decisions=Decisions(tuple(story.decisions), TODAY) if story.decisions else None,
    )
    compared = next(arm.comparison for arm in arms if arm.name == "candidate")
    training = {**TRAINING, **({} if story.training_usd is None else {"usd": story.training_usd})}
    paid = training_cost(ESTIMATE, training)
    decision = decide(story.findings, compared, arms, policy=policy, training=paid)
    made = build_report(
        Evidence(
            alias="support-intent",
            kinds=["data"],
            steps=["validate", "train", "evaluate", "compare", "gate"],
            ruler_source="base ref",
            ruler_ref="origin/main",
            decision=decision,
            dataset=DATASET,
            power=power(len(cases)),
            attempts=Attempts.of(3, policy).to_dict(),
            estimate=ESTIMATE,
            training=training,
            comparison=compared,
            arms=arms,
            arm_about={
                name: {"prompt": f"prompts/prompt-{side.prompt}.yaml", "alias_of": None}
                for name, side in runs.items()
            },
            policy=policy,
            policy_sha256=sha("policy"),
            waivers_sha256=sha("waivers") if story.decisions else None,
            decisions_on=TODAY.isoformat() if story.decisions else None,
            training_rendering=sha("rendering"),
            evaluation_rendering=sha("rendering"),
            expected={c.case_id: label(c.buckets["intent"], c.buckets["locale"]) for c in cases},
            waived=story.waived,
            resumable_hint=story.resumable_hint,
        )
    )
    for case in made["regressions"]:
        case["label"] = ("3/3 reproduces", "flaky 1/3")[case["case_id"][-1] in "27"] if story.labels else None
    return made


DATASET = {
    "version": "v1.1.0",
    "train_rows": 612,
    "validation_rows": 110,
    "train_sha256": sha("train"),
    "validation_sha256": sha("validation"),
}
ESTIMATE = {
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
}


def losses() -> list[dict[str, Any]]:
    draw = random.Random(3)  # noqa: S311
    return [
        {"step": s, "loss": round(0.05 + 1.9 * math.exp(-s / 28) + 0.06 * draw.random(), 4)}
        for s in range(5, 161, 5)
    ]


TRAINING = {
    "provider": "local",
    "base": BASE,
    "base_sha256": sha("base"),
    "adapter_sha256": sha("adapter"),
    "manifest_digest": sha("manifest"),
    "steps": 160,
    "seconds": 141.3,
    "losses": losses(),
    "validation_loss": 0.0934,
    "trainable_parameters": 1_843_200,
}


def power(cases: int) -> dict[str, Any]:
    """What validation said of the golden set."""
    return {
        "cases": cases,
        "effective_cases": cases,
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
                "n": cases // 8,
                "missing": MIN_BUCKET - cases // 8,
                "provable_drop": 0.166667,
                "risky": False,
            }
            for name in INTENTS
            if cases // 8 < MIN_BUCKET
        ],
    }
