"""JSON Lines as a trainer must see it: every line either one value or one named problem, never a guess.

Stricter than most parsers on purpose: a duplicate key, a lone surrogate or a NaN is read differently by
different tools (RFC 7493 forbids them), and a provider fails the whole job on one such line.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import orjson

from liftgate.data import lfs

MAX_LINE_BYTES = 8 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_GZIP_MARK = b"\x1f\x8b"
LFS_POINTER = (
    "a Git LFS pointer stands here instead of the data; run `git lfs pull`, or commit the data itself"
)
_TOO_DEEP = "nested too deeply to be a training row"


class Line(NamedTuple):
    """One line that is not blank: its 1-based number and its value, or the reason why it has none."""

    number: int
    value: Any
    problem: str | None = None


@dataclass
class Layout:
    """What was seen of the file's form while its lines were read."""

    byte_order_mark: bool = False
    crlf_lines: int = 0
    first_crlf: int | None = None
    first_blank: int | None = None
    unended_line: int | None = None


def parse(source: bytes | BinaryIO, layout: Layout | None = None) -> Iterator[Line]:
    """Yield every line that is not blank. Never raises, whatever the bytes are.

    A stream is read line by line, so that a large file is never in memory as a whole; it must be seekable.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    layout = layout or Layout()
    first = True
    for number, raw in enumerate(stream, start=1):
        if number == 1:
            if reason := not_text(raw):
                yield Line(1, None, reason)
                return
            layout.byte_order_mark = raw.startswith(BYTE_ORDER_MARK)
            raw = raw.removeprefix(BYTE_ORDER_MARK)  # noqa: PLW2901
        stripped = raw.strip(b" \t\r\n")
        if raw[-1:] != b"\n" or raw[-2:] == b"\r\n" or not stripped:
            _look(layout, number, raw, blank=not stripped)
        if not stripped:
            continue
        try:
            yield Line(number, _strict(stripped))
        except _LineError as refusal:
            if first and _spans_lines(stream):
                yield Line(number, None, "one JSON value spread over several lines; write one object a line")
                return
            yield Line(number, None, _cut_off(refusal, last=layout.unended_line is not None))
        first = False


def _look(layout: Layout, number: int, raw: bytes, *, blank: bool) -> None:
    if not raw.endswith(b"\n"):
        layout.unended_line = number
    if raw.endswith(b"\r\n"):
        layout.crlf_lines += 1
        layout.first_crlf = layout.first_crlf or number
    if blank and layout.first_blank is None:
        layout.first_blank = number


def not_text(data: bytes) -> str | None:
    """Why a file that starts with these bytes is no text file at all, or None."""
    if data.startswith(_UTF16_MARKS):
        return "the file is UTF-16; save it as UTF-8"
    if data.startswith(_GZIP_MARK):
        return "the file is compressed; unpack it first"
    return LFS_POINTER if lfs.is_pointer(data) else None


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
    # A lost key takes its two quotes along, and everything else is written back with as many quotes as it
    # had, but for a quote that was spelled \u0022. Unequal counts go the slow, exact way.
    return raw.count(b'"') != written.count(b'"') or (b"\\" in raw and b"\\u0022" in raw)


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


def _spans_lines(stream: BinaryIO) -> bool:
    here = stream.tell()
    stream.seek(0)
    whole = stream.read()
    stream.seek(here)
    try:
        text = whole.decode("utf-8-sig").lstrip()
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end]
