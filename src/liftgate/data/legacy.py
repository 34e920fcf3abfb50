"""Shapes that were given up or that nobody trains on here, each with the rename to make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liftgate.config import did_you_mean
from liftgate.data.text import is_identifier, shown

# Keys inside a row of our shape that had another name once.
RENAMED: Final[Mapping[str, str]] = {
    "function_call": "tool_calls",
    "functions": "tools",
    "preferred_completion": "preferred_output",
    "non_preferred_completion": "non_preferred_output",
    "completion": "an assistant message in 'messages'",
    "prompt": "a user message in 'messages'",
    "conversations": "messages",
    "from": "role",
    "value": "content",
}
# The first whose keys are all there says what the row is.
_SHAPES: Final = (
    (
        {"conversations"},
        "the ShareGPT form; rename 'conversations' to 'messages', 'from' to 'role' (human to user, gpt to "
        "assistant) and 'value' to 'content'",
    ),
    (
        {"conversation"},
        "an older form; rename 'conversation' to 'messages', each with 'role' and 'content'",
    ),
    (
        {"instruction", "output"},
        "the Alpaca form; write 'instruction' and 'input' as one user message and 'output' as an assistant "
        "message in 'messages'",
    ),
    (
        {"preferred_completion"},
        "an older preference form; rename 'preferred_completion' to 'preferred_output' and "
        "'non_preferred_completion' to 'non_preferred_output', and put the prompt under 'input' as 'messages'",
    ),
    ({"preferred_output"}, "a preference row needs 'input' with 'messages'"),
    ({"chosen"}, "a preference row for trl needs 'prompt', 'chosen' and 'rejected'"),
    (
        {"prompt"},
        "a prompt without an answer; write 'messages' with a user and an assistant message",
    ),
    (
        {"completion"},
        "an answer without a prompt; write 'messages' with a user and an assistant message",
    ),
    (
        {"text"},
        "running text, where prompt and answer cannot be told apart; write 'messages' with 'role' and 'content'",
    ),
)


def foreign_shape(data: Mapping[str, Any]) -> str:
    """What a row is that no target here reads, and what to write instead."""
    for keys, sentence in _SHAPES:
        if keys <= data.keys():
            return sentence
    near = [key for key in data if is_identifier(key) and did_you_mean(key, ["messages", "input"])]
    hint = f"; {shown(near[0], 'a key')} looks like a misspelling" if near else ""
    return f"the key 'messages' is missing{hint}"
