"""OpenAI: chat rows with tools, weights and images; preference rows with one message an output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liftgate.data.dataset import Row
from liftgate.data.exporters import chat
from liftgate.data.exporters.pieces import Written
from liftgate.data.targets import TARGETS


def export(rows: Sequence[Row]) -> Iterator[Written]:
    """Every row as a line of an OpenAI fine-tuning file."""
    return (chat.write(row, TARGETS["openai"], most_outputs=1) for row in rows)
