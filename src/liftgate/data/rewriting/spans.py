"""Where personal data and credentials stand in one text, judged as the rules `pii` and `secret` judge a row."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from liftgate.data.checks import privacy, secrets
from liftgate.data.dataset import Row
from liftgate.data.disguise import is_disguised, undisguised
from liftgate.data.scan import Match, compiled

SECRET: Final = "SECRET"  # noqa: S105
PHONE: Final = "PHONE"
KINDS: Final = {
    "an e-mail address": "EMAIL",
    "an IBAN": "IBAN",
    "a national id": "NATIONAL_ID",
    "an IP address": "IP",
    "a card number": "CARD",
    privacy.PHONE: PHONE,
}
"""The rule's words for a kind → the word in its placeholder."""

# Letters of every alphabet, where the rule's own pattern is content to find the ASCII part of an address.
_EMAIL: Final = r"[\pL\pN._%+\-]+@[\pL\pN\-]+(?:\.[\pL\pN\-]+)*\.\pL{2,}"
_KEY_BLOCK_END: Final = re.compile(r"-----END (?:[A-Z]+ )*PRIVATE KEY-----")
_BRACKETED: Final = re.compile(r" ?[\[({] ?(?:(?P<at>at)|dot) ?[\])}] ?", re.IGNORECASE)
_SPACES: Final = bytes.maketrans(b"\n\t", b"  ")
_ESCAPED_SPACE: Final = re.compile(rb"\\[nt]")
_NO_ROW: Final = Row(0, {})


class Span(NamedTuple):
    """A stretch of a text. `kind` is None for what only looks like personal data.

    `key` is equal for all spellings of one value.
    """

    start: int
    end: int
    kind: str | None
    key: str


def spans(text: str, before: str, *, strict: bool = False) -> list[Span]:
    """Candidates in the order of the text, none overlapping another; credentials win over the rest.

    With `strict`, the words around a number do not excuse it, and a match may start anywhere in another.
    """
    if is_disguised(text):
        plain, places = undisguised(text)
        seen = spans(plain, before, strict=strict)
        return [s._replace(start=places[s.start], end=places[s.end - 1] + 1) for s in seen if s.start < s.end]
    found = [*_secrets(text, before), *_emails(text)]
    found += sorted(_candidates(text, before, strict=strict), key=lambda span: span.kind is None)
    kept: list[Span] = []
    for span in found:
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept)


def key_of(text: str) -> str:
    """What all spellings of one value have in common."""
    text = _BRACKETED.sub(lambda word: "@" if word["at"] else ".", text)
    if "@" in text:
        return text.lower()
    if ":" in text or text.count(".") == 3:
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            pass
    compact = "".join(letter for letter in text.replace("(0)", "") if letter.isalnum()).upper()
    return compact[2:] if text.startswith("00") else compact


def _candidates(text: str, before: str, *, strict: bool) -> Iterator[Span]:
    whole = (before + text).encode()
    # Line ends must not part a number from the word before it; the length stays.
    searched = _ESCAPED_SPACE.sub(b"  ", whole.translate(_SPACES))
    first = len(before.encode())
    position = 0
    while found := compiled(privacy.CANDIDATE).search(searched, position):
        start, end = found.span()
        match = Match(_NO_ROW, _text(searched[start:end]), "" if strict else _text(searched[:start][-40:]))
        parts: list[tuple[str | None, int, int]] = [
            (KINDS[part.kind], part.start, part.end) for part in privacy.confirmed(match)
        ]
        # A candidate takes along what it can, and may end inside the number that follows.
        space = searched.find(b" ", start + (parts[-1][2] if parts else 1), end)
        position = start + 1 if strict else end if space < 0 else space
        for kind, begin, stop in parts or [(None, int(not match.text[0].isalnum()), end - start)]:
            if start + stop <= first:
                continue
            at = len(_text(whole[first : max(start + begin, first)]))
            to = len(_text(whole[first : start + stop]))
            if at < to:
                yield Span(at, to, kind, key_of(text[at:to]))


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        for found in _email().finditer(text):
            yield Span(found.start(), found.end(), "EMAIL", key_of(found.group()))


def _secrets(text: str, before: str) -> Iterator[Span]:
    whole = (before + text).encode()
    searched = _ESCAPED_SPACE.sub(b"  ", whole.translate(_SPACES))
    first = len(before.encode())
    position = 0
    while found := compiled(secrets.CANDIDATE).search(searched, position):
        start, end = found.span()
        located = secrets.located(_text(searched[start:end]))
        # What a long word after `password` hides may still be one itself.
        position = end if located is not None else start + 1
        if located is None or end <= first:
            continue
        to = len(_text(whole[first:end]))
        at = max(len(_text(whole[first : max(start, first)])), to - located)
        if "PRIVATE KEY" in text[at:to]:
            closing = _KEY_BLOCK_END.search(text, to)
            to = closing.end() if closing else len(text)
        yield Span(at, to, SECRET, text[at:to])


@cache
def _email() -> Any:
    import re2

    return re2.compile(_EMAIL)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
