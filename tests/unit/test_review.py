"""What a reviewer's decision does to a verdict, and what it never does."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from liftgate import EvalRun, Policy
from liftgate.config import schema
from liftgate.errors import InputError
from liftgate.findings import Severity, blocks
from liftgate.verdict.comparison import Comparison, compare
from liftgate.verdict.decisions import Decisions, ReviewDecision, read_decisions
from liftgate.verdict.output_class import output_class
from liftgate.verdict.review import review
from verdict_examples import GOOD, Row, bucket, confirmed, part, prompts, rows_of, rules

TODAY = datetime.date(2026, 11, 25)
REST: dict[str, Any] = {"both": 300, "fixes": 40, "regressions": 8, "neither": 52}
Sides = tuple[list[Row], list[Row]]


def decision(case: str, *outputs: str, kind: str = "accept", **changes: Any) -> ReviewDecision:
    made = ReviewDecision(
        case_id=case,
        suite="quality",
        outputs=frozenset(map(output_class, outputs or ("wrong",))),
        kind=kind,  # type: ignore[arg-type]
        owner="@ana",
        reason="read it",
        decided=TODAY,
        expires=TODAY + datetime.timedelta(days=20),
        path="evals/a/waivers.yaml",
        line=4,
    )
    return replace(made, **changes)


def answering(sides: Sides, said: str = "wrong") -> Sides:
    """The candidate's answers as text, `said` where it is wrong."""
    for each in sides[1]:
        score = next(iter(each["scores"].values()))
        each["output"] = "right" if score == 1.0 else said
    return sides


def refunds(regressions: int, of: int = 22, **columns: Any) -> Sides:
    rest = rows_of(**REST, buckets={"intent": "other"})
    own = rows_of(
        both=of - regressions, regressions=regressions, name="r", buckets={"intent": "refund"}, **columns
    )
    return answering((rest[0] + own[0], rest[1] + own[1]))


def reviewed(
    sides: Sides, *decisions: ReviewDecision, policy: Policy | None = None, **meta: Any
) -> Comparison:
    base, candidate = (EvalRun.from_rows(side, **meta) for side in sides)
    policy = policy or Policy()
    made = compare(base, candidate, policy)
    found = review(made, base, candidate, policy, Decisions(decisions, TODAY))
    Draft202012Validator(schema("comparison")).validate(json.loads(found.to_json()))
    assert blocks(found.findings) == (found.verdict == "block")
    assert found.lift == made.lift and found.counts == made.counts, "no decision touches the lift"
    return found


def statuses(comparison: Comparison) -> list[str]:
    return [each["status"] for each in comparison.to_dict()["decisions"]]


def unsafe(case: int = 7, runs: int = 2) -> Sides:
    good = rows_of(**GOOD)
    base, candidate = prompts({}) + confirmed(case, 0), prompts({case: 1}) + confirmed(case, runs)
    return answering((good[0] + base, good[1] + candidate), "here is how")


def safe(case: str = "s07", **changes: Any) -> ReviewDecision:
    return decision(case, "here is how", **{"suite": "safety", **changes})


def test_without_decisions_nothing_changes() -> None:
    base, candidate = map(EvalRun.from_rows, refunds(2))
    assert reviewed(refunds(2)).to_json() == compare(base, candidate, Policy()).to_json()


def test_accepted_regressions_settle_a_doubt_about_a_bucket_and_stay_in_every_number() -> None:
    sides = refunds(2)
    doubtful = reviewed(sides)
    assert (doubtful.verdict, rules(doubtful)) == ("insufficient-evidence", ["bucket-unproven"])
    settled = reviewed(sides, decision("r0020"), decision("r0021"))
    assert settled.verdict == "pass"
    assert (bucket(settled).state, bucket(settled).regressions, bucket(settled).change) == (
        "ok",
        2,
        bucket(doubtful).change,
    )
    assert [(f.rule, f.severity, f.message) for f in settled.findings] == [
        (
            "bucket-unproven",
            Severity.NOTICE,
            "bucket intent=refund: -9.1 points, 2 net regressions of 22, not proven (p = 0.25); 94 cases would "
            "show it; 2 regressions accepted by @ana",
        )
    ]
    assert statuses(settled) == ["accepted", "accepted"]


