"""Preview and verdict of a pull request under act: gate.yml as its author's code, report.yml as ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from act_cases import act_or_skip, bad_rows
from world import World, make_world

from toy_project import make_project

WHY = "%0AWhy, and how to fix it: docs/rules.md#"
COLUMN = "file=datasets/toy/v1.1.0.train.jsonl,line="


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    act_or_skip()
    folder = tmp_path_factory.mktemp("act")
    made = make_world(folder, lambda root: make_project(root, folder / "no-model"))
    with made.server:
        yield made


def test_bad_rows_are_shown_beside_their_lines_then_judged_again_by_the_default_branch(world: World) -> None:
    sha = world.commit("rows", bad_rows)
    world.open_pull(7, "rows", sha)
    run = world.gate_run(7)
    shown = world.gate(7, "opened", run)
    assert shown.code == 1, shown.log
    assert shown.annotations == [
        f"::error {COLUMN}26,title=Liftgate%3A duplicate-row::repeats line 25{WHY}duplicate-row",
        f"::error {COLUMN}27,title=Liftgate%3A pii::holds an e-mail address{WHY}pii",
    ]
    assert (shown.outputs["verdict"], shown.outputs["change-kind"]) == ("block", "data")
    assert world.server.requests == [], "the preview asks GitHub nothing"

    told = world.report(run)
    assert told.code == 0, told.log
    assert world.status(sha).startswith(
        "failure: Blocked, do not merge: 2 errors before anything was trained"
    )
    comments = world.comments(7)
    assert len(comments) == 1
    assert "**Blocked, do not merge: 2 errors before anything was trained" in comments[0]
    assert world.server.violations == []


def test_a_change_that_touches_no_alias_passes_in_the_queue_too(world: World) -> None:
    def note(root: Path) -> None:
        (root / "NOTES.md").write_text("nothing to gate\n")

    shown, told, head = world.queue("pr-8", world.commit("notes", note))
    assert shown.code == 0, shown.log
    assert told.code == 0, told.log
    assert world.status(head) == (
        "success: Nothing to gate, may be merged: the change touches no dataset, evals, policy or models.yaml."
    )
    assert world.server.violations == []
