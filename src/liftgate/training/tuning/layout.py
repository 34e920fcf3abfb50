"""How the manifest's batch lies on the machines at hand: rows on a device at once, steps gathered, processes. Pure.

Batch times accumulation is what a step trains on, and stands in the manifest. How it is cut up does not decide the
weights, so fewer rows at once, or more devices, train the same manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from liftgate.errors import InputError


@dataclass(frozen=True)
class Layout:
    """`at_once` rows on each of `processes` devices, `accumulation` times before the weights move."""

    at_once: int
    accumulation: int
    processes: int = 1

    @property
    def step_rows(self) -> int:
        """Rows that one step trains on, over all devices."""
        return self.at_once * self.accumulation * self.processes

    def smaller(self) -> Layout | None:
        """Half the rows at once, or the most below that which come out even; None when it is one already."""
        return self.within(self.at_once // 2) if self.at_once > 1 else None

    def within(self, most: int) -> Layout:
        """The same step with at most so many rows at once."""
        rows = self.at_once * self.accumulation
        at_once = max(n for n in range(1, max(1, min(most, rows)) + 1) if rows % n == 0)
        return replace(self, at_once=at_once, accumulation=rows // at_once)


def lay_out(batch_size: int, accumulation: int, processes: int = 1) -> Layout:
    """The manifest's step on so many processes. Raises `InputError` when it cannot be shared evenly."""
    step = batch_size * accumulation
    if step % processes:
        fits = ", ".join(str(n) for n in range(1, step + 1) if step % n == 0)
        raise InputError(
            f"a step of {step} rows cannot be shared by {processes} processes",
            hint=f"start it with one of {fits} processes, or change batch_size in the card's training section",
        )
    rows = step // processes
    return Layout(rows, 1, processes).within(batch_size)


def steps_of(rows: int, step_rows: int, epochs: float) -> int:
    """How many steps a training takes."""
    return int(max(1, -(-rows // step_rows)) * epochs)
