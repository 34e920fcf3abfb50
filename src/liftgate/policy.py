"""`evals/policy.yaml`, typed: the thresholds a team argues about.

The schema is the source of truth for form and ranges, this module for the thresholds that contradict each
other. A policy that exists has passed both, whether it came from a file or from `Policy(min_lift=0.05)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, Literal

from liftgate.config import Document, Key, check, json_path, schema
from liftgate.digests import digest
from liftgate.errors import InputError, Problem
from liftgate.rollout_policy import RolloutPolicy as RolloutPolicy  # noqa: PLC0414
from liftgate.rollout_policy import SunsetPolicy, WatchPolicy
from liftgate.training_policy import TrainingPolicy

Evidence = str  # "suspect" | "noninferior" | "report"
Contradiction = tuple[Key, str]
JSON_VALID = "json_valid"


@dataclass(frozen=True)
class JsonValidPolicy:
    """What counts as a gain in the share of answers that parse as JSON."""

    min_lift: float = 0.05
    or_base_below: float = 0.95
    and_candidate_at_least: float = 0.98


@dataclass(frozen=True)
class JudgePolicy:
    """When a judge metric may gate, and what it must show then."""

    metric: str = "faithfulness"
    min_lift: float = 0.05
    bucket_max_drop: Mapping[str, float] = field(default_factory=dict)
    min_human_pairs: int = 50
    min_kappa: float = 0.6


@dataclass(frozen=True)
class SafetyPolicy:
    """Runs that select a safety case, runs that decide it, the level, and how long a waiver of one may last."""

    first_pass_runs: int = 3
    confirm_runs: int = 20
    max_waiver_days: int = 30
    alpha: float = 0.05


@dataclass(frozen=True)
class LatencyPolicy:
    """Ratios of the 95th percentile, candidate over base."""

    accept_ratio: float = 1.1
    block_ratio: float = 1.25
    strict: bool = False


@dataclass(frozen=True)
class CostPolicy:
    """US dollars; `buffer` is a share on top of every estimate.

    `max_month_usd` holds the trainings of a UTC month; None sets no limit. `requests_per_month` is the traffic that
    a training must pay back by: one number, or one for each alias.
    `max_answer_ratio` limits the price of an answer, candidate over base; None only reports it.
    """

    max_training_usd: Decimal = Decimal(50)
    max_eval_usd: Decimal = Decimal(10)
    buffer: Decimal = Decimal("0.2")
    auto_approve_usd: Decimal = Decimal(0)
    max_month_usd: Decimal | None = None
    requests_per_month: int | Mapping[str, int] | None = None
    max_answer_ratio: Decimal | None = None


@dataclass(frozen=True)
class ApprovalPolicy:
    """How an approval must come about, and how long it lasts.

    `modes` are the ways that count on GitHub: `environment` (its reviewers let the run pass) and `label` (one of
    `approvers` set it after the last push). Without approvers no label counts.
    """

    self_approval: bool = False
    max_age_hours: int = 72
    modes: tuple[str, ...] = ("environment", "label")
    label: str = "liftgate-approve"
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class TriggerPolicy:
    """What must be there before a paid training is worth starting. 0 rows waives it."""

    min_reviewed_rows: int = 500


@dataclass(frozen=True)
class ProvidersPolicy:
    """Who may hold rows, by the card's data_classification, beside the machine itself."""

    public: tuple[str, ...] = ("azure", "bedrock", "openai")
    internal: tuple[str, ...] = ()
    confidential: tuple[str, ...] = ()
    restricted: tuple[str, ...] = ()

    def holding(self, classification: str) -> tuple[str, ...]:
        """The providers that may hold such rows."""
        allowed: tuple[str, ...] = getattr(self, classification)
        return allowed


@dataclass(frozen=True)
class ErrorsPolicy:
    """The share of unanswered or unscored cases above which nothing is proven."""

    max_share: float = 0.01


@dataclass(frozen=True)
class DataPolicy:
    """Volume, provenance and content of a training dataset. None leaves a number to the task."""

    max_synthetic_share: float = 0.3
    min_rows: int | None = None
    min_rows_per_class: int | None = None
    min_class_evenness: float = 0.7
    max_mutable_fact_share: float = 0.1
    validation_share: tuple[float, float] = (0.15, 0.2)


@dataclass(frozen=True)
class ReportPolicy:
    """What comments and report.html show of answers: the `ids` of their cases, the answers `redacted`, or in `full`."""

    show: Literal["ids", "redacted", "full"] = "redacted"


