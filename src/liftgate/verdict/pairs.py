"""Two runs paired by case id, and the per-case differences of one metric.

An unscored answer stays unscored: what is observed leaves it out, and two further readings bound what it
could have been. The pessimistic one counts the candidate's unscored answers as failures and base's as
successes, and only it may prove a pass; the optimistic one is the reverse, and only it may prove a block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from liftgate.errors import InputError, Problem
from liftgate.evaluation.result_rows import Bools, Floats, Ints
from liftgate.evaluation.runs import SuiteTable
from liftgate.verdict.stats import Bounds, mean_bounds, tango


@dataclass(frozen=True)
class Dimension:
    """One way of slicing the cases: the names, sorted, and each case's name as an index or -1."""

    names: tuple[str, ...]
    codes: Ints


@dataclass(frozen=True)
class Pairs:
    """The cases that both runs answered, sorted by id, and the ids that only one of them did."""

    base: SuiteTable
    candidate: SuiteTable
    case_ids: list[str]
    base_cases: Ints
    candidate_cases: Ints
    only_base: list[str]
    only_candidate: list[str]
    clusters: Ints | None  # None when no two cases share one

    @property
    def n(self) -> int:
        """Cases on both sides."""
        return len(self.case_ids)

    @cached_property
    def _merged_slices(self) -> tuple[list[Mapping[str, str]], Ints]:
        of_base = self.base.slices[self.base_cases]
        of_candidate = self.candidate.slices[self.candidate_cases]
        both = of_base * (len(self.candidate.slice_names) + 1) + of_candidate
        _, first, inverse = np.unique(both, return_index=True, return_inverse=True)
        merged: list[Mapping[str, str]] = []
        problems = []
        for i in first:
            here, there = self.base.slice_names[of_base[i]], self.candidate.slice_names[of_candidate[i]]
            for dimension in sorted(here.keys() & there.keys()):
                if here[dimension] != there[dimension]:
                    place = f"case {self.case_ids[i]!r}"
                    problems.append(Problem(place, f"the runs put it in different buckets of {dimension!r}"))
            merged.append({**here, **there})
        if problems:
            hint = "evaluate both models on the same golden set"
            raise InputError("base and candidate disagree about buckets", problems=problems[:20], hint=hint)
        return merged, inverse.astype(np.int64, copy=False)

    @cached_property
    def dimensions(self) -> Mapping[str, Dimension]:
        """Every bucket dimension of the paired cases, sorted by name."""
        if not self.n:
            return {}
        merged, of_case = self._merged_slices
        found = {}
        for dimension in sorted({name for each in merged for name in each}):
            names = sorted({each[dimension] for each in merged if dimension in each})
            code = {name: i for i, name in enumerate(names)}
            table = np.array([code.get(each.get(dimension, ""), -1) for each in merged], dtype=np.int64)
            found[dimension] = Dimension(tuple(names), table[of_case])
        return found

    def buckets_of(self, case: int) -> Mapping[str, str]:
        """The buckets of one paired case."""
        merged, of_case = self._merged_slices
        return merged[int(of_case[case])]


def pair(base: SuiteTable, candidate: SuiteTable) -> Pairs:
    """Pair two runs of a suite by case id, never by position. Raises `InputError` when clusters differ."""
    if base.case_ids == candidate.case_ids:
        everything = np.arange(len(base.case_ids), dtype=np.int64)
        common, of_base, of_candidate = base.case_ids, everything, everything
        only_base: list[str] = []
        only_candidate: list[str] = []
    else:
        places = {case_id: i for i, case_id in enumerate(candidate.case_ids)}
        matched = [(i, places[name]) for i, name in enumerate(base.case_ids) if name in places]
        of_base = np.array([i for i, _ in matched], dtype=np.int64)
        of_candidate = np.array([j for _, j in matched], dtype=np.int64)
        common = [base.case_ids[i] for i, _ in matched]
        both = set(common)
        only_base = [name for name in base.case_ids if name not in both]
        only_candidate = [name for name in candidate.case_ids if name not in both]
    clusters = _clusters(base, candidate, common, of_base, of_candidate)
    return Pairs(base, candidate, common, of_base, of_candidate, only_base, only_candidate, clusters)


def _clusters(
    base: SuiteTable, candidate: SuiteTable, case_ids: list[str], of_base: Ints, of_candidate: Ints
) -> Ints | None:
    if not any(base.cluster_ids) and not any(candidate.cluster_ids):
        return None
    codes: dict[tuple[bool, str], int] = {}
    coded, problems = [], []
    for name, i, j in zip(case_ids, of_base.tolist(), of_candidate.tolist(), strict=True):
        here, there = base.cluster_ids[i], candidate.cluster_ids[j]
        if here and there and here != there:
            problems.append(Problem(f"case {name!r}", "the runs put it in different clusters"))
        key = (True, str(here or there)) if here or there else (False, name)
        coded.append(codes.setdefault(key, len(codes)))
    if problems:
        hint = "evaluate both models on the same golden set"
        raise InputError("base and candidate disagree about clusters", problems=problems[:20], hint=hint)
    return np.array(coded, dtype=np.int64) if len(codes) < len(coded) else None


@dataclass(frozen=True)
class Flips:
    """Cases (or clusters of cases) that became better, and worse."""

    fixes: int
    regressions: int

    @property
    def total(self) -> int:
        """All that changed."""
        return self.fixes + self.regressions


