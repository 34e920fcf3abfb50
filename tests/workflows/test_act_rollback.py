"""A rollback is green at once: no secret, no provider that answers, nothing trained, nothing asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from act_cases import act_or_skip, rolled_back, served
from world import World, make_world

from toy_project import make_project

NOBODY = "http://127.0.0.1:9/v1"


def promoted(root: Path) -> None:
    make_project(root, root / "no-model")
    (root / "models.yaml").write_text(served(25))
    (root / "RUNBOOK.md").write_text("Set rollout_percent to 0.\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    act_or_skip()
    made = make_world(tmp_path_factory.mktemp("act"), promoted)
    for host in ("OPENAI", "AZURE_OPENAI", "TOGETHER", "FIREWORKS"):
        made.runner.env[f"{host}_BASE_URL"] = NOBODY
    made.runner.env["AWS_ENDPOINT_URL"] = NOBODY
    with made.server:
        yield made


def test_a_rollback_is_green_in_seconds_with_every_provider_down(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    world.step("an incident: toy goes from 25% to 0%, no provider answers, no secret is set")
    sha = world.commit("rollback", rolled_back, message="Roll toy back")
    world.open_pull(9, "rollback", sha)
    run = world.gate_run(9)
    run["status"], run["conclusion"] = "completed", "success"
    told = world.show(world.report(run))
    world.show_pull(9)
    assert told.code == 0, told.log
    assert world.status(sha).startswith("success: ")
    world.say(f"    from the run's start to the green status: {told.seconds:.1f} s")
    record_property(
        "told", f"rollback, from the run's start to the green status: {told.seconds:.1f} s (goal 30 s)"
    )
    assert world.server.violations == []