@dataclass(frozen=True)
class Policy:
    """Every threshold, with the schema's defaults. Raises `InputError` when it cannot be meant."""

    version: int = 1
    primary_metric: str = "exact_match"
    alpha: float = 0.05
    power: float = 0.8
    min_lift: float = 0.03
    max_regression_share: float = 0.15
    bucket_max_drop: float = 0.05
    bucket_evidence: Evidence | Mapping[str, Evidence] = "suspect"
    min_bucket_cases: int = 40
    json_valid: JsonValidPolicy = field(default_factory=JsonValidPolicy)
    judge: JudgePolicy = field(default_factory=JudgePolicy)
    safety: SafetyPolicy = field(default_factory=SafetyPolicy)
    latency: LatencyPolicy = field(default_factory=LatencyPolicy)
    cost: CostPolicy = field(default_factory=CostPolicy)
    approval: ApprovalPolicy = field(default_factory=ApprovalPolicy)
    trigger: TriggerPolicy = field(default_factory=TriggerPolicy)
    training: TrainingPolicy = field(default_factory=TrainingPolicy)
    providers_by_classification: ProvidersPolicy = field(default_factory=ProvidersPolicy)
    sunset: SunsetPolicy = field(default_factory=SunsetPolicy)
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    watch: WatchPolicy = field(default_factory=WatchPolicy)
    errors: ErrorsPolicy = field(default_factory=ErrorsPolicy)
    data: DataPolicy = field(default_factory=DataPolicy)
    insufficient_evidence: str = "fail"
    require_cheaper_arms_first: bool = False
    max_attempts: int = 5
    max_report_age_days: int = 90
    report: ReportPolicy = field(default_factory=ReportPolicy)
    rules: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        written = self.to_dict()
        if not _schema_holds(written):
            document = Document("policy", written)
            raise _unusable("policy", [*check(document, "policy"), *_not_finite(document)])
        if found := list(_contradictions(self)):
            raise _ContradictionError(found)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, path: str = "policy") -> Policy:
        """Build from the form of policy.yaml, with `version` left out or not.

        Raises one `InputError` that carries every problem.
        """
        whole = {"version": 1, **data} if isinstance(data, Mapping) else data
        return cls.from_document(Document(path, whole))

    @classmethod
    def from_document(cls, document: Document) -> Policy:
        """Build from a parsed file, so that every problem has its line."""
        if problems := [*check(document, "policy"), *_not_finite(document)]:
            raise _unusable(document.path, problems)
        try:
            return cls(**{name: _typed(name, value) for name, value in document.data.items()})
        except _ContradictionError as error:
            problems = [Problem(document.place(key), message) for key, message in error.found]
            raise _unusable(document.path, problems) from None

    def to_dict(self) -> dict[str, Any]:
        """The form of policy.yaml, defaults written out; money as plain numbers."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @property
    def fingerprint(self) -> str:
        """sha256 of the canonical JSON of `to_dict`, but for `report`, `rollout`, `watch` and who approves how.

        No verdict rests on those.
        """
        held = {
            name: value
            for name, value in self.to_dict().items()
            if name not in ("report", "rollout", "watch")
        }
        for name in ("modes", "label", "approvers"):
            del held["approval"][name]
        return digest(held)

    def min_lift_of(self, metric: str) -> float:
        """What a metric must rise by when it is the primary one: its own entry, else `min_lift`."""
        if metric == JSON_VALID:
            return self.json_valid.min_lift
        return self.judge.min_lift if metric == self.judge.metric else self.min_lift

    def evidence_for(self, dimension: str, name: str) -> Evidence:
        """What a bucket must show: its own entry, its dimension's, or the default."""
        if isinstance(self.bucket_evidence, str):
            return self.bucket_evidence
        wanted = {_bucket_key(key): evidence for key, evidence in self.bucket_evidence.items()}
        for key in (f"{dimension}:{name}", dimension):
            if key in wanted:
                return wanted[key]
        return self.bucket_evidence["default"]


class _ContradictionError(InputError):
    def __init__(self, found: list[Contradiction]) -> None:
        problems = [Problem(f"policy {json_path(key)}", message) for key, message in found]
        super().__init__("the policy contradicts itself", problems=problems)
        self.found = found


@cache
def exact(ratio: float) -> Fraction:
    """The decimal number that a person wrote, so that 2 of 40 is not more than 0.05."""
    return Fraction(repr(float(ratio)))


def more_than(number: int, ratio: float, n: int) -> bool:
    """Whether a whole number is more than its share of n, decided on whole numbers."""
    share = exact(ratio)
    return number * share.denominator > share.numerator * n


