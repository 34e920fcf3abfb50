"""The comment about one alias, as `liftgate run` writes it: headline, one small table, then sections that fold away.

Whatever the report holds, the comment stays within what GitHub takes. Whole sections are left out from the
end, never half a table; the last line says which, and where they can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from liftgate.report.comment_markup import (
    MOST_BYTES,
    MOST_CHARACTERS,
    NAME_LIMIT,
    SENTENCE_LIMIT,
    Section,
    blocks,
    fits,
    lines,
)
from liftgate.report.comment_sections import arms_table, parts_table, sections
from liftgate.report.escape import Markdown, escape
from liftgate.report.headline import HEADLINE_LIMIT, headline
from liftgate.report.redaction import Show
from liftgate.report.tables import Report

__all__ = ["MOST_BYTES", "MOST_CHARACTERS", "fits", "marker", "render_comment"]


def render_comment(report: Report, *, show: Show = "redacted") -> str:
    """Markdown for GitHub, at most 60,000 characters and 190,000 bytes."""
    head = lines(marker(report), Markdown(f"**{escape(headline(report), HEADLINE_LIMIT)}**"))
    whole = [
        *(Section("table of parts", body) for body in parts_table(report)),
        *(Section("table of arms", body) for body in arms_table(report)),
        *sections(report, show=show),
    ]
    for kept in range(len(whole), -1, -1):
        footer = _footer(report, [section.title for section in whole[kept:]])
        text = blocks(head, *(section.body for section in whole[:kept]), footer) + "\n"
        if fits(text):
            return text
    raise AssertionError("the headline alone is longer than a comment")


def marker(report: Report) -> Markdown:
    """The hidden first line by which the comment is found again; one for each alias."""
    alias = quote(report["alias"][:NAME_LIMIT], safe="", errors="replace")
    return Markdown(f"<!-- liftgate:{alias} digest={report['verdict_key'] or 'none'} -->")


def _footer(report: Report, left_out: Sequence[str]) -> Markdown:
    where = f"report.html in the run folder .liftgate/{report['alias']}"
    text = f"The whole report, with every answer, is {where}."
    if left_out:
        text = f"Left out because the comment would be too long: {', '.join(left_out)}. Read them in {where}."
    return Markdown(f"<sub>{escape(text, SENTENCE_LIMIT)}</sub>")
