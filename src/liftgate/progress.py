"""Progress on long work: a bar with ETA on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO


class Progress:
    """A context manager around `total` units of work; `advance` after each.

    On a terminal it draws a tqdm bar. Elsewhere it writes one line every `interval_s` seconds with what is
    done, the total and the time left, and one line at the end of work that took longer than that.
    `already` units came from a store or a checkpoint: they count as done and do not flatter the ETA.
    """

    def __init__(
        self,
        total: int,
        label: str,
        *,
        unit: str = "case",
        already: int = 0,
        stream: TextIO | None = None,
        interval_s: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.done = total, already
        self._label, self._unit, self._already = label, unit, already
        self._stream = stream if stream is not None else sys.stderr
        self._interval_s, self._now = interval_s, now
        self._started = self._spoken = now()
        self._note = ""
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self._started = self._spoken = self._now()
        if self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self.total,
                initial=self._already,
                desc=self._label,
                unit=self._unit,
                file=self._stream,
                dynamic_ncols=True,
                leave=True,
            )
        return self

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more units done; `note` is a short remark shown beside the count."""
        self.done += n
        self._note = note or self._note
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(n)
        elif self._now() - self._spoken >= self._interval_s:
            self._speak()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._now() - self._started >= self._interval_s:
            self._speak()

    def _speak(self) -> None:
        self._spoken = self._now()
        elapsed_s = self._spoken - self._started
        fresh = self.done - self._already
        if self.done >= self.total:
            left = f"took {clock(elapsed_s)}"
        elif fresh > 0:
            left = f"ETA {clock(elapsed_s / fresh * (self.total - self.done))}"
        else:
            left = "ETA unknown"
        share = self.done / self.total if self.total else 1.0
        note = f", {self._note}" if self._note else ""
        self._stream.write(
            f"{self._label}: {self.done}/{self.total} {self._unit}s ({share:.0%}), {left}{note}\n"
        )
        self._stream.flush()


def clock(seconds: float) -> str:
    """`42s`, `3m05s`, `1h02m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
