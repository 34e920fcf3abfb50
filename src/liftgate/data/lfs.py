"""Git LFS pointers: the few lines that stand in place of a file whose data was not fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MARK: Final = b"version https://git-lfs.github.com/spec/"
MAX_BYTES: Final = 1024
_FORM = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\n"
    rb"size (?P<size>0|[1-9][0-9]{0,18})\n?"
)


@dataclass(frozen=True)
class Pointer:
    """The sha256 and the size in bytes of the data that a pointer stands for."""

    oid: str
    size: int


def is_pointer(data: bytes) -> bool:
    """True when the bytes start as a pointer does, sound or not."""
    return data.startswith(MARK)


def read_pointer(data: bytes) -> Pointer | None:
    """The pointer, or None when it is none that can be trusted.

    The whole form is matched, so an oid can never name a path: it is 64 hex digits or the pointer is refused.
    """
    found = _FORM.fullmatch(data) if len(data) <= MAX_BYTES else None
    return Pointer(found["oid"].decode(), int(found["size"])) if found else None
