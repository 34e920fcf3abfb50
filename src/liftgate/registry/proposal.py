"""A new variant as a change of models.yaml that keeps every comment and every other line. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from liftgate.config import parse_yaml
from liftgate.errors import InputError, LiftgateError

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def with_variant(
    text: str, alias: str, name: str, entry: Mapping[str, Any], *, path: str = "models.yaml"
) -> str:
    """The registry's text with one variant more. Raises `InputError` when it stands there, or has no place.

    The lines of the variant are put after the alias' last one; whatever stood there stays as it was.
    """
    document = parse_yaml(text, path)
    models = document.data.get("models") if isinstance(document.data, dict) else None
    if not isinstance(models, dict) or not isinstance(models.get(alias), dict):
        raise InputError(
            f"{path}: {alias!r} is not an alias", hint="add the alias with its default model first"
        )
    variants = models[alias].get("variants")
    if name in (variants or {}):
        raise InputError(f"{path}: variant {name!r} of {alias} stands there already")
    lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")]
    key = ("models", alias)
    if variants:
        first = document.lines[(*key, "variants", next(iter(variants)))]
        at = _end(lines, document.lines[(*key, "variants")])
        added = [_indent(lines[first - 1]) * " " + line for line in _block({name: entry})]
    else:
        start = document.lines[key]
        deep = _indent(lines[document.lines[(*key, next(iter(models[alias])))] - 1])
        at = _end(lines, start)
        added = [deep * " " + line for line in _block({"variants": {name: entry}})]
    end = "\r\n" if "\r\n" in text else "\n"
    made = "".join([*lines[:at], *(f"{line}{end}" for line in added), *lines[at:]])
    expected = json.loads(json.dumps(document.data))
    expected["models"][alias]["variants"] = {**(variants or {}), name: dict(entry)}
    try:
        holds = parse_yaml(made, path).data == expected
    except LiftgateError:
        holds = False
    if not holds:
        raise InputError(
            f"{path}:{document.lines[key]}: no variant can be put in where {alias} is written on one line",
            hint="write the alias and its `variants:` as a block, one key a line",
        )
    return made


def patch(before: str, after: str, path: str = "models.yaml") -> str:
    """A unified diff that `git apply` takes."""
    old, new = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (before, after))
    marked = []
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        marked.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(marked)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _end(lines: list[str], start: int) -> int:
    """The number of lines up to the end of the block that the key on line `start` (from 1) opens."""
    deep = _indent(lines[start - 1])
    last = start
    for number, line in enumerate(lines[start:], start=start + 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if _indent(line) <= deep:
            break
        last = number
    return last


def _block(value: Mapping[str, Any], deep: int = 0) -> list[str]:
    lines = []
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            lines.append(f"{' ' * deep}{scalar(key)}:")
            lines += _block(item, deep + 2)
        else:
            lines.append(f"{' ' * deep}{scalar(key)}: {scalar(item)}")
    return lines


def scalar(value: Any) -> str:
    """A value as YAML that says of every value what it is, plain where that is safe."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, str) and re.fullmatch(r"\d+\.\d+\.\d+", value):
        return value
    # JSON is YAML and says of every value what it is; only its surrogate pairs are none.
    written = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in written)
