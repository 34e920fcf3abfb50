"""Claude on Bedrock: `system` beside the messages, one text a message, every answer trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from liftgate.data.dataset import Row
from liftgate.data.exporters.pieces import Written, plain_turns, written
from liftgate.data.targets import TARGETS


def export(rows: Sequence[Row]) -> Iterator[Written]:
    """Every row as a line of a Claude fine-tuning file."""
    return map(_write, rows)


def _write(row: Row) -> Written:
    problems: list[str] = []
    turns = plain_turns(row, problems)
    if problem := TARGETS["bedrock-claude"].role_problem([role for role, _ in turns]):
        problems.append(problem)
    data: dict[str, Any] = {}
    said = []
    for role, parts in turns:
        if len(parts) > 1:
            problems.append("holds several text parts in one message; join them")
        text = parts[0] if parts else ""
        if role == "system":
            data["system"] = text
        else:
            said.append({"role": role, "content": text})
    return written(row, {**data, "messages": said}, problems)
