"""The other side of `own_code`: a script that imports one file and calls one function for every line it reads.

It imports nothing of Liftgate. What the function prints goes nowhere, and it finds an empty standard input; its
exception is told by the name of its class and a line number alone, since a message may quote a case.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import math
import os
import sys
from typing import Any

LONGEST_TEXT = 16 * 1024 * 1024


def main() -> None:
    """Say `ready`, then answer each line."""
    purpose, path, name = sys.argv[1:4]
    # The lines of the protocol keep descriptors that the function does not know, nor what it starts.
    lines = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120
    try:
        spec = importlib.util.spec_from_file_location("own_code", path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        sys.modules["own_code"] = module
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        function = getattr(module, name)
    except BaseException as error:
        out.write(f"{type(error).__name__}\n")
        out.flush()
        return
    out.write("ready\n")
    out.flush()
    for line in lines:
        asked = json.loads(line)
        try:
            reply = answered(function, asked) if purpose == "answer" else scored(function, asked)
        except Exception as error:
            reply = {"error": type(error).__name__, "line": _line(error, path)}
        out.write(json.dumps(reply) + "\n")
        out.flush()


def scored(function: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """{"score"}, with {"unscored"} when what came is none."""
    score = function(asked["output"], asked["case"])
    if score is None:
        return {"score": None}
    try:
        number = float(score)
    except (TypeError, ValueError, OverflowError):
        return {"score": None, "unscored": "not-a-score"}
    if isinstance(score, str | bytes) or math.isnan(number) or not 0 <= number <= 1:
        return {"score": None, "unscored": "not-a-score"}
    return {"score": number}


def answered(function: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """{"answer"} with what the function returned, or {"refused"} when it cannot be an answer."""
    answer = function(asked["messages"], asked["tools"], asked["sampling"])
    if inspect.iscoroutine(answer):
        answer = asyncio.run(answer)
    if isinstance(answer, str):
        answer = {"text": answer}
    if not isinstance(answer, dict) or not isinstance(answer.get("text", ""), str):
        return {"refused": "not-an-answer"}
    if len(answer.get("text", "")) > LONGEST_TEXT:
        return {"refused": "too-large"}
    try:
        json.dumps(answer, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return {"refused": "not-an-answer"}
    return {"answer": answer}


def _line(error: BaseException, path: str) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


if __name__ == "__main__":
    main()
