"""Up to twenty regressions for people to read: spread over the buckets, the same ones every time."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from liftgate.evaluation.runs import EvalRun
from liftgate.verdict.output_class import answers_below
from liftgate.verdict.pairs import PairedScores, Pairs

SAMPLE = 20
SEED = "regressions-1"


@dataclass(frozen=True)
class Regression:
    """A case that the candidate answers worse than base."""

    case_id: str
    buckets: dict[str, str]
    base_score: float
    candidate_score: float
    outputs: tuple[str, ...] = ()
    """Classes of the answers that fell below base: what a decision about this regression binds."""

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "outputs": list(self.outputs)}


def sample_regressions(
    pairs: Pairs, scores: PairedScores, candidate: EvalRun
) -> tuple[list[Regression], int]:
    """A seeded sample, stratified by bucket, sorted by id; and how many regressions there are.

    A case's turn depends on its id alone, so the same cases come up again when others are added.
    """
    with np.errstate(invalid="ignore"):
        fell = np.flatnonzero(scores.candidate < scores.base)
    strata: dict[tuple[tuple[str, str], ...], list[tuple[bytes, int]]] = defaultdict(list)
    for case in fell.tolist():
        turn = hashlib.sha256(f"{SEED}:{pairs.case_ids[case]}".encode()).digest()
        strata[tuple(sorted(pairs.buckets_of(case).items()))].append((turn, case))
    rounds = [
        (position, turn, case)
        for members in strata.values()
        for position, (turn, case) in enumerate(sorted(members))
    ]
    chosen = sorted(case for _, _, case in sorted(rounds)[:SAMPLE])
    bars = {pairs.case_ids[case]: float(scores.base[case]) for case in chosen}
    read = answers_below(candidate, "quality", bars, [scores.metric])
    listed = [
        Regression(
            case_id=pairs.case_ids[case],
            buckets=dict(pairs.buckets_of(case)),
            base_score=float(scores.base[case]),
            candidate_score=float(scores.candidate[case]),
            outputs=read[pairs.case_ids[case]].outputs,
        )
        for case in chosen
    ]
    return listed, len(fell)
