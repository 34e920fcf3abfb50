"""Names of files that mean the same on every machine, and names that do not: told before anything is written. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

LONGEST_PART: Final = 200
LONGEST_PATH: Final = 1_000
_SHOWN: Final = 160
_NOT_ON_WINDOWS: Final = frozenset('<>:"|?*\\')
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(1, 10)}
)
# Line breaks, controls, marks that turn the direction of writing, halves of a pair, and what has no meaning yet.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def odd_name(path: str) -> str | None:
    """Why a path of a git tree is refused, as the end of a sentence that starts with the path; None when it is not.

    Bytes that are no UTF-8 are expected as lone surrogates, which is how git's output is decoded here.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in path):
        return "is not UTF-8"
    if any(unicodedata.category(letter) in _UNSEEN for letter in path):
        return "holds a line break, a control character or something else that nobody can see"
    parts = path.split("/")
    if any(part in {"", ".", ".."} or part.lower() in {".git", "git~1"} for part in parts):
        return "leads out of its folder"
    if any(letter in _NOT_ON_WINDOWS for letter in path):
        return 'holds one of <>:"|?*\\, which no file on Windows may'
    for part in parts:
        if part[-1] in " .":
            return "has a part that ends in a space or a dot, which Windows drops"
        if part.split(".")[0].lower() in _DEVICES:
            return "has a part that is the name of a device on Windows"
        if len(part.encode()) > LONGEST_PART:
            return f"has a part of more than {LONGEST_PART} bytes"
    return f"is longer than {LONGEST_PATH} bytes" if len(path.encode()) > LONGEST_PATH else None


def printable(path: str) -> str:
    """A path that can stand in a finding: one short line of ASCII, escapes where there was anything else."""
    written = ascii(path)[1:-1]
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}..."


def colliding(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of paths that are one on a disk that does not tell case or composed letters apart, folders included.

    Of each pair the second is told once, however many files lie below it.
    """
    first: dict[str, str] = {}
    told: set[str] = set()
    for path in sorted(paths):
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            place = "/".join(parts[:depth])
            folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", place).casefold())
            other = first.setdefault(folded, place)
            if other != place:
                if place not in told:
                    told.add(place)
                    yield other, place
                break
