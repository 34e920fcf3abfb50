"""JSON Lines as a trainer must see it: every line either one value or one named problem, never a guess.

Stricter than most parsers on purpose: a duplicate key, a lone surrogate or a NaN is read differently by
different tools (RFC 7493 forbids them), and a provider fails the whole job on one such line.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

MAX_LINE_BYTES = 8 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_GZIP_MARK = b"\x1f\x8b"
_LFS_MARK = b"version https://git-lfs.github.com/spec/"
_TOO_DEEP = "nested too deeply to be a training row"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank: its 1-based number and its value, or the reason why it has none."""

    number: int
    value: Any
    problem: str | None = None


def parse(data: bytes) -> Iterator[Line]:
    """Yield every line that is not blank. Never raises, whatever the bytes are."""
    if data.startswith(BYTE_ORDER_MARK):
        data = data[len(BYTE_ORDER_MARK) :]
    if reason := not_text(data):
        yield Line(1, None, reason)
        return
    first = True
    # BytesIO shares the buffer, so a large file is not held twice as split() would.
    for number, raw in enumerate(io.BytesIO(data), start=1):
        stripped = raw.strip(b" \t\r\n")
        if not stripped:
            continue
        try:
            value = _strict(stripped)
        except _LineError as refusal:
            if first and _spans_lines(data):
                yield Line(number, None, "one JSON value spread over several lines; write one object a line")
                return
            yield Line(number, None, _cut_off(refusal, last=not raw.endswith(b"\n")))
        else:
            yield Line(number, value)
        first = False


def not_text(data: bytes) -> str | None:
    """Why these bytes are no text file at all, or None."""
    if data.startswith(_UTF16_MARKS):
        return "the file is UTF-16; save it as UTF-8"
    if data.startswith(_GZIP_MARK):
        return "the file is compressed; unpack it first"
    if is_lfs_pointer(data):
        return "a Git LFS pointer stands here instead of the data; run `git lfs pull`"
    return None


def is_lfs_pointer(data: bytes) -> bool:
    """True when the bytes are what Git LFS leaves in place of a file that was not fetched."""
    return data.startswith(_LFS_MARK) and len(data) < 1024


class _LineError(Exception):
    """The line cannot be read; the argument is the sentence for the finding. Never leaves this module."""


def _strict(raw: bytes) -> Any:
    if len(raw) > MAX_LINE_BYTES:
        raise _LineError(
            f"the line is longer than {MAX_LINE_BYTES // 1024 // 1024} MiB; no target trains on such a row"
        )
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _LineError(_reason(error, raw)) from None
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise _LineError(_TOO_DEEP) from None
    if _may_repeat_a_key(raw, written) and (where := _repeats_a_key(raw)):
        raise _LineError(where)
    return value


def _may_repeat_a_key(raw: bytes, written: bytes) -> bool:
    # In JSON a quote followed by a colon ends a key unless the quote is escaped, and an escaped quote is
    # written back as it stood. So equal counts mean that no key was lost; odd spellings go the slow way.
    return (
        raw.count(b'":') != written.count(b'":')
        or b" :" in raw
        or b"\t:" in raw
        or b"\r:" in raw
        or b"\\u0022" in raw
    )


def _repeats_a_key(raw: bytes) -> str | None:
    repeated: list[int] = []

    def pairs(items: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in items}) != len(items):
            repeated.append(1)

    try:
        json.loads(raw, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return _TOO_DEEP
    return "a key stands twice in one object; keep one of them" if repeated else None


_REASONS = (
    ("depth limit", _TOO_DEEP),
    ("recursion", _TOO_DEEP),
    ("surrogate", "half a character (a lone surrogate) at column {0}"),
    ("infinity", "a number too large to be stored (column {0})"),
    ("control character", "a raw control character inside a string (column {0}); escape it"),
    ("", "not valid JSON (column {0})"),
)


def _reason(error: orjson.JSONDecodeError, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return f"byte {bad.start + 1} is not UTF-8; save the file as UTF-8"
    if text[error.pos : error.pos + 9].lstrip("-").startswith(("NaN", "Infinity", "nan", "inf")):
        return f"NaN and Infinity are not JSON (column {error.colno}); use null"
    message = error.msg.lower()
    return next(sentence for part, sentence in _REASONS if part in message).format(error.colno)


def _cut_off(refusal: _LineError, *, last: bool) -> str:
    sentence = str(refusal)
    if last and sentence.startswith("not valid JSON"):
        return f"{sentence}; the last line seems cut off"
    return sentence


def _spans_lines(data: bytes) -> bool:
    try:
        text = data.decode("utf-8").lstrip()
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end]
