"""A function of your own grades the answer: `{scorer: python, file: scorers/mine.py, function: score}`.

`function(output, case)` gets the answer's text and the case (`id`, `messages`, `expected`, `context`, `buckets`)
and returns a number in [0, 1], True or False, or None for unscored. `evaluation.own_scorers` runs it in a process
of its own, without the keys of this one; whatever goes wrong there is unscored and named, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {
    "file": (str, True),
    "function": (str, False),
    "timeout_s": (int, False),
}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """None: `evaluation.own_scorers` calls the function later."""
    return None


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """Only the function knows what it needs."""
    return None


def option_problem(options: Mapping[str, Any]) -> str | None:
    """The time for one answer must be some seconds, the function a name."""
    if not 1 <= options.get("timeout_s", 10) <= 600:
        return "the option 'timeout_s' of python must be from 1 to 600"
    if not str(options.get("function", "score")).isidentifier():
        return "the option 'function' of python must be the name of a function"
    return None
