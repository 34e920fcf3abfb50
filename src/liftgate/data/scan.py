"""Where in a dataset's rows a pattern matches, in linear time whatever the pattern and the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import orjson

from liftgate.data.dataset import Row
from liftgate.data.disguise import DISGUISED, undisguised

_BATCH_BYTES: Final = 1 << 18
_BEFORE: Final = 40


class Match(NamedTuple):
    """A stretch of a row's text: what matched, and up to forty bytes in front of it."""

    row: Row
    text: str
    before: str


def as_json(row: Row) -> bytes:
    """All of a row, messages, tool calls and metadata, on one line."""
    return orjson.dumps(row.data, option=orjson.OPT_APPEND_NEWLINE)


def matches(rows: Iterable[Row], pattern: str, written: Callable[[Row], bytes] = as_json) -> Iterator[Match]:
    """Every match in what `written` makes of any row: text that ends with its line.

    Many rows are searched at a time, because one call of the engine costs more than a row. A row with letters or
    digits in disguise is searched once more without it.
    """
    expression = compiled(pattern)
    for batch, text, ends in batches(rows, written):
        at = 0
        for found in expression.finditer(text):
            start, end = found.span()
            while ends[at] <= start:
                at += 1
            before = text[max(start - _BEFORE, ends[at - 1] if at else 0) : start]
            yield Match(
                batch[at], text[start:end].decode("utf-8", "replace"), before.decode("utf-8", "replace")
            )
        for number in _disguised(text, ends):
            written_plainly, _ = undisguised(text[ends[number - 1] if number else 0 : ends[number]].decode())
            plain = written_plainly.encode()
            for found in expression.finditer(plain):
                start, end = found.span()
                behind = plain[max(start - _BEFORE, 0) : start].decode("utf-8", "replace")
                yield Match(batch[number], plain[start:end].decode("utf-8", "replace"), behind)


def _disguised(text: bytes, ends: list[int]) -> Iterator[int]:
    """The rows that hold letters or digits in disguise, by their number in the batch."""
    if text.isascii():
        return
    at = 0
    told = -1
    for found in compiled(DISGUISED).finditer(text):
        while ends[at] <= found.start():
            at += 1
        if at != told:
            told = at
            yield at


@cache
def compiled(pattern: str) -> Any:
    """A pattern over bytes, made once."""
    import re2

    options = re2.Options()
    options.max_mem = 64 << 20
    return re2.compile(pattern.encode(), options)


def batches(
    rows: Iterable[Row], written: Callable[[Row], bytes]
) -> Iterator[tuple[list[Row], bytes, list[int]]]:
    """Rows, what `written` makes of them with escaped spaces as spaces, and where in it each row ends."""
    batch: list[Row] = []
    texts: list[bytes] = []
    ends: list[int] = []
    size = 0
    for row in rows:
        text = written(row)
        size += len(text)
        batch.append(row)
        texts.append(text)
        ends.append(size)
        if size >= _BATCH_BYTES:
            yield batch, _joined(texts), ends
            batch, texts, ends, size = [], [], [], 0
    if batch:
        yield batch, _joined(texts), ends


def _joined(texts: list[bytes]) -> bytes:
    # An escaped line end or tab must not glue its letter to the word that follows it; the length stays.
    text = b"".join(texts).replace(b"\\n", b"  ")
    return text.replace(b"\\t", b"  ") if b"\\t" in text else text
