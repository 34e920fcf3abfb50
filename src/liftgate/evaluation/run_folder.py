"""Runs on disk: `DIR/run.json` says what answered, `DIR/results.jsonl` holds the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from liftgate import __version__
from liftgate.config import Document, check
from liftgate.errors import InputError, Problem
from liftgate.evaluation.aggregates import aggregates
from liftgate.evaluation.runs import EvalRun
from liftgate.evaluation.shards import ShardRun
from liftgate.files import (
    read_bytes,
    read_json,
    sha256_bytes,
    sha256_file,
    write_bytes,
    write_json,
    write_jsonl,
)

RUN = "run.json"
RESULTS = "results.jsonl"
_AGAIN = "the file was cut short or edited; run `liftgate evaluate` again, stored answers are kept"


def read_run(folder: Path) -> EvalRun:
    """Read a run folder. Raises `InputError` with the line of everything that cannot be used."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such run folder", hint=f"`liftgate evaluate` writes {RUN} and {RESULTS}"
        )
    described = read_json(folder / RUN)
    if problems := check(Document(str(folder / RUN), described), "run"):
        count = len(problems)
        raise InputError(f"{folder / RUN} has {count} problem{'s' * (count != 1)}", problems=problems)
    path = folder / RESULTS
    data = read_bytes(path, "results file")
    written = described.get("results_sha256")
    if written is not None and written != (found := sha256_bytes(data)):
        raise InputError(
            f"{path} is not the file that {RUN} describes: sha256 {found[:12]}, expected {written[:12]}",
            hint=_AGAIN,
        )
    return EvalRun.from_file(_rows(data, str(path)), described, path=str(path))


def write_run(folder: Path, run: EvalRun) -> None:
    """Write a run folder; run.json comes last, so that a folder with one is whole."""
    write_jsonl(folder / RESULTS, (result.to_dict() for result in run.results))
    described = {"metrics": list(run.metrics), "tool_version": __version__, **run.meta}
    described |= _aggregates(run.rows, described)
    write_json(folder / RUN, {**described, "results_sha256": sha256_file(folder / RESULTS)})


def retire(folder: Path) -> dict[str, Any]:
    """Remove run.json, without which the folder holds no run; returns what it said, as far as it can be read."""
    path = folder / RUN
    try:
        described = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        described = {}
    path.unlink(missing_ok=True)
    return described if isinstance(described, dict) else {}


def read_shard(folder: Path) -> ShardRun:
    """Read a shard: run.json, and the lines of results.jsonl, which must be the ones it describes."""
    run = read_run(folder)
    lines = read_bytes(folder / RESULTS, "results file").removesuffix(b"\n").split(b"\n")
    return ShardRun(str(folder), run.meta, lines)


def write_merged(folder: Path, meta: Mapping[str, Any], lines: Sequence[bytes]) -> None:
    """Write the run that shards add up to, byte for byte as one machine would have written it."""
    write_bytes(folder / RESULTS, b"".join(line + b"\n" for line in lines))
    described = {**meta, **_aggregates([orjson.loads(line) for line in lines], meta)}
    write_json(folder / RUN, {**described, "results_sha256": sha256_file(folder / RESULTS)})


def _aggregates(rows: Iterable[Mapping[str, Any]], meta: Mapping[str, Any]) -> dict[str, Any]:
    found = aggregates(rows, meta.get("scorers") or {})
    return {"aggregates": found} if found else {}


def _rows(data: bytes, path: str) -> list[Any]:
    lines = data.removeprefix(b"\xef\xbb\xbf").rstrip().split(b"\n")
    rows: list[Any] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines if lines != [b""] else [], start=1):
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            holds_nan = b"NaN" in line or b"Infinity" in line
            message = (
                "NaN and Infinity are not JSON; write null for an unscored answer"
                if holds_nan
                else "not JSON"
            )
            problems.append(Problem(f"{path}:{number}", message))
    if problems:
        count = len(problems)
        raise InputError(
            f"{path} has {count} problem{'s' * (count != 1)}", problems=problems[:20], hint=_AGAIN
        )
    return rows
