"""What the documentation links to and which commands it shows, read from its Markdown."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent
SHELLS = {"", "bash", "sh"}


@cache
def pages() -> tuple[Path, ...]:
    """Every page that people read: the README and its siblings, and docs/."""
    return (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))


@cache
def tokens(page: Path) -> list[Token]:
    return MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text("utf-8"))


def links(page: Path) -> Iterator[str]:
    """Every address that a page links to or shows."""
    for token in tokens(page):
        for child in token.children or ():
            for name in ("href", "src"):
                if address := child.attrGet(name):
                    yield str(address)


@cache
def anchors(page: Path) -> frozenset[str]:
    """The fragments that GitHub gives the headings of a page."""
    found: dict[str, int] = {}
    every = set()
    parts = tokens(page)
    for i, token in enumerate(parts):
        if token.type != "heading_open":
            continue
        text = "".join(c.content for c in parts[i + 1].children or () if c.type in {"text", "code_inline"})
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        every.add(f"{slug}-{count}" if count else slug)
    return frozenset(every)


@dataclass(frozen=True)
class Shown:
    """One command of one page, as it stands there."""

    page: str
    line: int
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return shlex.join(self.words)

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def commands(page: Path, tool: str = "liftgate") -> Iterator[Shown]:
    """The calls of a tool in a page's shell blocks, comments, environment and what is chained to them left out."""
    for token in tokens(page):
        if token.type != "fence" or token.info.strip() not in SHELLS:
            continue
        first = (token.map or [0])[0] + 2
        lines = token.content.splitlines()
        for number, line in enumerate(lines):
            if number and lines[number - 1].endswith("\\"):
                continue
            whole, after = line, number
            while whole.endswith("\\"):
                after += 1
                whole = whole[:-1] + lines[after]
            for words in _calls(whole, tool):
                yield Shown(str(page.relative_to(ROOT)), first + number, words)


def _calls(line: str, tool: str) -> Iterator[tuple[str, ...]]:
    without = re.sub(r"\$\([^)]*\)", "substituted", line)
    for part in re.split(r"\s(?:&&|\|)\s", re.sub(r"(^|\s)#.*$", "", without)):
        words = shlex.split(part)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words and words[0] == tool:
            yield tuple(words[1:])
        elif words[-1:] != [tool] and ("-m", tool) in pairwise(words):
            yield tuple(words[words.index("-m") + 2 :])


def inline_commands(page: Path) -> Iterator[Shown]:
    """`liftgate ...` in running text."""
    for token in tokens(page):
        for child in token.children or ():
            if child.type == "code_inline" and child.content.startswith("liftgate "):
                line = (token.map or [0])[0] + 1
                yield Shown(str(page.relative_to(ROOT)), line, tuple(child.content.split()[1:]))


def committed() -> frozenset[str]:
    """Files that a clone has."""
    return frozenset(_listed("--cached"))


def tracked() -> frozenset[str]:
    """Files and folders that a clone has, and those that are about to be committed."""
    listed = _listed("--cached", "--others", "--exclude-standard")
    return frozenset(
        {name for path in listed for name in (path, *map(str, Path(path).parents)) if name != "."}
    )


def _listed(*words: str) -> list[str]:
    command = ["git", "-C", str(ROOT), "ls-files", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
