"""A model judges the answer, by a versioned prompt that `evals/<alias>/judges/` holds.

`evaluation.judges` asks it once all answers are there. Its metric gates nothing until `liftgate calibrate` has
measured how far it agrees with people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"judge": (str, True)}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """None: the judge is asked later, by `evaluation.judges`."""
    return None


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """Any expectation will do: what the judge needs to see is checked with its file at hand."""
    return None
