"""The pieces that comments are made of: tables, lists, folded sections, and whether a text still fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from liftgate.report import numbers
from liftgate.report.escape import Markdown, escape

MOST_CHARACTERS: Final = 60_000
MOST_BYTES: Final = 190_000
NAME_LIMIT: Final = 120
PLACES_LIMIT: Final = 240
SENTENCE_LIMIT: Final = 600
MOST_ITEMS: Final = 20

_STATES = {
    "ok": Markdown("✓ ok"),
    "fail": Markdown("**✗ fail**"),
    "unclear": Markdown("**? unclear**"),
    "not-measured": Markdown("**not measured**"),
}
Item = TypeVar("Item")


@dataclass(frozen=True)
class Section:
    """A piece of a comment that is there whole or not at all."""

    title: str
    body: Markdown


def size(text: str) -> tuple[int, int]:
    """Length as GitHub counts it, in UTF-16 code units, and in bytes as its storage does."""
    return len(text.encode("utf-16-le")) // 2, len(text.encode())


def fits(text: str) -> bool:
    """Whether GitHub takes this as one comment."""
    characters, stored = size(text)
    return characters <= MOST_CHARACTERS and stored <= MOST_BYTES


def state(word: str) -> Markdown:
    """A part's state with its mark."""
    return _STATES.get(word, escape(word))


def folded(title: str, body: Markdown, *, is_open: bool = False) -> Section:
    """A section that folds away. `title` is never raw data."""
    opening = "<details open>" if is_open else "<details>"
    return Section(title, Markdown(f"{opening}<summary>{title}</summary>\n\n{body}\n\n</details>"))


def table(
    head: str,
    align: str,
    items: Sequence[Item],
    cells: Callable[[Item], Sequence[Markdown]],
    most: int = MOST_ITEMS,
) -> Iterator[Markdown]:
    """A table of the first `most` items; nothing when there are none. `head` is never raw data."""
    if items:
        rule = ["--:" if side == "r" else "---" for side in align]
        rows = [head.split("|"), rule, *map(cells, items[:most])]
        yield Markdown("\n".join(f"| {' | '.join(row)} |" for row in rows) + more(len(items) - most))


def listed(items: Sequence[Item], shown: Callable[[Item], Markdown]) -> Iterator[Markdown]:
    """A list of the first items; nothing when there are none."""
    if items:
        rows = [f"- {shown(item) or numbers.NONE}" for item in items[:MOST_ITEMS]]
        yield Markdown("\n".join(rows) + more(len(items) - MOST_ITEMS))


def more(count: int) -> str:
    """How many items are not shown."""
    return f"\n\nand {numbers.count(count)} more in report.html" if count > 0 else ""


def lines(*parts: Markdown) -> Markdown:
    """One under the other."""
    return Markdown("\n".join(parts))


def blocks(*parts: Markdown) -> Markdown:
    """Paragraphs."""
    return Markdown("\n\n".join(parts))
