"""How often the verdict is right: results drawn from a known truth, judged by the public function.

The full table, from the repository's root:
    make operating-characteristics
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import special

from liftgate import EvalRun, Policy, compare
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.safety import to_confirm

ACCURACY, DISAGREEMENT, FLAKY = 0.80, 0.12, 0.05
POLICY = Policy()
SIZES = (60, 100, 200, 500, 1000)

Rng = np.random.Generator
Outcome = Literal["pass", "block", "insufficient-evidence"]
Row = dict[str, Any]
Rows = tuple[list[Row], list[Row]]


@dataclass(frozen=True)
class Want:
    """A rate and its limit."""

    outcome: Outcome
    relation: Literal["≤", "≥"]
    limit: float

    def holds(self, rate: float) -> bool:
        return rate <= self.limit if self.relation == "≤" else rate >= self.limit

    def refuted(self, hits: int, draws: int, level: float) -> bool:
        """Whether so many hits are too unlikely if the true rate stands at the limit."""
        if self.relation == "≤":
            return hits > 0 and float(special.bdtrc(hits - 1, draws, self.limit)) < level
        return float(special.bdtr(hits, draws, self.limit)) < level


@dataclass(frozen=True)
class Cell:
    """One truth, how its results are drawn and judged, and what must come out."""

    truth: str
    size: str
    draw: Callable[[Rng], Outcome]
    wants: tuple[Want, ...]


# truths --------------------------------------------------------------------------------------------


def stable_and_flaky(
    rng: Rng,
    n: int,
    lift: float,
    *,
    repeats: int = 1,
    flaky: float = FLAKY,
    groups: np.ndarray[Any, Any] | None = None,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Scores (case, repeat) of base and candidate. A flaky case is answered anew in every run."""
    flips = DISAGREEMENT - flaky * 2 * ACCURACY * (1 - ACCURACY)
    fixes, regressions = (flips + lift) / 2 / (1 - flaky), (flips - lift) / 2 / (1 - flaky)
    both = ACCURACY - regressions
    u = rng.random(n)
    is_flaky = rng.random(n) < flaky
    if groups is not None:
        # A case takes its cluster's fate with probability sqrt(0.5), so two of a cluster correlate by 0.5.
        together = rng.random(n) < math.sqrt(0.5)
        u = np.where(together, rng.random(int(groups.max()) + 1)[groups], u)
        is_flaky = np.zeros(n, dtype=np.bool_)
        fixes, regressions = (DISAGREEMENT + lift) / 2, (DISAGREEMENT - lift) / 2
        both = ACCURACY - regressions
    base = (u < both) | ((u >= both) & (u < both + regressions))
    candidate = (u < both) | ((u >= both + regressions) & (u < both + regressions + fixes))
    shape = (n, repeats)
    anew = [rng.random(shape) < ACCURACY for _ in range(2)]
    scores = [
        np.where(is_flaky[:, None], again, np.broadcast_to(fixed[:, None], shape)).astype(float)
        for again, fixed in zip(anew, (base, candidate), strict=True)
    ]
    return scores[0], scores[1]


def rows_of(scores: np.ndarray[Any, Any], **columns: Sequence[Any]) -> list[Row]:
    extra = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [
        {
            "case_id": f"case-{case:04d}",
            "repeat": repeat,
            "scores": {"exact_match": score},
            **(extra[case] if extra else {}),
        }
        for case, repeats in enumerate(scores.tolist())
        for repeat, score in enumerate(repeats)
    ]


def verdict_on(rows: Rows) -> Comparison:
    return compare(EvalRun.from_rows(rows[0]), EvalRun.from_rows(rows[1]), POLICY)


def part_outcome(comparison: Comparison, name: str) -> Outcome:
    """The outcome if this part alone decided."""
    state = next(part.state for part in comparison.parts if part.name == name)
    outcomes: dict[str, Outcome] = {"ok": "pass", "fail": "block"}
    return outcomes.get(state, "insufficient-evidence")


def lift_cell(n: int, lift: float) -> Callable[[Rng], Outcome]:
    intents = [{"intent": f"intent-{case % 4}"} for case in range(n)]

    def draw(rng: Rng) -> Outcome:
        base, candidate = stable_and_flaky(rng, n, lift)
        return verdict_on((rows_of(base, buckets=intents), rows_of(candidate, buckets=intents))).verdict

    return draw


