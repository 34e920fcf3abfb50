"""Runs a scorer that somebody wrote: a Python function of the repository, in a process of its own.

An exception, a crash, a hang, NaN or a number outside [0, 1] leaves that answer unscored, under the name of what
happened. What the process gets and does not get is said in `own_code`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.evaluation.own_code import Worker, check_function
from liftgate.files import read_bytes, sha256_bytes

_CRASHES: Final = 5
DEFAULT_TIMEOUT_S: Final = 10


@dataclass(frozen=True)
class OwnScorer:
    """A function in a file. `sha256` is the file's."""

    path: Path
    function: str
    sha256: str

    @classmethod
    def read(cls, path: Path, function: str) -> OwnScorer:
        """Read the file without running it. Raises `InputError` with the line when it cannot be meant."""
        source = read_bytes(path, "scorer")
        check_function(source, str(path), function, takes=2, example="def score(output, case)")
        return cls(path.resolve(), function, sha256_bytes(source))


@dataclass(frozen=True)
class Graded:
    """One grade, or why there is none: `error: ValueError`, `timeout`, `crashed`, `not-a-score`."""

    score: float | None
    unscored: str | None = None


def grade(scorer: OwnScorer, asked: Sequence[Mapping[str, Any]], *, timeout_s: float) -> list[Graded]:
    """Grade every {"output", "case"}, in order. After five crashes or hangs the rest stays unscored."""
    graded: list[Graded] = []
    failed = 0
    while len(graded) < len(asked):
        if failed == _CRASHES:
            graded += [Graded(None, "not-run: the scorer crashed or hung too often")] * (
                len(asked) - len(graded)
            )
            break
        for found in _in_one_process(scorer, asked[len(graded) :], timeout_s):
            graded.append(found)
            failed += found.unscored in {"crashed", "timeout"}
    return graded


def _in_one_process(
    scorer: OwnScorer, asked: Sequence[Mapping[str, Any]], timeout_s: float
) -> Iterator[Graded]:
    """Grades until all are done, or the process has crashed or hung on the last one."""
    worker = Worker("score", scorer.path, scorer.function, folder=scorer.path.parent)
    try:
        worker.start()
        for each in asked:
            said = worker.ask(each, timeout_s)
            yield _graded(said)
            if isinstance(said, str):
                return
    finally:
        worker.end()


def _graded(said: Any) -> Graded:
    if not isinstance(said, dict):
        return Graded(None, said if said in ("timeout", "crashed") else "crashed")
    if said.get("error"):
        return Graded(None, f"error: {said['error']}")
    score = said.get("score")
    if score is None:
        return Graded(None, said.get("unscored"))
    return Graded(float(score))
