"""The candidates that met a golden set, one line each, in a file beside the response store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from liftgate.errors import InputError
from liftgate.files import canonical
from liftgate.findings import Finding, Severity

NAME: Final = "attempts.jsonl"


class Place(NamedTuple):
    """A candidate's place among those that met the golden set, from 1, and what is wrong with the file."""

    number: int
    findings: list[Finding]


def count_attempt(path: Path, *, alias: str, golden_sha256: str, candidate_sha256: str) -> Place:
    """Add a candidate to the file unless it is there, and say the how-manieth it is.

    A line that cannot be read is told, never taken for nothing: the count is then too small.
    """
    met: list[str] = []
    damaged = 0
    raw = b""
    try:
        if path.exists():
            raw = path.read_bytes()
        for line in raw.splitlines():
            key = _candidate(line, alias, golden_sha256)
            if key is None:
                damaged += 1
            elif key and key not in met:
                met.append(key)
        if candidate_sha256 not in met:
            met.append(candidate_sha256)
            entry = {"alias": alias, "golden_sha256": golden_sha256, "candidate_sha256": candidate_sha256}
            torn = b"\n" if raw and not raw.endswith(b"\n") else b""
            _append(path, torn + canonical(entry) + b"\n")
    except OSError as error:
        raise InputError(f"{path}: attempts cannot be counted: {error.strerror}") from None
    found = []
    if damaged:
        message = (
            f"{damaged} line{'s' * (damaged != 1)} of {NAME} cannot be read, so more candidates may have met this "
            "golden set than are counted"
        )
        found.append(Finding("attempts-uncounted", Severity.WARNING, message))
    return Place(met.index(candidate_sha256) + 1, found)


def _candidate(line: bytes, alias: str, golden_sha256: str) -> str | None:
    """Its candidate; empty for another alias or golden set, None for a line that cannot be read."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    keys = ("alias", "golden_sha256", "candidate_sha256")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in keys):
        return None
    return (
        str(entry["candidate_sha256"])
        if (entry["alias"], entry["golden_sha256"]) == (alias, golden_sha256)
        else ""
    )


def _append(path: Path, data: bytes) -> None:
    # One write to a file opened for appending: two runs at once leave two whole lines.
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)
