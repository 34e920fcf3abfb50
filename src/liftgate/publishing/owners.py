"""Who has to look at a change of the ruler, by CODEOWNERS of the base. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from liftgate.findings import Finding, Severity, with_policy

PLACES: Final = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_OWNER: Final = re.compile(r"@[A-Za-z0-9-]{1,39}(/[A-Za-z0-9._-]{1,100})?|[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
_MOST: Final = 5


def owners_of(codeowners: str, path: str) -> tuple[str, ...]:
    """The owners that GitHub asks for a path: those of the last line whose pattern holds it, maybe none."""
    found: tuple[str, ...] = ()
    for line in codeowners.splitlines():
        words = line.split("#", 1)[0].split()
        if words and _pattern(words[0]).match(path):
            found = tuple(word for word in words[1:] if _OWNER.fullmatch(word))
    return found


def ruler_owners(
    paths: Iterable[str], codeowners: str | None, rules: Mapping[str, str]
) -> tuple[list[Finding], tuple[str, ...]]:
    """What a change of these files of the ruler needs: a notice that names the owners, or an error without any.

    `rules` is that of the base's policy.
    """
    moved = sorted(paths)
    if not moved:
        return [], ()
    owned = {path: owners_of(codeowners or "", path) for path in moved}
    orphans = [path for path in moved if not owned[path]]
    names = tuple(dict.fromkeys(name for path in moved for name in owned[path]))
    found = []
    if orphans:
        message = (
            "this change moves the ruler, and CODEOWNERS of the base branch names nobody for this file; land a line "
            "such as `/evals/ @your-org/eval-owners` first, and require a review of code owners"
        )
        found.append(Finding("no-eval-owners", Severity.ERROR, message, orphans[0]))
    if names:
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        message = f"this change moves the ruler; it needs a review by {', '.join(names[:_MOST])}{more}"
        found.append(Finding("eval-owners", Severity.NOTICE, message, moved[0]))
    return with_policy(found, rules), names


@cache
def _pattern(written: str) -> re.Pattern[str]:
    """As in .gitignore, without negation, ranges or escapes, which CODEOWNERS does not have."""
    anchored = "/" in written.rstrip("/")
    folder = written.endswith("/")
    parts = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", written.strip("/")):
        parts.append({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part))
    start = "" if anchored else "(?:.*/)?"
    # `docs/*` holds the files of a folder and not those below it; any other name also holds what lies in it.
    end = "/.*" if folder else "" if written.endswith("/*") else "(?:/.*)?"
    return re.compile(f"{start}{''.join(parts)}{end}\\Z", re.DOTALL)
