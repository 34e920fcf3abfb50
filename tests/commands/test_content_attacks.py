"""Attacks on what a verdict is kept under: what is read beside it, what came unseen, what moved meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import ChangeWorld
from toy_project import git


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    return ChangeWorld(tmp_path)


def at_main(world: ChangeWorld, path: str) -> str:
    return git(world.origin, "show", f"refs/heads/main:{path}")


@pytest.mark.parametrize(
    "place", ["{folder}/outside.yaml", "../../../{folder}/outside.yaml", "../other.yaml"]
)
def test_an_arm_reads_nothing_outside_its_suite(world: ChangeWorld, place: str) -> None:
    (world.folder / "outside.yaml").write_text("version: 1\nsystem: of this machine\n")
    world.merge(world.commit({**world.dataset(), "evals/other.yaml": "version: 1\nsystem: of nobody\n"}))
    suite = at_main(world, "evals/toy/suite.yaml")
    elsewhere = suite.replace("prompts/v1.yaml", place.format(folder=world.folder))
    outcome = world.one(world.commit({"evals/toy/suite.yaml": elsewhere}))
    assert outcome.state == "error"
    assert outcome.headline.endswith("must be a file inside the suite's own folder")
