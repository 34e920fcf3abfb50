"""Which texts may resemble a golden case, found in one pass over all of them; the rules of leakage decide."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from liftgate.data.near import WORDS, Overlap, overlaps
from liftgate.data.skeleton import Template

LONG_RUN: Final = 40
_LEAST_LETTERS: Final = 12
_HEAD: Final = 6


class Resembling(NamedTuple):
    """Texts by number, beside the references they may resemble.

    `close` share many words with one, `swapped` hold most of a template's own words, `closed_up` are equal to one
    once spaces are taken out (text → reference).
    """

    close: Sequence[Overlap]
    swapped: Sequence[Overlap]
    closed_up: dict[int, int]


def resembling(
    texts: Sequence[bytes],
    references: Sequence[bytes],
    templates: Sequence[Template | None],
    repeats: Collection[int],
) -> Resembling:
    """Texts and references in the form without disguise; `templates` those of the references."""
    watched = _ClosedUp(texts, references)
    known = [(number, each) for number, each in enumerate(templates) if each]
    # Whoever holds most of a case's long runs holds half of its short ones; whoever shares a run of forty words
    # shares nearly forty short ones. So one pass finds all that the dearer comparisons must look at.
    least = [0.5] * len(references) + [0.6 * each.cover for _, each in known]
    every = [*references, *(each.text for _, each in known)]
    found = overlaps(watched, every, WORDS, least_cover=least, or_shared=LONG_RUN - 10, repeats=repeats)
    close: list[Overlap] = []
    swapped: list[Overlap] = []
    for pair in found:
        if pair.reference < len(references):
            close.append(pair)
        else:
            swapped.append(pair._replace(reference=known[pair.reference - len(references)][0]))
    return Resembling(close, swapped, watched.found)


class _ClosedUp(Sequence[bytes]):
    """Texts that are compared as they are read, because reading them makes them anew and is dear."""

    def __init__(self, texts: Sequence[bytes], references: Sequence[bytes]) -> None:
        self.texts = texts
        self.found: dict[int, int] = {}
        self.wanted = {
            closed: number
            for number, text in reversed(list(enumerate(references)))
            if len(closed := text.replace(b" ", b"")) >= _LEAST_LETTERS
        }
        self.heads = {closed[:_HEAD] for closed in self.wanted}

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: Any) -> Any:
        return self.texts[index]

    def __iter__(self) -> Iterator[bytes]:
        heads = self.heads
        for number, text in enumerate(self.texts):
            # However the letters are parted, the first six stand among the first twelve.
            if text[: 2 * _HEAD].replace(b" ", b"")[:_HEAD] in heads:
                reference = self.wanted.get(text.replace(b" ", b""))
                if reference is not None:
                    self.found[number] = reference
            yield text