def test_a_proven_drop_is_settled_by_nobody() -> None:
    sides = refunds(9, of=60)
    every = [decision(f"r{i:04d}") for i in range(51, 60)]
    assert (reviewed(sides, *every).verdict, part(reviewed(sides, *every), "buckets").state) == (
        "block",
        "fail",
    )


def test_a_bucket_that_must_show_non_inferiority_is_not_signed_for() -> None:
    policy = Policy(bucket_evidence={"default": "suspect", "intent: refund": "noninferior"})
    found = reviewed(refunds(2), decision("r0020"), decision("r0021"), policy=policy)
    assert (found.verdict, bucket(found).state) == ("insufficient-evidence", "unclear")


def test_accepted_regressions_settle_a_doubt_about_their_share_and_no_proof() -> None:
    # 32 of 200 are above 15%, and chance explains them; 60 of 200 are too many for chance.
    for regressions, before, after in ((32, "unclear", "ok"), (60, "fail", "fail")):
        sides = answering(rows_of(both=60, fixes=200 - 60 - regressions, regressions=regressions))
        fallen = [each["case_id"] for each in sides[1] if each["output"] == "wrong"]
        assert part(reviewed(sides), "regression-share").state == before
        settled = reviewed(sides, *map(decision, fallen))
        assert part(settled, "regression-share").state == after
    sides = answering(rows_of(both=60, fixes=108, regressions=32))
    fallen = [each["case_id"] for each in sides[1] if each["output"] == "wrong"]
    for accepted, state in ((2, "unclear"), (3, "ok")):  # 30 of 200 are not below 15%
        found = reviewed(sides, *map(decision, fallen[:accepted]))
        assert part(found, "regression-share").state == state


def test_a_lift_is_never_signed_for() -> None:
    sides = answering(rows_of(both=180, fixes=4, regressions=16))
    fallen = [each["case_id"] for each in sides[1] if each["output"] == "wrong"]
    assert reviewed(sides, *map(decision, fallen)).verdict == "block"


@pytest.mark.parametrize("kind", ["bad-label", "judge-wrong"])
def test_a_doubted_label_or_grade_changes_nothing_until_it_is_mended(kind: str) -> None:
    sides = refunds(2)
    found = reviewed(sides, decision("r0020", kind=kind), decision("r0021", kind=kind))
    assert (found.verdict, statuses(found)) == ("insufficient-evidence", ["noted", "noted"])


def test_an_answer_to_be_fixed_blocks_for_as_long_as_it_is_given() -> None:
    found = reviewed(refunds(1), decision("r0021", kind="fix"))
    assert (found.verdict, statuses(found)) == ("block", ["to-fix"])
    assert [(f.rule, f.message, f.place) for f in found.findings] == [
        (
            "regression-to-fix",
            "the decision about quality case 'r0021' asks for another answer, and the candidate still gives this one "
            "(to be fixed, says @ana until 2026-12-15: read it)",
            "evals/a/waivers.yaml:4",
        )
    ]
    assert part(found, "review").detail == "1 case whose answer a reviewer wants fixed: r0021"
    assert reviewed(refunds(0), decision("r0021", kind="fix")).verdict == "pass"
    policy = Policy(rules={"regression-to-fix": "warning"})
    assert reviewed(refunds(1), decision("r0021", kind="fix"), policy=policy).verdict == "pass"


def test_another_answer_voids_a_decision() -> None:
    found = reviewed(refunds(3), decision("r0020"), decision("r0021", "something else"))
    assert (found.verdict, statuses(found)) == ("insufficient-evidence", ["accepted", "void"])
    assert [f.message for f in found.findings if f.rule == "decision-void"] == [
        "the decision about quality case 'r0021' does not count: "
        "the candidate gives another answer than those that were decided on"
    ]


def test_every_answer_to_a_case_must_be_accepted() -> None:
    sides = refunds(3)
    for side in sides:
        side += [{**each, "repeat": 1} for each in side]
    sides[1][-1]["output"] = "wrong in another way"
    one = reviewed(sides, decision("r0020"), decision("r0021"))
    assert (one.verdict, statuses(one)) == ("insufficient-evidence", ["accepted", "void"])
    assert any("only 1 of its 2 answers are accepted" in finding.message for finding in one.findings)
    both = reviewed(sides, decision("r0020"), decision("r0021"), decision("r0021", "wrong in another way"))
    assert both.verdict == "pass"
    at_once = reviewed(sides, decision("r0020"), decision("r0021", "wrong", "wrong in another way"))
    assert at_once.verdict == "pass"


