"""Where rows can be trained: one profile a target, with the limits that fail or truncate a job there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from liftgate.tokens import DEFAULT_ENCODING

SPECIAL_TOKENS: Final = (
    r"<\|(?:endoftext|endofprompt|im_start|im_end|im_sep|fim_prefix|fim_middle|fim_suffix|start|end|message|"
    r"channel|return|call|begin_of_text|end_of_text|eot_id|start_header_id|end_header_id)\|>"
)
_NOVA_WORDS: Final = (
    r"\b(?:System|SYSTEM|system|User|USER|user|Assistant|ASSISTANT|assistant|Bot|BOT|bot|Thought|THOUGHT|thought):"
    r"|\[EOS\]|<image>|<video>"
)


@dataclass(frozen=True)
class Target:
    """What one platform accepts. Limits are per file (rows) and per row (tokens)."""

    name: str
    roles: frozenset[str]
    encoding: str = DEFAULT_ENCODING
    least_rows: int = 1
    most_rows: int | None = None
    most_tokens: int | None = None
    reserved: str = SPECIAL_TOKENS
    reserved_fails: bool = True
    alternating: bool = False
    tools: bool = True
    preferences: bool = True
    exact_tokens: bool = True


_CHAT: Final = frozenset({"system", "user", "assistant", "tool"})
_PLAIN: Final = frozenset({"system", "user", "assistant"})

TARGETS: Final[dict[str, Target]] = {
    "openai": Target("openai", _CHAT, least_rows=10, most_tokens=65_536),
    "azure": Target("azure", _CHAT, least_rows=10, most_tokens=65_536),
    "bedrock-nova": Target(
        "bedrock-nova",
        _PLAIN,
        least_rows=8,
        most_rows=20_000,
        most_tokens=32_000,
        reserved=f"{_NOVA_WORDS}|{SPECIAL_TOKENS}",
        alternating=True,
        tools=False,
        preferences=False,
        exact_tokens=False,
    ),
    "bedrock-claude": Target(
        "bedrock-claude",
        _PLAIN,
        least_rows=32,
        most_rows=10_000,
        most_tokens=32_000,
        alternating=True,
        tools=False,
        preferences=False,
        exact_tokens=False,
    ),
    "trl": Target("trl", _CHAT | {"developer"}, reserved_fails=False, exact_tokens=False),
}
