"""How often a provider goes through the rows: a number from the card, or what `auto` may come to.

OpenAI's own guide to preparing chat data ("Data preparation and analysis for chat model fine-tuning", OpenAI
Cookbook) starts from 3 epochs and moves that number, between 1 and 25, until epochs × rows lies between 100 and
25,000. Amazon's Bedrock user guide ("Amazon Nova Understanding model customization hyperparameters") takes 2 and
allows 1 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from liftgate.findings import Finding, Severity
from liftgate.training.cost import EpochRange, Price

AUTO: Final = "auto"
OVERFIT_ROWS: Final = 200
OVERFIT_EPOCHS: Final = 3
_TARGET: Final = 3
_LEAST_EXAMPLES: Final = 100
_MOST_EXAMPLES: Final = 25_000
_MOST_EPOCHS: Final = 25
_NOVA: Final = EpochRange(1, 2, 5)


@dataclass(frozen=True)
class Epochs:
    """Epochs as priced: `point` is what usually happens, `low` and `high` what may."""

    low: int
    point: int
    high: int

    @property
    def is_exact(self) -> bool:
        """Whether somebody wrote the number down."""
        return self.low == self.high


def epochs_of(written: int | str, rows: int, model: str, price: Price | None = None) -> Epochs:
    """The card's number, or the range of `auto`: by the price row, by the model's family, or by OpenAI's rule."""
    if written != AUTO:
        return Epochs(int(written), int(written), int(written))
    known = price.epochs if price is not None else None
    if known is None and "nova" in model:
        known = _NOVA
    if known is not None:
        return Epochs(known.least, known.usual, known.most)
    rows = max(rows, 1)
    low, high = _within(_LEAST_EXAMPLES // rows), _within(_MOST_EXAMPLES // rows)
    point = _TARGET
    if rows * _TARGET < _LEAST_EXAMPLES:
        point = low
    elif rows * _TARGET > _MOST_EXAMPLES:
        point = high
    return Epochs(low, point, high)


def overfit_risk(epochs: Epochs, rows: int, path: str | None = None) -> Iterator[Finding]:
    """More than 3 passes over fewer than 200 rows are learnt by heart before they are understood."""
    if epochs.point > OVERFIT_EPOCHS and rows < OVERFIT_ROWS:
        yield Finding(
            "overfit-risk",
            Severity.WARNING,
            f"{epochs.point} epochs over {rows} rows teach the rows themselves; train at most {OVERFIT_EPOCHS} epochs, "
            f"or on at least {OVERFIT_ROWS} rows, and watch the validation loss",
            path,
        )


def _within(epochs: int) -> int:
    return min(max(epochs, 1), _MOST_EPOCHS)
