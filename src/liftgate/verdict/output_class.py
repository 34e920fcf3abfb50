"""What an answer is, for a decision about it: the same words or the same JSON, however they are set.

A reviewer decides about an answer that was read. A re-run that gives it again finds the decision; a model that
says something else is a new regression. So the class forgives spacing, case and the order of JSON keys only.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liftgate.digests import canonical, sha256_bytes
from liftgate.evaluation.runs import EvalRun

LENGTH = 16


def output_class(output: str | None, tool_calls: Sequence[Any] | None = None) -> str:
    """The first 16 hexadecimal digits of the sha256 of the normal form; no answer is a class of its own."""
    form = _normal(output) + b"\x00" + (canonical(list(tool_calls)) if tool_calls else b"")
    return sha256_bytes(form)[:LENGTH]


def _normal(output: str | None) -> bytes:
    if output is None:
        return b"none"
    try:
        value = json.loads(output)
        written = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        value = written = None
    if written is not None and isinstance(value, (dict, list)):
        return b"json " + written.encode()
    words = unicodedata.normalize("NFC", output).casefold().split()
    return b"text " + " ".join(words).encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Read:
    """The answers to one case that fell below its bar: their classes, and how many have no score at all."""

    outputs: tuple[str, ...]
    unscored: int


def answers_below(
    run: EvalRun, suite: str, bars: Mapping[str, float], metrics: Sequence[str]
) -> dict[str, Read]:
    """By case of `bars`, what the run answered with a score below the bar in any of the metrics."""
    outputs: dict[str, set[str]] = {case: set() for case in bars}
    unscored = dict.fromkeys(bars, 0)
    for row in run.rows if bars else ():
        case = row["case_id"]
        if case not in bars or (row.get("suite") or "quality") != suite:
            continue
        given = (row["scores"].get(metric) for metric in metrics)
        scores = [] if row.get("error") is not None else [score for score in given if score is not None]
        if not scores:
            unscored[case] += 1
        elif min(scores) < bars[case]:
            outputs[case].add(output_class(row.get("output"), row.get("tool_calls")))
    return {case: Read(tuple(sorted(outputs[case])), unscored[case]) for case in bars}
