"""A training against the decision matrix is blocked where a change is judged, and where it is priced and approved."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import ChangeWorld, rules
from hosted_project import approve, make_hosted_project, train
from liftgate.report.change_comment import render_change_comment
from toy_project import DECISION, make_project

PAPER = "evals/toy/decision.yaml"
CITES = DECISION.replace("must_cite_sources: false", "must_cite_sources: true")


def test_a_change_of_rows_is_judged_by_the_document_that_it_carries(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    rows = world.dataset()
    assert world.one(world.commit(rows)).state == "waiting"
    for paper, rule in ((None, "no-decision"), ("version: 1\n", "no-decision"), (CITES, "against-decision")):
        outcome = world.one(world.commit({**rows, PAPER: paper}))
        assert (outcome.state, rules(outcome)) == ("block", [rule])


def _told(world: ChangeWorld, paper: str | None) -> tuple[str, list[tuple[int | None, str]], str]:
    """State of the only alias, what is found of its document by line, and the sentence that an approver reads."""
    report = world.judge(world.commit({**world.dataset(), PAPER: paper}))
    (outcome,) = report.outcomes
    found = [
        (each["line"], each["message"])
        for each in (outcome.report or {})["findings"]
        if each["path"] == PAPER
    ]
    comment = render_change_comment(report, workflow="liftgate", run_url=None, previous=None)
    road = [line for line in comment.splitlines() if line.startswith(("**The d", "**Why f", "**Document"))]
    return outcome.state, found, "".join(road)


def test_the_comment_tells_an_approver_what_document_and_matrix_say(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    missing = "a report of what was tried by a better prompt (without an arm), by one golden set"
    assert _told(world, DECISION) == (
        "waiting",
        [(7, f"the decision matrix cannot tell yet; missing: {missing}")],
        f"**The document recommends fine-tuning, and the matrix cannot tell yet.** Missing: {missing}.",
    )
    assert _told(world, CITES) == (
        "block",
        [
            (
                7,
                "the decision matrix recommends retrieval, and this change would train: sources must be cited: "
                "never fine-tune for knowledge alone (facts belong in retrieval); a form to learn: fixed labels, or "
                "a schema that prompts do not hold; the cheapest road that clears the bar wins: retrieval",
            )
        ],
        "**The document recommends fine-tuning, the matrix retrieval.** Retrieval, routing and tools: suits the task; "
        "a better prompt: not for this task.",
    )


def test_a_training_that_both_advise_against_is_told_so(tmp_path: Path) -> None:
    state, found, road = _told(
        ChangeWorld(tmp_path), CITES.replace("recommendation: fine-tune", "recommendation: rag")
    )
    assert (state, len(found)) == ("block", 2)
    assert road == (
        "**Document and matrix recommend retrieval, no training.** Routing and tools, fine-tuning: suits the task; "
        "a better prompt: not for this task."
    )


def test_an_unfinished_or_unusable_document_blocks_and_says_where(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    unfinished = DECISION.replace("owner: us\n", "owner:\n").replace(
        "reasons: [It is better.]", "reasons: [TODO]"
    )
    assert _told(world, unfinished) == (
        "block",
        [
            (
                8,
                "the decision document is not finished: reasons, owner; liftgate decide toy says what each asks for",
            )
        ],
        "**The decision is not made: 2 questions of the document are open.** Open: reasons, owner.",
    )
    wrong = DECISION.replace("labels: 2,", "labels: -2,").replace("owner:", "ownr:")
    assert _told(world, wrong) == (
        "block",
        [
            (4, "the decision document cannot be used: $.requirements.labels: -2 must be at least 0"),
            (
                9,
                "the decision document cannot be used: $.ownr: 'ownr' is not a key here; did you mean 'owner'?",
            ),
        ],
        "",
    )
    bomb = "a: &a [x]\nb: [*a]\n" + DECISION
    assert _told(world, bomb)[:2] == (
        "block",
        [(1, "the decision document cannot be used: YAML anchors and aliases are not supported")],
    )


def test_nobody_approves_or_trains_against_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_hosted_project(tmp_path, "http://127.0.0.1:9/v1")
    (root / PAPER).write_text(CITES)
    assert (approve(root), train(root)) == (10, 10)
    assert capsys.readouterr().err.count("[against-decision]") == 2
    (root / PAPER).unlink()
    assert (approve(root), train(root)) == (10, 10)
    assert capsys.readouterr().err.count("[no-decision]") == 2


def test_a_training_that_costs_nothing_needs_no_document_and_heeds_the_one_there_is(
    tmp_path: Path, tiny_model: Path
) -> None:
    from liftgate.cli import main

    root = make_project(tmp_path / "toy", tiny_model)
    words = ["estimate", "--alias", "toy", "--root", str(root)]
    (root / PAPER).unlink()
    assert main(words) == 0
    (root / PAPER).write_text(CITES)
    assert main(words) == 10
