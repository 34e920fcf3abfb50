"""How likely the model finds the expected answer: the geometric mean of its tokens' probabilities, exp(-loss).

The reciprocal is the perplexity of the answer (Jelinek et al. 1977). A score has to lie in [0, 1], which a
perplexity does not, and exp(-loss) ranks answers the same way, upside down; run.json holds the perplexity over
all answers. It measures the *expected* answer, not the one given: of its own greedy answer a model is always
sure. For the local endpoint only, since providers do not tell the probability of a text that is not theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """None: `evaluation.likelihood` asks the model later."""
    return None


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """The expectation must be an answer: text, or a value that an answer writes as JSON."""
    if expected == "" or not isinstance(expected, str | dict | list):
        return "token_probability needs an `expected` that is the answer itself, as text or as JSON"
    return None


def aggregate(details: Sequence[Any]) -> dict[str, Any]:
    """Perplexity over all expected answers, exp of the mean loss of their tokens; a detail is [loss sum, tokens]."""
    loss, tokens = math.fsum(float(loss) for loss, _ in details), sum(int(tokens) for _, tokens in details)
    return {
        "n": len(details),
        "tokens": tokens,
        "perplexity": math.exp(min(loss / tokens, 700.0)) if tokens else None,
    }
