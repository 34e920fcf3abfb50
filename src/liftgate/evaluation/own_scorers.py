"""Runs a scorer that somebody wrote: a Python function of the repository, in a process of its own.

The file belongs to the ruler, so on pull requests it is that of the base branch. It gets neither this process's
environment nor its keys, and cannot take it down: an exception, a crash, a hang, NaN or a number outside [0, 1]
leaves that answer unscored, under the name of what happened.
"""

from __future__ import annotations

import ast
import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from liftgate.errors import InputError
from liftgate.files import read_bytes, sha256_bytes

_PROCESS: Final = Path(__file__).with_name("own_scorer_process.py")
_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
_STARTS_WITHIN_S: Final = 60.0
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
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise InputError(f"{path}:{error.lineno or 1}: not valid Python: {error.msg}") from None
        except ValueError:
            raise InputError(f"{path}: not valid Python: holds a NUL byte") from None
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        found = next((node for node in functions if node.name == function), None)
        if found is None:
            names = ", ".join(node.name for node in functions) or "none"
            raise InputError(f"{path}: no function {function!r} here", hint=f"functions: {names}")
        if not _takes_two(found.args):
            raise InputError(
                f"{path}:{found.lineno}: {function} must take two arguments", hint="def score(output, case)"
            )
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
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", str(_PROCESS), str(scorer.path), scorer.function],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=scorer.path.parent,
        env={**environment, "PYTHONHASHSEED": "0"},
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_all, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        started = _next(lines, _STARTS_WITHIN_S)
        if started != b"ready\n":
            said = "the file cannot be imported" if started is not None else "timeout"
            reason = _import_error(started) or said
            raise InputError(f"{scorer.path}: {reason}", hint="run it by hand: python -c 'import runpy; ...'")
        for each in asked:
            with contextlib.suppress(
                OSError
            ):  # a process that is gone shows in the answer that does not come
                process.stdin.write(orjson.dumps(each) + b"\n")
                process.stdin.flush()
            line = _next(lines, timeout_s)
            if line is None or not line:
                yield Graded(None, "timeout" if line is None else "crashed")
                return
            yield _graded(line)
    finally:
        _end(process)
        reader.join(5)
        process.stdin.close() if not process.stdin.closed else None
        process.stdout.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # with all that it started
        os.killpg(process.pid, 9)
    process.wait()


def _read_all(stream: Any, lines: queue.SimpleQueue[bytes]) -> None:
    with contextlib.suppress(ValueError, OSError):
        for line in stream:
            lines.put(line)
    lines.put(b"")


def _next(lines: queue.SimpleQueue[bytes], seconds: float) -> bytes | None:
    try:
        return lines.get(timeout=seconds)
    except queue.Empty:
        return None


def _import_error(line: bytes | None) -> str | None:
    word = (line or b"").decode("utf-8", "replace").strip()
    return f"cannot be imported: {word}" if word.isidentifier() else None


def _graded(line: bytes) -> Graded:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return Graded(None, "crashed")
    if said.get("error"):
        return Graded(None, f"error: {said['error']}")
    score = said.get("score")
    if score is None:
        return Graded(None, said.get("unscored"))
    return Graded(float(score))


def _takes_two(arguments: ast.arguments) -> bool:
    plain = len(arguments.posonlyargs) + len(arguments.args)
    needed = plain - len(arguments.defaults)
    return needed <= 2 <= plain or (arguments.vararg is not None and needed <= 2)
