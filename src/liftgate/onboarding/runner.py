"""What a machine that trains changes of others has to be, one line a matter. Values only.

A training reads rows that a stranger may have written, on a machine that GitHub gives jobs to. It has to be gone after
one job, to take no other workflow's, and to stand where no stranger can open a pull request that runs on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.onboarding.diagnosis import Line

WORKFLOW: Final = ".github/workflows/train.yml"
ENOUGH_BYTES: Final = 60_000_000_000
"""A base of 7B in bf16, its checkpoints and their like; a larger one wants four times its size."""


def registration(settings: Mapping[str, Any] | None) -> Line:
    """Whether the runner takes one job and is gone. `settings` are those that its configuration wrote down."""
    if settings is None:
        return Line(
            "ephemeral",
            "note",
            "no runner is configured here",
            "name its folder with --runner, or ask on the machine",
        )
    if settings.get("ephemeral") is True:
        return Line("ephemeral", "ok", "takes one job and is gone")
    return Line(
        "ephemeral",
        "fix",
        "takes job after job: what one leaves behind, the next one meets",
        "register it with --ephemeral, or take runners from a scale set",
    )


def privacy(about: Mapping[str, Any]) -> Line:
    """Whether strangers can open a pull request."""
    if about.get("private") is True:
        return Line("repository", "ok", f"{about.get('visibility') or 'private'}")
    return Line(
        "repository",
        "fix",
        "public: anybody's pull request may come to run on this machine",
        "keep self-hosted runners to a private repository; dispatch the training from there",
    )


def groups(listed: Sequence[Mapping[str, Any]] | None, mine: str | None, repository: str) -> Iterator[Line]:
    """Whether the runner's group takes the training workflow alone. None: this token may not list groups."""
    if listed is None:
        yield Line(
            "group",
            "note",
            "not seen: listing an organisation's runner groups takes an administrator's token",
            "look under Settings, Actions, Runner groups: selected repositories, selected workflows",
        )
        return
    group = next((each for each in listed if each.get("name") == mine), None)
    if group is None:
        yield Line("group", "note", f"{len(listed)} groups, none known to be this runner's", "--group NAME")
        return
    yield _shared(group)
    yield _limited(group, repository)


def _shared(group: Mapping[str, Any]) -> Line:
    name = group.get("name")
    if group.get("allows_public_repositories"):
        return Line(
            "group", "fix", f"{name!r} serves public repositories too", "untick it in the group's settings"
        )
    if group.get("visibility") != "selected":
        return Line("group", "fix", f"{name!r} serves every repository", "select the repositories that train")
    return Line("group", "ok", f"{name!r} serves selected private repositories")


def _limited(group: Mapping[str, Any], repository: str) -> Line:
    allowed = [str(each) for each in group.get("selected_workflows") or []]
    wanted = f"{repository}/{WORKFLOW}@"
    named = f"{repository}/{WORKFLOW}@refs/heads/<default branch>"
    if not group.get("restricted_to_workflows"):
        return Line("workflows", "fix", "the group takes jobs of every workflow", f"limit it to {named}")
    if others := [each for each in allowed if not each.startswith(wanted)]:
        return Line(
            "workflows", "fix", f"the group takes {len(others)} other workflows", f"limit it to {named}"
        )
    if not allowed:
        return Line("workflows", "fix", "the group takes no workflow at all", f"add {named}")
    if any("@refs/pull/" in each or each.endswith("@") for each in allowed):
        return Line(
            "workflows", "fix", "the group takes the workflow of pull requests", f"limit it to {named}"
        )
    return Line("workflows", "ok", f"the group takes {WORKFLOW} alone")


def graphics(devices: Sequence[str], driver: str | None, torch: Mapping[str, Any] | None) -> Iterator[Line]:
    """Whether driver and torch see the same devices. `torch` is what it says of itself; None without it."""
    if not devices or driver is None:
        yield Line(
            "driver",
            "note",
            "no NVIDIA driver: trainings run on the CPU",
            "install the driver on a GPU machine",
        )
    else:
        yield Line("driver", "ok", f"{driver}, {', '.join(devices)}")
    if torch is None:
        yield Line("cuda", "fix", "torch is not installed", "pip install 'liftgate[local]'")
    elif not devices:
        yield Line("cuda", "note", f"torch {torch['version']} on the CPU")
    elif not torch["devices"]:
        built = torch["cuda"] or "no CUDA"
        yield Line(
            "cuda",
            "fix",
            f"torch {torch['version']} is built for {built} and sees none of the devices",
            "install torch for a CUDA that this driver knows (nvidia-smi says the newest)",
        )
    else:
        slow = "" if torch["bf16"] else "; no bf16, so trainings run in fp32"
        yield Line("cuda", "ok", f"{torch['cuda']}, torch {torch['version']} sees {torch['devices']}{slow}")


def room(free_bytes: int, wanted_bytes: int = ENOUGH_BYTES) -> Line:
    """Whether base, checkpoints and adapter fit on the disk."""
    said = f"{free_bytes / 1e9:,.0f} GB free"
    if free_bytes >= wanted_bytes:
        return Line("disk", "ok", said)
    return Line(
        "disk",
        "fix",
        f"{said} of {wanted_bytes / 1e9:,.0f} wanted",
        "a larger disk, or --disk-gb for a small base",
    )
