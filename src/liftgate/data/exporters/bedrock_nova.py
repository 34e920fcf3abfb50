"""Amazon Nova on Bedrock: the conversation form of 2024, text only, every answer trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from liftgate.data.dataset import Row
from liftgate.data.exporters.pieces import Written, plain_turns, written
from liftgate.data.targets import TARGETS


def export(rows: Sequence[Row]) -> Iterator[Written]:
    """Every row as a line of a Nova fine-tuning file."""
    return map(_write, rows)


def _write(row: Row) -> Written:
    problems: list[str] = []
    turns = plain_turns(row, problems)
    if problem := TARGETS["bedrock-nova"].role_problem([role for role, _ in turns]):
        problems.append(problem)
    data: dict[str, Any] = {"schemaVersion": "bedrock-conversation-2024"}
    said = []
    for role, parts in turns:
        content = [{"text": part} for part in parts]
        if role == "system":
            data["system"] = content
        else:
            said.append({"role": role, "content": content})
    return written(row, {**data, "messages": said}, problems)
