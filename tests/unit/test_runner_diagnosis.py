"""What is said of a machine that trains changes of others."""

from __future__ import annotations

from typing import Any

import pytest

from liftgate.onboarding import runner

REPOSITORY = "octo/toy"
GROUP: dict[str, Any] = {
    "name": "gpu",
    "visibility": "selected",
    "allows_public_repositories": False,
    "restricted_to_workflows": True,
    "selected_workflows": ["octo/toy/.github/workflows/train.yml@refs/heads/main"],
}


@pytest.mark.parametrize(
    ("settings", "state"),
    [({"ephemeral": True}, "ok"), ({"ephemeral": "yes"}, "fix"), ({}, "fix"), (None, "note")],
)
def test_a_runner_takes_one_job(settings: dict[str, Any] | None, state: str) -> None:
    assert runner.registration(settings).state == state


def test_only_a_private_repository_is_safe() -> None:
    assert runner.privacy({"private": True, "visibility": "internal"}).said == "internal"
    assert runner.privacy({"private": False}).state == "fix"
    assert runner.privacy({}).state == "fix", "silence is no pass"


def states(changes: dict[str, Any]) -> list[str]:
    return [line.state for line in runner.groups([{**GROUP, **changes}], "gpu", REPOSITORY)]


def test_a_group_serves_selected_private_repositories_and_the_training_workflow_alone() -> None:
    assert states({}) == ["ok", "ok"]
    assert states({"visibility": "all"}) == ["fix", "ok"]
    assert states({"allows_public_repositories": True}) == ["fix", "ok"]


@pytest.mark.parametrize(
    "changes",
    [
        {"restricted_to_workflows": False},
        {"selected_workflows": []},
        {"selected_workflows": None},
        {
            "selected_workflows": [
                *GROUP["selected_workflows"],
                "octo/toy/.github/workflows/ci.yml@refs/heads/main",
            ]
        },
        {"selected_workflows": ["octo/toyland/.github/workflows/train.yml@refs/heads/main"]},
        {"selected_workflows": ["octo/toy/.github/workflows/train.yml@refs/pull/7/merge"]},
    ],
)
def test_any_other_limit_is_to_be_mended(changes: dict[str, Any]) -> None:
    assert states(changes) == ["ok", "fix"]


def test_what_cannot_be_seen_is_said_and_no_pass() -> None:
    assert [line.state for line in runner.groups(None, "gpu", REPOSITORY)] == ["note"]
    assert [line.state for line in runner.groups([GROUP], "other", REPOSITORY)] == ["note"]


def test_driver_and_torch_have_to_see_the_same_devices() -> None:
    torch = {"version": "2.13.0", "cuda": "13.0", "devices": 1, "bf16": True}
    seen = list(runner.graphics(["NVIDIA L4, 23034 MiB"], "580.82", torch))
    assert [(line.state, line.said) for line in seen] == [
        ("ok", "580.82, NVIDIA L4, 23034 MiB"),
        ("ok", "13.0, torch 2.13.0 sees 1"),
    ]
    blind = list(runner.graphics(["NVIDIA L4"], "470.1", {**torch, "cuda": None, "devices": 0}))
    assert [line.state for line in blind] == ["ok", "fix"]
    assert blind[1].said == "torch 2.13.0 is built for no CUDA and sees none of the devices"
    assert [line.state for line in runner.graphics([], None, {**torch, "devices": 0})] == ["note", "note"]
    assert [line.state for line in runner.graphics([], None, None)] == ["note", "fix"]


def test_a_disk_has_room_for_what_is_trained() -> None:
    assert runner.room(61_000_000_000).said == "61 GB free"
    assert runner.room(59_000_000_000).state == "fix"
    assert runner.room(5_000_000_000, 1_000_000_000).state == "ok"
