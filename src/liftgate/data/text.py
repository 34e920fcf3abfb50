"""How two prompts are held against each other: the normal form, its fingerprint, and look-alike letters."""

from __future__ import annotations

import hashlib
import itertools
import re
import string
import unicodedata
from typing import Final

_PUNCTUATION = re.compile(r"[^\w\s]")
# For ASCII text the same removal is one table look-up per byte, about eight times faster.
_ASCII_REMOVED: Final = "".join(c for c in map(chr, range(128)) if _PUNCTUATION.match(c)).encode()
_ASCII_SPACES: Final = bytes(32 if chr(code).isspace() else code for code in range(128)) + bytes(128)

_IDENTIFIER: Final = frozenset(string.ascii_letters + string.digits + "_-.:/")

_LONG_RUN: Final = re.compile("[A-Za-z0-9]{16,}")
_LONG_NUMBER: Final = re.compile("[0-9](?:[_.:/-]?[0-9]){8}")

_LATIN: Final = "aabeekmhopctyxxijsdqwlvnuafgzrt"
_LOOKALIKE: Final = "аαвеєкмнорстухχіјѕԁԛԝӏνпυɑƒɡᴢгτ"
_SUSPICIOUS = re.compile(
    "[\u00ad\u0300-\u052f\u200b-\u200f\u2060\u2100-\u214f\ufb00-\ufeff\uff00-\uffef\U0001d400-\U0001d7ff]"
)
_DIGIT = re.compile("[0-9]")
_MASK: Final = "_"
_LEAST_SKELETON: Final = 5
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f"), "")
_FOLDED: Final = {**dict(zip(map(ord, _LOOKALIKE), _LATIN, strict=True)), **_INVISIBLE}


def normalise(text: str) -> str:
    r"""Lower case, `[^\w\s]` removed, runs of space to one, none at the ends."""
    return normal_bytes(text).decode("utf-8", "surrogatepass")


def normal_bytes(text: str) -> bytes:
    """The normal form in UTF-8, which is what fingerprints and shingles are made of."""
    lowered = text.lower()
    if not lowered.isascii():
        return " ".join(_PUNCTUATION.sub("", lowered).split()).encode("utf-8", "surrogatepass")
    kept = lowered.encode().translate(_ASCII_SPACES, _ASCII_REMOVED)
    return b" ".join(kept.split()) if b"  " in kept else kept.strip(b" ")


def unmasked_bytes(text: str) -> bytes:
    """The normal form with look-alike letters and invisible characters folded away.

    Only texts that hold a suspicious character pay for the folding.
    """
    if text.isascii() or not _SUSPICIOUS.search(text):
        return normal_bytes(text)
    return normal_bytes(unicodedata.normalize("NFKC", text).lower().translate(_FOLDED))


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


def _capitals_mean_names(words: list[str]) -> bool:
    inner = [after for before, after in itertools.pairwise(words) if before[-1] not in ".!?:"]
    plain = [word[0].isupper() for word in inner if not _DIGIT.search(word)]
    runs = sum(1 for capital, _ in itertools.groupby(plain) if capital)
    return runs * 10 <= len(plain) * 3


def fingerprint(text: str) -> bytes:
    """Sixteen bytes that stand for a text; equal texts, equal bytes, in every process."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def normal_print(text: str) -> bytes:
    """Fingerprint of the normal form: equal for texts that differ in case, punctuation and spaces only."""
    return hashlib.blake2b(normal_bytes(text), digest_size=16).digest()


def is_identifier(text: str) -> bool:
    """True for one short ASCII word such as a key, a label or an id; anything else may be a row's text.

    False for what may be a credential or somebody's number, whatever place it was put in: a long run of letters
    and digits mixed, or a number of nine digits and more.
    """
    if not 0 < len(text) <= 48 or not all(letter in _IDENTIFIER for letter in text):
        return False
    return not _LONG_NUMBER.search(text) and not any(map(_DIGIT.search, _LONG_RUN.findall(text)))


def shown(name: str, otherwise: str) -> str:
    """A name in quotes when it is an identifier, else other words: no finding quotes a row."""
    return repr(name) if is_identifier(name) else otherwise
