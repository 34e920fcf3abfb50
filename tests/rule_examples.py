"""The examples of every rule, `tests/examples/<rule>/{flagged,clean}/`, and what validation says to them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from liftgate.commands.validate import validate_files
from liftgate.data.checks import RULES
from liftgate.data.checks.context import Context
from liftgate.data.dataset import read_rows
from liftgate.data.rendered import RenderedRow, Rendering
from toy_project import git

EXAMPLES = Path(__file__).parent / "examples"


def dataset_of(folder: Path) -> Path:
    """The file that an example is about."""
    return min(folder.glob("*train.jsonl"))


def options_of(folder: Path) -> dict[str, Any]:
    """Keyword arguments of `validate_files`: what lies beside the rows, and options.json."""
    golden, card, suite = folder / "golden.jsonl", folder / "card.yaml", folder / "suite.yaml"
    written = folder / "options.json"
    return {
        "golden": [golden] if golden.exists() else [],
        "card": card if card.exists() else None,
        "suite": suite if suite.exists() else None,
        **(json.loads(written.read_text()) if written.exists() else {}),
    }


def changed(folder: Path, work: Path) -> Path:
    """An example with a `before` folder as a repository: that folder is the last commit, the rest the work tree."""
    repository = work / "repository"
    shutil.copytree(folder / "before", repository)
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "before")
    shutil.copytree(folder, repository, ignore=shutil.ignore_patterns("before"), dirs_exist_ok=True)
    return repository


def findings_in(folder: Path, rule: str, work: Path) -> list[dict[str, Any]]:
    """What a rule finds in an example; `work` is a folder for files that are made on the way."""
    if (folder / "rendering.json").exists():
        return _rendered(folder, rule)
    if (folder / "before").exists():
        folder, base = changed(folder, work), {"base": "HEAD"}
    else:
        base = {}
    file, options = dataset_of(folder), {**options_of(folder), **base}
    if times := options.pop("repeat", None):
        file = work / file.name
        file.write_bytes((folder / file.name).read_bytes() * times)
    return [finding for finding in validate_files(file, **options)["findings"] if finding["rule"] == rule]


def _rendered(folder: Path, rule: str) -> list[dict[str, Any]]:
    """For rules that judge what a base model's tokenizer made of the rows: rendering.json says what that was."""
    file = dataset_of(folder)
    seen = [RenderedRow(**row) for row in json.loads((folder / "rendering.json").read_text())]
    context = Context(read_rows(file.read_bytes(), str(file)), rendering=Rendering(512, seen))
    return [finding.to_dict() for finding in RULES[rule](context)]


def flagged_lines(folder: Path) -> list[int]:
    """Lines that must be named: of the rows whose id starts with `bad-`, unless lines.json says otherwise."""
    if (folder / "lines.json").exists():
        lines: list[int] = json.loads((folder / "lines.json").read_text())
        return lines
    lines_of_file = dataset_of(folder).read_bytes().split(b"\n")
    return [n for n, line in enumerate(lines_of_file, 1) if b'"id": "bad-' in line]
