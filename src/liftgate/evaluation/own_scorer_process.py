"""The other side of `own_scorers`: a script that imports one file and calls one function for every line it reads.

It imports nothing of Liftgate. What the function prints goes nowhere; its exception is told by the name of its
class alone, since a message may quote a case.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from typing import Any


def main() -> None:
    """Say `ready`, then answer each line with {"score"}, {"unscored"} or {"error"}."""
    path, name = sys.argv[1:3]
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120
    try:
        spec = importlib.util.spec_from_file_location("own_scorer", path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        function = getattr(module, name)
    except BaseException as error:
        out.write(f"{type(error).__name__}\n")
        out.flush()
        return
    out.write("ready\n")
    out.flush()
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        out.write(json.dumps(_called(function, asked["output"], asked["case"])) + "\n")
        out.flush()


def _called(function: Any, output: str, case: Any) -> dict[str, Any]:
    try:
        score = function(output, case)
    except Exception as error:
        return {"error": type(error).__name__}
    if score is None:
        return {"score": None}
    try:
        number = float(score)
    except (TypeError, ValueError, OverflowError):
        return {"score": None, "unscored": "not-a-score"}
    if isinstance(score, str | bytes) or math.isnan(number) or not 0 <= number <= 1:
        return {"score": None, "unscored": "not-a-score"}
    return {"score": number}


if __name__ == "__main__":
    main()
