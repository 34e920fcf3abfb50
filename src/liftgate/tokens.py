"""Exact token counts without a network: OpenAI's encodings compiled in, and how chat rows are charged.

A message costs 3 tokens beside its text and a row 3 more (the convention of OpenAI's cookbook). Tool definitions
are charged once a row, in the TypeScript-like form that the models are trained on: a finished job was billed 5.6
times what its messages alone came to, and 1.09 times this rendering, which the policy's buffer covers. Switches
such as `parallel_tool_calls` cost nothing. Counts equal tiktoken's but for letters that Unicode took in after
tiktoken's tables were made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.errors import InputError

ENCODINGS: Final = ("o200k_base", "cl100k_base", "o200k_harmony", "qwen3.5")
DEFAULT_ENCODING: Final = "o200k_base"
TOKENS_PER_MESSAGE: Final = 3
TOKENS_PER_ROW: Final = 3
TOKENS_PER_NAME: Final = 1
# The first match counts. Fine-tuned names (`ft:gpt-4.1-mini:org::id`) count as their base.
_MODELS: Final = (
    (r"gpt-oss", "o200k_harmony"),
    (r"gpt-(4o|4\.1|4\.5|5)|chatgpt-4o|o[1-9](-|$)", "o200k_base"),
    (r"gpt-(4|3\.5|35)|text-embedding-3|davinci-002|babbage-002", "cl100k_base"),
    (r"qwen[-_]?3\.5", "qwen3.5"),
)
_BATCH: Final = 8192


def encoding_for(model: str) -> str:
    """The encoding of a model, or of an encoding's own name.

    Models without a public tokenizer, or with one that is not carried here, count as o200k_base; whether that is
    an estimate says `has_public_tokenizer`.
    """
    if model in ENCODINGS:
        return model
    name = model.removeprefix("ft:").lower()
    for pattern, encoding in _MODELS:
        if re.match(pattern, name) or re.search(rf"/{pattern}", name):
            return encoding
    return DEFAULT_ENCODING


def has_public_tokenizer(model: str) -> bool:
    """False when a count for this model is an estimate, to be shown as a range: its encoding is not here."""
    name = model.removeprefix("ft:").lower()
    return model in ENCODINGS or any(re.match(p, name) or re.search(rf"/{p}", name) for p, _ in _MODELS)


def checked_encoding(name: str) -> str:
    """The name itself when it is an encoding we carry; raises `InputError` otherwise."""
    if name not in ENCODINGS:
        raise InputError(f"{name!r} is not an encoding here", hint=f"one of {', '.join(ENCODINGS)}")
    return name


def count_texts(texts: Sequence[str], encoding: str = DEFAULT_ENCODING) -> list[int]:
    """Tokens of each text, special-token spellings counted as plain text."""
    import toktok

    try:
        counts: list[int] = toktok.batch_count(texts, encoding)
    except UnicodeEncodeError:
        counts = toktok.batch_count([text.encode("utf-8", "replace").decode() for text in texts], encoding)
    return counts


def count_text(text: str, model_or_encoding: str = DEFAULT_ENCODING) -> int:
    """Tokens of one text."""
    return count_texts([text], encoding_for(model_or_encoding))[0]


def count_messages(
    messages: Sequence[Mapping[str, Any]],
    model_or_encoding: str = DEFAULT_ENCODING,
    tools: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Tokens of one conversation with its tool definitions."""
    return count_conversations([(messages, tools)], encoding_for(model_or_encoding))[0]


def count_conversations(
    conversations: Iterable[tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]], encoding: str
) -> list[int]:
    """Tokens of every (messages, tools) pair, counted in batches so that memory stays flat."""
    totals: list[int] = []
    texts: list[str] = []
    owners: list[int] = []
    for messages, tools in conversations:
        row = len(totals)
        fixed = TOKENS_PER_ROW
        for message in messages:
            fixed += TOKENS_PER_MESSAGE
            for key, value in message.items():
                if key == "role":
                    fixed += 1  # every role is one token in every encoding
                elif type(value) is str:
                    texts.append(value)
                    owners.append(row)
                    if key == "name":
                        fixed += TOKENS_PER_NAME
                elif value and key in {"content", "tool_calls"}:
                    for text in _parts(value):
                        texts.append(text)
                        owners.append(row)
        if tools:
            texts.append(render_tools(tools))
            owners.append(row)
        totals.append(fixed)
        if len(texts) >= _BATCH:
            _settle(totals, texts, owners, encoding)
    _settle(totals, texts, owners, encoding)
    return totals


def _settle(totals: list[int], texts: list[str], owners: list[int], encoding: str) -> None:
    for owner, count in zip(owners, count_texts(texts, encoding), strict=True):
        totals[owner] += count
    texts.clear()
    owners.clear()


def _parts(value: Any) -> Iterator[str]:
    """Every string inside content parts or tool calls that reaches the model."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in {"id", "type", "image_url"}:
                yield from _parts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def render_tools(tools: Sequence[Mapping[str, Any]]) -> str:
    """Tool definitions as the TypeScript-like namespace that chat models see."""
    lines = ["# Tools", "", "## functions", "", "namespace functions {", ""]
    for tool in tools:
        function = tool.get("function")
        if not isinstance(function, dict):
            continue
        if description := function.get("description"):
            lines.extend(f"// {line}" for line in str(description).splitlines())
        properties = _properties(function.get("parameters"))
        if properties:
            lines.append(f"type {function.get('name')} = (_: {{")
            lines.extend(_property_lines(function["parameters"], properties))
            lines.append("}) => any;")
        else:
            lines.append(f"type {function.get('name')} = () => any;")
        lines.append("")
    lines.append("} // namespace functions")
    return "\n".join(lines)


def _properties(parameters: Any) -> Mapping[str, Any]:
    found = parameters.get("properties") if isinstance(parameters, dict) else None
    return found if isinstance(found, dict) else {}


def _property_lines(parameters: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[str]:
    required = parameters.get("required")
    wanted = required if isinstance(required, list) else []
    for name, schema in properties.items():
        if isinstance(schema, dict) and schema.get("description"):
            yield from (f"// {line}" for line in str(schema["description"]).splitlines())
        mark = "" if name in wanted else "?"
        default = (
            f" // default: {schema['default']}" if isinstance(schema, dict) and "default" in schema else ""
        )
        yield f"{name}{mark}: {_typescript(schema)},{default}"


_PLAIN_TYPES: Final = {
    "string": "string",
    "boolean": "boolean",
    "null": "null",
    "integer": "number",
    "number": "number",
}


def _typescript(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any"
    if isinstance(union := schema.get("anyOf") or schema.get("oneOf"), list):
        return " | ".join(map(_typescript, union))
    if isinstance(schema.get("enum"), list):
        return " | ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in schema["enum"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_typescript({**schema, "type": name}) for name in kind)
    if kind == "array":
        return f"{_typescript(schema.get('items'))}[]"
    if kind == "object":
        lines = _property_lines(schema, _properties(schema))
        return "{\n" + "\n".join(lines) + "\n}" if _properties(schema) else "object"
    return _PLAIN_TYPES.get(str(kind), "any")