def test_one_reviewer_who_wants_it_fixed_outweighs_one_who_accepts_it() -> None:
    found = reviewed(refunds(1), decision("r0021"), decision("r0021", kind="fix"))
    assert (found.verdict, statuses(found)) == ("block", ["void", "to-fix"])


def test_an_answer_without_a_score_is_not_accepted() -> None:
    sides = refunds(3)
    for side in sides:
        side.append({**side[-1], "repeat": 1})
    sides[1][-1]["scores"] = {"exact_match": None}
    found = reviewed(sides, decision("r0020"), decision("r0021"))
    assert (found.verdict, statuses(found)) == ("insufficient-evidence", ["accepted", "void"])


@pytest.mark.parametrize(
    ("changes", "status", "rule"),
    [
        ({"expires": TODAY - datetime.timedelta(days=1)}, "expired", "decision-expired"),
        ({"decided": TODAY + datetime.timedelta(days=1)}, "void", "decision-void"),
        ({"case_id": "r0000"}, "unused", "decision-unused"),
        ({"case_id": "no such case"}, "unused", "decision-unused"),
        ({"suite": "safety"}, "unused", "decision-unused"),
    ],
    ids=["expired", "dated ahead", "no regression", "no such case", "another suite"],
)
def test_a_decision_that_does_not_count_says_so(changes: dict[str, Any], status: str, rule: str) -> None:
    found = reviewed(refunds(3), decision("r0020"), decision("r0021", **changes))
    assert (found.verdict, statuses(found)) == ("insufficient-evidence", ["accepted", status])
    assert rule in rules(found)


def test_a_decision_counts_on_its_last_day() -> None:
    found = reviewed(refunds(2), decision("r0020"), decision("r0021", expires=TODAY))
    assert found.verdict == "pass"


def test_an_unproven_unsafe_answer_is_accepted_by_a_named_owner_for_a_while() -> None:
    sides = unsafe()
    assert reviewed(sides).verdict == "insufficient-evidence"
    found = reviewed(sides, safe())
    assert (found.verdict, statuses(found)) == ("pass", ["accepted"])
    assert [(f.rule, f.severity, f.message) for f in found.findings] == [
        (
            "safety-unconfirmed",
            Severity.NOTICE,
            "safety case 's07': unsafe in 2 of 20 candidate runs, 0 of 20 base runs, not proven worse (p = 0.24): "
            "a person decides; accepted by @ana until 2026-12-15: read it",
        )
    ]


def test_a_proven_unsafe_answer_is_accepted_by_nobody() -> None:
    found = reviewed(unsafe(runs=12), safe())
    assert (found.verdict, statuses(found)) == ("block", ["void"])
    assert any("which nobody can accept" in finding.message for finding in found.findings)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"expires": TODAY + datetime.timedelta(days=31)},
            "it would count for 31 days, and the policy allows 30",
        ),
        ({"outputs": frozenset({output_class("I will not")})}, "another answer"),
        ({"decided": TODAY - datetime.timedelta(days=11)}, "it would count for 31 days"),
    ],
)
def test_a_safety_waiver_is_short_and_for_what_was_read(changes: dict[str, Any], why: str) -> None:
    found = reviewed(unsafe(), safe(**changes))
    assert (found.verdict, statuses(found)) == ("insufficient-evidence", ["void"])
    assert any(why in finding.message for finding in found.findings)


def test_a_policy_may_allow_no_safety_waiver_at_all() -> None:
    policy = Policy.from_dict({"safety": {"max_waiver_days": 0}})
    assert reviewed(unsafe(), safe(), policy=policy).verdict == "insufficient-evidence"


@pytest.mark.parametrize(
    "damage",
    [
        {"scores": {"safe_output": None}},
        {"error": {"kind": "timeout", "message": ""}, "scores": {"safe_output": None}, "output": None},
        {"scores": {}},
    ],
)
def test_a_safety_answer_that_nobody_could_grade_is_not_accepted(damage: Row) -> None:
    sides = unsafe()
    mine = [each for each in sides[1] if each["case_id"] == "s07"]
    mine[-1].update(damage)
    assert reviewed(sides, safe()).verdict == "insufficient-evidence"
    # The same for one of base: what base does is then unknown.
    sides = unsafe()
    [each for each in sides[0] if each["case_id"] == "s07"][-1].update(damage)
    assert reviewed(sides, safe()).verdict == "insufficient-evidence"


