"""A recording: one model's answers to one suite, kept for the day on which the model is gone.

`answers.jsonl` is what the `recorded` endpoint reads. Each line carries the key of its request, so that an answer
is never served to another prompt; `manifest.json` says who answered, when, and the digest of the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from liftgate import __version__
from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.evaluation.completion import Request
from liftgate.files import read_bytes, read_json, sha256_bytes, sha256_file, write_json, write_jsonl

ANSWERS: Final = "answers.jsonl"
MANIFEST: Final = "manifest.json"
_SAME: Final = (
    "model",
    "endpoint",
    "identity",
    "golden_sha256",
    "safety_sha256",
    "prompt_sha256",
    "sampling",
)
_KEPT: Final = ("case_id", "repeat", "output", "latency_ms", "input_tokens", "output_tokens", "error")


@dataclass(frozen=True)
class Recording:
    """The lines and what is said of them; `missing` are ids of cases without an answer."""

    lines: Sequence[Mapping[str, Any]]
    about: Mapping[str, Any]
    missing: Sequence[str]


def request_key(request: Request) -> str:
    """The key under which an answer may be recorded: sha256 over messages, tools, sampling and repeat."""
    return digest(request.content())


def recording_of(
    rows: Sequence[Mapping[str, Any]], requests: Sequence[Request], about: Mapping[str, Any]
) -> Recording:
    """The rows of a run and the request behind each, as they are kept. `about` is as in run.json."""
    lines = []
    for row, request in zip(rows, requests, strict=True):
        line = {name: row[name] for name in _KEPT if row[name] is not None}
        lines.append({**line, "key": request_key(replace(request, repeat=row["repeat"]))})
    missing = list(dict.fromkeys(row["case_id"] for row in rows if row["error"] is not None))
    return Recording(lines, about, missing)


def write_recording(folder: Path, recording: Recording, *, recorded_on: str, shutdown_on: str | None) -> None:
    """Write answers and manifest; the manifest comes last, so that a folder with one is whole."""
    write_jsonl(folder / ANSWERS, recording.lines)
    manifest = {
        "schema_version": 1,
        **recording.about,
        "recorded_on": recorded_on,
        "shutdown_on": shutdown_on,
        "rows": len(recording.lines),
        "missing": list(recording.missing),
        "answers_sha256": sha256_file(folder / ANSWERS),
        "tool_version": __version__,
    }
    write_json(folder / MANIFEST, manifest)


def read_recording(folder: Path) -> bytes:
    """The answers of a recording. Raises `InputError` when they are not the ones that its manifest describes."""
    manifest = read_json(folder / MANIFEST)
    data = read_bytes(folder / ANSWERS, "file of recorded answers")
    if sha256_bytes(data) != manifest.get("answers_sha256"):
        raise InputError(
            f"{folder / ANSWERS} is not the file that {MANIFEST} describes",
            hint="a recording is never edited; take it from where it was recorded",
        )
    return data


def refuse_to_replace(folder: Path, about: Mapping[str, Any]) -> None:
    """Raise `InputError` when `folder` holds a whole recording, or a part of another one."""
    if not (folder / MANIFEST).is_file():
        return
    before = read_json(folder / MANIFEST)
    if not before.get("missing"):
        raise InputError(
            f"{folder} is a recording of {before.get('model')} from {before.get('recorded_on')}",
            hint="a recording is never replaced; name another folder with --out",
        )
    other = [name for name in _SAME if before.get(name) != about.get(name)]
    if other:
        raise InputError(
            f"{folder} holds a part of another recording: {', '.join(other)} differ",
            hint="name another folder with --out",
        )
