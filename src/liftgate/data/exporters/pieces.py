"""What exporters are made of: the row as it was written, and readers that note what a target has no place for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from liftgate.data.dataset import Row
from liftgate.data.native import Message

_OUTSIDE_MESSAGES: Final = ("chat_template_kwargs",)


class Written(NamedTuple):
    """A row and what became of it: the target's object, or the reasons why there is none."""

    row: Row
    data: Mapping[str, Any] | None
    problems: tuple[str, ...] = ()


def written(row: Row, data: Mapping[str, Any], problems: Iterable[str]) -> Written:
    """The row with its object when there are no problems, with its problems otherwise."""
    found = tuple(dict.fromkeys(problems))
    return Written(row, None if found else data, found)


def texts(message: Message, problems: list[str]) -> list[str]:
    """The text parts of a message; a part that is no text is a problem."""
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    found = []
    for part in content or ():
        if part.get("type") == "text" and part.keys() == {"type", "text"}:
            found.append(part["text"])
        elif part.get("type") in {"image_url", "image"}:
            problems.append("holds an image")
        else:
            problems.append("holds a content part that is neither plain text nor an image")
    return found


def one_text(message: Message, problems: list[str]) -> str:
    """The text of a message that may have one part only."""
    found = texts(message, problems)
    if len(found) > 1:
        problems.append("holds several text parts in one message; join them")
    return found[0] if found else ""


def foreign_keys(message: Message, known: frozenset[str], problems: list[str]) -> None:
    """Note every key that the target's message does not have; one that is null says nothing."""
    problems.extend(
        f"a message has {_MEANING.get(key, 'a key of another shape')}"
        for key, value in message.items()
        if value is not None and key not in known
    )


_MEANING: Final = {
    "name": "a name",
    "weight": "a weight",
    "refusal": "a refusal",
    "tool_calls": "tool calls",
    "tool_call_id": "a tool's result",
    "thinking": "thoughts",
    "reasoning_content": "thoughts",
}


def outside_messages(row: Row, problems: list[str]) -> None:
    """Note what stands beside the messages and belongs to another target."""
    problems.extend(f"holds {key!r}" for key in _OUTSIDE_MESSAGES if key in row.data)


def plain_turns(row: Row, problems: list[str]) -> Sequence[tuple[str, list[str]]]:
    """(role, text parts) of every message, for targets that train on text in turns and on every answer."""
    outside_messages(row, problems)
    if row.is_preference:
        problems.append("ranks two answers")
    if row.tools:
        problems.append("defines tools")
    turns = []
    for message in row.messages:
        # The target trains on every answer: weight 1 says so too, weight 0 cannot be said.
        if message.get("weight") == 0:
            problems.append("has weight 0 on an answer, and every answer is trained on")
        foreign_keys(message, _PLAIN, problems)
        parts = texts(message, problems)
        if not all(parts):
            problems.append("holds an empty text part")
        turns.append((message["role"], parts))
    return turns


_PLAIN: Final = frozenset({"role", "content", "weight"})