def test_an_unsafe_answer_waits_for_its_confirmation_before_it_can_be_accepted() -> None:
    good = rows_of(**GOOD)
    sides = answering((good[0] + prompts({}), good[1] + prompts({7: 1})), "here is how")
    assert (reviewed(sides, safe()).verdict, statuses(reviewed(sides, safe()))) == (
        "insufficient-evidence",
        ["void"],
    )


def test_the_one_answer_of_a_deterministic_model_can_be_accepted() -> None:
    good = rows_of(**GOOD)
    sides = answering((good[0] + prompts({}, runs=1), good[1] + prompts({7: 1}, runs=1)), "here is how")
    assert reviewed(sides, deterministic=True).verdict == "insufficient-evidence"
    assert reviewed(sides, safe(), deterministic=True).verdict == "pass"


def test_a_quality_decision_reaches_no_safety_case_and_the_reverse() -> None:
    assert reviewed(unsafe(), safe(suite="quality")).verdict == "insufficient-evidence"


kinds = st.sampled_from(["accept", "fix", "bad-label", "judge-wrong"])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from([f"r{i:04d}" for i in range(22)]), kinds, st.booleans()), max_size=12),
    st.integers(0, 12),
)
def test_no_decision_turns_a_block_into_anything_else(drawn: list[tuple[str, str, bool]], fell: int) -> None:
    sides = refunds(fell)
    before = reviewed(sides)
    after = reviewed(
        sides, *(decision(case, "wrong" if same else "else", kind=kind) for case, kind, same in drawn)
    )
    if before.verdict == "block":
        assert after.verdict == "block"
    for old, new in zip(before.parts, after.parts, strict=False):
        assert (old.state, new.state) in {(old.state, old.state), ("unclear", "ok")}
    if not any(kind == "accept" and same for _, kind, same in drawn):
        assert after.verdict in {before.verdict, "block"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1, "b": [2, "x"]}', '{\n  "b": [2, "x"],\n  "a": 1}', True),
        ('{"a": 1.5}', '{"a": 15}', False),
        ("It costs 1.5 euros", "It costs 15 euros", False),
        (" It  costs\nit ", "it costs it", True),
        ("caf\u00e9", "cafe\u0301", True),
        ('{"a": "X"}', '{"a": "x"}', False),
        ("null", None, False),
        ("", None, False),
        ("\ud800", "\ud801", False),
        ("[" * 100_000, "[" * 100_001, False),
    ],
)  # fmt: skip
def test_an_output_class_forgives_spacing_case_and_the_order_of_keys(
    one: str, other: str | None, same: bool
) -> None:
    assert (output_class(one) == output_class(other)) is same


def test_tool_calls_are_part_of_an_answer() -> None:
    calls = [{"name": "refund", "arguments": {"id": 7}}]
    assert (
        len({output_class(None), output_class(None, calls), output_class("x"), output_class("x", calls)}) == 4
    )


WRITTEN = """\
version: 1
decisions:
  - case: c1
    outputs: [3fa9c0d1e2b3c4d5]
    decision: {kind}
    owner: {owner}
    reason: read it
    decided: {decided}
    expires: {expires}
"""


def written(**changes: str) -> str:
    whole = {"kind": "accept", "owner": "ana", "decided": "2026-11-25", "expires": "2026-12-31", **changes}
    return WRITTEN.format(**whole)


def test_decisions_are_read_with_their_line() -> None:
    (found,) = read_decisions(written(), "w.yaml")
    assert (
        found.case_id,
        found.suite,
        found.kind,
        found.place if hasattr(found, "place") else found.line,
    ) == (
        "c1",
        "quality",
        "accept",
        3,
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "ignore"}, "decision"),
        ({"owner": ""}, "owner"),
        ({"owner": '" "'}, "owner"),
        ({"expires": "2026-13-01"}, "is not a day"),
        ({"decided": "2026-02-30"}, "is not a day"),
        ({"expires": "2026-11-24"}, "before the day of the decision"),
        ({"expires": "never"}, "expires"),
    ],
)
def test_a_decision_without_owner_end_or_meaning_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_decisions(written(**changes), "w.yaml")
    assert said in str(raised.value)
    assert "w.yaml:" in str(raised.value)
