"""Azure OpenAI: OpenAI's rows, an output of several messages allowed; the file starts with a byte order mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liftgate.data.dataset import Row
from liftgate.data.exporters import chat
from liftgate.data.exporters.pieces import Written
from liftgate.data.targets import TARGETS


def export(rows: Sequence[Row]) -> Iterator[Written]:
    """Every row as a line of an Azure OpenAI fine-tuning file."""
    return (chat.write(row, TARGETS["azure"], most_outputs=None) for row in rows)
