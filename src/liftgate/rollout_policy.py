"""The groups `sunset`, `rollout` and `watch` of evals/policy.yaml: what holds of a model that callers get."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SunsetPolicy:
    """Days that a model must still have, and the age at which the table of ends is too old to trust.

    `default_min_days` is for the model that callers get today, which a change may be about to leave.
    """

    min_days: int = 180
    warn_days: int = 365
    default_min_days: int = 30
    max_table_age_days: int = 45


@dataclass(frozen=True)
class RolloutPolicy:
    """How a variant goes out: the steps in percent, what must be there before the next one, and how old it may be.

    `reevaluation_cycles` passes, `min_cycle_days` apart, must be in the ledger before the default model goes. A
    minimum of 0 waives it.
    """

    steps: tuple[int, ...] = (0, 5, 25, 100)
    min_hours: int = 24
    min_shadow_requests: int = 200
    max_error_share: float = 0.01
    max_share_429: float = 0.01
    max_load_report_days: int = 90
    max_rollback_drill_days: int = 180
    reevaluation_cycles: int = 2
    min_cycle_days: int = 14


@dataclass(frozen=True)
class WatchPolicy:
    """When what callers get needs somebody. No verdict rests on it.

    The last `days` of a request log are judged, the `baseline_days` before them are what scores are held against.
    `alpha` is the risk of one false alarm in one look at a log, shared among everything that is looked at.
    """

    days: int = 7
    baseline_days: int = 28
    window_minutes: int = 15
    min_requests: int = 50
    max_error_ratio: float = 2.0
    max_score_drop: float = 0.05
    max_p95_ratio: float = 1.25
    alpha: float = 0.01
    flag_down_days: int = 30
    min_verdicts: int = 20
