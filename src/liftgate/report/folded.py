"""A published comment as a reader first sees it on GitHub: hidden markers gone, closed sections shut."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_SECTION: Final = re.compile(
    r"<details(?P<open> open)?><summary>(?P<title>.*?)</summary>\n(?P<inside>.*?)\n</details>", re.DOTALL
)


def folded(comment: str) -> str:
    """The text of a comment with one line for each section that is shut."""
    shown = _SECTION.sub(_as_seen, _HIDDEN.sub("", comment))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)(^▸ .*\n)\n(?=▸ )", r"\1", shown)).strip()


def _as_seen(section: re.Match[str]) -> str:
    title, inside = section["title"], section["inside"].strip()
    return f"▾ {title}\n\n{inside}" if section["open"] else f"▸ {title}"
