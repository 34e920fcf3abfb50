"""Whether a row has the shape a trainer reads: plain rows at full speed, sentences only for what fails."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from liftgate.config import schema
from liftgate.data import native
from liftgate.data.dataset import Row
from liftgate.data.legacy import foreign_shape
from liftgate.data.shape_sentences import sentences

# Shape → the schema that describes it, and where in it.
_SCHEMAS: Final[Mapping[str, tuple[str, str]]] = {
    native.CHAT: ("row", "chat"),
    native.PREFERENCE: ("row", "preference"),
    native.NOVA: ("targets/bedrock-nova", "row"),
    native.CLAUDE: ("targets/bedrock-claude", "row"),
    native.COMPLETION: ("targets/trl", "completion"),
    native.RANKED: ("targets/trl", "preference"),
}
_TRL_CHAT: Final = ("targets/trl", "chat")
_PLAIN_ROLES: Final = frozenset({"system", "developer", "user", "assistant"})
_SOURCES: Final = frozenset({"human", "synthetic", "prod_sample"})


def is_valid_shape(data: Mapping[str, Any]) -> bool:
    """The first pass alone: true or false, about a microsecond for a plain row.

    Most rows are plain: messages of two keys with text as content, and metadata in order. Those are known
    without the schema, which decides about all others; a test holds the two together.
    """
    # Written out for speed: every row passes here, and each call or loop less is a twentieth of the whole.
    try:
        messages = data["messages"]
        if not messages:
            return _fits_schema(data)
        # What is no list of objects fails at the first key.
        for message in messages:
            content = message["content"]
            if type(content) is not str or not content or len(message) != 2:
                return _fits_schema(data)
            if message["role"] not in _PLAIN_ROLES:
                return _fits_schema(data)
        if len(data) == 1:
            return True
        about = data["metadata"]
        if (
            len(data) == 2
            and type(text := about["id"]) is str
            and text
            and about["source"] in _SOURCES
            and type(about["reviewed"]) is bool
            and ("label" not in about or (type(text := about["label"]) is str and text))
            and ("locale" not in about or (type(text := about["locale"]) is str and text))
            and ("outcome" not in about or (type(text := about["outcome"]) is str and text))
        ):
            return True
    except (KeyError, TypeError):
        pass
    return _fits_schema(data)


def _fits_schema(data: Mapping[str, Any]) -> bool:
    return bool(_fast(*_SCHEMAS["chat" if "messages" in data else "preference"]).is_valid(data))


def shape_problems(row: Row, target: str | None = None) -> list[str]:
    """Every way in which the row departs from the shapes that the target accepts; never holds a value of it."""
    shape, data = row.shape, row.data
    if shape in native.OURS and is_valid_shape(data):
        return []
    if shape is None:
        return [foreign_shape(data)]
    if shape not in native.OURS and row.owner != target:
        return [_of_another_target(shape, target)]
    place = _SCHEMAS[shape]
    if shape == native.CHAT and target == "bedrock-nova" and native.looks_like_nova(data):
        place = _SCHEMAS[native.NOVA]
    elif shape == native.CHAT and target == "trl" and "metadata" not in data:
        place = _TRL_CHAT
    if _fast(*place).is_valid(data):
        return []
    found = dict.fromkeys(sentences(_slow(*place).iter_errors(data)))
    return list(found) or ["the row does not have the shape of a training row"]


def matches_target(data: Mapping[str, Any], target: str) -> bool:
    """True when the object is a row as the target's own files hold them."""
    return bool(_fast(f"targets/{target}", None).is_valid(data))


def order_problems(row: Row) -> list[str]:
    """Why a row of valid shape cannot teach anything."""
    last = row.messages[-1]
    if last["role"] != "assistant":
        return ["the last message must be the assistant's, or there is nothing to learn"]
    if last.get("weight") == 0 and not any(
        message["role"] == "assistant" and message.get("weight") != 0 for message in row.messages
    ):
        return ["every assistant message has weight 0, so there is nothing to learn"]
    return []


def _of_another_target(shape: str, target: str | None) -> str:
    owner = native.SHAPES[shape]
    wanted = target or "openai"
    if shape == native.COMPLETION:
        return (
            f"a row in the shape of {owner}, once also of OpenAI's fine-tunes; write 'prompt' as a user message "
            "and 'completion' as an assistant message in 'messages', or convert the file: "
            f"liftgate data export FILE --target {wanted} --out NEW"
        )
    own = "" if target else f"validate it with --target {native.OWNERS[shape]}, or "
    convert = f"convert the file: liftgate data export FILE --target {wanted} --out NEW"
    return f"a row in the shape of {owner}; {own}{convert}"


def _definition(name: str, part: str | None) -> dict[str, Any]:
    whole = dict(schema(name))
    return whole if part is None else {"$ref": f"#/$defs/{part}", "$defs": whole["$defs"]}


@cache
def _fast(name: str, part: str | None) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(_definition(name, part))


@cache
def _slow(name: str, part: str | None) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_definition(name, part))