def bucket_cell(size: int, n: int = 1000) -> Callable[[Rng], Outcome]:
    elsewhere = (0.06 * n + 0.10 * size) / (n - size)
    intents = [{"intent": "refund" if case < size else "other"} for case in range(n)]

    def draw(rng: Rng) -> Outcome:
        fallen, risen = stable_and_flaky(rng, size, -0.10), stable_and_flaky(rng, n - size, elsewhere)
        base, candidate = (np.concatenate(pair) for pair in zip(fallen, risen, strict=True))
        return verdict_on((rows_of(base, buckets=intents), rows_of(candidate, buckets=intents))).verdict

    return draw


def safety_cell(
    rates: Callable[[Rng], tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]],
) -> Callable[[Rng], Outcome]:
    """Three runs each, then the confirmation that `to_confirm` asks for; quality passes by itself."""
    runs, confirm = POLICY.safety.first_pass_runs, POLICY.safety.confirm_runs
    good = np.concatenate([np.ones((100, 2)), np.tile([0.0, 1.0], (20, 1))])
    quality = [rows_of(good[:, [side]]) for side in (0, 1)]

    def answers(rng: Rng, rate: np.ndarray[Any, Any], cases: Sequence[int], repeats: range) -> list[Row]:
        return [
            {
                "case_id": f"prompt-{case:03d}",
                "suite": "safety",
                "repeat": repeat,
                "scores": {"safe_output": float(rng.random() >= rate[case])},
            }
            for case in cases
            for repeat in repeats
        ]

    def draw(rng: Rng) -> Outcome:
        unsafe = rates(rng)
        every = range(len(unsafe[0]))
        rows = [quality[side] + answers(rng, unsafe[side], every, range(runs)) for side in (0, 1)]
        first = [EvalRun.from_rows(each) for each in rows]
        chosen = [int(case_id.removeprefix("prompt-")) for case_id in to_confirm(first[0], first[1], POLICY)]
        for side in (0, 1):
            rows[side] += answers(rng, unsafe[side], chosen, range(runs, runs + confirm))
        return verdict_on((rows[0], rows[1])).verdict

    return draw


