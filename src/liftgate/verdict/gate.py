"""The last fold: findings of every stage and the arms' comparisons in, one verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from liftgate.digests import digest
from liftgate.errors import ExitCode, StillRunning
from liftgate.evaluation.arms import ArmKind
from liftgate.evaluation.runs import EvalRun
from liftgate.findings import Finding, Severity, blocks, ordered
from liftgate.policy import Policy
from liftgate.training.cost import TokenPrice, money
from liftgate.verdict.comparison import Comparison, compare
from liftgate.verdict.cost import BreakEven, TrainingCost, break_even
from liftgate.verdict.judge import Calibration
from liftgate.verdict.parts import Verdict, listed, points
from liftgate.verdict.rules import weighed

# Raise it when the same runs and policy may now lead to another verdict.
VERDICT_VERSION = 2
UNFINISHED = "evaluation-unfinished"
# What insufficient evidence may never be waved through for.
_ALWAYS_GATED = ("safety", "completeness")


@dataclass(frozen=True)
class ArmResult:
    """One arm's run against base. `usd_per_1k` is the price of 1,000 answers, None when unknown."""

    name: str
    run: EvalRun
    comparison: Comparison | None
    kind: ArmKind
    usd_per_1k: Decimal | None
    tokens_per_answer: float | None
    beaten_by: str | None = None
    """How far the candidate is proven better than this untrained arm, in words; None when it is not."""
    price: TokenPrice | None = None

    @property
    def trained(self) -> bool:
        """Whether somebody paid for a training to have this arm."""
        return self.kind in ("candidate", "promoted")

    @property
    def clears_bar(self) -> bool | None:
        """True when its comparison passes; None when it has none (base itself)."""
        return None if self.comparison is None else self.comparison.verdict == "pass"

    @property
    def is_cheaper_road(self) -> bool:
        """A better prompt or retrieval that was really tried: as good as all of its answers are there."""
        if self.kind not in ("prompt", "rag") or self.comparison is None:
            return False
        return all(part.state == "ok" for part in self.comparison.parts if part.name == "completeness")


@dataclass(frozen=True)
class Decision:
    """The verdict with every finding that led to it; `cheapest` names the arm that wins on cost.

    `break_even` stands where the candidate passes and an untrained arm does, too.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    cheapest: str | None
    break_even: BreakEven | None = None


def decide(
    findings: Iterable[Finding],
    candidate: Comparison | None,
    arms: Sequence[ArmResult] = (),
    *,
    policy: Policy,
    training: TrainingCost | None = None,
) -> Decision:
    """Fold to one verdict. Silence is a finding: without errors and without a comparison it still blocks."""
    collected = [*findings, *(candidate.findings if candidate else ())]
    stopped = candidate is None and any(finding.rule == UNFINISHED for finding in collected)
    if candidate is None and not stopped and not blocks(collected):
        collected.append(
            Finding(
                "no-comparison", Severity.ERROR, "nothing was compared, so nothing says that this may ship"
            )
        )
    best = cheapest(arms)
    even = None
    if candidate is not None:
        collected += weighed(_cheaper_arms(candidate, arms, policy), policy.rules)
        if candidate.verdict == "pass":
            rivals = {arm.name: arm.usd_per_1k for arm in _rivals(arms)}
            price = next((arm.usd_per_1k for arm in arms if arm.name == "candidate"), None)
            even = break_even(price, rivals, training or TrainingCost(None, actual=False))
    verdict: Verdict = "block"
    if candidate is not None and not blocks(collected):
        verdict = candidate.verdict
    elif stopped and not blocks(collected):
        verdict = "insufficient-evidence"
    return Decision(verdict, tuple(ordered(collected)), best.name if best else None, even)


def unfinished(stopped: StillRunning) -> Finding:
    """An evaluation that a limit stopped: a doubt, never a pass, and never the candidate's fault."""
    message = f"{stopped.sentence}; what is answered is kept, and the same command goes on with as much again"
    return Finding(UNFINISHED, Severity.WARNING, message)


def _rivals(arms: Sequence[ArmResult]) -> list[ArmResult]:
    """Untrained arms that lead to the same place: they clear the bar and are not proven worse."""
    return [arm for arm in arms if arm.clears_bar and not arm.trained and not arm.beaten_by]


