"""Scorers: functions that grade one output. A score is in [0, 1]; None means unscored, which is not zero.

A scorer is a module in a literal table with `VERSION` (raise it when a score can change), `OPTIONS` (what
the suite may say about it), `score(output, expected, options)` and `problem(expected, options)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from liftgate.config import did_you_mean
from liftgate.evaluation.scorers import (
    contains,
    exact_match,
    field_match,
    json_schema,
    json_valid,
    safe_output,
)


class Scorer(Protocol):
    """The shape of a scorer module."""

    VERSION: int
    OPTIONS: Mapping[str, tuple[type, bool]]
    """Option name → (type, whether it is required)."""

    def score(self, output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
        """Grade one output, whatever is in it; never raises."""
        ...

    def problem(self, expected: Any, options: Mapping[str, Any]) -> str | None:
        """Why this expectation cannot be graded, or None. Asked once per case, before any money is spent."""
        ...


SCORERS: Final[dict[str, Scorer]] = {
    "contains": contains,
    "exact_match": exact_match,
    "field_match": field_match,
    "json_schema": json_schema,
    "json_valid": json_valid,
    "safe_output": safe_output,
}


@dataclass(frozen=True)
class Metric:
    """A scorer with its options, under the name that results and policy use (`field_match.intent`)."""

    name: str
    scorer: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """`field_match/1`: part of the verdict's key."""
        return f"{self.scorer}/{SCORERS[self.scorer].VERSION}"

    def score(self, output: str, expected: Any) -> float | None:
        """Grade one output against a case's expectation."""
        return SCORERS[self.scorer].score(output, expected, self.options)

    def problem(self, expected: Any) -> str | None:
        """Why this expectation cannot be graded, or None."""
        return SCORERS[self.scorer].problem(expected, self.options)


def metric(spec: str | Mapping[str, Any]) -> Metric:
    """A metric from a suite's entry: a name, `field_match.FIELD`, or `{scorer: NAME, ...options}`.

    Raises ValueError with a sentence when the scorer or an option does not exist.
    """
    said = dict(spec) if isinstance(spec, Mapping) else _from_name(spec)
    scorer, name = str(said.pop("scorer")), said.pop("name", None)
    if scorer not in SCORERS:
        raise ValueError(f"{scorer!r} is not a scorer{did_you_mean(scorer, list(SCORERS))}")
    known = SCORERS[scorer].OPTIONS
    for option, value in said.items():
        if option not in known:
            raise ValueError(
                f"{option!r} is not an option of {scorer}{did_you_mean(option, [*known, 'name'])}"
            )
        kind = known[option][0]
        if not isinstance(value, kind):
            raise ValueError(f"the option {option!r} of {scorer} must be a {kind.__name__}")
    for option, (_, required) in known.items():
        if required and option not in said:
            raise ValueError(
                f"{scorer} needs the option {option!r}, as in {{scorer: {scorer}, {option}: ...}}"
            )
    usual = f"{scorer}.{said['field']}" if "field" in said else scorer
    return Metric(usual if name is None else str(name), scorer, said)


def _from_name(name: str) -> dict[str, Any]:
    scorer, dot, option = name.partition(".")
    return {"scorer": scorer, "field": option} if dot and scorer == "field_match" else {"scorer": name}
