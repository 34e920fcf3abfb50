"""A training against the decision matrix is blocked where a change is judged, and where it is priced and approved."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import ChangeWorld, rules
from hosted_project import approve, make_hosted_project, train
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
