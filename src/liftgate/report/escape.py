"""Text that somebody else wrote, made inert for Markdown: the only place that turns data into Markdown.

`Markdown` marks a string that may stand in a comment as it is. The type checker keeps raw text out of the
comment, because tables, lists and sections accept nothing else.
"""

from __future__ import annotations

import re
from typing import NewType

Markdown = NewType("Markdown", str)

TEXT_LIMIT = 240
FENCE_LIMIT = 4_000
_SURELY_ENOUGH = 8
_MOST_GROWTH = 3

_LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile(r"\s+")
# Controls, bidi controls, characters without a glyph, and the tag block that smuggles invisible text.
# Zero-width joiner and non-joiner stay: several scripts cannot be written without them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")

# GitHub looks for these after rendering, in plain text, so only a gap inside them helps.
_GAP = "\u200b"
_REFERENCES = (
    (re.compile(r"@"), f"@{_GAP}"),
    (re.compile(r"#(?=\d)"), f"#{_GAP}"),
    (re.compile(r"\b(GH|GHSA|CVE)-(?=\w)", re.IGNORECASE), rf"\1-{_GAP}"),
    (re.compile(r":(?=//)"), f":{_GAP}"),
    (re.compile(r"\b(www)(?=\.)", re.IGNORECASE), rf"\1{_GAP}"),
    (re.compile(r"\b(mailto|xmpp):", re.IGNORECASE), rf"\1:{_GAP}"),
)
# What may be a commit, taken apart so far that no piece of it may be one.
_COMMIT = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{7,}(?![0-9A-Za-z])")
_PIECE = re.compile(r"([0-9a-f]{4})(?=[0-9a-f])")
# A character reference can never be Markdown structure, not even a table's pipe, whatever the parser.
_STRUCTURE = {ord(c): f"&#{ord(c)};" for c in "[]|\\`*~$" + _GAP} | str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
# Within a word an underscore is never emphasis, and names full of them stay legible in the source.
_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_BLOCK_START = re.compile(r"([-+=](?![\d.])|#|:(?=-)|[\d\u200b]{1,12}[.)](?=\s|$))")
_CODE_UNSAFE = re.compile(r"[`|\\<>&$@]|^$")


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line of visible text, at most `limit` characters; still to be escaped for where it goes."""
    return _cut(_SPACES.sub(" ", _visible(text, limit)).strip(), limit)


def escape(text: str, limit: int = TEXT_LIMIT) -> Markdown:
    """Text that reads as it was written and does nothing: no markup, link, image, mention or reference.

    At most three times `limit` long, so that one cell of hostile text cannot push out the rest.
    """
    shown = clean(text, limit)
    escaped = _inert(shown)
    while len(escaped) > _MOST_GROWTH * limit and len(shown) > 1:
        shown = _cut(shown, max(1, len(shown) * _MOST_GROWTH * limit // len(escaped)))
        escaped = _inert(shown)
    return Markdown(escaped)


def code(text: str, limit: int = TEXT_LIMIT) -> Markdown:
    """A name in a code span; plain escaped text where a span could be broken out of, by any parser."""
    shown = clean(text, limit)
    return escape(text, limit) if _CODE_UNSAFE.search(shown) else Markdown(f"`{shown}`")


def fence(text: str, language: str = "", limit: int = FENCE_LIMIT) -> Markdown:
    """A code block whose fence is longer than any run of backticks inside."""
    shown = visible(text, limit).strip("\n")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    marks = "`" * max(3, longest + 1)
    return Markdown(f"{marks}{language}\n{shown}\n{marks}")


def visible(text: str, limit: int) -> str:
    """Text with its lines, without what cannot be seen, at most `limit` characters; still to be escaped."""
    return _cut(_visible(text, limit), limit)


def _visible(text: str, limit: int) -> str:
    # Cut first: a megabyte of somebody's output must not pass through the expressions below.
    text = _LINE_BREAK.sub("\n", text[: limit * _SURELY_ENOUGH])
    return _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _inert(text: str) -> str:
    for pattern, replacement in _REFERENCES:
        text = pattern.sub(replacement, text)
    text = _COMMIT.sub(lambda found: _PIECE.sub(rf"\1{_GAP}", found[0]), text)
    start = _BLOCK_START.match(text)
    if start is None:
        return _without_structure(text)
    # The mark that would open a list, heading or rule is the last character of the match.
    at = start.end() - 1
    return f"{_without_structure(text[:at])}&#{ord(text[at])};{_without_structure(text[at + 1 :])}"


def _without_structure(text: str) -> str:
    return _UNDERSCORE.sub("&#95;", text.translate(_STRUCTURE))
