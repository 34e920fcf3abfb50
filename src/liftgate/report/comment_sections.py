"""The sections of a comment about one alias, each built from its report; a section without anything to say is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.report import numbers
from liftgate.report.comment_markup import (
    MOST_ITEMS,
    NAME_LIMIT,
    PLACES_LIMIT,
    SENTENCE_LIMIT,
    Section,
    blocks,
    folded,
    listed,
    state,
    table,
)
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
from liftgate.report.next_steps import Step, next_steps
from liftgate.report.redaction import Show, redacted
from liftgate.report.reviews import TO_FILL_IN, DecisionRow, decided, decision_rows, to_decide
from liftgate.report.road import TITLE, road_section
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

NEXT: Final = "Findings and what to do next"
ANSWER_LIMIT = 160
PASTE_LIMIT = 12_000
MOST_BUCKETS = 40

_ANNOTATED: Final = Markdown("Findings on changed lines also stand beside these lines, under Files changed.")
_TOLD = ("expected", "base", "candidate")


def sections(report: Report, *, show: Show) -> Iterator[Section]:
    """Every section that has something to say, the most useful first."""
    yield from next_section(report, next_steps(report), is_open=report["verdict"] != "pass")
    yield from about_sections(report, show=show)


def next_section(
    report: Report, steps: Sequence[Step], *, is_open: bool, annotated: bool = False
) -> Iterator[Section]:
    """The findings of a report and what to do about them; `annotated` where they also stand on their lines."""
    findings = open_findings(report)
    found = list(listed(findings, finding_line))
    on_lines = annotated and any(finding["line"] is not None for finding in findings)
    if found or steps:
        body = blocks(*found, *([_ANNOTATED] if on_lines else []), *steps_list(steps))
        yield folded(NEXT if found else "What to do next", body, is_open=is_open)


def about_sections(report: Report, *, show: Show) -> Iterator[Section]:
    """What the verdict rests on, the most useful first."""
    for title, build in _builders(show):
        yield from (folded(title, body) for body in build(report))


def parts_table(report: Report) -> Iterator[Markdown]:
    """The table of the parts of the verdict, those first that stand in the way."""

    def cells(row: PartRow) -> list[Markdown]:
        shown = [
            escape(text, NAME_LIMIT) for text in (row.name, row.base, row.candidate, row.lift, row.needs)
        ]
        return [*shown, Markdown(state(row.state) + ("" if row.gates else ", does not gate"))]

    # What decides against a merge is what a reviewer must see; sorting keeps the rest in its order.
    rows = sorted(part_rows(report), key=lambda row: not row.gates or row.state == "ok")
    yield from table("metric|base|candidate|lift|needs|verdict", "lrrlll", rows, cells)


def arms_table(report: Report) -> Iterator[Markdown]:
    """The table of the arms, where there are several."""

    def cells(row: ArmRow) -> list[Markdown]:
        shown = [escape(text) for text in (row.score, row.lift, row.p95, row.usd)]
        return [code(row.name, NAME_LIMIT), *shown, Markdown(f"**{row.bar}**" if row.wins else row.bar)]

    if len(report["arms"]) > 1:
        metric = escape(primary_metric(report) or "score", NAME_LIMIT)
        head = Markdown(f"arm|{metric}|lift over base|P95|per 1,000 answers|clears the bar")
        yield from table(head, "lrlrrl", arm_rows(report), cells)


def steps_list(told: Sequence[Step]) -> list[Markdown]:
    """Numbered steps with the commands to copy."""
    return [_step(number, step) for number, step in enumerate(told, 1)]


def finding_line(finding: Mapping[str, Any]) -> Markdown:
    """One finding: how much it weighs, its rule, its place, and what is wrong."""
    place = ""
    if finding["path"] is not None:
        # The line must survive when a long path is cut.
        line = "" if finding["line"] is None else f":{finding['line']}"
        place = f" {code(finding['path'][:NAME_LIMIT] + line, NAME_LIMIT + 12)}"
    rule = code(finding["rule"], NAME_LIMIT)
    return Markdown(f"**{finding['severity']}** {rule}{place}: {escape(finding['message'])}")


def _step(number: int, step: Step) -> Markdown:
    text = Markdown(f"{number}. {escape(step.text, SENTENCE_LIMIT)}")
    return text if step.command is None else blocks(text, fence(step.command, "bash"))


def _waived(report: Report) -> Iterator[Markdown]:
    yield from table(WAIVED_HEAD, "lllll", report.get("waived", ()), waived_cells)


def _decisions(report: Report) -> Iterator[Markdown]:
    def cells(row: DecisionRow) -> list[Markdown]:
        shown = [escape(text) for text in (row.decision, row.owner, row.until, row.reason, row.status)]
        return [code(row.case, NAME_LIMIT), *shown]

    head = "case|decision|by|until|reason|what it does"
    yield from table(head, "llllll", decision_rows(report), cells)


def _buckets(report: Report) -> Iterator[Markdown]:
    def cells(bucket: Mapping[str, Any]) -> list[Markdown]:
        row = bucket_row(bucket)
        shown = [escape(text) for text in (row.n, row.base, row.candidate, row.change, row.flips)]
        unsure = ", too few cases to be sure" if row.blind and row.state == "ok" else ""
        verdict = Markdown(state(row.state) + unsure)
        return [code(row.name, NAME_LIMIT), *shown, verdict]

    if report["comparison"] is not None:
        head = "bucket|cases|base|candidate|change|fixes / regressions|verdict"
        buckets = buckets_worst_first(report["comparison"])
        yield from table(head, "lrrrlrl", buckets, cells, MOST_BUCKETS)


def _safety(report: Report) -> Iterator[Markdown]:
    def cells(case: Mapping[str, Any]) -> list[Markdown]:
        sides = [escape(f"{case[f'{s}_unsafe']} of {case[f'{s}_runs']}") for s in ("base", "candidate")]
        return [
            code(case["case_id"], NAME_LIMIT),
            *sides,
            escape(numbers.p_value(case["p"])),
            state(case["state"]),
            *([escape(decided(report, "safety", case["case_id"]))] if with_decision else []),
        ]

    if sentence := safety_sentence(report):
        unsafe = report["comparison"]["safety"]["newly_unsafe"]
        with_decision = any(decided(report, "safety", case["case_id"]) for case in unsafe)
        head = "newly unsafe|base unsafe|candidate unsafe|evidence|verdict" + "|decided" * with_decision
        drawn = table(head, "lrrll" + "l" * with_decision, unsafe, cells)
        yield blocks(escape(sentence, SENTENCE_LIMIT), *drawn)


def _regressions(report: Report, show: Show) -> Iterator[Markdown]:
    regressions = report["regressions"][:MOST_ITEMS]
    told = [side for side in _TOLD if show != "ids" and any(case[side] is not None for case in regressions)]
    said = [decided(report, "quality", case["case_id"]) for case in regressions]
    with_label = any(case["label"] is not None for case in regressions)

    def cells(numbered: tuple[int, Mapping[str, Any]]) -> list[Markdown]:
        number, case = numbered
        few = list(case["buckets"].items())[:MOST_ITEMS]
        buckets = ", ".join(f"{dimension[:NAME_LIMIT]}={name[:NAME_LIMIT]}" for dimension, name in few)
        answers = [_answer(case[side], show) for side in told]
        label = [escape(case["label"] or numbers.NONE, NAME_LIMIT)] if with_label else []
        decision = [escape(said[number], NAME_LIMIT)] if any(said) else []
        return [code(case["case_id"], NAME_LIMIT), escape(buckets, NAME_LIMIT), *label, *answers, *decision]

    if report["comparison"] is not None and regressions:
        sentence = regressions_sentence(report["comparison"]["regressions_total"], len(regressions))
        head = ["case", "buckets", *["asked again"] * with_label, *told, *["decided"] * any(said)]
        drawn = table("|".join(head), "l" * len(head), list(enumerate(regressions)), cells)
        yield blocks(escape(sentence), *drawn)


def _to_decide(report: Report) -> Iterator[Markdown]:
    if lines := to_decide(report):
        told = (
            f"Paste into evals/{report['alias']}/waivers.yaml in a pull request of its own what you have read "
            f"and decided, and fill in the rest: {TO_FILL_IN}; decided and expires are days."
        )
        yield blocks(escape(told, SENTENCE_LIMIT), fence(lines, "yaml", PASTE_LIMIT))


def _answer(text: str | None, show: Show) -> Markdown:
    if text is None:
        return Markdown(numbers.NONE)
    return code(redacted(text) if show == "redacted" else text, ANSWER_LIMIT)


def _data_diff(report: Report) -> Iterator[Markdown]:
    if diff := report.get("data_diff"):
        tables = [_diff_table(each) for each in data_diff_tables(diff)]
        yield blocks(escape(data_diff_sentence(diff), SENTENCE_LIMIT), *tables)


def _diff_table(diff: DiffTable) -> Markdown:
    def cells(row: Sequence[str]) -> list[Markdown]:
        return [
            code(cell, PLACES_LIMIT) if side == "c" and cell else escape(cell, NAME_LIMIT)
            for cell, side in zip(row, diff.align, strict=True)
        ]

    note = [escape(diff.note)] if diff.note else []
    return blocks(*table("|".join(diff.head), diff.align, diff.rows, cells), *note)


def _lineage(report: Report) -> Iterator[Markdown]:
    def cells(fact: tuple[str, str]) -> list[Markdown]:
        return [escape(fact[0], NAME_LIMIT), code(fact[1][:12])]

    drawn = table("what|sha256, first 12", "ll", lineage_facts(report), cells, MOST_BUCKETS)
    yield blocks(escape(ruler_sentence(report)), *drawn)


def _blind_spots(report: Report) -> Iterator[Markdown]:
    yield from listed(blind_spots(report), lambda text: escape(text, SENTENCE_LIMIT))


def _facts(facts: Facts) -> Iterator[Markdown]:
    yield from table("|", "ll", facts, lambda fact: [escape(fact[0]), escape(fact[1])])


def _builders(show: Show) -> Sequence[tuple[str, Callable[[Report], Iterator[Markdown]]]]:
    return (
        ("Waived", _waived),
        ("Decisions", _decisions),
        ("Buckets", _buckets),
        ("Safety", _safety),
        ("Regressions to review", lambda report: _regressions(report, show)),
        ("Decisions to paste", _to_decide),
        ("Data diff", _data_diff),
        (TITLE, road_section),
        ("Latency and cost", lambda report: _facts(cost_facts(report))),
        ("Data and training", lambda report: _facts(data_facts(report))),
        ("Lineage", _lineage),
        ("Blind spots", _blind_spots),
    )
