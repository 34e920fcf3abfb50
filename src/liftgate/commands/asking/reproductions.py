"""`runs/<arm>/regressions.jsonl`: the listed regressions, asked again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from liftgate.config import Document, check
from liftgate.errors import InputError, Problem
from liftgate.files import read_bytes, write_jsonl
from liftgate.verdict.reproduction import Reproduction

REGRESSIONS = "regressions.jsonl"


def write_reproductions(folder: Path, reproduced: Sequence[Reproduction]) -> None:
    """Write the file of a run folder; one left over from an earlier run goes."""
    if reproduced:
        write_jsonl(folder / REGRESSIONS, (each.to_dict() for each in reproduced))
    else:
        (folder / REGRESSIONS).unlink(missing_ok=True)


def read_reproductions(folder: Path) -> list[Reproduction]:
    """Read it back; nothing where nothing was asked again. Raises `InputError` with the line of every problem."""
    path = folder / REGRESSIONS
    if not path.is_file():
        return []
    found: list[Reproduction] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_bytes(path).splitlines(), start=1):
        place = f"{path}:{number}"
        try:
            data = orjson.loads(line)
        except orjson.JSONDecodeError:
            problems.append(Problem(place, "not JSON"))
            continue
        wrong = check(Document(place, data), "regression")
        problems += wrong
        if not wrong:
            found.append(Reproduction.from_dict(data))
    if problems:
        hint = "the file was cut short or edited; liftgate run writes it again"
        raise InputError(f"{path} cannot be used", problems=problems, hint=hint)
    return found
