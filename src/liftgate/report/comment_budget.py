"""Room in a comment, shared: aliases take turns, and a section that does not fit is left out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from liftgate.report import numbers
from liftgate.report.comment_markup import (
    MOST_BYTES,
    MOST_CHARACTERS,
    SENTENCE_LIMIT,
    Section,
    blocks,
    fits,
    size,
)
from liftgate.report.escape import Markdown, escape

_FOOTER_ROOM: Final = 2_000
_MOST_NAMED: Final = 12


@dataclass(frozen=True)
class Group:
    """The sections of one alias, the most useful first, under a heading that is always there."""

    name: str
    heading: Markdown | None
    sections: tuple[Section, ...]


def assembled(opening: Markdown, groups: Sequence[Group], ending: str) -> str:
    """The opening, the groups in their order, and a last line. Always within what GitHub takes."""
    characters, stored = size(blocks(opening, *(group.heading for group in groups if group.heading)))
    room = [MOST_CHARACTERS - characters - _FOOTER_ROOM, MOST_BYTES - stored - _FOOTER_ROOM]
    kept: list[list[Section]] = [[] for _ in groups]
    left: list[str] = []
    for turn in range(max((len(group.sections) for group in groups), default=0)):
        for group, mine in zip(groups, kept, strict=True):
            if turn >= len(group.sections):
                continue
            section = group.sections[turn]
            wanted = [each + 4 for each in size(section.body)]
            if all(need <= free for need, free in zip(wanted, room, strict=True)):
                room = [free - need for need, free in zip(wanted, room, strict=True)]
                mine.append(section)
            else:
                left.append(f"{section.title} of {group.name}" if group.heading else section.title)
    parts = [opening]
    for group, mine in zip(groups, kept, strict=True):
        parts += [*([group.heading] if group.heading else []), *(section.body for section in mine)]
    text = blocks(*parts, *_footer(left, ending)) + "\n"
    if not fits(text):
        raise AssertionError("the opening alone is longer than a comment")
    return text


def _footer(left: Sequence[str], ending: str) -> list[Markdown]:
    told = ending
    if left:
        named = ", ".join(left[:_MOST_NAMED])
        more = f" and {numbers.count(len(left) - _MOST_NAMED)} more" if len(left) > _MOST_NAMED else ""
        told = f"Left out because the comment would be too long: {named}{more}. {ending}"
    return [Markdown(f"<sub>{escape(told, SENTENCE_LIMIT)}</sub>")] if told else []
