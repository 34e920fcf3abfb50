"""Rows in the form that a target's own files hold: target → exporter. An exporter says what it cannot write.

Nothing is dropped in silence: what the target has no place for is a problem of its row. What goes is our own
`metadata`, keys that are null, and weights that say what the target does anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from liftgate.data.dataset import Row
from liftgate.data.exporters import azure, bedrock_claude, bedrock_nova, openai, trl
from liftgate.data.exporters.pieces import Written

Exporter = Callable[[Sequence[Row]], Iterator[Written]]

EXPORTERS: Final[dict[str, Exporter]] = {
    "azure": azure.export,
    "bedrock-claude": bedrock_claude.export,
    "bedrock-nova": bedrock_nova.export,
    "openai": openai.export,
    "trl": trl.export,
}
