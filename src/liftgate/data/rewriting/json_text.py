"""Changing the texts inside a JSON line and nothing else: every byte between them stays as it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

import orjson

Change = Callable[[str, str], str]
"""(text, up to forty characters of the line before it) → the text that takes its place."""

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+\-]*')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]+)?")
_BEFORE: Final = 40
_DEEPEST: Final = 8


def rewritten(line: str, change: Change, *, before: str = "", depth: int = 0) -> str:
    """A JSON value with each string and number given to `change`: values, keys, and JSON inside strings.

    A number that changes into something else becomes a string. JSON inside a string (tool arguments, JSON
    answers) is opened and closed again, so that a text is the same text wherever it stands.
    """
    pieces: list[str] = []
    end = 0
    for token in _TOKEN.finditer(line):
        start = token.start()
        written = token.group()
        quoted = written[0] == '"'
        behind = (before + line[max(start - _BEFORE, 0) : start + quoted])[-_BEFORE:]
        text = orjson.loads(written) if quoted else written
        if quoted and depth < _DEEPEST and _is_json(text):
            after = rewritten(text, change, before=behind, depth=depth + 1)
        else:
            after = change(text, behind)
        if after != text:
            number = not quoted and _NUMBER.fullmatch(after)
            pieces += (line[end:start], after if number else _string(after, like=written))
            end = token.end()
    return "".join((*pieces, line[end:])) if pieces else line


def texts(line: str) -> list[str]:
    """Every string and number of a JSON value, JSON inside strings opened."""
    found: list[str] = []

    def keep(text: str, _: str) -> str:
        found.append(text)
        return text

    rewritten(line, keep)
    return found


def _is_json(text: str) -> bool:
    if text.lstrip(" \t\r\n")[:1] not in {"{", "[", '"'}:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _string(text: str, like: str) -> str:
    """A JSON string, its letters spelled out as escapes when the one it replaces did so."""
    return json.dumps(text) if "\\u" in like and like.isascii() else orjson.dumps(text).decode()