def identical_suite(
    rng: Rng, prompts: int = 50, flaky: float = 0.02
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rate = np.where(rng.random(prompts) < flaky, rng.random(prompts), 0.0)
    return rate, rate


def one_prompt(
    rate: float, prompts: int = 50
) -> Callable[[Rng], tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    candidate = np.zeros(prompts)
    candidate[7] = rate
    return lambda _rng: (np.zeros(prompts), candidate)


def latency_cell(n: int, factor: float) -> Callable[[Rng], Outcome]:
    def draw(rng: Rng) -> Outcome:
        scores = stable_and_flaky(rng, n, 0.0)
        length = rng.normal(0.0, 0.4, n)  # what both models share: the length of the answer
        timed = [np.exp(6 + length + rng.normal(0.0, 0.4, n)) * slower for slower in (1.0, factor)]
        rows = [rows_of(score, latency_ms=time.tolist()) for score, time in zip(scores, timed, strict=True)]
        return part_outcome(verdict_on((rows[0], rows[1])), "latency")

    return draw


def json_cell(n: int, rate: float) -> Callable[[Rng], Outcome]:
    def draw(rng: Rng) -> Outcome:
        scores = stable_and_flaky(rng, n, 0.06)
        rows = [rows_of(score) for score in scores]
        for side in rows:
            for row, valid in zip(side, (rng.random(n) < rate).tolist(), strict=True):
                row["scores"]["json_valid"] = float(valid)
        return part_outcome(verdict_on((rows[0], rows[1])), "json-valid")

    return draw


def cluster_cell(n: int, size: int) -> Callable[[Rng], Outcome]:
    groups = np.arange(n) // size
    names = [f"cluster-{group}" for group in groups]

    def draw(rng: Rng) -> Outcome:
        base, candidate = stable_and_flaky(rng, n, 0.0, groups=groups)
        return verdict_on((rows_of(base, cluster_id=names), rows_of(candidate, cluster_id=names))).verdict

    return draw


def rerun_cell(n: int, runs: int, flaky: float) -> Callable[[Rng], Outcome]:
    def draw(rng: Rng) -> Outcome:
        base, candidate = stable_and_flaky(rng, n, 0.0, repeats=runs, flaky=flaky)
        return verdict_on((rows_of(base), rows_of(candidate))).verdict

    return draw


def cells() -> list[Cell]:
    def at_most(limit: float, outcome: Outcome) -> Want:
        return Want(outcome, "≤", limit)

    def at_least(limit: float, outcome: Outcome) -> Want:
        return Want(outcome, "≥", limit)

    one_bucket = {40: 0.29, 100: 0.11, 200: 0.04}
    same = safety_cell(identical_suite)
    return [
        *(Cell("lift 0", f"n = {n}", lift_cell(n, 0.0), (at_most(0.07, "pass"),)) for n in SIZES),
        Cell("lift -5", "n = 200", lift_cell(200, -0.05), (at_most(0.005, "pass"), at_least(0.90, "block"))),
        *(Cell("lift +3", f"n = {n}", lift_cell(n, 0.03), (at_most(0.07, "block"),)) for n in SIZES),
        Cell("lift +6", "n = 200", lift_cell(200, 0.06), (at_least(0.75, "pass"), at_most(0.02, "block"))),
        Cell("lift +6", "n = 500", lift_cell(500, 0.06), (at_least(0.95, "pass"), at_most(0.02, "block"))),
        Cell("lift +10", "n = 100", lift_cell(100, 0.10), (at_least(0.90, "pass"),)),
        *(
            Cell("one bucket -10, mean +6", f"bucket of {size}", bucket_cell(size), (at_most(limit, "pass"),))
            for size, limit in one_bucket.items()
        ),
        Cell(
            "identical safety suite, 2% flaky",
            "50 prompts",
            same,
            (at_most(0.04, "block"), at_least(0.85, "pass")),
        ),
        Cell("one prompt always unsafe", "50 prompts", safety_cell(one_prompt(1.0)), (at_most(0.0, "pass"),)),
        Cell(
            "one prompt unsafe half the time",
            "50 prompts",
            safety_cell(one_prompt(0.5)),
            (at_least(0.80, "block"),),
        ),
        Cell("identical latency", "n = 100", latency_cell(100, 1.0), (at_most(0.03, "block"),)),
        Cell("latency × 1.5", "n = 500", latency_cell(500, 1.5), (at_least(0.85, "block"),)),
        Cell("equal JSON-valid rate 0.97", "n = 200", json_cell(200, 0.97), (at_most(0.05, "block"),)),
        Cell("clusters of 4, ICC 0.5, lift 0", "n = 200", cluster_cell(200, 4), (at_most(0.08, "pass"),)),
        Cell(
            "five re-runs pooled, lift 0, 15% flaky",
            "n = 100",
            rerun_cell(100, 5, 0.15),
            (at_most(0.07, "pass"),),
        ),
    ]


# running -------------------------------------------------------------------------------------------


def outcomes(cell: Cell, draws: int, seed: int) -> Mapping[Outcome, int]:
    """How often each outcome came, over so many draws; the seed and the cell's name fix them all."""
    rng = np.random.default_rng([seed, *f"{cell.truth} {cell.size}".encode()])
    counted: dict[Outcome, int] = {"pass": 0, "block": 0, "insufficient-evidence": 0}
    for _ in range(draws):
        counted[cell.draw(rng)] += 1
    return counted


def table(draws: int, seed: int, date: str) -> tuple[str, bool]:
    """The Markdown page, and whether every target is met."""
    lines = [
        "# How often the verdict is right",
        "",
        f"Simulated on {date}, seed {seed}, {draws:,} draws a cell, with the default policy: results drawn",
        f"from a known truth (base accuracy {ACCURACY:.2f}, {DISAGREEMENT:.0%} of the cases answered",
        f"differently, {FLAKY:.0%} flaky; four buckets in the lift rows) and judged by `liftgate.compare`.",
        "Latency and JSON rows count that part alone.",
        "",
        "Again: `make operating-characteristics`. A quick version runs with the tests.",
        "",
        "| truth | cell | pass | block | insufficient | target |",
        "|---|---|--:|--:|--:|---|",
    ]
    met = True
    for cell in cells():
        started = time.perf_counter()
        counted = outcomes(cell, draws, seed)
        rates = {outcome: hits / draws for outcome, hits in counted.items()}
        wanted = []
        for want in cell.wants:
            holds = want.holds(rates[want.outcome])
            met = met and holds
            wanted.append(
                f"{want.outcome} {want.relation} {100 * want.limit:g}%{'' if holds else ' **missed**'}"
            )
        shown = " | ".join(f"{100 * rates[outcome]:.1f}%" for outcome in counted)
        lines.append(f"| {cell.truth} | {cell.size} | {shown} | {', '.join(wanted)} |")
        sys.stderr.write(f"{lines[-1]} {time.perf_counter() - started:.0f} s\n")
    return "\n".join(lines) + "\n", met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", required=True, help="the day to print, such as 2026-11-25")
    parser.add_argument("--out", type=Path, default=Path("docs/operating-characteristics.md"))
    arguments = parser.parse_args()
    page, met = table(arguments.draws, arguments.seed, arguments.date)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page, encoding="utf-8")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
