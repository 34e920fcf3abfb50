"""What a prompt is without its entities: the same sentence with another order number is no new question."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import Final, NamedTuple

from liftgate.data.text import normal_bytes, unmasked_bytes

GAP: Final = b"\0"
_DIGIT: Final = re.compile("[0-9]")
_MASK: Final = "_"
_LEAST_SKELETON: Final = 5
_LEAST_TEMPLATE: Final = 10
_LEAST_RUN: Final = 3
_GAP_WORDS: Final = 8
_NUMBERS: Final = frozenset(
    b"two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty seventy eighty "
    b"ninety hundred thousand eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf zwanzig hundert tausend "
    b"dos tres cuatro cinco seis siete ocho nueve diez veinte treinta cuarenta cincuenta cien ciento mil".split()
)
_MONEY: Final = frozenset(
    b"eur euro euros usd dollar dollars gbp pound pounds chf franken sek dolares libras pfund cents".split()
)


def skeleton(text: str) -> bytes:
    """What is left of a text when ids, numbers, amounts and names are masked; empty when nothing was masked.

    A word with a digit is masked; so is a capitalised word inside a sentence, unless the language capitalises
    so freely (German nouns) that capitals say nothing. Needs five words that stay.
    """
    words = text.split()
    names = _capitals_mean_names(words)
    kept: list[str] = []
    opening = True
    for word in words:
        name = names and not opening and word[0].isupper() and word != "I"
        if not name and not _DIGIT.search(word):
            kept.append(word)
        elif kept[-1:] != [_MASK]:
            kept.append(_MASK)
        opening = word[-1] in ".!?:"
    masked = _MASK in kept
    plain = sum(word != _MASK for word in kept)
    return normal_bytes(" ".join(kept)) if masked and plain >= _LEAST_SKELETON else b""


@lru_cache(1 << 14)
def _plain(word: str) -> bytes:
    return unmasked_bytes(word)


def _capitals_mean_names(words: list[str]) -> bool:
    inner = [after for before, after in itertools.pairwise(words) if before[-1] not in ".!?:"]
    plain = [word[0].isupper() for word in inner if not _DIGIT.search(word)]
    runs = sum(1 for capital, _ in itertools.groupby(plain) if capital)
    return runs * 10 <= len(plain) * 3


class Template(NamedTuple):
    """A prompt's own words in runs, with a gap where an entity stood.

    `text` has `GAP` for every gap; of its trigrams the share `cover` has none. `pattern` finds the runs in order,
    with up to eight words of any kind in a gap.
    """

    text: bytes
    cover: float
    pattern: re.Pattern[bytes]


def template(prompt: str) -> Template | None:
    """The template of a prompt that has entities, None without any or where too little else is left.

    Unlike `skeleton` it knows numbers and amounts in words, and what it is held against needs no capitals.
    """
    words = prompt.split()
    names = _capitals_mean_names(words)
    kept: list[bytes] = []
    opening = True
    for word in words:
        plain = _plain(word)
        name = names and not opening and word[0].isupper() and word != "I"
        amount = plain in _NUMBERS or (plain in _MONEY and kept[-1:] == [GAP])
        if name or amount or _DIGIT.search(word):
            kept += [GAP] if kept[-1:] != [GAP] else []
        elif plain:
            kept += plain.split(b" ")
        opening = word[-1] in ".!?:"
    text = b" ".join(kept)
    runs = [run.split() for run in text.split(GAP) if run.strip()]
    own = sum(map(len, runs))
    whole = sum(max(len(run) - _LEAST_RUN + 1, 0) for run in runs)
    if GAP not in kept or own < _LEAST_TEMPLATE or own * 2 < len(words) or whole < _LEAST_RUN:
        return None
    gap = rb" (?:[^ ]+ ){0,%d}" % _GAP_WORDS
    pattern = re.compile(rb"(?:^| )" + gap.join(re.escape(b" ".join(run)) for run in runs) + rb"(?: |$)")
    return Template(text, whole / max(len(kept) - _LEAST_RUN + 1, 1), pattern)
