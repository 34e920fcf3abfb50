"""What `liftgate validate` found, for a terminal and for the job summary: readable with ten thousand findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.report import numbers
from liftgate.report.annotations import inert
from liftgate.report.comment_markup import MOST_ITEMS
from liftgate.report.escape import Markdown, code, escape
from liftgate.report.power import power_lines

Data = Mapping[str, Any]

MOST_A_RULE: Final = 10
MOST_IN_SUMMARY: Final = 100
# GitHub drops a summary of more than 1 MiB whole.
MOST_BYTES: Final = 1_000_000
NAME_LIMIT: Final = 200
_LEVELS: Final = ("error", "warning", "notice")
WAIVED_HEAD: Final = "rule|place|accepted by|until|reason"


def file_text(file: Data, path: str) -> str:
    """One file: at most ten findings a rule and severity, how many more there are, and the sum."""
    total = numbers.plural(len(file["findings"]), "finding")
    lines = [*_findings(file["findings"], path), *power_lines(file.get("power"))]
    lines.append(
        f"{path}: {numbers.count(file['rows'])} rows, {numbers.count(file['tokens'])} tokens "
        f"({file['encoding']}), {total}: {file['outcome']}"
    )
    return _text([*lines, *_explain(file["findings"])])


def change_text(change: Data) -> str:
    """Every file of a change, what concerns it as a whole, and one sum at the end."""
    lines = _findings(change["findings"], "this change")
    for file in change["files"]:
        lines += _findings(file["findings"], file["path"])
        rows, tokens = numbers.count(file["rows"]), numbers.count(file["tokens"])
        lines.append(f"{file['path']}: {rows} rows, {tokens} tokens ({file['encoding']}): {file['outcome']}")
    for alias, about in change["aliases"].items():
        lines += [f"{alias}: {line}" for line in power_lines(about.get("power"))]
    return _text([*lines, headline(change), *_explain(all_findings(change))])


def headline(change: Data) -> str:
    """The outcome in one sentence."""
    counts, files = change["counts"], numbers.plural(len(change["files"]), "file")
    if not change["files"] and not all_findings(change):
        return "nothing to validate: no dataset changed, nor anything that one is held against"
    said = [numbers.plural(counts[f"{level}s"], level) for level in _LEVELS if counts[f"{level}s"]]
    if counts["waived"]:
        said[-1] += f" ({numbers.count(counts['waived'])} waived)"
    outcome = "blocked" if change["outcome"] == "block" else "pass"
    return f"{outcome}, {', '.join(said) or 'no findings'} in {files}"


def all_findings(change: Data) -> list[Data]:
    """Findings about the change and of each file, most severe first."""
    found = [*change["findings"], *(finding for file in change["files"] for finding in file["findings"])]
    return sorted(found, key=lambda finding: _LEVELS.index(finding["severity"]))


def render_job_summary(change: Data, most_bytes: int = MOST_BYTES) -> str:
    """Markdown: files, every rule with its counts, then waived and other findings as far as they fit."""
    blocks = [
        Markdown(f"## Liftgate data gate: {escape(headline(change))}"),
        *_table("file|rows|tokens|errors|warnings|notices|outcome", "lrrrrrl", map(_file, change["files"])),
        *_table("rule|errors|warnings|notices", "lrrr", _rules(all_findings(change))),
    ]
    waived = [each for file in change["files"] for each in file["waived"]]
    if waived:
        blocks.append(Markdown("### Waived"))
        blocks += _table(WAIVED_HEAD, "lllll", map(waived_cells, waived[:MOST_IN_SUMMARY]))
        blocks += _more(len(waived) - MOST_IN_SUMMARY, "waived findings")
    shown, left = _listed(all_findings(change))
    if shown:
        blocks += [
            Markdown("### Findings"),
            Markdown("What each rule means and how to fix it: docs/rules.md"),
        ]
    text = "\n\n".join(blocks)
    room = most_bytes - len(text.encode()) - NAME_LIMIT
    kept: list[Markdown] = []
    for line in shown:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    more = _more(left + len(shown) - len(kept), "findings; `liftgate validate --json` lists all")
    return "\n\n".join([text, *(["\n".join(kept)] if kept else []), *more]) + "\n"


def open_findings(report: Data) -> list[Data]:
    """A report's findings without those that stand in its section of waived ones.

    In a list too long for a comment, what a rule repeats as a warning stands behind everything that speaks once: a
    hundred near repeats hide nothing else.
    """
    waived = {(each["rule"], each["path"], each["line"]) for each in report.get("waived", ())}
    first: list[Data] = []
    again: list[Data] = []
    in_order: list[Data] = []
    heard: set[str] = set()
    for finding in report["findings"]:
        if finding["severity"] == "notice" and (finding["rule"], finding["path"], finding["line"]) in waived:
            continue
        repeated = finding["severity"] != "error" and finding["rule"] in heard
        (again if repeated else first).append(finding)
        in_order.append(finding)
        heard.add(finding["rule"])
    return first + again if len(first) + len(again) > MOST_ITEMS else in_order


def waived_cells(waived: Data) -> list[Markdown]:
    """A row of the table of waived findings, under `WAIVED_HEAD`."""
    return [
        code(waived["rule"], NAME_LIMIT),
        code(_place(waived), NAME_LIMIT),
        escape(waived["owner"]),
        escape(waived["expires"]),
        escape(waived["reason"]),
    ]


def _findings(findings: Sequence[Data], path: str) -> list[str]:
    """Rule by rule, the most severe first, so that what belongs together stands together."""
    groups: dict[tuple[str, str], list[Data]] = {}
    for finding in findings:
        groups.setdefault((finding["severity"], finding["rule"]), []).append(finding)
    lines = []
    for (severity, rule), group in groups.items():
        for finding in group[:MOST_A_RULE]:
            place = f"{_place(finding)}: " if finding["path"] else ""
            lines.append(f"{place}{severity}: {finding['message']} [{rule}]")
        if len(group) > MOST_A_RULE:
            lines.append(f"{path}: {severity}: and {numbers.count(len(group) - MOST_A_RULE)} more [{rule}]")
    return lines


def _explain(findings: Sequence[Data]) -> list[str]:
    if not findings:
        return []
    rule = findings[0]["rule"]
    return [f"why, and how to fix it: liftgate validate --explain {rule} (all rules: docs/rules.md)"]


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{inert(line)}\n" for line in lines)


def _place(finding: Data) -> str:
    return (finding["path"] or "") + (f":{finding['line']}" if finding["line"] else "")


def _file(file: Data) -> list[Markdown]:
    levels = Counter(finding["severity"] for finding in file["findings"])
    figures = [file["rows"], file["tokens"], *(levels[level] for level in _LEVELS)]
    outcome = Markdown("✓ pass" if file["outcome"] == "pass" else "**✗ block**")
    return [code(file["path"], NAME_LIMIT), *(Markdown(numbers.count(figure)) for figure in figures), outcome]


def _rules(findings: Sequence[Data]) -> Iterator[list[Markdown]]:
    counted = Counter((finding["rule"], finding["severity"]) for finding in findings)
    for rule in dict.fromkeys(finding["rule"] for finding in findings):
        cells = [Markdown(numbers.count(counted[rule, level])) for level in _LEVELS]
        yield [code(rule, NAME_LIMIT), *cells]


def _listed(findings: Sequence[Data]) -> tuple[list[Markdown], int]:
    shown: Counter[str] = Counter()
    lines = []
    for finding in findings:
        shown[finding["rule"]] += 1
        if shown[finding["rule"]] <= MOST_IN_SUMMARY:
            place = f" {code(_place(finding), NAME_LIMIT)}" if finding["path"] else ""
            message = escape(finding["message"])
            lines.append(
                Markdown(f"- **{finding['severity']}** {code(finding['rule'], NAME_LIMIT)}{place}: {message}")
            )
    return lines, len(findings) - len(lines)


def _table(head: str, align: str, rows: Iterable[list[Markdown]]) -> list[Markdown]:
    rule = ["--:" if side == "r" else "---" for side in align]
    lines: list[Sequence[str]] = [head.split("|"), rule, *rows]
    if len(lines) == 2:
        return []
    return [Markdown("\n".join(f"| {' | '.join(row)} |" for row in lines))]


def _more(count: int, what: str) -> list[Markdown]:
    return [Markdown(f"and {numbers.count(count)} more {what}")] if count > 0 else []
