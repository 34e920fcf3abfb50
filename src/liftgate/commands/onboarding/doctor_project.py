"""What `liftgate doctor` finds in the repository: files that cannot be read, tables that are old, the ledger."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError
from liftgate.onboarding import diagnosis
from liftgate.onboarding.diagnosis import Line
from liftgate.verdict.parts import count

LEDGER: Final = "liftgate-ledger"
_ASKED_WITHIN_S: Final = 30


@dataclass(frozen=True)
class Project:
    """What the repository's files say; `problems` are those that cannot be used."""

    aliases: tuple[str, ...] = ()
    providers: frozenset[str] = frozenset()
    prices: Mapping[str, datetime.date] = field(default_factory=dict)
    sunsets: Mapping[str, datetime.date] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    is_there: bool = False


def read(root: Path) -> Project:
    """Read registry, cards and tables; what cannot be read is told, nothing is raised."""
    problems: list[str] = []
    models = _document(root, "models.yaml", "models", problems)
    providers = set()
    for entry in (models or {}).get("models", {}).values():
        asked = [entry["default"], *(entry.get("variants") or {}).values()]
        providers |= {str(each["provider"]) for each in asked}
    cards = sorted((root / "datasets").glob("*/card.yaml"))
    for path in cards:
        card = _document(root, path.relative_to(root).as_posix(), "card", problems)
        if card and card.get("training"):
            providers.add(str(card["training"]["provider"]))
    for path in sorted((root / "evals").glob("*/suite.yaml")):
        _document(root, path.relative_to(root).as_posix(), "suite", problems)
    _document(root, "evals/policy.yaml", "policy", problems)
    tables = {
        name: _days(_document(root, f"evals/{name}.yaml", name, problems), name)
        for name in ("prices", "sunsets")
    }
    aliases = tuple((models or {}).get("models", {}))
    return Project(
        aliases, frozenset(providers), tables["prices"], tables["sunsets"], tuple(problems),
        bool(models is not None or cards or (root / "evals").is_dir()),
    )  # fmt: skip


def lines(root: Path, project: Project, today: datetime.date | None = None) -> Iterator[Line]:
    """Each matter of the repository."""
    if not project.is_there:
        yield Line(
            "repository",
            "note",
            "no models.yaml, datasets/ or evals/ here",
            "liftgate init ALIAS --data FILE.jsonl --system-prompt TEXT",
        )
        return
    for problem in project.problems:
        first, _, rest = problem.partition("\n")
        yield Line("files", "fix", first, " ".join(rest.split()) or None)
    if not project.problems:
        yield Line(
            "files",
            "ok",
            f"{count(len(project.aliases), 'alias', 'aliases')}; registry, cards, suites and policy can be read",
        )
    now = today or datetime.datetime.now(datetime.UTC).date()
    yield diagnosis.table("evals/prices.yaml", project.prices, now)
    yield diagnosis.table("evals/sunsets.yaml", project.sunsets, now)


def ledger(root: Path) -> Line:
    """Whether the ledger's branch can be read at the remote; it is made by the first approval."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "ls-remote", "--quiet", "origin", f"refs/heads/{LEDGER}"],
            capture_output=True, check=False, timeout=_ASKED_WITHIN_S, env=_unprompted(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Line("ledger", "fix", "origin did not answer", "git ls-remote origin, by hand")
    if done.returncode:
        return Line("ledger", "fix", "origin cannot be read", "git ls-remote origin, by hand, says why")
    if done.stdout.strip():
        return Line("ledger", "ok", f"{LEDGER} is at origin")
    return Line("ledger", "ok", f"origin can be read; {LEDGER} comes with the first approval")


def _unprompted() -> dict[str, str]:
    import os

    # A question for a password would wait for ever where nobody sees it.
    return {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}


def _document(root: Path, path: str, schema: str, problems: list[str]) -> dict[str, Any] | None:
    from liftgate.config import load
    from liftgate.files import read_bytes

    if not (root / path).is_file():
        return None
    try:
        data: dict[str, Any] = load(read_bytes(root / path), path, schema).data
    except InputError as error:
        problems.append(str(error))
        return None
    return data


def _days(data: Mapping[str, Any] | None, name: str) -> dict[str, datetime.date]:
    days: dict[str, datetime.date] = {}
    for row in (data or {}).get(name, ()):
        try:
            day = datetime.date.fromisoformat(row["checked_on"])
        except ValueError:
            continue  # the file's own reader refuses it, where it is used
        named = f"{row['provider']} {row['model']}"
        days[named] = min(day, days.get(named, day))
    return days
