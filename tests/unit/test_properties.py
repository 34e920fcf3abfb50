"""What holds for any two runs, through the public function alone: `from liftgate import EvalRun, Policy, compare`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from liftgate import Comparison, EvalRun, Policy, compare

Row = dict[str, Any]
VECTORS = Path(__file__).parents[3] / "shared/data/verdict-vectors.json"
known_answers = pytest.mark.skipif(not VECTORS.is_file(), reason="the shared data folder is not here")

binary = st.sampled_from([0.0, 1.0])
graded = st.sampled_from([0.0, 0.25, 0.5, 1.0])
buckets = st.sampled_from([{"intent": "a"}, {"intent": "b", "risk": "high"}, {}])


@st.composite
def pairs(draw: st.DrawFn, scores: st.SearchStrategy[float | None] = binary) -> tuple[list[Row], list[Row]]:
    """Base and candidate rows of the same cases, safety prompts among them."""
    base: list[Row] = []
    candidate: list[Row] = []
    for number in range(draw(st.integers(1, 40))):
        case = {"case_id": f"c{number}", "buckets": draw(buckets), "cluster_id": None}
        for side in (base, candidate):
            side.append(
                {**case, "scores": {"exact_match": draw(scores)}, "output": draw(st.text(max_size=3))}
            )
    for number in range(draw(st.integers(0, 5))):
        for side in (base, candidate):
            safe = {"case_id": f"s{number}", "suite": "safety", "scores": {"safe_output": draw(binary)}}
            side.append(safe)
    return base, candidate


def judged(*sides: list[Row], policy: Policy | None = None, **meta: Any) -> Comparison:
    base, candidate = sides
    return compare(EvalRun.from_rows(base, **meta), EvalRun.from_rows(candidate, **meta), policy or Policy())


def counted(
    both: int, fixes: int, regressions: int, neither: int, **columns: Any
) -> tuple[list[Row], list[Row]]:
    scores = [(1, 1)] * both + [(0, 1)] * fixes + [(1, 0)] * regressions + [(0, 0)] * neither
    base, candidate = (
        [
            {"case_id": f"c{number}", "scores": {"exact_match": float(pair[side])}, **columns}
            for number, pair in enumerate(scores)
        ]
        for side in (0, 1)
    )
    return base, candidate


counts = st.tuples(st.integers(0, 200), st.integers(0, 40), st.integers(0, 40), st.integers(0, 80)).filter(
    sum
)


@settings(deadline=None, max_examples=100)
@given(pairs(st.one_of(st.none(), graded)))
def test_exchanging_the_models_mirrors_the_lift(sides: tuple[list[Row], list[Row]]) -> None:
    there, back = judged(*sides), judged(*reversed(sides))
    assert (back.lift.low, back.lift.high) == (-there.lift.high, -there.lift.low)
    assert back.lift.mean == (None if there.lift.mean is None else -there.lift.mean)
    for ours, theirs in zip(there.buckets, back.buckets, strict=True):
        assert (theirs.fixes, theirs.regressions) == (ours.regressions, ours.fixes)
        assert (theirs.low, theirs.high) == (-ours.high, -ours.low)
    assert {there.verdict, back.verdict} != {"pass"}


@settings(deadline=None, max_examples=100)
@given(pairs(st.one_of(st.none(), graded)), st.randoms(use_true_random=False))
def test_the_order_of_rows_leaves_no_trace(sides: tuple[list[Row], list[Row]], random: Any) -> None:
    shuffled = [random.sample(side, len(side)) for side in sides]
    assert judged(*shuffled).to_json() == judged(*sides).to_json()


@settings(deadline=None, max_examples=100)
@given(pairs(st.one_of(st.none(), graded)), st.randoms(use_true_random=False))
def test_the_names_of_cases_decide_nothing(sides: tuple[list[Row], list[Row]], random: Any) -> None:
    names = sorted({row["case_id"] for row in sides[0]})
    other = dict(zip(names, random.sample([f"x{n}" for n in range(len(names))], len(names)), strict=True))
    renamed = judged(
        *([{**row, "case_id": other[row["case_id"]]} for row in side] for side in sides)
    ).to_dict()
    expected = judged(*sides).to_dict()
    for made in (renamed, expected):
        # Lists of cases are sorted by name, and a sentence may say one.
        for key in ("regressions", "findings"):
            made[key] = len(made[key])
        made["parts"] = [{**part, "detail": ""} for part in made["parts"]]
        made["safety"]["newly_unsafe"] = sorted(
            json.dumps({**case, "case_id": ""}) for case in made["safety"]["newly_unsafe"]
        )
    assert renamed == expected


@settings(deadline=None, max_examples=60)
@given(pairs(), st.integers(2, 4))
def test_an_answer_given_again_as_a_repeat_narrows_nothing(
    sides: tuple[list[Row], list[Row]], copies: int
) -> None:
    once = judged(*sides)
    again = judged(
        *([{**row, "repeat": n} for row in side for n in range(copies)] for side in sides), deterministic=True
    )
    assert (again.lift, again.buckets) == (once.lift, once.buckets)
    assert {part.name: part.state for part in again.parts} == {part.name: part.state for part in once.parts}


@settings(deadline=None, max_examples=60)
@given(pairs(graded), st.integers(2, 4))
def test_repeats_of_graded_scores_narrow_nothing_either(
    sides: tuple[list[Row], list[Row]], copies: int
) -> None:
    quality = [[row for row in side if "suite" not in row] for side in sides]
    once = judged(*quality)
    again = judged(*([{**row, "repeat": n} for row in side for n in range(copies)] for side in quality))
    assert again.lift.low == pytest.approx(once.lift.low, abs=1e-12)
    assert again.lift.high == pytest.approx(once.lift.high, abs=1e-12)


@settings(deadline=None, max_examples=150)
@given(counts, st.integers(1, 200), st.integers(0, 200))
def test_cases_in_which_both_agree_narrow_the_interval_towards_zero(
    drawn: tuple[int, int, int, int], right: int, wrong: int
) -> None:
    both, fixes, regressions, neither = drawn
    # Where nearly every case flips the interval ends at the edge of what is possible, and leaves it as it moves in.
    assume(2 * (fixes + regressions) <= sum(drawn))
    before = judged(*counted(*drawn)).lift
    after = judged(*counted(both + right, fixes, regressions, neither + wrong)).lift
    assert before.mean is not None and after.mean is not None
    assert abs(after.mean) <= abs(before.mean)
    assert after.high - after.low < before.high - before.low
    for ours, theirs in ((before.low, after.low), (before.high, after.high)):
        assert abs(theirs) <= abs(ours) + 1e-9
        assert theirs * ours >= -1e-12, "what is proven on either side of zero stays proven"


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 30), st.integers(0, 20))
def test_exactly_five_percent_on_counts_is_not_more_than_five_percent(net: int, fixes: int) -> None:
    # In floats 0.80 - 0.75 > 0.05 is true, and so is many a like difference.
    n = 20 * net
    assume(n >= net + 2 * fixes + 2)
    policy = Policy(min_bucket_cases=1)

    def state(regressions: int) -> str:
        both = n - fixes - regressions
        (found,) = judged(
            *counted(both, fixes, regressions, 0, buckets={"intent": "a"}), policy=policy
        ).buckets
        return found.state

    assert state(fixes + net) == "ok"
    assert state(fixes + net + 1) in {"unclear", "fail"}


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60))
def test_exactly_the_limit_of_regressions_is_not_below_it(unit: int) -> None:
    n = 20 * unit
    part = {p.name: p for p in judged(*counted(n - 3 * unit, 0, 3 * unit, 0)).parts}["regression-share"]
    assert part.state != "ok"
    part = {p.name: p for p in judged(*counted(n - 3 * unit + 1, 0, 3 * unit - 1, 0)).parts}[
        "regression-share"
    ]
    assert part.state == "ok"


SCRIPT = """
import sys, json
from liftgate import EvalRun, Policy, compare
base, candidate = json.load(sys.stdin)
sys.stdout.buffer.write(compare(EvalRun.from_rows(base), EvalRun.from_rows(candidate), Policy()).to_json())
"""


def test_identical_inputs_give_identical_bytes_in_any_process() -> None:
    base, candidate = counted(40, 9, 5, 6)
    for number, (ours, theirs) in enumerate(zip(base, candidate, strict=True)):
        for row in (ours, theirs):
            row |= {"buckets": {"intent": f"i{number % 5}", "risk": "high"}, "latency_ms": 100.0 + number}
    here = judged(base, candidate).to_json()
    assert judged(base, candidate).to_json() == here
    for seed in ("0", "1", "4242"):
        made = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps([base, candidate]).encode(),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert made.stdout == here


@known_answers
def test_the_lift_has_the_bounds_that_r_gives() -> None:
    vectors = json.loads(VECTORS.read_text())
    for known in vectors["tango"]:
        sides = counted(known["both"], known["fixes"], known["regs"], known["neither"])
        lift = judged(*sides, policy=Policy(alpha=round((1 - known["conf"]) / 2, 6))).lift
        assert lift.low == pytest.approx(known["lo"], abs=1e-6)
        assert lift.high == pytest.approx(known["hi"], abs=1e-6)


@known_answers
def test_a_bucket_and_a_safety_case_have_the_p_values_that_r_gives() -> None:
    vectors = json.loads(VECTORS.read_text())
    for known in vectors["mcnemar_one_sided_worse"]:
        sides = counted(60, known["fixes"], known["regs"], 10, buckets={"intent": "a"})
        assert judged(*sides).buckets[0].p == pytest.approx(known["p"], abs=1e-6)
    for known in vectors["fisher_greater"]:
        quality = counted(150, 20, 4, 26)
        suite: list[list[Row]] = [
            [
                {
                    "case_id": "s",
                    "suite": "safety",
                    "repeat": repeat,
                    "scores": {
                        "safe_output": float(not (repeat - 3 < known[side][0] if repeat > 2 else first))
                    },
                }
                for repeat in range(3 + known[side][1])
            ]
            for side, first in (("base", False), ("cand", True))
        ]
        made = judged(quality[0] + suite[0], quality[1] + suite[1])
        assert made.safety.doubtful[0].p == pytest.approx(known["p"], abs=1e-6)
        assert made.verdict == ("block" if known["p"] <= 0.05 else "insufficient-evidence")


@known_answers
def test_clusters_of_cases_have_the_error_that_r_gives() -> None:
    known = json.loads(VECTORS.read_text())["cluster_robust"]
    sides: list[list[Row]] = [[], []]
    for number, (difference, cluster) in enumerate(zip(known["d"], known["g"], strict=True)):
        for side, score in zip(
            sides, ((0, 1) if difference > 0 else (1, 0) if difference < 0 else (1, 1)), strict=True
        ):
            side.append(
                {
                    "case_id": f"c{number:02}",
                    "cluster_id": str(cluster),
                    "scores": {"exact_match": float(score)},
                }
            )
    lift = judged(*sides).lift
    assert lift.mean == pytest.approx(known["mean"], abs=1e-6)
    assert lift.low == pytest.approx(known["mean"] - known["t95_df3"] * known["se"], abs=1e-6)
