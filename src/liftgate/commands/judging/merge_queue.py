"""What a merge group joins: which of its pull requests change the same alias."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from liftgate.findings import Finding, Severity
from liftgate.repository import git

_SQUASHED: Final = re.compile(r"\(#(\d{1,9})\)\s*\Z")
_MERGED: Final = re.compile(r"\AMerge pull request #(\d{1,9}) from ")
_MOST: Final = 8


def retrain_together(root: Path, base: str, head: str, alias: str) -> list[Finding]:
    """An error when several changes of a merge group, each judged alone, together change what an alias is trained on.

    They are named by the number in their commits' first line, else by their commit.
    """
    places = [f":(top,literal){folder}/{alias}" for folder in ("datasets", "evals")]
    listed = git(root, "log", "--first-parent", "--format=%H %s", "-z", f"{base}..{head}", "--", *places)
    named = []
    for line in reversed(listed.decode("utf-8", "replace").split("\0")):
        commit, _, subject = line.partition(" ")
        if commit:
            number = _MERGED.match(subject) or _SQUASHED.search(subject)
            named.append(f"#{number[1]}" if number else commit[:12])
    named = list(dict.fromkeys(named))
    if len(named) < 2:
        return []
    more = f" and {len(named) - _MOST} more" if len(named) > _MOST else ""
    message = (
        f"{', '.join(named[:_MOST])}{more} are queued together and all change {alias}: each was judged alone, and no "
        "verdict exists for what they make together; take one out of the queue, merge the other, then retrain together"
    )
    return [Finding("retrain-together", Severity.ERROR, message, f"datasets/{alias}/card.yaml")]