@dataclass(frozen=True)
class Reading:
    """Candidate minus base for every case under one assumption about unscored answers."""

    differences: Floats
    binary: bool  # every per-case score is 0 or 1: repeats, where there are any, all agree
    flips: bool  # every single score is 0 or 1

    @cached_property
    def signs(self) -> Flips:
        """Cases that became better, and worse."""
        better = int(np.count_nonzero(self.differences > 0))
        return Flips(better, int(np.count_nonzero(self.differences)) - better)

    def of(self, cases: Bools | Ints) -> Reading:
        """The same reading of some of the cases."""
        return Reading(self.differences[cases], self.binary, self.flips)

    @property
    def n(self) -> int:
        """Cases read."""
        return int(self.differences.size)

    @cached_property
    def total(self) -> float:
        """Sum of the differences; a whole number when `binary`."""
        return math.fsum(self.differences.tolist())

    @property
    def mean(self) -> float:
        """Mean difference, NaN without cases."""
        return self.total / self.n if self.n else math.nan

    @property
    def lost(self) -> float:
        """Summed losses: the number of regressions when `binary`, their mass otherwise."""
        return -math.fsum(np.minimum(self.differences, 0.0).tolist())


@dataclass(frozen=True)
class PairedScores:
    """One metric on the paired cases."""

    metric: str
    base: Floats  # mean over the scored answers of each case, NaN when none is scored
    candidate: Floats
    pessimistic: Reading
    optimistic: Reading
    unscored_base: Ints  # answers without a score, one entry a case
    unscored_candidate: Ints
    answers_base: Ints
    answers_candidate: Ints

    @cached_property
    def scored(self) -> Bools:
        """Cases scored on both sides."""
        return ~(np.isnan(self.base) | np.isnan(self.candidate))

    @property
    def base_mean(self) -> float:
        """Mean of base over the cases scored on both sides, NaN without any."""
        return _mean(self.base[self.scored])

    @property
    def candidate_mean(self) -> float:
        """Mean of the candidate over the cases scored on both sides, NaN without any."""
        return _mean(self.candidate[self.scored])

    @cached_property
    def observed(self) -> Reading:
        """The cases scored on both sides, as they were scored."""
        if self.pessimistic is self.optimistic:
            return self.pessimistic
        base, candidate = self.base[self.scored], self.candidate[self.scored]
        return _reading(candidate, base, self.pessimistic.flips)


def paired_scores(pairs: Pairs, metric: str) -> PairedScores:
    """Per-case scores of one metric; a metric that a run lacks is unscored there."""
    base = _CaseScores.of(pairs.base, metric, pairs.base_cases)
    candidate = _CaseScores.of(pairs.candidate, metric, pairs.candidate_cases)
    flips = base.flips and candidate.flips
    pessimistic = _reading(candidate.at_worst, base.at_best, flips)
    certain = not (base.unscored.any() or candidate.unscored.any())
    return PairedScores(
        metric=metric,
        base=base.means,
        candidate=candidate.means,
        pessimistic=pessimistic,
        optimistic=pessimistic if certain else _reading(candidate.at_best, base.at_worst, flips),
        unscored_base=base.unscored,
        unscored_candidate=candidate.unscored,
        answers_base=base.answers,
        answers_candidate=candidate.answers,
    )


@dataclass(frozen=True)
class _CaseScores:
    sums: Floats
    answers: Ints
    unscored: Ints
    flips: bool

    @classmethod
    def of(cls, table: SuiteTable, metric: str, cases: Ints) -> _CaseScores:
        values = table.scores.get(metric)
        if values is None:
            values = np.full(int(table.starts[-1]), np.nan)
        missing = np.isnan(values)
        scores = np.where(missing, 0.0, values)
        answers, unscored = table.row_counts, missing.astype(np.int64)
        if values.size != answers.size:  # some cases were answered more than once
            scores = table.sums(scores)
            unscored = np.rint(table.sums(unscored.astype(np.float64))).astype(np.int64)
        return cls(scores[cases], answers[cases], unscored[cases], _is_binary(values[~missing]))

    @property
    def means(self) -> Floats:
        scored = self.answers - self.unscored
        means: Floats = np.full(self.sums.size, np.nan)
        np.divide(self.sums, scored, out=means, where=scored > 0)
        return means

    @property
    def at_worst(self) -> Floats:
        return self.sums / self.answers

    @property
    def at_best(self) -> Floats:
        return (self.sums + self.unscored) / self.answers


def _reading(candidate: Floats, base: Floats, flips: bool) -> Reading:
    return Reading(candidate - base, _is_binary(candidate) and _is_binary(base), flips)


def _mean(values: Floats) -> float:
    # fsum is exact, so the order of the cases leaves no trace in the last digit.
    return math.fsum(values.tolist()) / values.size if values.size else math.nan


def _is_binary(values: Floats) -> bool:
    return bool(np.all((values == 0.0) | (values == 1.0)))


def flips(reading: Reading, clusters: Ints | None = None) -> Flips:
    """Count the signs: under no effect each is a fair coin. Near-duplicate cases count once."""
    if clusters is None or not reading.n:
        return reading.signs
    changes = np.round(np.bincount(clusters, weights=reading.differences), 12)
    return Flips(int(np.count_nonzero(changes > 0)), int(np.count_nonzero(changes < 0)))


def bounds(reading: Reading, alpha: float, clusters: Ints | None = None) -> Bounds:
    """One-sided bounds of the mean difference: Tango for 0/1 scores, Student t for anything else."""
    if reading.n == 0:
        return Bounds(-1.0, 1.0)
    if reading.binary and clusters is None:
        counted = reading.signs
        return tango(counted.fixes, counted.regressions, reading.n, alpha)
    found = mean_bounds(reading.differences, alpha, clusters, flips=reading.flips)
    return Bounds(found.low, found.high)
