"""Where rows can be trained: one profile a target, with the limits that fail or truncate a job there."""

from __future__ import annotations

from collections.abc import Sequence
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


# Where the tokenizer is not public. Amazon's own rule of thumb is six characters a token, three quarters of what
# our encoding counts in English; other languages and code may take a third more than it counts.
_LEAST_SHARE: Final = 0.75
_MOST_SHARE: Final = 1.35


@dataclass(frozen=True)
class Target:
    """What one platform accepts. Limits are per file (rows, bytes) and per row (tokens)."""

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
    most_bytes: int | None = None
    byte_order_mark: bool = False

    def token_range(self, counted: int) -> tuple[int, int]:
        """Least and most tokens that a row may have there; both the count itself where it is exact."""
        if self.exact_tokens:
            return counted, counted
        return int(counted * _LEAST_SHARE), int(counted * _MOST_SHARE)

    def role_problem(self, roles: Sequence[str]) -> str | None:
        """Why the target does not train on messages of these roles in this order, or None."""
        if foreign := sorted(set(roles) - self.roles):
            advice = "; write 'system'" if foreign == ["developer"] else ""
            return f"{self.name} does not train on the role {' or '.join(map(repr, foreign))}{advice}"
        if self.alternating and not _alternates(roles):
            return f"{self.name} wants user and assistant in turns, the user first, the assistant last"
        return None


def _alternates(roles: Sequence[str]) -> bool:
    turns = roles[1:] if roles[0] == "system" else roles
    return (
        len(turns) > 0
        and len(turns) % 2 == 0
        and all(role == ("user", "assistant")[position % 2] for position, role in enumerate(turns))
    )


_CHAT: Final = frozenset({"system", "user", "assistant", "tool"})
_PLAIN: Final = frozenset({"system", "user", "assistant"})

TARGETS: Final[dict[str, Target]] = {
    "openai": Target("openai", _CHAT, least_rows=10, most_tokens=65_536, most_bytes=512_000_000),
    "azure": Target(
        "azure", _CHAT, least_rows=10, most_tokens=65_536, most_bytes=512_000_000, byte_order_mark=True
    ),
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
