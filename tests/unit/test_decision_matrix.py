"""The decision matrix: every cell, what never happens, and what is said where something is not known."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from liftgate import Policy
from liftgate.digests import pretty
from liftgate.errors import InputError
from liftgate.report.decision import decision_lines
from liftgate.report.seal import seal
from liftgate.verdict.decide import (
    ROADS,
    Questions,
    Thresholds,
    Tried,
    advise,
    plateau,
    road_of,
    rows_needed,
)
from liftgate.verdict.decision_paper import decision_findings, read_paper
from report_examples import passing

ROOT = Path(__file__).parents[2]
ALIAS = "support-intent"
PAPER, REPORT = f"evals/{ALIAS}/decision.yaml", f"evals/reports/{ALIAS}/prompts.json"

CELLS = """\
facts form stable rows | nothing     prompt+ plateau   +rag+     +rag-     +routing+ +routing-
-     -    -      -    | prompt      prompt  routing   rag       routing   routing   none
-     -    -      yes  | prompt      prompt  routing   rag       routing   routing   none
-     -    yes    -    | prompt      prompt  none      rag       none      routing   none
-     -    yes    yes  | prompt      prompt  none      rag       none      routing   none
-     yes  -      -    | prompt      prompt  routing   rag       routing   routing   none
-     yes  -      yes  | prompt      prompt  routing   rag       routing   routing   none
-     yes  yes    -    | prompt      prompt  none      rag       none      routing   none
-     yes  yes    yes  | prompt      prompt  fine-tune rag       fine-tune routing   fine-tune
yes   -    -      -    | rag         rag     rag       rag       routing   routing   none
yes   -    -      yes  | rag         rag     rag       rag       routing   routing   none
yes   -    yes    -    | rag         rag     rag       rag       none      routing   none
yes   -    yes    yes  | rag         rag     rag       rag       none      routing   none
yes   yes  -      -    | rag         rag     rag       rag       routing   routing   none
yes   yes  -      yes  | rag         rag     rag       rag       routing   routing   none
yes   yes  yes    -    | rag         rag     rag       rag       routing   routing   none
yes   yes  yes    yes  | rag         rag     rag       rag       routing   routing   fine-tune
"""


def _tool() -> Any:
    spec = importlib.util.spec_from_file_location(
        "write_decision_doc", ROOT / "tools" / "write_decision_doc.py"
    )
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_every_cell_of_the_matrix() -> None:
    tool, expected = _tool(), []
    for line in CELLS.splitlines()[1:]:
        asked, roads = line.split("|")
        flags = [word == "yes" for word in asked.split()]
        expected += [(*flags, road) for road in roads.split()]
    found = [(q.facts, q.form, q.stable, q.rows, road) for q, _, road in tool.cells()]
    assert found == expected
    assert len(found) == 112


def test_the_page_is_what_the_code_says_now() -> None:
    assert (ROOT / "docs" / "decision-matrix.md").read_text("utf-8") == _tool().document()


questions = st.builds(Questions, **{name: st.booleans() for name in vars(Questions())})


def _cost(asked: Questions) -> int:
    road = road_of(asked)
    return len(ROADS) if road is None else ROADS.index(road)


@given(questions, st.sampled_from(["prompt_clears", "rag_clears", "routing_clears"]))
def test_a_cheaper_road_that_clears_never_leads_to_a_costlier_one(asked: Questions, name: str) -> None:
    assert _cost(replace(asked, **{name: True})) <= _cost(replace(asked, **{name: False}))


@given(questions, st.sampled_from(["plateau", "rag_tried", "routing_tried"]))
def test_more_that_was_tried_never_leads_back_to_a_cheaper_road(asked: Questions, name: str) -> None:
    assert _cost(replace(asked, **{name: True})) >= _cost(replace(asked, **{name: False}))


@given(questions)
def test_nobody_trains_for_knowledge_alone(asked: Questions) -> None:
    if road_of(asked) == "fine-tune":
        assert asked.form
        assert asked.stable
        assert asked.rows
        assert not asked.rag_clears
        assert not asked.routing_clears
        assert asked.rag_tried or not asked.facts
        assert asked.facts or (asked.plateau and not asked.prompt_clears)


@given(questions)
def test_facts_never_lead_from_another_road_to_a_training(asked: Questions) -> None:
    if road_of(replace(asked, facts=True)) == "fine-tune" and asked.plateau and not asked.prompt_clears:
        assert road_of(replace(asked, facts=False)) == "fine-tune"


@given(questions)
def test_more_rows_lead_nowhere_but_to_a_training(asked: Questions) -> None:
    few, many = road_of(replace(asked, rows=False)), road_of(replace(asked, rows=True))
    assert many == few or (few, many) == (None, "fine-tune")


whole = st.fixed_dictionaries(
    {
        "must_cite_sources": st.booleans(),
        "policy_updates_per_month": st.sampled_from([0, 0.5, 1, 4]),
        "schema_fields": st.integers(0, 3),
        "labels": st.integers(0, 30),
        "labels_stable_months": st.sampled_from([0, 5, 6, 24]),
        "locales": st.lists(st.sampled_from(["en", "es", "de"]), unique=True),
        "labelled_rows": st.sampled_from([0, 499, 500, 5000]),
    }
)
attempts = st.lists(
    st.builds(
        Tried,
        st.sampled_from(ROADS[:3]),
        clears=st.booleans(),
        score=st.sampled_from([0.7, 0.72, 0.8]),
        valid_json=st.sampled_from([0.9, 0.99]),
        ruler=st.just("g"),
    ),
    max_size=4,
)


@given(whole, attempts, st.data())
def test_what_is_decided_on_little_stays_decided_on_more(
    asked: dict[str, Any], tried: list[Tried], data: st.DataObject
) -> None:
    known = data.draw(st.sets(st.sampled_from(sorted(asked))))
    measured = [each if data.draw(st.booleans()) else Tried(each.road) for each in tried]
    little = advise({key: asked[key] for key in known}, measured)
    more = advise(asked, tried)
    assert more.decided
    if little.decided:
        assert little.recommendation == more.recommendation
    else:
        assert little.missing


ASKED: dict[str, Any] = {
    "must_cite_sources": False,
    "policy_updates_per_month": 0,
    "schema_fields": 2,
    "labels": 8,
    "labels_stable_months": 9,
    "locales": ["en", "es", "de"],
    "labelled_rows": 722,
}
FLAT = (Tried("prompt", "v1", False, 0.75, 0.96, "g"), Tried("prompt", "v2", False, 0.76, 0.97, "g"))


def test_a_task_that_has_everything_is_tuned_once_prompts_gain_no_more() -> None:
    advice = advise(ASKED, FLAT)
    assert (advice.recommendation, advice.missing) == ("fine-tune", ())
    assert advice.reasons == (
        "no facts to cite or to keep up with: retrieval has nothing to give",
        "a form to learn: fixed labels, or a schema that prompts do not hold",
        "the newest prompt gains too little over the best before it: prompting is at its plateau",
        "the cheapest road that clears the bar wins: fine-tuning",
    )
    assert advice.roads == {"prompt": "left", "rag": "closed", "routing": "closed", "fine-tune": "open"}


@pytest.mark.parametrize(
    ("changes", "road", "reason"),
    [
        ({"must_cite_sources": True}, "rag", "sources must be cited: never fine-tune for knowledge alone"),
        ({"policy_updates_per_month": 1}, "rag", "the facts change: never fine-tune for knowledge alone"),
        ({"policy_updates_per_month": 0.9}, "fine-tune", "no facts to cite"),
        ({"labels_stable_months": 5.9}, "routing", "the labels were stable for less than 6 months"),
        ({"labels_stable_months": 6}, "fine-tune", "a form to learn"),
        ({"labelled_rows": 499}, None, "too few labelled rows to train on: 499 of 500"),
        ({"labelled_rows": 500}, "fine-tune", "a form to learn"),
        ({"labels": 20}, None, "too few labelled rows to train on: 722 of 1200"),
        ({"labels": 1, "schema_fields": 0}, None, "no form to learn"),
        ({"labels": 0, "labels_stable_months": 0}, "fine-tune", "a schema that prompts do not hold"),
    ],
)
def test_each_requirement_turns_the_road_at_its_threshold(
    changes: dict[str, Any], road: str | None, reason: str
) -> None:
    advice = advise({**ASKED, **changes}, FLAT)
    assert (advice.recommendation, advice.missing) == (road, ())
    assert any(reason in said for said in advice.reasons)


def test_the_schema_failure_rate_decides_where_there_are_no_labels() -> None:
    asked = {**ASKED, "labels": 0}
    held = tuple(replace(each, valid_json=0.99) for each in FLAT)
    assert advise(asked, FLAT).recommendation == "fine-tune"
    assert advise(asked, held).recommendation is None
    unknown = advise(asked, tuple(replace(each, valid_json=None) for each in FLAT))
    assert unknown.missing == ("the share of answers that parse (json_valid), in a report under paths_tried",)


@pytest.mark.parametrize("key", sorted(ASKED))
def test_a_requirement_that_nobody_stated_is_missing_where_it_decides(key: str) -> None:
    advice = advise({name: value for name, value in ASKED.items() if name != key}, FLAT)
    # With eight labels there is a form to learn, whatever the schema is.
    assert advice.missing == (() if key == "schema_fields" else (f"requirements.{key}",))
    assert advice.decided == (key == "schema_fields")


def test_what_does_not_decide_is_not_asked_for() -> None:
    clears = (replace(FLAT[0], clears=True),)
    only = {"must_cite_sources": False, "policy_updates_per_month": 0}
    assert (advise(only, clears).recommendation, advise(only, clears).missing) == ("prompt", ())
    assert advise({"must_cite_sources": True}, ()).recommendation == "rag"
    assert advise({}, ()).missing == (
        "requirements.must_cite_sources",
        "requirements.policy_updates_per_month",
    )


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], False),
        ([0.7], False),
        ([0.7, 0.75], False),
        ([0.7, 0.73], False),
        ([0.7, 0.729], True),
        ([0.7, 0.6], True),
        ([0.7, 0.8, 0.81], True),
        ([None], None),
        ([0.7, None], None),
        ([None, 0.7], None),
    ],
)
def test_a_plateau_is_a_newest_version_that_gains_too_little(
    scores: list[float | None], expected: bool | None
) -> None:
    tried = [Tried("prompt", f"v{n}", False, score, None, "g") for n, score in enumerate(scores)]
    assert plateau(tried, Thresholds()) is expected


def test_scores_by_another_ruler_are_not_compared() -> None:
    assert plateau([FLAT[0], replace(FLAT[1], ruler="another")], Thresholds()) is None


def test_rows_are_needed_for_each_label_and_locale() -> None:
    assert rows_needed({"labels": 10, "locales": ["a", "b", "c"]}, Thresholds()) == 600
    assert rows_needed({"labels": 0, "locales": []}, Thresholds(min_rows=7)) == 20
    assert rows_needed({"labels": 3}, Thresholds()) is None


def _paper(**changes: Any) -> bytes:
    tried = [
        {"path": "prompt", "arm": arm, "outcome": "measured", "report": REPORT}
        for arm in ("base", "prompt-v2")
    ]
    document = {
        "version": 1,
        "alias": ALIAS,
        "question": "Why?",
        "requirements": ASKED,
        "paths_tried": tried,
        "recommendation": "fine-tune",
        "reasons": ["It is better."],
        "owner": "support",
        "decided_on": "2026-11-25",
    }
    return yaml.safe_dump({**document, **changes}, sort_keys=False).encode()


def _report(*, clears: bool = False, score: float = 0.76, **changes: Any) -> bytes:
    report = json.loads(pretty(passing()))
    for arm in report["arms"]:
        if arm["name"] == "prompt-v2":
            arm["clears_bar"] = clears
            arm["metrics"]["exact_match"] = score
    return pretty(seal({**report, **changes}))


def _files(**changes: bytes | None) -> dict[str, bytes]:
    files = {"paper": _paper(), "report": _report(), **changes}
    names = {"paper": PAPER, "report": REPORT}
    return {names[key]: data for key, data in files.items() if data is not None}


def _found(
    files: dict[str, bytes], *, paid: bool = True, policy: Policy | None = None
) -> list[tuple[str, str]]:
    found, _ = decision_findings(ALIAS, files.get, policy or Policy(), paid=paid)
    return [(each.rule, str(each.severity)) for each in found]


def test_reports_bear_out_what_was_tried() -> None:
    paper = read_paper(ALIAS, _files().get, Policy())
    assert paper is not None
    assert [(t.road, t.arm, t.clears, t.valid_json is not None) for t in paper.tried] == [
        ("prompt", "base", False, True),
        ("prompt", "prompt-v2", False, True),
    ]
    assert (paper.advice.recommendation, paper.silent) == ("fine-tune", ())
    assert _found(_files()) == []


def test_a_training_against_the_matrix_is_an_error_paid_or_not() -> None:
    against = [("against-decision", "error")]
    clears = _files(report=_report(clears=True))
    assert _found(clears) == _found(clears, paid=False) == against
    facts = _files(paper=_paper(requirements={**ASKED, "must_cite_sources": True}))
    assert _found(facts) == _found(facts, paid=False) == against
    few = _files(paper=_paper(requirements={**ASKED, "labelled_rows": 40}))
    assert _found(few) == against
    (finding,), _ = decision_findings(ALIAS, clears.get, Policy(), paid=True)
    line = 1 + _paper().split(b"recommendation:")[0].count(b"\n")
    assert finding.place == f"{PAPER}:{line}"
    assert finding.message == (
        "the decision matrix recommends a better prompt, and this change would train: no facts to cite or to keep up "
        "with: retrieval has nothing to give; a form to learn: fixed labels, or a schema that prompts do not hold; a "
        "prompt clears the bar; the cheapest road that clears the bar wins: a better prompt"
    )


def test_a_document_that_recommends_another_road_forbids_a_training() -> None:
    assert _found(_files(paper=_paper(recommendation="rag"))) == [("against-decision", "error")]


def test_a_training_that_costs_money_needs_a_document() -> None:
    assert _found(_files(paper=None)) == [("no-decision", "error")]
    assert _found(_files(paper=None), paid=False) == []
    assert _found(_files(paper=b"version: 1\n")) == [("no-decision", "error")]
    assert _found(_files(paper=b"version: 1\n"), paid=False) == [("no-decision", "warning")]
    assert _found(_files(paper=_paper(alias="other"))) == [("no-decision", "error")]


def test_the_policy_says_how_much_each_rule_weighs() -> None:
    policy = Policy(rules={"no-decision": "warning", "against-decision": "off"})
    assert _found(_files(paper=None), policy=policy) == [("no-decision", "warning")]
    assert _found(_files(report=_report(clears=True)), policy=policy) == []


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (None, "there is no such report"),
        (b"{", "the file is no report.json of this version"),
        (b"[]", "the file is no report.json of this version"),
        (_report().replace(b'"n": 240', b'"n": 241', 1), "the report was altered after Liftgate wrote it"),
        (_report(alias="other"), "the report is of 'other'"),
        (_report(arms=[]), "the report has no such arm; it has none"),
    ],
)
def test_a_report_that_bears_nothing_out_is_told_and_never_counts(report: bytes | None, said: str) -> None:
    files = _files(report=report)
    paper = read_paper(ALIAS, files.get, Policy())
    assert paper is not None
    told = [f"a better prompt ({arm}): {said}" for arm in ("base", "prompt-v2")]
    assert [each.message for each in paper.silent] == told
    assert paper.advice.recommendation is None
    assert _found(files) == [("decision-incomplete", "warning")]
    assert _found(files, paid=False) == []


def test_the_policys_thresholds_are_the_matrix() -> None:
    files = _files(report=_report(score=0.79))
    assert _found(files) == [("against-decision", "error")]
    assert _found(files, policy=Policy(min_lift=0.05)) == []
    few = _files(paper=_paper(requirements={**ASKED, "labels": 2, "locales": [], "labelled_rows": 50}))
    assert _found(few) == [("against-decision", "error")]
    from liftgate.policy import TriggerPolicy

    assert _found(few, policy=Policy(trigger=TriggerPolicy(min_reviewed_rows=50))) == []


def test_a_report_given_beside_counts_with_all_its_untrained_arms() -> None:
    bare = _files(paper=_paper(paths_tried=[]))
    paper = read_paper(ALIAS, bare.get, Policy(), {"x.json": _report()})
    assert paper is not None
    assert {t.arm for t in paper.tried} == {"base", "prompt-v2"}
    with pytest.raises(InputError, match=r"x\.json: the file is no report\.json"):
        read_paper(ALIAS, bare.get, Policy(), {"x.json": b"{}"})


def test_people_read_the_road_first_and_then_why() -> None:
    paper = read_paper(ALIAS, _files(report=_report(clears=True)).get, Policy())
    assert paper is not None
    assert "\n".join(decision_lines(ALIAS, paper)) == (
        "support-intent: a better prompt by the matrix; the document recommends fine-tune\n"
        "  a better prompt    clears the bar\n"
        "  retrieval          not for this task\n"
        "  routing and tools  not for this task\n"
        "  fine-tuning        suits the task\n"
        "  because no facts to cite or to keep up with: retrieval has nothing to give\n"
        "  because a form to learn: fixed labels, or a schema that prompts do not hold\n"
        "  because a prompt clears the bar\n"
        "  because the cheapest road that clears the bar wins: a better prompt"
    )


def test_above_a_base_that_is_never_right_a_road_has_to_reach_what_is_needed() -> None:
    def tried(*scores: float | None, clears: bool = True) -> list[Tried]:
        return [
            Tried("prompt", f"prompt-v{n}", clears, score, None, "g") for n, score in enumerate(scores, 1)
        ]

    first, third = tried(0.0, 0.097), tried(0.0, 0.097, 0.105)
    assert advise(ASKED, third).recommendation == "prompt"
    needed = {**ASKED, "score_needed": 0.8}
    gains = advise(needed, first)
    assert (gains.recommendation, gains.roads["prompt"]) == ("prompt", "open")
    assert "the best without a training reaches 9.7%, and 80.0% is needed" in gains.reasons
    over = advise(needed, third)
    assert (over.recommendation, over.roads["prompt"]) == ("fine-tune", "left")
    assert advise({**ASKED, "score_needed": 0.1}, third).roads["prompt"] == "clears"
    assert advise(needed, tried(None)).recommendation is None
    assert advise(needed, tried(0.9, clears=False)).roads["prompt"] == "open"


@given(st.floats(0, 1), st.floats(0, 1))
def test_to_need_more_never_leads_to_a_cheaper_road(one: float, other: float) -> None:
    low, high = sorted((one, other))
    tried = [Tried("prompt", "a", True, 0.4, 1.0, "g"), Tried("prompt", "b", True, 0.41, 1.0, "g")]
    roads = [advise({**ASKED, "score_needed": needed}, tried).recommendation for needed in (low, high)]
    assert [ROADS.index(road) for road in roads if road] == sorted(
        ROADS.index(road) for road in roads if road
    )
