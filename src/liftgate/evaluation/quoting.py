"""Text of others between markers that it cannot contain, so that no text can end its own quotation.

The marker is drawn from the texts themselves: the same texts get the same marker (and so the same stored answer),
and a text that holds the marker of its own digest gets another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from liftgate.digests import digest

_LENGTH = 24


def marker(texts: Sequence[str]) -> str:
    """24 hexadecimal digits that stand in none of the texts."""
    for attempt in count():
        drawn = digest([attempt, *texts])[:_LENGTH]
        if not any(drawn in text.lower() for text in texts):
            return drawn
    raise AssertionError  # a text of some length cannot hold every marker


def quoted(name: str, text: str, mark: str, about: str = "") -> str:
    """One text between an opening and a closing line; `about` stands in the opening one and is ours."""
    return f"<{name} {mark}{about}>\n{text}\n</{name} {mark}>"
