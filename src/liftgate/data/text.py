"""How two prompts are held against each other: the normal form, its fingerprint, and disguises taken off."""

from __future__ import annotations

import hashlib
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
_DIGIT: Final = re.compile("[0-9]")
_LONG_NUMBER: Final = re.compile("[0-9](?:[_.:/-]?[0-9]){8}")

# Letters of other alphabets that are read as a Latin one, by the small letter; a capital goes with its small one,
# but for the three Greek capitals that look like another letter than their small ones do.
_LOOKALIKES: Final = {
    "a": "аαɑᴀ",
    "b": "вьβʙ",
    "c": "сᴄ",
    "d": "ԁđᴅ",
    "e": "еєεҽᴇ",
    "f": "ƒꜰ",
    "g": "ɡցɢ",
    "h": "нһհʜ",
    "i": "іιıɪ",
    "j": "јȷᴊ",
    "k": "кκᴋ",
    "l": "ӏłʟ",
    "m": "мμᴍ",
    "n": "пηոɴ",
    "o": "оοօøᴏ",
    "p": "рρᴘ",
    "q": "ԛ",
    "r": "гʀ",
    "s": "ѕꜱ",
    "ss": "ß",
    "t": "тτŧᴛ",
    "u": "υսᴜ",
    "v": "νѵᴠ",
    "w": "ԝωѡᴡ",
    "x": "хχ",
    "y": "уγүʏ",
    "z": "ζᴢ",
}
_FOLDED: Final = {
    ord(letter): latin
    for latin, letters in _LOOKALIKES.items()
    for small in letters
    for letter in (small, small.upper())
    if len(letter) == 1
} | {
    **dict(zip(map(ord, "ΗΝΥ"), "hny", strict=True)),
    **dict.fromkeys((0x115F, 0x1160), ""),
    0x2800: " ",
    ord("ς"): "c",
}
# What is left of these when their marks are dropped is Latin: accents, quotes, dashes, signs of currency.
_FOREIGN: Final = re.compile(
    "[^\x00-\x7f\xa0-\u0130\u0132-\u017f\u0300-\u036f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]|[łŁøØđĐŧŦ]"
)
_ASCII_PARTED: Final = _ASCII_SPACES.replace(b"_", b" ", 1)


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
    """The normal form without disguise: look-alike letters and accents folded, nothing invisible, `_` a space.

    Only texts beyond ASCII pay for the folding, and only those with letters of other alphabets in full.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.replace("ß", "ss") if "ß" in text else text)
        if _FOREIGN.search(text):
            lowered = text.translate(_FOLDED).lower().replace("_", " ")
            return " ".join(_PUNCTUATION.sub("", lowered).split()).encode("utf-8", "surrogatepass")
        text = text.encode("ascii", "ignore").decode()
    kept = text.lower().encode().translate(_ASCII_PARTED, _ASCII_REMOVED)
    return b" ".join(kept.split()) if b"  " in kept else kept.strip(b" ")


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
