"""The verdict for a terminal: the sentence, and a small table whose columns line up."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from liftgate.report.escape import clean
from liftgate.report.headline import headline
from liftgate.report.tables import PartRow, Report, arm_rows, part_rows, primary_metric

NAME_LIMIT = 40
CELL_LIMIT = 60
STATES = {"ok": "ok", "fail": "FAIL", "unclear": "UNCLEAR", "not-measured": "NOT MEASURED"}


def render_summary(report: Report) -> str:
    """Plain text that ends with a newline; no escape sequence can be in it, whatever the report holds."""
    blocks = [headline(report)]
    parts = [[r.name, r.base, r.candidate, r.lift, _verdict(r)] for r in part_rows(report)]
    if parts:
        blocks.append(aligned(["metric", "base", "candidate", "lift", "verdict"], parts, "lrrll"))
    if len(report["arms"]) > 1:
        arms = [[r.name, r.score, r.lift, r.p95, r.usd, r.bar] for r in arm_rows(report)]
        metric = primary_metric(report) or "score"
        head = ["arm", metric, "lift over base", "P95", "per 1,000 answers", "clears the bar"]
        blocks.append(aligned(head, arms, "lrlrrl"))
    return "\n\n".join(blocks) + "\n"


def aligned(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    align: str,
    name_limit: int = NAME_LIMIT,
    cell_limit: int = CELL_LIMIT,
) -> str:
    """Columns two spaces apart, `r` for those flushed right, with a rule under the head."""
    table = [
        [clean(cell, name_limit if i == 0 else cell_limit) for i, cell in enumerate(row)]
        for row in (head, *rows)
    ]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * w for w in widths])
    lines = ["  ".join(_padded(*each) for each in zip(row, widths, align, strict=True)) for row in table]
    return "\n".join(line.rstrip() for line in lines)


def width(text: str) -> int:
    """Terminal columns: wide characters take two, combining marks none."""
    return sum(
        0
        if unicodedata.combining(c) or c in "\u200c\u200d"
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def _padded(text: str, columns: int, align: str) -> str:
    fill = " " * (columns - width(text))
    return fill + text if align == "r" else text + fill


def _verdict(row: PartRow) -> str:
    word = STATES.get(row.state, row.state)
    if not row.gates:
        return f"{word} (does not gate)"
    return word if row.state == "ok" else f"{word}: needs {row.needs}"
