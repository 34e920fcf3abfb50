"""Numbers and addresses written so that no pattern finds them: full-width, split by what nobody sees."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ODD_SPACES: Final = "\u00a0\u2000-\u200a\u202f"
_ODD_DASHES: Final = "\u2010-\u2015\u2212"
_UNSEEN: Final = "\u00ad\u200b-\u200f\u2060-\u2064\ufeff"
_OTHER_LETTERS: Final = (
    "\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\u0660-\u0669\u06f0-\u06f9\u0966-\u096f"
)
DISGUISED: Final = f"[{_UNSEEN}{_OTHER_LETTERS}]|[0-9][{_ODD_SPACES}{_ODD_DASHES}][0-9]"
"""What in a text makes it worth a second look; dashes and spaces count between digits only."""

_TOLD: Final = re.compile(DISGUISED)
_DASH: Final = re.compile(f"[{_ODD_DASHES}]")
_HIDDEN: Final = re.compile(f"[{_UNSEEN}]")


def is_disguised(text: str) -> bool:
    """True for a text that reads differently once it is undisguised."""
    return not text.isascii() and _TOLD.search(text) is not None


def undisguised(text: str) -> tuple[str, list[int]]:
    """The text in plain letters, digits, spaces and dashes, and where each of its letters stood."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        plain = letter if letter.isascii() else _plain(letter)
        letters.append(plain)
        places += [place] * len(plain)
    return "".join(letters), places


def _plain(letter: str) -> str:
    if _HIDDEN.match(letter):
        return ""
    if _DASH.match(letter):
        return "-"
    digit = unicodedata.decimal(letter, None)
    return unicodedata.normalize("NFKC", letter) if digit is None else str(digit)
