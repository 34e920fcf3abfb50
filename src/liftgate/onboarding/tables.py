"""CSV as people export it: encodings, delimiters, quotes; a record that cannot be read is named, never guessed at."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from liftgate.data.jsonl import not_text
from liftgate.errors import InputError, Problem
from liftgate.onboarding.columns import choose

_DELIMITERS: Final = (",", ";", "\t", "|")
_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LOOKED_AT: Final = 300
_NAMED: Final = 10


@dataclass(frozen=True)
class Pair:
    """One record: the line it begins on, question and answer."""

    line: int
    question: str
    answer: str


@dataclass(frozen=True)
class Table:
    """All records of a file, and what was guessed about it."""

    pairs: tuple[Pair, ...]
    told: tuple[str, ...]


def read_table(data: bytes, path: str, *, question: str | None = None, answer: str | None = None) -> Table:
    """Read a CSV file. Raises `InputError` with the line of every record that has too few or too many cells."""
    text, encoding = decoded(data, path)
    delimiter = _delimiter(text)
    records = _records(text, delimiter, path)
    first = next(records, None)
    if first is None:
        raise InputError(f"{path}: the file is empty", hint="a header and one record a line")
    header_line, header = first
    rest = list(records)
    columns = choose(
        header, [cells for _, cells in rest[:_LOOKED_AT]], question=question, answer=answer, path=path
    )
    if not columns.has_header:
        rest.insert(0, (header_line, header))
    width = len(header)
    problems = [
        Problem(f"{path}:{line}", f"{len(cells)} cells where the first line has {width}")
        for line, cells in rest
        if len(cells) < width or any(cell.strip() for cell in cells[width:])
    ]
    if problems:
        more = [Problem(path, f"and {len(problems) - _NAMED} more")] if len(problems) > _NAMED else []
        raise InputError(
            f"{path}: {len(problems)} record{'s' if len(problems) > 1 else ''} cannot be read",
            problems=[*problems[:_NAMED], *more],
            hint=f"a cell that holds a {_NAMES[delimiter]}, a quote or a line end stands in double quotes",
        )
    pairs = tuple(
        Pair(line, _clean(cells[columns.question]), _clean(cells[columns.answer])) for line, cells in rest
    )
    return Table(pairs, (f"{encoding}, {_NAMES[delimiter]} between cells", columns.told))


def decoded(data: bytes, path: str) -> tuple[str, str]:
    """(text, what it was read as): by its mark, else UTF-8, else the Western European one that Excel writes."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is None and (reason := not_text(data)):
        raise InputError(f"{path}: {reason}")
    if encoding is None and b"\0" in data[:4000]:
        raise InputError(f"{path}: this is no text file", hint="save the table as CSV, in UTF-8")
    if encoding is not None:
        try:
            return data.decode(encoding), encoding.removesuffix("-sig").upper()
        except UnicodeDecodeError:
            raise InputError(
                f"{path}: begins like {encoding.upper()} and is not", hint="save it as UTF-8"
            ) from None
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        try:
            return data.decode("cp1252"), f"Windows-1252 (line {line} is not UTF-8; look at its accents)"
        except UnicodeDecodeError:
            raise InputError(
                f"{path}:{line}: neither UTF-8 nor Windows-1252", hint="save the table in UTF-8"
            ) from None


def _delimiter(text: str) -> str:
    """The one that parts most of the first records into as many cells as the first."""

    def agreement(delimiter: str) -> tuple[float, int]:
        widths = []
        try:
            for record in csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=delimiter):
                widths += [len(record)] if record else []
                if len(widths) == _LOOKED_AT:
                    break
        except csv.Error:
            pass
        if not widths or widths[0] < 2:
            return (0.0, 0)
        return (sum(width == widths[0] for width in widths) / len(widths), widths[0])

    best = max(_DELIMITERS, key=agreement)
    return best if agreement(best)[1] else ","


def _records(text: str, delimiter: str, path: str) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise InputError(
                f"{path}:{line}: a cell has more than {csv.field_size_limit():,} characters",
                hint="is a quote opened on this line and never closed?",
            ) from None
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1


def _clean(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip()
