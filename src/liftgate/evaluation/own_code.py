"""Runs a function that somebody wrote, a Python file of the repository, in a process of its own.

The file belongs to the ruler, so on pull requests it is that of the base branch. It gets neither this process's
environment nor its keys, and cannot take it down: whatever it does comes back as an answer or as a named reason.
Both sides speak JSON, a line each way.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from liftgate.errors import InputError
from liftgate.process_groups import kill

_PROCESS: Final = Path(__file__).with_name("own_code_process.py")
_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
_STARTS_WITHIN_S: Final = 60.0


def check_function(source: bytes, path: str, function: str, *, takes: int, example: str) -> None:
    """Look, without running it, for a function of the file that takes so many arguments. Raises `InputError`."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno or 1}: not valid Python: {error.msg}") from None
    except ValueError:
        raise InputError(f"{path}: not valid Python: holds a NUL byte") from None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = next((node for node in functions if node.name == function), None)
    if found is None:
        names = ", ".join(node.name for node in functions) or "none"
        raise InputError(f"{path}: no function {function!r} here", hint=f"functions: {names}")
    if not _takes(found.args, takes):
        words = {2: "two", 3: "three"}
        raise InputError(
            f"{path}:{found.lineno}: {function} must take {words[takes]} arguments", hint=example
        )


def _takes(arguments: ast.arguments, count: int) -> bool:
    plain = len(arguments.posonlyargs) + len(arguments.args)
    needed = plain - len(arguments.defaults)
    return needed <= count <= plain or (arguments.vararg is not None and needed <= count)


class Worker:
    """One process that imports the file. `ask` may be called from any thread, one call at a time; `end` at any time.

    `environment` is added to the few variables that every program needs; errors call the file `named`.
    """

    def __init__(
        self,
        purpose: Literal["answer", "score"],
        path: Path,
        function: str,
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        named: str | None = None,
    ) -> None:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", str(_PROCESS), purpose, str(path), function],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**kept, **(environment or {}), "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()
        self._named = named or str(path)

    def start(self) -> None:
        """Wait until the file is imported. Raises `InputError` with the class of what went wrong, not its text."""
        started = self._next(_STARTS_WITHIN_S)
        if started != b"ready\n":
            self.end()
            name = (started or b"").decode("utf-8", "replace").strip()
            why = f"cannot be imported: {name}" if name.isidentifier() else "the file cannot be imported"
            reason = f"not imported within {_STARTS_WITHIN_S:g} s" if started is None else why
            raise InputError(f"{self._named}: {reason}", hint="run it by hand: python -I FILE")

    def ask(self, asked: Mapping[str, Any], timeout_s: float) -> Any:
        """The reply to one line; the word `timeout` or `crashed` when there is none. The worker then has to end."""
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(
            OSError, ValueError
        ):  # a process that is gone shows in the answer that does not come
            self._process.stdin.write(orjson.dumps(asked) + b"\n")
            self._process.stdin.flush()
        line = self._next(timeout_s)
        if not line:
            return "timeout" if line is None else "crashed"
        try:
            # Not orjson, which refuses half a surrogate pair; byte-level models produce them.
            return json.loads(line)
        except (ValueError, RecursionError):
            return "crashed"

    def end(self) -> None:
        """Kill the process, with all that it started."""
        with contextlib.suppress(OSError):
            kill(self._process)
        self._process.wait()
        self._reader.join(5)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close() if stream is not None else None

    def _read_all(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        with contextlib.suppress(ValueError, OSError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(b"")

    def _next(self, seconds: float) -> bytes | None:
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
