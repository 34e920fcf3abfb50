"""Liftgate decides, on a pull request, whether a fine-tuned language model may ship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liftgate.evaluation.runs import EvalRun
    from liftgate.policy import Policy
    from liftgate.registry.resolve import Resolution
    from liftgate.serving.registry import Registry
    from liftgate.verdict.comparison import Comparison, compare

__version__ = "0.1.0"
__all__ = ["Comparison", "EvalRun", "Policy", "Registry", "Resolution", "__version__", "compare"]

# Resolved on first use so that `liftgate --help` does not pay for scipy.
_HOMES = {
    "Comparison": "liftgate.verdict.comparison",
    "EvalRun": "liftgate.evaluation.runs",
    "Policy": "liftgate.policy",
    "Registry": "liftgate.serving.registry",
    "Resolution": "liftgate.registry.resolve",
    "compare": "liftgate.verdict.comparison",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'liftgate' has no attribute {name!r}")
