"""Scorers: functions that grade one output. A score is in [0, 1]; None means unscored, which is not zero.

A scorer is a module in a literal table with `VERSION` (raise it when a score can change), `OPTIONS` (what
the suite may say about it), `score(output, expected, options)` and `problem(expected, options)`. Three grade
later, when every answer is there, since they ask a model or run somebody's code: they stand in `LATER`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, Protocol

from liftgate.config import did_you_mean
from liftgate.evaluation.completion import Completion
from liftgate.evaluation.scorers import (
    contains,
    exact_json,
    exact_match,
    field_f1,
    field_match,
    json_schema,
    json_valid,
    judge,
    label,
    python,
    refusal,
    regex,
    safe_output,
    token_probability,
    tool_call,
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
    "exact_json": exact_json,
    "exact_match": exact_match,
    "field_f1": field_f1,
    "field_match": field_match,
    "json_schema": json_schema,
    "json_valid": json_valid,
    "judge": judge,
    "label": label,
    "python": python,
    "refusal": refusal,
    "regex": regex,
    "safe_output": safe_output,
    "token_probability": token_probability,
    "tool_call": tool_call,
}
LATER: Final = frozenset({"judge", "python", "token_probability"})
"""Scorers whose `score` says nothing: `evaluation.later` grades their metrics once the answers are there."""
_OPTION_PROBLEMS: Final[dict[str, Callable[[Mapping[str, Any]], str | None]]] = {
    "field_f1": field_f1.option_problem,
    "label": label.option_problem,
    "python": python.option_problem,
    "refusal": refusal.option_problem,
    "regex": regex.option_problem,
}
_DETAILS: Final[dict[str, Callable[[str, Any, Mapping[str, Any]], Any]]] = {
    "field_f1": field_f1.detail,
    "label": label.detail,
}
AGGREGATES: Final[dict[str, Callable[[Sequence[Any]], dict[str, Any]]]] = {
    "field_f1": field_f1.aggregate,
    "label": label.aggregate,
    "token_probability": token_probability.aggregate,
}
"""What can be said over the details of all rows of a run beyond the mean of their scores."""
_NAMED_BY: Final = {"field_match": "field", "label": "field", "refusal": "side"}
"""Scorers that may be written `SCORER.VALUE`, and the option that the value is for."""
_NAMED_AFTER: Final = {"judge": "judge", "python": "file"}
"""Scorers whose metric has the name of a file: `judges/faithfulness.yaml` gives `faithfulness`."""


@dataclass(frozen=True)
class Metric:
    """A scorer with its options, under the name that results and policy use (`field_match.intent`).

    `sha256` is that of the file behind a scorer that has one: a judge, somebody's function.
    """

    name: str
    scorer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    sha256: str | None = None

    @property
    def version(self) -> str:
        """`field_match/1`: part of the verdict's key and of a stored score's."""
        own = f"{self.scorer}/{SCORERS[self.scorer].VERSION}"
        return own if self.sha256 is None else f"{own}/{self.sha256}"

    @property
    def later(self) -> bool:
        """Whether it is graded after all answers are in."""
        return self.scorer in LATER

    def score(self, output: str, expected: Any) -> float | None:
        """Grade one output against a case's expectation."""
        return SCORERS[self.scorer].score(output, expected, self.options)

    def grade(self, answer: Completion, output: str, expected: Any) -> float | None:
        """Grade one answer; `output` is its text, or its tool calls as text where it has none."""
        if self.scorer == "tool_call" and answer.tool_calls:
            return tool_call.score_calls(answer.tool_calls, expected, self.options)
        return self.score(output, expected)

    def problem(self, expected: Any) -> str | None:
        """Why this expectation cannot be graded, or None."""
        return SCORERS[self.scorer].problem(expected, self.options)

    def detail(self, output: str, expected: Any) -> Any:
        """What a row keeps beside the score, for `AGGREGATES`; None for most scorers."""
        keep = _DETAILS.get(self.scorer)
        return None if keep is None else keep(output, expected, self.options)


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
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise ValueError(f"the option {option!r} of {scorer} must be a {kind.__name__}")
    for option, (_, required) in known.items():
        if required and option not in said:
            raise ValueError(
                f"{scorer} needs the option {option!r}, as in {{scorer: {scorer}, {option}: ...}}"
            )
    check = _OPTION_PROBLEMS.get(scorer)
    if check is not None and (problem := check(said)):
        raise ValueError(problem)
    return Metric(_usual_name(scorer, said) if name is None else str(name), scorer, said)


def _usual_name(scorer: str, said: Mapping[str, Any]) -> str:
    if scorer in _NAMED_AFTER:
        own = PurePosixPath(said[_NAMED_AFTER[scorer]]).stem
        return f"{own}.{said['function']}" if said.get("function", "score") != "score" else own
    option = _NAMED_BY.get(scorer)
    return f"{scorer}.{said[option]}" if option is not None and option in said else scorer


def _from_name(name: str) -> dict[str, Any]:
    scorer, dot, option = name.partition(".")
    return {"scorer": scorer, _NAMED_BY[scorer]: option} if dot and scorer in _NAMED_BY else {"scorer": name}