_GROUPS: Mapping[str, type] = {
    "json_valid": JsonValidPolicy,
    "judge": JudgePolicy,
    "safety": SafetyPolicy,
    "latency": LatencyPolicy,
    "cost": CostPolicy,
    "trigger": TriggerPolicy,
    "providers_by_classification": ProvidersPolicy,
    "sunset": SunsetPolicy,
    "rollout": RolloutPolicy,
    "watch": WatchPolicy,
    "errors": ErrorsPolicy,
    "data": DataPolicy,
    "report": ReportPolicy,
}


def _typed(name: str, value: Any) -> Any:
    if name == "cost":
        amounts = {k: v for k, v in value.items() if k != "requests_per_month"}
        money: dict[str, Any] = {k: None if v is None else Decimal(str(v)) for k, v in amounts.items()}
        if "requests_per_month" in value:
            money["requests_per_month"] = value["requests_per_month"]
        return CostPolicy(**money)
    if name == "approval":
        listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return ApprovalPolicy(**listed)
    if name == "providers_by_classification":
        return ProvidersPolicy(**{key: tuple(allowed) for key, allowed in value.items()})
    if name == "rollout" and "steps" in value:
        return RolloutPolicy(**{**value, "steps": tuple(value["steps"])})
    if name == "training":
        return TrainingPolicy.of(value)
    if name == "data" and "validation_share" in value:
        return DataPolicy(**{**value, "validation_share": tuple(value["validation_share"])})
    return _GROUPS[name](**value) if name in _GROUPS else value


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _bucket_key(key: str) -> str:
    return ":".join(part.strip() for part in key.split(":", 1))


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema("policy")))


def _schema_holds(written: Mapping[str, Any]) -> bool:
    finite = not any(True for _ in _not_finite(Document("policy", written)))
    return finite and bool(_validator().is_valid(written))


def _not_finite(document: Document, value: Any = None, key: Key = ()) -> Iterator[Problem]:
    # Comparisons with NaN are all false, so a schema's minimum and maximum let it through.
    value = document.data if not key else value
    if isinstance(value, float) and not math.isfinite(value):
        yield Problem(document.place(key), f"expected a number, found {value}")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _not_finite(document, item, (*key, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _not_finite(document, item, (*key, i))


def _unusable(path: str, problems: list[Problem]) -> InputError:
    count = len(problems)
    return InputError(
        f"{path} has {count} problem{'s' if count != 1 else ''}",
        problems=problems,
        hint="thresholds and their defaults: src/liftgate/schemas/policy.schema.json",
    )


def _contradictions(policy: Policy) -> Iterator[Contradiction]:
    latency, json_valid, safety = policy.latency, policy.json_valid, policy.safety
    if latency.block_ratio < latency.accept_ratio:
        yield (
            ("latency", "block_ratio"),
            f"{latency.block_ratio:g} blocks what accept_ratio {latency.accept_ratio:g} accepts; raise it",
        )
    if json_valid.and_candidate_at_least < json_valid.or_base_below:
        yield (
            ("json_valid", "and_candidate_at_least"),
            f"{json_valid.and_candidate_at_least:g} is below or_base_below {json_valid.or_base_below:g}: "
            "a candidate worse than base would count as a gain",
        )
    if Fraction(1, math.comb(2 * safety.confirm_runs, safety.confirm_runs)) > exact(safety.alpha):
        yield (
            ("safety", "confirm_runs"),
            f"{safety.confirm_runs} runs a side can never reach alpha {safety.alpha:g}; ask for more runs",
        )
    if policy.cost.auto_approve_usd > policy.cost.max_training_usd:
        yield (("cost", "auto_approve_usd"), "is more than max_training_usd allows at all")
    steps = policy.rollout.steps
    if steps[0] != 0 or steps[-1] != 100 or list(steps) != sorted(set(steps)):
        yield (("rollout", "steps"), "must rise from 0 to 100, each step higher than the one before")
    low, high = policy.data.validation_share
    if not 0 <= low <= high < 1:
        yield (("data", "validation_share"), f"[{low:g}, {high:g}] is not a range between 0 and 1")
    keys = (
        [policy.bucket_evidence] if isinstance(policy.bucket_evidence, str) else list(policy.bucket_evidence)
    )
    seen: set[str] = set()
    for key in keys:
        if (written := _bucket_key(key)) in seen:
            yield (("bucket_evidence", key), f"the bucket {written!r} stands here twice")
        seen.add(written)
