"""Does a listed regression come again when base and candidate are asked afresh?

The fresh answers label what a person reads and nothing else: to ask only the disagreeing cases again and pool that
would move the lift. Their repeats are numbered far from those of a run, so that no run can hold them by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.verdict.completeness import primary_metric
from liftgate.verdict.output_class import output_class
from liftgate.verdict.pairs import pair, paired_scores
from liftgate.verdict.sample import Regression, sample_regressions

REPEATS: Final = range(10_000, 10_003)
DETERMINISTIC: Final = "deterministic"


@dataclass(frozen=True)
class Reproduction:
    """One listed regression, asked again; a line of regressions.jsonl.

    `reproduced` of `of` fresh pairs of answers fell again; both are None where fresh answers would be copies.
    """

    case_id: str
    label: str
    reproduced: int | None
    of: int | None
    base_scores: tuple[float | None, ...]
    candidate_scores: tuple[float | None, ...]
    outputs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The line of regressions.jsonl."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reproduction:
        """Inverse of `to_dict`, for a line that its schema holds."""
        return cls(
            case_id=data["case_id"],
            label=data["label"],
            reproduced=data["reproduced"],
            of=data["of"],
            base_scores=tuple(data["base_scores"]),
            candidate_scores=tuple(data["candidate_scores"]),
            outputs=tuple(data["outputs"]),
        )


def listed_regressions(base: EvalRun, candidate: EvalRun, policy: Policy) -> list[Regression]:
    """The regressions that the comparison of these runs lists."""
    pairs = pair(base.quality, candidate.quality)
    return sample_regressions(
        pairs, paired_scores(pairs, primary_metric(base, candidate, policy)), candidate
    )[0]


def reproductions(
    listed: Sequence[Regression], metric: str, base: EvalRun | None, candidate: EvalRun | None
) -> list[Reproduction]:
    """Label each listed regression by the fresh answers; None where a model answers deterministically."""
    if base is None and candidate is None:
        return [
            Reproduction(each.case_id, DETERMINISTIC, None, None, (), (), each.outputs) for each in listed
        ]
    fresh = [_fresh(run, metric) for run in (base, candidate)]
    return [_labelled(each, *fresh) for each in listed]


_Fresh = Mapping[str, list[tuple[float | None, str]]] | None


def _fresh(run: EvalRun | None, metric: str) -> _Fresh:
    if run is None:
        return None
    found: dict[str, list[tuple[int, float | None, str]]] = {}
    for row in run.rows:
        if row["suite"] == "quality" and row["repeat"] in REPEATS:
            score = None if row.get("error") is not None else row["scores"].get(metric)
            told = output_class(row.get("output"), row.get("tool_calls"))
            found.setdefault(row["case_id"], []).append((row["repeat"], score, told))
    return {case: [answer[1:] for answer in sorted(answers)] for case, answers in found.items()}


def _labelled(listed: Regression, base: _Fresh, candidate: _Fresh) -> Reproduction:
    ours = _scores(listed.case_id, base, listed.base_score)
    theirs = _scores(listed.case_id, candidate, listed.candidate_score)
    pairs = [(b, c) for b, c in zip(ours, theirs, strict=True) if b is not None and c is not None]
    fell = sum(c < b for b, c in pairs)
    said = (
        listed.outputs
        if candidate is None
        else tuple(sorted({o for _, o in candidate.get(listed.case_id, ())}))
    )
    return Reproduction(listed.case_id, _label(fell, len(pairs)), fell, len(pairs), ours, theirs, said)


def _scores(case: str, fresh: _Fresh, known: float) -> tuple[float | None, ...]:
    if fresh is None:
        return (known,) * len(REPEATS)
    scores = [score for score, _ in fresh.get(case, ())]
    return (*scores, *[None] * (len(REPEATS) - len(scores)))


def _label(fell: int, of: int) -> str:
    if not of:
        return "no fresh answer was scored"
    return f"{fell}/{of} reproduces" if fell == of else f"flaky {fell}/{of}"
