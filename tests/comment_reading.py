"""What a parser of GitHub's Markdown makes of a comment, and that nothing in it is more than words."""

import re
from collections.abc import Container, Iterator
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = re.compile(
    r"<!-- liftgate-comment:[\w.~%-]+ -->|<!-- liftgate-digest:[0-9a-f]{12}:[A-Za-z0-9+/=]+ -->|"
    r"<!-- liftgate:[\w.%~-]* digest=[\w-]+ -->|"
    r"<details( open)?>|<summary>[A-Z][a-z ]+</summary>|</details>|</?sub>|\n"
)
SPANS = {
    "text",
    "text_special",
    "softbreak",
    "strong_open",
    "strong_close",
    "code_inline",
    "html_inline",
    "link_open",
    "link_close",
}
# What GitHub makes links, mentions and references of in rendered text, by its documentation of autolinks.
ALIVE = re.compile(
    r"@[\w-]|#\d|://|\bwww\.|\bGH-\d|\b(GHSA|CVE)-\w|\bmailto:|\bxmpp:|(?<![0-9A-Za-z])[0-9a-f]{7,40}(?![0-9A-Za-z])",
    re.IGNORECASE,
)
UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x1b\x00\x7f\u2028\u2029\r\v\f\x85\ufeff]")


@lru_cache(maxsize=4)
def parsed(markdown: str) -> list[Token]:
    """The blocks of a comment."""
    return GFM.parse(markdown)


def structure(markdown: str) -> list[str]:
    """Block structure: what hostile text must not change."""
    return [f"{token.type}{token.tag}{token.info}" for token in parsed(markdown)]


def check_inert(comment: str, links: Container[str] = ()) -> None:
    """No HTML, link, image, mention or reference but ours, and everything that opens is closed."""
    blocks = parsed(comment)
    inline = [child for token in blocks for child in token.children or []]
    raw = [token.content for token in [*blocks, *inline] if token.type in {"html_block", "html_inline"}]
    assert [OUR_HTML.sub("", html) for html in raw] == [""] * len(raw)
    ours = "".join(raw)
    assert ours.count("<details") == ours.count("</details>") == ours.count("</summary>")
    assert ours.count("<sub>") == ours.count("</sub>")
    assert {token.type for token in inline} <= SPANS
    assert all(token.attrs["href"] in links for token in inline if token.type == "link_open")
    assert {token.info for token in blocks if token.type == "fence"} <= {"bash", "yaml"}
    assert not any(token.type == "code_block" for token in blocks)
    prose = "\n".join(token.content for token in inline if token.type.startswith("text"))
    assert not ALIVE.search(prose), ALIVE.search(prose)
    assert not UNSEEN.search(comment)
    # Whoever prints a comment to a log must not run a command that it quotes.
    assert not any(line.startswith("::") for line in _outside_fences(comment, blocks))


def _outside_fences(comment: str, blocks: list[Token]) -> Iterator[str]:
    inside = {line for token in blocks if token.type == "fence" and token.map for line in range(*token.map)}
    yield from (line for number, line in enumerate(comment.split("\n")) if number not in inside)
