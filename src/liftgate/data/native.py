"""Rows in the shape that another target keeps its files in, read into the one form that every rule knows.

Nothing here trusts the row: what does not fit is left out of the messages, and the schema of the shape says
so with its place (data/shape.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Message = Mapping[str, Any]

CHAT: Final = "chat"
PREFERENCE: Final = "preference"
NOVA: Final = "bedrock-nova"
CLAUDE: Final = "bedrock-claude"
COMPLETION: Final = "trl-completion"
RANKED: Final = "trl-preference"
OURS: Final = frozenset({CHAT, PREFERENCE})
COMPARED: Final = frozenset({PREFERENCE, RANKED})
OWNERS: Final[Mapping[str, str]] = {
    NOVA: "bedrock-nova",
    CLAUDE: "bedrock-claude",
    COMPLETION: "trl",
    RANKED: "trl",
}
SHAPES: Final[Mapping[str, str]] = {
    CHAT: "chat ('messages')",
    PREFERENCE: "preference ('input' and two outputs)",
    NOVA: "bedrock-nova ('schemaVersion')",
    CLAUDE: "bedrock-claude ('system' beside 'messages')",
    COMPLETION: "trl ('prompt' and 'completion')",
    RANKED: "trl ('prompt', 'chosen' and 'rejected')",
}


def shape_of(data: Mapping[str, Any]) -> str | None:
    """Which shape the row's keys say it has, or None when no trainer here reads such keys."""
    if "messages" in data:
        if len(data) > 1:
            if "schemaVersion" in data:
                return NOVA
            if "system" in data:
                return NOVA if isinstance(data["system"], list) else CLAUDE
        return CHAT
    if isinstance(data.get("input"), dict):
        return PREFERENCE
    if "chosen" in data and "rejected" in data:
        return RANKED
    return COMPLETION if "prompt" in data and "completion" in data else None


def messages_of(data: Mapping[str, Any], shape: str | None) -> Sequence[Message]:
    """The conversation with the answer that is to be learnt, of a row that is not plain chat."""
    match shape:
        case "preference":
            return [*dicts(data["input"].get("messages")), *preferred(data)]
        case "bedrock-nova":
            return [*_nova_system(data.get("system")), *map(_nova_message, dicts(data.get("messages")))]
        case "bedrock-claude":
            system = data["system"]
            first = [{"role": "system", "content": system}] if isinstance(system, str) and system else []
            return [*first, *dicts(data.get("messages"))]
        case "trl-completion":
            # Only the completion is trained on, which is what weight 0 says of the earlier answers.
            asked = [_unweighted(message) for message in _said(data["prompt"], "user")]
            return [*asked, *_said(data["completion"], "assistant")]
        case "trl-preference":
            return [*_said(data.get("prompt"), "user"), *preferred(data)]
        case _:
            return dicts(data.get("messages"))


def preferred(data: Mapping[str, Any]) -> Sequence[Message]:
    """The better answer of a preference row."""
    if "chosen" in data:
        return _said(data["chosen"], "assistant")
    return dicts(data.get("preferred_output"))


def rejected(data: Mapping[str, Any]) -> Sequence[Message]:
    """The worse answer of a preference row."""
    if "rejected" in data:
        return _said(data["rejected"], "assistant")
    return dicts(data.get("non_preferred_output"))


def dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; nothing when it is no list."""
    if not isinstance(value, list):
        return ()
    # The list itself when it is sound: a copy of each would cost more than all the rules together.
    for item in value:
        if type(item) is not dict:
            return [kept for kept in value if isinstance(kept, dict)]
    return value


def looks_like_nova(data: Mapping[str, Any]) -> bool:
    """True for a chat row whose content parts have no type, which is how Bedrock writes them."""
    return any(
        "type" not in part and "text" in part
        for message in dicts(data.get("messages"))
        for part in dicts(message.get("content"))
    )


def _said(value: Any, role: str) -> Sequence[Message]:
    return [{"role": role, "content": value}] if isinstance(value, str) else dicts(value)


def _unweighted(message: Message) -> Message:
    return {**message, "weight": 0} if message.get("role") == "assistant" else message


def _nova_system(value: Any) -> Iterator[Message]:
    if parts := _nova_parts(value):
        yield {"role": "system", "content": _one_or_all(parts)}


def _nova_message(message: Message) -> Message:
    return {**message, "content": _one_or_all(_nova_parts(message.get("content")))}


def _nova_parts(value: Any) -> list[dict[str, Any]]:
    return [_nova_part(part) for part in dicts(value)]


def _nova_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if isinstance(reasoning := part.get("reasoningContent"), dict):
        return {"type": "reasoning", "reasoning": reasoning}
    return {"type": "image_url"}


def _one_or_all(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts
