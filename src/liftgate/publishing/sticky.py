"""The one comment that is kept up to date: which it is, and whether it has to be written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from liftgate.github.api import Comment
from liftgate.publishing.status import same_account

_THIS_RUN: Final = re.compile(r"\[this run\]\([^()\s]*\)")
_CUT: Final = "_GitHub did not take the whole report; it is in the job summary._"


@dataclass(frozen=True)
class Kept:
    """Our comment under a pull request, if there is one, and older ones of ours that say what it says better."""

    comment: Comment | None
    older: tuple[Comment, ...] = ()


def ours(comments: Iterable[Comment], login: str, marker: str) -> Kept:
    """The newest comment that begins with the marker and that this account wrote.

    Anybody can paste the marker, so a comment of another account is none of ours, whatever it holds.
    """
    found = [
        comment
        for comment in comments
        if same_account(comment.author, login) and comment.body.lstrip("\ufeff \r\n").startswith(marker)
    ]
    found.sort(key=lambda comment: comment.id)
    return Kept(found[-1] if found else None, tuple(found[:-1]))


def reads_the_same(comment: Comment, body: str) -> bool:
    """True when an edit would change nothing but which run wrote it; GitHub alters line ends and the space around."""
    return _normal(comment.body) == _normal(body)


def _normal(text: str) -> str:
    lines = _THIS_RUN.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def shorter(body: str) -> list[str]:
    """What is left when GitHub takes no more: everything before the first section, then the first sentence.

    A comment is cut between paragraphs only, so that no table and no section is left open.
    """
    head = body.partition("<details")[0].rstrip()
    first = "\n\n".join(body.split("\n\n")[:1]).rstrip()
    return [f"{text}\n\n{_CUT}\n" for text in (head, first) if text and text != body.rstrip()]
