"""`liftgate doctor runner`: whether this machine may train changes of others, asked on the machine itself."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import ExitCode, LiftgateError

if TYPE_CHECKING:
    from liftgate.github.wire import Wire
    from liftgate.onboarding.diagnosis import Line

_ASKED_WITHIN_S: Final = 120
_TORCH: Final = (
    "import json, torch; c = torch.cuda; print(json.dumps({'version': torch.__version__, 'cuda': torch.version.cuda, "
    "'devices': c.device_count() if c.is_available() else 0, "
    "'bf16': bool(c.is_available() and c.is_bf16_supported(including_emulation=False))}))"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the runner lies, whose it is, and how much room it needs."""
    parser.add_argument(
        "--runner", type=Path, metavar="DIR", help="folder of config.sh (default: that of this job)"
    )
    parser.add_argument("--group", metavar="NAME", help="its runner group (default: as it was registered)")
    parser.add_argument("--repository", metavar="OWNER/NAME", help="default: $GITHUB_REPOSITORY")
    parser.add_argument(
        "--disk-gb", type=float, metavar="N", help="room that base and checkpoints need (default: 60)"
    )
    parser.add_argument(
        "--store", type=Path, default=Path(), metavar="DIR", help="where they will lie (default: here)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Look, say it, answer 0 or 10."""
    from liftgate.files import pretty
    from liftgate.onboarding.diagnosis import text_of

    lines = list(_lines(arguments, os.environ))
    wrong = any(line.state == "fix" for line in lines)
    if arguments.json:
        outcome = "fix" if wrong else "ok"
        body = {"schema_version": 1, "outcome": outcome, "lines": [line.to_dict() for line in lines]}
        sys.stdout.write(pretty(body).decode())
    else:
        sys.stdout.write(text_of(lines))
    return ExitCode.BLOCKED if wrong else ExitCode.PASS


def _lines(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Iterator[Line]:
    from liftgate.onboarding import runner

    settings = _settings(arguments.runner, environment)
    yield runner.registration(settings)
    group = arguments.group or (str(settings["poolName"]) if settings and settings.get("poolName") else None)
    yield from _github(arguments.repository or environment.get("GITHUB_REPOSITORY"), group, environment)
    names = _said("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    driver = _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    devices = [line.strip() for line in (names or "").splitlines() if line.strip()]
    yield from runner.graphics(devices, driver.splitlines()[0] if driver else None, _torch())
    there = next(
        folder
        for folder in (arguments.store.absolute(), *arguments.store.absolute().parents)
        if folder.is_dir()
    )
    wanted = runner.ENOUGH_BYTES if arguments.disk_gb is None else int(arguments.disk_gb * 1e9)
    yield runner.room(shutil.disk_usage(there).free, wanted)


def _settings(folder: Path | None, environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """What `config.sh` wrote down, found from the job's own folder: DIR/_work/<repository>."""
    places = [folder] if folder else []
    if workspace := environment.get("RUNNER_WORKSPACE"):
        places += list(Path(workspace).parents)[:2]
    for place in places:
        try:
            found = json.loads((place / ".runner").read_bytes().decode("utf-8-sig"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    return None


def _github(repository: str | None, group: str | None, environment: Mapping[str, str]) -> Iterator[Line]:
    from liftgate.github.wire import Wire
    from liftgate.onboarding import runner
    from liftgate.onboarding.diagnosis import Line

    token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN") or ""
    if not token.strip() or not repository or repository.count("/") != 1:
        yield Line(
            "repository",
            "note",
            "not asked: it takes GITHUB_TOKEN and --repository",
            "ask on your own machine",
        )
        return
    try:
        wire = Wire(token, environment.get("GITHUB_API_URL") or None, time.sleep)
        about = wire.ask("GET", f"/repos/{repository}", "reading the repository").json
        if not isinstance(about, dict):
            yield Line(
                "repository", "fix", f"{repository} is not seen with this token", "its name, or its rights"
            )
            return
        yield runner.privacy(about)
        if (about.get("owner") or {}).get("type") == "Organization":
            yield from runner.groups(_groups(wire, repository), group, repository)
        else:
            yield Line(
                "group",
                "note",
                "groups belong to organisations",
                "move the repository into one, or watch its forks",
            )
    except LiftgateError as error:
        yield Line("github", "fix", error.sentence, error.hint)


def _groups(wire: Wire, repository: str) -> list[Mapping[str, Any]] | None:
    owner = repository.partition("/")[0]
    try:
        path = f"/orgs/{owner}/actions/runner-groups"
        return list(wire.pages(path, "listing the runner groups", {}, within="runner_groups"))
    except LiftgateError:
        return None


def _torch() -> Mapping[str, Any] | None:
    # In a process of its own: a torch that is built for another driver may end the one that asks.
    said = _said(sys.executable, "-c", _TORCH)
    try:
        found = json.loads(said.splitlines()[-1]) if said else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _said(*words: str) -> str | None:
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=_ASKED_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None
