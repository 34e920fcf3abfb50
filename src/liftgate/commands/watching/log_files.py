"""Request logs from disk: plain or compressed, in blocks, never a whole file in memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import orjson

from liftgate.errors import InputError

BLOCK: Final = 1 << 16
MOST_LINE: Final = 4 << 20
_TOO_LONG: Final = b"\0"


def listed(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant, those of a folder by name. Raises `InputError` for a folder without a log."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(each for each in path.rglob("*") if each.is_file() and ".jsonl" in each.suffixes)
        if not inside:
            raise InputError(
                f"{path}: no .jsonl or .jsonl.gz file is in this folder", hint="an empty log is no look"
            )
        found += inside
    return found


def parsed(path: Path) -> Iterator[tuple[int, list[Any]]]:
    """Blocks of parsed lines with the number of the first; None stands for a line that is not JSON.

    Blank lines are None too, but for the end of the file. Raises `InputError` when the file cannot be read.
    """
    number = 1
    for lines in _blocks(path):
        yield number, _values(lines)
        number += len(lines)


def _values(lines: Sequence[bytes]) -> list[Any]:
    # One call for a whole block is half again as fast as one a line.
    try:
        values = orjson.loads(b"[" + b",".join(lines) + b"]")
    except orjson.JSONDecodeError:
        return [_value(line) for line in lines]
    return values if len(values) == len(lines) else [_value(line) for line in lines]


def _value(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _blocks(path: Path) -> Iterator[list[bytes]]:
    """Whole lines, about a block of them at a time; a line beyond the limit is replaced by one that is not JSON."""
    rest, skipping = b"", False
    try:
        with _opened(path) as stream:
            while block := stream.read(BLOCK):
                lines = (rest + block).split(b"\n")
                rest = lines.pop()
                if skipping and lines:
                    lines[0], skipping = _TOO_LONG, False
                if skipping or len(rest) > MOST_LINE:
                    rest, skipping = b"", True
                if lines:
                    yield lines
    except (OSError, EOFError, zlib.error) as error:
        said = (
            error.strerror if isinstance(error, OSError) and error.strerror else "the compression is damaged"
        )
        raise InputError(f"{path}: cannot be read: {said}", hint="copy the log again") from None
    if rest or skipping:
        yield [_TOO_LONG if skipping else rest]


def _opened(path: Path) -> BinaryIO:
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected a request log", hint="name its files")
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    if path.suffix == ".zst":
        return _zstandard(path)
    return path.open("rb", buffering=0) if path.exists() else _missing(path)


def _missing(path: Path) -> BinaryIO:
    raise InputError(
        f"{path}: no such request log", hint="check the path, or the command that should write it"
    )


def _zstandard(path: Path) -> BinaryIO:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise InputError(
            f"{path}: this Python reads no .zst (3.14 does)", hint=f"zstd -d {path}, or use .gz"
        ) from None
    return cast(BinaryIO, io.BufferedReader(zstd.open(path)))
