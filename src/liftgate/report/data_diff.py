"""The data diff as people read it: one sentence and small tables that comment, page and terminal share.

Plain text with numbers already rounded; each renderer escapes it for the place where it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.summary import aligned

Diff = Mapping[str, Any]

MATERIAL: Final = 0.01
MOST_ENTRIES: Final = 10
MOST_PLACES: Final = 5
CELL_LIMIT: Final = 160
SENTENCE_LIMIT: Final = 600
_KINDS: Final = (
    ("added", "added"),
    ("removed", "removed"),
    ("relabelled", "relabelled"),
    ("conversation", "conversation changed"),
    ("metadata", "only metadata changed"),
)
_LENGTHS: Final = (
    ("total", "all rows"),
    ("min", "shortest"),
    ("median", "median"),
    ("p95", "P95"),
    ("max", "longest"),
)


@dataclass(frozen=True)
class DiffTable:
    """A small table. `align` has `r` for numbers, `l` for text and `c` for places, one letter a column."""

    name: str
    head: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def render_data_diff(diff: Diff) -> str:
    """The diff for a terminal; ends with a newline."""
    blocks = [clean(data_diff_sentence(diff), SENTENCE_LIMIT)]
    for table in data_diff_tables(diff):
        drawn = aligned(table.head, table.rows, table.align, CELL_LIMIT, CELL_LIMIT) if table.rows else ""
        blocks.append("\n".join(part for part in (drawn, table.note) if part))
    return "\n\n".join(blocks) + "\n"


def data_diff_sentence(diff: Diff) -> str:
    """What was held against what, and how many rows that concerns."""
    before, after = diff["before"], diff["after"]
    rows = numbers.plural(after["rows"], "row")
    if before is None:
        return f"First release: {after['name']} with {rows}, nothing to compare with."
    if _is_empty(diff):
        return f"No row changed: {after['name']} holds the same {rows} as {before['name']}."
    return f"{before['name']} → {after['name']}: {numbers.count(before['rows'])} → {rows}."


def data_diff_tables(diff: Diff) -> list[DiffTable]:
    """Rows, relabellings, balance, origin, lengths and near-duplicates; nothing when nothing changed."""
    if _is_empty(diff):
        return []
    tables = [
        *_changes(diff),
        *_moves(diff),
        *_mix(
            diff, "Class balance", "class", "classes", diff["classes"]["entries"], diff["classes"]["total"]
        ),
        *_mix(diff, "Locales", "locale", "locales", diff["locales"], diff["locales_total"]),
        *_provenance(diff),
        *_tokens(diff),
        *_counts(diff),
        *_clusters(diff),
    ]
    return [table for table in tables if table.rows or table.note]


def _is_empty(diff: Diff) -> bool:
    changes = diff["changes"]
    if changes is None or changes["other_half"]["rows"]:
        return False
    return bool(changes["unchanged"] == diff["before"]["rows"] == diff["after"]["rows"])


def _changes(diff: Diff) -> Iterator[DiffTable]:
    changes = diff["changes"]
    if changes is None:
        return
    found = [(word, changes[key]) for key, word in _KINDS if changes[key]["rows"]]
    rows = [
        (word, numbers.count(each["rows"]), _places(each["places"], each["rows"])) for word, each in found
    ]
    rows.append(("unchanged", numbers.count(changes["unchanged"]), ""))
    if moved := changes["other_half"]["rows"]:
        where = _places(changes["other_half"]["places"], moved)
        rows.append(("moved to the other half", numbers.count(moved), where))
    yield DiffTable("Rows", ("rows", "count", "where"), "lrc", tuple(rows))


def _moves(diff: Diff) -> Iterator[DiffTable]:
    moves = diff["changes"]["moves"] if diff["changes"] else []
    rows = [
        (_name(each["from_class"], "label"), _name(each["to_class"], "label"), numbers.count(each["rows"]))
        for each in moves[:MOST_ENTRIES]
    ]
    more = _more(
        (diff["changes"]["moves_total"] if moves else 0) - len(rows), "pair of classes", "pairs of classes"
    )
    yield DiffTable("Relabelled", ("relabelled from", "to", "rows"), "llr", tuple(rows), more)


def _mix(
    diff: Diff, title: str, one: str, many: str, entries: Sequence[Mapping[str, Any]], total: int
) -> Iterator[DiffTable]:
    """Of a first release the largest values, else those that came, went, or moved by a point and more."""
    what = "label" if one == "class" else one
    alone = total == 1 and diff["before"] is not None
    if alone or all(entry["name"] is None for entry in entries):
        return
    moved = [entry for entry in entries if diff["before"] is None or _is_material(entry)]
    shown = moved[:MOST_ENTRIES]
    left = total - len(shown)
    note = _more(left, one, many)
    if diff["before"] is not None and len(moved) <= MOST_ENTRIES and left:
        few = _more(left, one, many) if shown else numbers.plural(left, one, many)
        note = f"{few} whose share moved by less than a point"
    yield DiffTable(title, *_sides(diff, one, [(_name(entry["name"], what), entry) for entry in shown]), note)


def _provenance(diff: Diff) -> Iterator[DiffTable]:
    named = [
        (f"{_name(entry['name'], 'source')}, {'reviewed' if entry['reviewed'] else 'not reviewed'}", entry)
        for entry in sorted(diff["provenance"], key=lambda entry: -entry["after"]["rows"])[:MOST_ENTRIES]
    ]
    note = _more(diff["provenance_total"] - len(named), "source")
    yield DiffTable("Provenance", *_sides(diff, "source", named), note)


def _sides(
    diff: Diff, what: str, entries: Sequence[tuple[str, Mapping[str, Any]]]
) -> tuple[tuple[str, ...], str, tuple[tuple[str, ...], ...]]:
    if diff["before"] is None:
        rows = [
            (name, numbers.count(entry["after"]["rows"]), numbers.percent(entry["after"]["share"]))
            for name, entry in entries
        ]
        return (what, "rows", "share"), "lrr", tuple(rows)
    compared = [
        (
            name,
            _rows(entry["before"]),
            _rows(entry["after"]),
            f"{numbers.points(entry['after']['share'] - entry['before']['share'])} points",
        )
        for name, entry in entries
    ]
    return (what, "before", "after", "share"), "lrrr", tuple(compared)


def _tokens(diff: Diff) -> Iterator[DiffTable]:
    before, after = diff["tokens_before"], diff["tokens_after"]
    if diff["before"] is None:
        rows = [(word, _length(after, key)) for key, word in _LENGTHS] if after else []
        yield DiffTable("Tokens", ("length", "tokens"), "lr", tuple(rows))
    elif before or after:
        both = [(word, _length(before, key), _length(after, key)) for key, word in _LENGTHS]
        yield DiffTable("Tokens", ("tokens", "before", "after"), "lrr", tuple(both))


def _counts(diff: Diff) -> Iterator[DiffTable]:
    prompts = diff["system_prompts"]
    new = f" ({numbers.count(prompts['new'])} new)" if prompts["new"] else ""
    found: list[tuple[str, int | None, int | None, str]] = [
        ("system prompts", prompts["before"], prompts["after"], new),
        ("rows with tools", diff["tool_rows_before"], diff["tool_rows_after"], ""),
        ("lines that cannot be read", _unreadable(diff["before"]), _unreadable(diff["after"]), ""),
    ]
    rows: list[tuple[str, ...]] = [
        (word, *([] if diff["before"] is None else [numbers.count(before)]), numbers.count(after) + note)
        for word, before, after, note in found
        if before or after
    ]
    if diff["before"] is None:
        yield DiffTable("Also", ("also", "count"), "lr", tuple(rows))
    else:
        yield DiffTable("Also", ("also", "before", "after"), "lrr", tuple(rows))


def _unreadable(side: Mapping[str, Any] | None) -> int | None:
    return None if side is None else sum(file["unreadable"] for file in side["files"])


def _clusters(diff: Diff) -> Iterator[DiffTable]:
    shown = diff["clusters"][:MOST_ENTRIES]
    rows = [
        (
            str(number),
            numbers.count(each["rows"]),
            numbers.count(each["new"]),
            numbers.count(each["classes"]),
            _places(each["places"], each["rows"]),
        )
        for number, each in enumerate(shown, start=1)
    ]
    more = _more(diff["clusters_total"] - len(shown), "cluster")
    head = ("near-duplicates", "rows", "new", "classes", "where")
    yield DiffTable("New near-duplicate clusters", head, "lrrrc", tuple(rows), more)


def _is_material(entry: Mapping[str, Any]) -> bool:
    before, after = entry["before"], entry["after"]
    return not before["rows"] or not after["rows"] or abs(after["share"] - before["share"]) >= MATERIAL


def _rows(share: Mapping[str, Any]) -> str:
    return f"{numbers.count(share['rows'])} ({numbers.percent(share['share'])})"


def _length(found: Mapping[str, Any] | None, key: str) -> str:
    if found is None:
        return numbers.NONE
    return numbers.tokens(found[key]) if key == "total" else numbers.count(found[key])


def _name(name: str | None, what: str) -> str:
    return f"no {what}" if name is None else name


def _more(count: int, one: str, many: str | None = None) -> str:
    return f"and {numbers.plural(count, f'more {one}', many and f'more {many}')}" if count > 0 else ""


def _places(places: Sequence[str], total: int) -> str:
    """`train.jsonl:41, 57 and 12 more`: each path once, and few enough lines to be read."""
    shown = places[:MOST_PLACES]
    parts: list[str] = []
    path = ""
    for place in shown:
        own, _, line = place.rpartition(":")
        parts.append(line if own == path else place)
        path = own
    more = total - len(shown)
    return ", ".join(parts) + (f" and {numbers.count(more)} more" if more > 0 else "")
