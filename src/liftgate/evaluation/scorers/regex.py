"""A regular expression is found in the answer. RE2: linear time in the answer, whatever the pattern.

RE2 has no look-around and no back-references (github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {
    "pattern": (str, False),
    "whole": (bool, False),
    "ignore_case": (bool, False),
    "absent": (bool, False),
}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 when the pattern is found (with `whole`: fits the stripped answer; with `absent`: is not found).

    The pattern is the suite's; without one there, it is the case's expectation.
    """
    pattern = options.get("pattern", expected)
    if not isinstance(pattern, str):
        return None
    search = _compiled(pattern, bool(options.get("whole")), bool(options.get("ignore_case")))
    found = search.search(output.encode("utf-8", "replace").strip()) is not None
    return float(found is not bool(options.get("absent")))


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """Without a pattern in the suite the expectation must be one."""
    if "pattern" in options:
        return None
    if not isinstance(expected, str) or not expected:
        return "regex needs an `expected` that is a pattern, or the option 'pattern' in the suite"
    return _pattern_problem(expected)


def option_problem(options: Mapping[str, Any]) -> str | None:
    """The pattern must be one that RE2 reads."""
    pattern = options.get("pattern")
    return None if pattern is None else _pattern_problem(pattern)


def _pattern_problem(pattern: str) -> str | None:
    if not pattern:
        return "an empty pattern is found in every answer"
    try:
        _compiled(pattern, False, False)
    except ValueError as error:
        return f"the pattern of regex cannot be used: {str(error)[:120]}"
    return None


@lru_cache(maxsize=4096)
def _compiled(pattern: str, whole: bool, ignore_case: bool) -> Any:
    import re2

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    try:
        return re2.compile((rf"\A(?:{pattern})\z" if whole else pattern).encode(), options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else "not a regular expression"
        raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None