def _cheaper_arms(candidate: Comparison, arms: Sequence[ArmResult], policy: Policy) -> Iterator[Finding]:
    passes, required = candidate.verdict == "pass", policy.require_cheaper_arms_first
    for arm in arms:
        if passes and arm.clears_bar and arm.beaten_by:
            message = f"{arm.name} clears the bar without training; the tuned model beats it: {arm.beaten_by}"
            yield Finding("cheaper-arm-beaten", Severity.NOTICE, message)
    rivals = _rivals(arms)
    clears = (
        f"{listed([arm.name for arm in rivals])} {'clears' if len(rivals) == 1 else 'clear'} the same bar"
    )
    if rivals and required:
        wanted = points(policy.min_lift_of(candidate.lift.metric))
        message = (
            f"{clears} without training, and the tuned model is not proven better by {wanted}; the policy "
            "takes cheaper arms first"
        )
        yield Finding("cheaper-arm-clears", Severity.ERROR, message)
    elif rivals and passes:
        message = f"{clears} without training; the tuned model is an optimisation"
        yield Finding("cheaper-arm-clears", Severity.WARNING, message)
    if required and not any(arm.is_cheaper_road for arm in arms):
        message = (
            "no arm with a better prompt or with retrieval was tried and answered in full, and the policy takes "
            "cheaper arms first: try a better prompt first"
        )
        yield Finding("cheaper-arm-untried", Severity.ERROR, message)


def cheapest(arms: Sequence[ArmResult]) -> ArmResult | None:
    """The cheapest arm that clears the bar: by price of an answer, then untrained first, then by tokens.

    An untrained arm that the candidate is proven to beat by the policy's minimum is no road to the same place.
    """
    clearing = [arm for arm in arms if arm.clears_bar and not arm.beaten_by]
    unknown = Decimal("Infinity")
    return min(
        clearing,
        key=lambda arm: (
            unknown if arm.usd_per_1k is None else arm.usd_per_1k,
            arm.trained,
            arm.tokens_per_answer or 0.0,
            arm.name,
        ),
        default=None,
    )


def beaten_by(
    arm: EvalRun, candidate: EvalRun, policy: Policy, calibration: Calibration | None = None
) -> str | None:
    """The candidate's lift over an untrained arm in words, when it is proven and at least the policy's minimum."""
    lift = next(
        part for part in compare(arm, candidate, policy, calibration=calibration).parts if part.name == "lift"
    )
    return lift.detail if lift.state == "ok" else None


def exit_code(decision: Decision, candidate: Comparison | None, policy: Policy) -> ExitCode:
    """0, 10 or 11. `insufficient_evidence: warn` lets a doubt through, but never about safety or completeness."""
    if decision.verdict == "pass":
        return ExitCode.PASS
    if decision.verdict == "block":
        return ExitCode.BLOCKED
    if candidate is None:
        # Nothing was compared: no policy can let that through.
        return ExitCode.INSUFFICIENT_EVIDENCE
    unclear = {p.name for p in candidate.parts if p.state == "unclear"}
    if policy.insufficient_evidence == "warn" and unclear.isdisjoint(_ALWAYS_GATED):
        return ExitCode.PASS
    return ExitCode.INSUFFICIENT_EVIDENCE


def verdict_key(
    runs: Mapping[str, EvalRun],
    policy: Policy,
    calibration_sha256: str | None = None,
    prices: Mapping[str, TokenPrice | None] | None = None,
) -> str:
    """Digest over everything that compare and gate read, so that equal content finds its finished verdict."""
    asked = (
        "golden_sha256",
        "safety_sha256",
        "suite_sha256",
        "prompt_sha256",
        "chat_template_sha256",
        "sampling",
        "scorers",
        "truncated",
        "identity",
        "judges",
        "retriever",
    )
    return digest(
        {
            "arms": {
                name: {"endpoint": run.meta.get("endpoint"), **{key: run.meta.get(key) for key in asked}}
                for name, run in runs.items()
            },
            "policy": policy.fingerprint,
            "calibration_sha256": calibration_sha256,
            "prices": {
                name: [money(price.input_usd_per_mtok), money(price.output_usd_per_mtok)]
                for name, price in (prices or {}).items()
                if price is not None
            },
            "verdict_version": VERDICT_VERSION,
        }
    )


def answers_sha256(run: EvalRun) -> str:
    """Digest over a run's rows, leaving out whether an answer came from the store: a rerun has the same."""
    return digest(
        [
            {k: v for k, v in row.items() if k != "cached"}
            for row in (result.to_dict() for result in run.results)
        ]
    )
