"""A job's losses for the terminal: one line of blocks, and a word when more training made it worse. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from liftgate.findings import Finding, Severity

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_TRAIN: Final = ("train_loss", "loss")
_VALID: Final = ("full_valid_loss", "valid_loss", "validation_loss")
PATIENCE: Final = 3
"""Looks at the validation rows that must all be worse than the best before anybody is told to stop."""


def series(losses: Sequence[Mapping[str, Any]], *, validation: bool = False) -> list[tuple[int, float]]:
    """(step, loss) of the training or the validation rows, in the order of steps, without gaps."""
    found = []
    for index, each in enumerate(losses, start=1):
        value = next((each[key] for key in (_VALID if validation else _TRAIN) if key in each), None)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            step = each.get("step")
            found.append((step if isinstance(step, int) else index, float(value)))
    return sorted(found)


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Values as blocks, the newest right; longer series are averaged down to `width`."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_BLOCKS[min(len(_BLOCKS) - 1, int((mean - low) / span * len(_BLOCKS)))] for mean in means)


def progress_line(losses: Sequence[Mapping[str, Any]]) -> str | None:
    """`loss ▇▅▃▁ 1.2345 at step 40, validation 1.3000`, or None before the first loss."""
    trained, checked = series(losses), series(losses, validation=True)
    if not trained:
        return None
    step, loss = trained[-1]
    line = f"loss {sparkline([value for _, value in trained])} {loss:.4f} at step {step}"
    return line + (f", validation {checked[-1][1]:.4f}" if checked else "")


def overfit_advice(losses: Sequence[Mapping[str, Any]]) -> str | None:
    """What to do when the validation loss has risen for a while; None while it has not."""
    said = _by_heart(series(losses, validation=True))
    advice = "cancel, and train fewer epochs, or evaluate the checkpoint nearest to that step"
    return None if said is None else f"{said}; {advice}"


def overfit_findings(validation_losses: Sequence[Mapping[str, Any]], path: str) -> list[Finding]:
    """A warning for a training on one's own machine whose validation loss rose to its end."""
    said = _by_heart(series(validation_losses))
    if said is None:
        return []
    advice = (
        "train fewer epochs, or set early_stopping in the card's training section, which keeps the best step"
    )
    return [Finding("overfit", Severity.WARNING, f"{said}; {advice}", path)]


def _by_heart(checked: Sequence[tuple[int, float]]) -> str | None:
    if len(checked) <= PATIENCE:
        return None
    best_step, best = min(checked, key=lambda point: point[1])
    later = [value for step, value in checked if step > best_step]
    if len(later) < PATIENCE or not all(value > best for value in later[-PATIENCE:]):
        return None
    return (
        f"validation loss was best ({best:.4f}) at step {best_step} and is {checked[-1][1]:.4f} now: the model learns "
        "the training rows by heart"
    )
