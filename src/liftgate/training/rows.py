"""A row of a dataset as its method trains on it: one answer, or a better and a worse one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from liftgate.data.dataset import Message, Row
from liftgate.data.native import preferred
from liftgate.training.rendering import PairedRow, Renderer, TokenizedRow, TrainedRow, UnrenderableRow

_EITHER: Final = "command"


def trained_row(renderer: Renderer, row: Row, method: str) -> tuple[TrainedRow, int]:
    """The row's tokens, and how many of its answers the template does not write out.

    Raises `UnrenderableRow` when the template or the method cannot take it.
    """
    if method == "dpo" and not row.is_preference:
        raise UnrenderableRow("method dpo compares two answers, and this row has one")
    if row.is_preference and method in {"dpo", _EITHER}:
        return _pair(renderer, row)
    if row.is_preference:
        raise UnrenderableRow(f"the row ranks two answers, which method {method} cannot train on")
    tokens = replace(renderer.row(row.messages, row.tools), line=row.line)
    return tokens, renderer.dropped(row.messages, tokens)


def _pair(renderer: Renderer, row: Row) -> tuple[PairedRow, int]:
    answer = preferred(row.data)
    asked = [_shown(message) for message in row.messages[: len(row.messages) - len(answer)]]
    sides = [_side(renderer, asked, side, row) for side in (answer, row.rejected)]
    if sides[0][0].input_ids == sides[1][0].input_ids:
        raise UnrenderableRow("both answers are the same tokens to the model, so neither can be preferred")
    return PairedRow(sides[0][0], sides[1][0], row.line), sides[0][1] + sides[1][1]


def _side(
    renderer: Renderer, asked: Sequence[Message], answer: Sequence[Message], row: Row
) -> tuple[TokenizedRow, int]:
    conversation = [*asked, *answer]
    tokens = replace(renderer.row(conversation, row.tools), line=row.line)
    return tokens, renderer.dropped(conversation, tokens)


def _shown(message: Message) -> dict[str, Any]:
    """An answer inside the prompt is read, never trained on."""
    return {**message, "weight": 0} if message.get("role") == "assistant" else dict(message)
