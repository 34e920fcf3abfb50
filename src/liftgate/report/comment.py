"""The pull request comment: headline, one small table, then sections that fold away.

Whatever the report holds, the comment stays within what GitHub takes. Whole sections are left out from the
end, never half a table; the last line says which, and where they can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from liftgate.report import numbers
from liftgate.report.data_diff import DiffTable, data_diff_sentence, data_diff_tables
from liftgate.report.escape import Markdown, code, escape, fence
from liftgate.report.facts import (
    Facts,
    blind_spots,
    cost_facts,
    data_facts,
    lineage_facts,
    regressions_sentence,
    ruler_sentence,
    safety_sentence,
)
from liftgate.report.headline import HEADLINE_LIMIT, headline
from liftgate.report.next_steps import Step, next_steps
from liftgate.report.reviews import TO_FILL_IN, DecisionRow, decided, decision_rows, to_decide
from liftgate.report.tables import (
    ArmRow,
    PartRow,
    Report,
    arm_rows,
    bucket_row,
    buckets_worst_first,
    part_rows,
    primary_metric,
)
from liftgate.report.validation import WAIVED_HEAD, open_findings, waived_cells

MOST_CHARACTERS = 60_000
MOST_BYTES = 190_000
NAME_LIMIT = 120
PLACES_LIMIT = 240
ANSWER_LIMIT = 160
SENTENCE_LIMIT = 600
PASTE_LIMIT = 12_000
MOST_ITEMS = 20
MOST_BUCKETS = 40

_STATES = {
    "ok": Markdown("✓ ok"),
    "fail": Markdown("**✗ fail**"),
    "unclear": Markdown("**? unclear**"),
    "not-measured": Markdown("**not measured**"),
}
_TOLD = ("expected", "base", "candidate")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Section:
    """A piece of the comment that is there whole or not at all."""

    title: str
    body: Markdown


def render_comment(report: Report) -> str:
    """Markdown for GitHub, at most 60,000 characters and 190,000 bytes."""
    head = _lines(marker(report), Markdown(f"**{escape(headline(report), HEADLINE_LIMIT)}**"))
    sections = [
        *(Section("table of parts", body) for body in _parts(report)),
        *(Section("table of arms", body) for body in _arms(report)),
        *(_folded(title, body, report) for title, build in SECTIONS for body in build(report)),
    ]
    for kept in range(len(sections), -1, -1):
        footer = _footer(report, [section.title for section in sections[kept:]])
        text = _blocks(head, *(section.body for section in sections[:kept]), footer) + "\n"
        if fits(text):
            return text
    raise AssertionError("the headline alone is longer than a comment")


def marker(report: Report) -> Markdown:
    """The hidden first line by which the comment is found again; one for each alias."""
    alias = quote(report["alias"][:NAME_LIMIT], safe="", errors="replace")
    return Markdown(f"<!-- liftgate:{alias} digest={report['verdict_key'] or 'none'} -->")


def fits(text: str) -> bool:
    """GitHub counts UTF-16 code units; its storage counts bytes."""
    return len(text.encode("utf-16-le")) // 2 <= MOST_CHARACTERS and len(text.encode()) <= MOST_BYTES


def _parts(report: Report) -> Iterator[Markdown]:
    def cells(row: PartRow) -> list[Markdown]:
        shown = [
            escape(text, NAME_LIMIT) for text in (row.name, row.base, row.candidate, row.lift, row.needs)
        ]
        return [*shown, Markdown(_state(row.state) + ("" if row.gates else ", does not gate"))]

    yield from _table("metric|base|candidate|lift|needs|verdict", "lrrlll", part_rows(report), cells)


def _arms(report: Report) -> Iterator[Markdown]:
    def cells(row: ArmRow) -> list[Markdown]:
        shown = [escape(text) for text in (row.score, row.lift, row.p95, row.usd)]
        return [code(row.name, NAME_LIMIT), *shown, Markdown(f"**{row.bar}**" if row.wins else row.bar)]

    if len(report["arms"]) > 1:
        metric = escape(primary_metric(report) or "score", NAME_LIMIT)
        head = Markdown(f"arm|{metric}|lift over base|P95|per 1,000 answers|clears the bar")
        yield from _table(head, "lrlrrl", arm_rows(report), cells)


def _next(report: Report) -> Iterator[Markdown]:
    found = list(_list(open_findings(report), _finding))
    steps = [_step(i, step) for i, step in enumerate(next_steps(report), 1)]
    if found or steps:
        yield _blocks(*found, *steps)


def _finding(finding: Mapping[str, Any]) -> Markdown:
    place = ""
    if finding["path"] is not None:
        # The line must survive when a long path is cut.
        line = "" if finding["line"] is None else f":{finding['line']}"
        place = f" {code(finding['path'][:NAME_LIMIT] + line, NAME_LIMIT + 12)}"
    rule = code(finding["rule"], NAME_LIMIT)
    return Markdown(f"**{finding['severity']}** {rule}{place}: {escape(finding['message'])}")


def _step(number: int, step: Step) -> Markdown:
    text = Markdown(f"{number}. {escape(step.text, SENTENCE_LIMIT)}")
    return text if step.command is None else _blocks(text, fence(step.command, "bash"))


def _waived(report: Report) -> Iterator[Markdown]:
    yield from _table(WAIVED_HEAD, "lllll", report.get("waived", ()), waived_cells)


def _decisions(report: Report) -> Iterator[Markdown]:
    def cells(row: DecisionRow) -> list[Markdown]:
        shown = [escape(text) for text in (row.decision, row.owner, row.until, row.reason, row.status)]
        return [code(row.case, NAME_LIMIT), *shown]

    head = "case|decision|by|until|reason|what it does"
    yield from _table(head, "llllll", decision_rows(report), cells)


def _buckets(report: Report) -> Iterator[Markdown]:
    def cells(bucket: Mapping[str, Any]) -> list[Markdown]:
        row = bucket_row(bucket)
        shown = [escape(text) for text in (row.n, row.base, row.candidate, row.change, row.flips)]
        unsure = ", too few cases to be sure" if row.blind and row.state == "ok" else ""
        verdict = Markdown(_state(row.state) + unsure)
        return [code(row.name, NAME_LIMIT), *shown, verdict]

    if report["comparison"] is not None:
        head = "bucket|cases|base|candidate|change|fixes / regressions|verdict"
        buckets = buckets_worst_first(report["comparison"])
        yield from _table(head, "lrrrlrl", buckets, cells, MOST_BUCKETS)


def _safety(report: Report) -> Iterator[Markdown]:
    def cells(case: Mapping[str, Any]) -> list[Markdown]:
        sides = [escape(f"{case[f'{s}_unsafe']} of {case[f'{s}_runs']}") for s in ("base", "candidate")]
        return [
            code(case["case_id"], NAME_LIMIT),
            *sides,
            escape(numbers.p_value(case["p"])),
            _state(case["state"]),
            *([escape(decided(report, "safety", case["case_id"]))] if with_decision else []),
        ]

    if sentence := safety_sentence(report):
        unsafe = report["comparison"]["safety"]["newly_unsafe"]
        with_decision = any(decided(report, "safety", case["case_id"]) for case in unsafe)
        head = "newly unsafe|base unsafe|candidate unsafe|evidence|verdict" + "|decided" * with_decision
        table = _table(head, "lrrll" + "l" * with_decision, unsafe, cells)
        yield _blocks(escape(sentence, SENTENCE_LIMIT), *table)


def _regressions(report: Report) -> Iterator[Markdown]:
    regressions = report["regressions"][:MOST_ITEMS]
    told = [side for side in _TOLD if any(case[side] is not None for case in regressions)]
    said = [decided(report, "quality", case["case_id"]) for case in regressions]
    with_label = any(case["label"] is not None for case in regressions)

    def cells(numbered: tuple[int, Mapping[str, Any]]) -> list[Markdown]:
        number, case = numbered
        few = list(case["buckets"].items())[:MOST_ITEMS]
        buckets = ", ".join(f"{dimension[:NAME_LIMIT]}={name[:NAME_LIMIT]}" for dimension, name in few)
        answers = [_answer(case[side]) for side in told]
        label = [escape(case["label"] or numbers.NONE, NAME_LIMIT)] if with_label else []
        decision = [escape(said[number], NAME_LIMIT)] if any(said) else []
        return [code(case["case_id"], NAME_LIMIT), escape(buckets, NAME_LIMIT), *label, *answers, *decision]

    if report["comparison"] is not None and regressions:
        sentence = regressions_sentence(report["comparison"]["regressions_total"], len(regressions))
        head = ["case", "buckets", *["asked again"] * with_label, *told, *["decided"] * any(said)]
        table = _table("|".join(head), "l" * len(head), list(enumerate(regressions)), cells)
        yield _blocks(escape(sentence), *table)


def _to_decide(report: Report) -> Iterator[Markdown]:
    if lines := to_decide(report):
        told = (
            f"Paste into evals/{report['alias']}/waivers.yaml in a pull request of its own what you have read "
            f"and decided, and fill in the rest: {TO_FILL_IN}; decided and expires are days."
        )
        yield _blocks(escape(told, SENTENCE_LIMIT), fence(lines, "yaml", PASTE_LIMIT))


def _answer(text: str | None) -> Markdown:
    return Markdown(numbers.NONE) if text is None else code(text, ANSWER_LIMIT)


def _data_diff(report: Report) -> Iterator[Markdown]:
    if diff := report.get("data_diff"):
        tables = [_diff_table(table) for table in data_diff_tables(diff)]
        yield _blocks(escape(data_diff_sentence(diff), SENTENCE_LIMIT), *tables)


def _diff_table(table: DiffTable) -> Markdown:
    def cells(row: Sequence[str]) -> list[Markdown]:
        return [
            code(cell, PLACES_LIMIT) if side == "c" and cell else escape(cell, NAME_LIMIT)
            for cell, side in zip(row, table.align, strict=True)
        ]

    note = [escape(table.note)] if table.note else []
    return _blocks(*_table("|".join(table.head), table.align, table.rows, cells), *note)


def _lineage(report: Report) -> Iterator[Markdown]:
    def cells(fact: tuple[str, str]) -> list[Markdown]:
        return [escape(fact[0], NAME_LIMIT), code(fact[1][:12])]

    table = _table("what|sha256, first 12", "ll", lineage_facts(report), cells, MOST_BUCKETS)
    yield _blocks(escape(ruler_sentence(report)), *table)


def _blind_spots(report: Report) -> Iterator[Markdown]:
    yield from _list(blind_spots(report), lambda text: escape(text, SENTENCE_LIMIT))


def _facts(facts: Facts) -> Iterator[Markdown]:
    yield from _table("|", "ll", facts, lambda fact: [escape(fact[0]), escape(fact[1])])


NEXT = "Findings and what to do next"
SECTIONS: Sequence[tuple[str, Callable[[Report], Iterator[Markdown]]]] = (
    (NEXT, _next),
    ("Waived", _waived),
    ("Decisions", _decisions),
    ("Buckets", _buckets),
    ("Safety", _safety),
    ("Regressions to review", _regressions),
    ("Decisions to paste", _to_decide),
    ("Data diff", _data_diff),
    ("Latency and cost", lambda report: _facts(cost_facts(report))),
    ("Data and training", lambda report: _facts(data_facts(report))),
    ("Lineage", _lineage),
    ("Blind spots", _blind_spots),
)


def _folded(title: str, body: Markdown, report: Report) -> Section:
    opening = "<details open>" if title == NEXT and report["verdict"] != "pass" else "<details>"
    return Section(title, Markdown(f"{opening}<summary>{title}</summary>\n\n{body}\n\n</details>"))


def _footer(report: Report, left_out: Sequence[str]) -> Markdown:
    where = f"report.html in the run folder .liftgate/{report['alias']}"
    text = f"The whole report, with every answer, is {where}."
    if left_out:
        text = f"Left out because the comment would be too long: {', '.join(left_out)}. Read them in {where}."
    return Markdown(f"<sub>{escape(text, SENTENCE_LIMIT)}</sub>")


def _state(state: str) -> Markdown:
    return _STATES.get(state, escape(state))


def _table(
    head: str,
    align: str,
    items: Sequence[Item],
    cells: Callable[[Item], Sequence[Markdown]],
    most: int = MOST_ITEMS,
) -> Iterator[Markdown]:
    """A table of the first `most` items; nothing when there are none. `head` is never raw data."""
    if items:
        rule = ["--:" if side == "r" else "---" for side in align]
        rows = [head.split("|"), rule, *map(cells, items[:most])]
        yield Markdown("\n".join(f"| {' | '.join(row)} |" for row in rows) + _more(len(items) - most))


def _list(items: Sequence[Item], shown: Callable[[Item], Markdown]) -> Iterator[Markdown]:
    if items:
        lines = [f"- {shown(item) or numbers.NONE}" for item in items[:MOST_ITEMS]]
        yield Markdown("\n".join(lines) + _more(len(items) - MOST_ITEMS))


def _more(count: int) -> str:
    return f"\n\nand {numbers.count(count)} more in report.html" if count > 0 else ""


def _lines(*lines: Markdown) -> Markdown:
    return Markdown("\n".join(lines))


def _blocks(*blocks: Markdown) -> Markdown:
    return Markdown("\n\n".join(blocks))
