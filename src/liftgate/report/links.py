"""The only links in a comment: pages of the GitHub that this run is on. Everything else is text."""

from __future__ import annotations

import re
from typing import Final

from liftgate.report.escape import Markdown, code, escape

LINK_LIMIT: Final = 500
# Nothing in it can end a link in Markdown or an attribute in HTML.
_PAGE: Final = re.compile(r"(https?://[A-Za-z0-9.-]{1,255}(?::\d{1,5})?)(?:/[A-Za-z0-9._~%/=?&+#-]*)?")
_RUN: Final = re.compile(r"/actions/runs/(\d{1,20})")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def link(words: str, url: str | None, run_url: str | None) -> Markdown:
    """A link where `url` is a page on the host of `run_url`, else the words alone. `words` are ours."""
    return Markdown(f"[{words}]({url})" if is_ours(url, run_url) else words)


def is_ours(url: str | None, run_url: str | None) -> bool:
    """Whether a page is on the GitHub of this run, and written without anything that Markdown reads."""
    here, there = _origin(run_url), _origin(url)
    return there is not None and there == here


def run_id(run_url: str | None) -> str | None:
    """The number of a run of Actions."""
    found = _RUN.search(run_url or "") if _origin(run_url) else None
    return found[1] if found else None


def commit(sha: str) -> Markdown:
    """The first seven digits, as code: as a word GitHub would link it."""
    return code(sha[:7]) if _COMMIT.fullmatch(sha) else escape(sha, 40)


def _origin(url: str | None) -> str | None:
    if url is None or len(url) > LINK_LIMIT:
        return None
    found = _PAGE.fullmatch(url)
    return found[1].lower() if found else None
