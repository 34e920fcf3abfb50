"""What a reviewer must know of a change to a dataset, without any row's text.

Rows are paired by `metadata.id`, and by content where there is none; moved lines are no change. Places are
`file:line`, removed rows at their place before. Names that are not one plain word are told by a place too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from liftgate.data.dataset import Dataset, text_of
from liftgate.data.mix import Entry, Lengths, Mix, class_reader, lengths, mix, ranked
from liftgate.data.new_clusters import Cluster, new_clusters
from liftgate.data.pairing import Item, Pairing, items, paired
from liftgate.data.text import is_identifier
from liftgate.findings import Severity
from liftgate.tokens import DEFAULT_ENCODING, count_conversations

MOST_PLACES: Final = 50
MOST_CLASSES: Final = 200
MOST_LOCALES: Final = 20
MOST_IN_A_LOCALE: Final = 50
MOST_MOVES: Final = 50
MOST_CLUSTERS: Final = 50


@dataclass(frozen=True)
class Side:
    """One side of a diff: what people call it (a version, a path) and its files."""

    name: str
    datasets: tuple[Dataset, ...]


@dataclass(frozen=True)
class File:
    """One file of a side; `unreadable` lines are in no other number."""

    path: str
    rows: int
    unreadable: int


@dataclass(frozen=True)
class Summary:
    """A side as the diff names it."""

    name: str
    rows: int
    files: tuple[File, ...]


@dataclass(frozen=True)
class Rows:
    """How many rows, and where the first of them stand."""

    rows: int
    places: tuple[str, ...]


@dataclass(frozen=True)
class Move:
    """Rows that went from one class to another; None where they have none."""

    from_class: str | None
    to_class: str | None
    rows: int


@dataclass(frozen=True)
class Changes:
    """Every row of both sides once: a row is relabelled, else its conversation changed, else its metadata.

    `other_half` counts rows again that went from training to validation or back.
    """

    added: Rows
    removed: Rows
    relabelled: Rows
    conversation: Rows
    metadata: Rows
    unchanged: int
    other_half: Rows
    moves: tuple[Move, ...]
    moves_total: int


@dataclass(frozen=True)
class Locale(Entry):
    """One locale and the classes in it; shares of classes are of the locale's rows."""

    classes: Mix


@dataclass(frozen=True)
class Origin(Entry):
    """Rows of one source, looked at by a person or not."""

    reviewed: bool


@dataclass(frozen=True)
class Prompts:
    """Different system prompts; `new` stand in no row of the side before."""

    before: int | None
    after: int
    new: int | None


@dataclass(frozen=True)
class DataDiff:
    """Two sides of a dataset held against each other; `before` is None for a first release."""

    encoding: str
    before: Summary | None
    after: Summary
    changes: Changes | None
    classes: Mix
    locales: tuple[Locale, ...]
    locales_total: int
    provenance: tuple[Origin, ...]
    provenance_total: int
    tokens_before: Lengths | None
    tokens_after: Lengths | None
    system_prompts: Prompts
    tool_rows_before: int | None
    tool_rows_after: int
    clusters: tuple[Cluster, ...]
    clusters_total: int
    clustered_rows: int

    @property
    def is_empty(self) -> bool:
        """Whether every row stands on both sides as it was, whatever its line."""
        changes = self.changes
        return (
            changes is not None
            and self.before is not None
            and changes.unchanged == self.before.rows == self.after.rows
            and not changes.other_half.rows
        )

    def to_dict(self) -> dict[str, Any]:
        """The form of data-diff.json."""
        return {"schema_version": 1, **orjson.loads(orjson.dumps(self))}


def diff(before: Side | None, after: Side, *, encoding: str = DEFAULT_ENCODING) -> DataDiff:
    """Hold `after` against `before` (None: a first release), in time linear in the rows of both."""
    sides = [side for side in (before, after) if side]
    label_of = class_reader([row for side in sides for dataset in side.datasets for row in dataset.rows])
    old = None if before is None else items(before.datasets, label_of)
    new = items(after.datasets, label_of)
    pairing = None if old is None else paired(old, new)
    named = _namer("label", [*new, *(old or [])], lambda item: item.label)
    locales = _locales(old, new, named)
    origins = _provenance(old, new)
    clusters = new_clusters(new, pairing)
    tokens = _tokens([*(old or []), *new], encoding)
    return DataDiff(
        encoding=encoding,
        before=None if before is None else _summary(before),
        after=_summary(after),
        changes=None if pairing is None else _changes(pairing, named),
        classes=mix(_counted(old, _label), _count(new, _label), named, MOST_CLASSES),
        locales=tuple(locales[:MOST_LOCALES]),
        locales_total=len(locales),
        provenance=tuple(origins[:MOST_LOCALES]),
        provenance_total=len(origins),
        tokens_before=None if old is None else lengths([tokens[item.content] for item in old]),
        tokens_after=lengths([tokens[item.content] for item in new]),
        system_prompts=_prompts(old, new),
        tool_rows_before=None if old is None else _with_tools(old),
        tool_rows_after=_with_tools(new),
        clusters=tuple(clusters[:MOST_CLUSTERS]),
        clusters_total=len(clusters),
        clustered_rows=sum(cluster.rows for cluster in clusters),
    )


def _summary(side: Side) -> Summary:
    files = tuple(
        File(
            dataset.path,
            len(dataset.rows),
            sum(finding.severity is Severity.ERROR for finding in dataset.findings),
        )
        for dataset in side.datasets
    )
    return Summary(side.name, sum(file.rows for file in files), files)


def _changes(pairing: Pairing, named: Callable[[str | None], str | None]) -> Changes:
    relabelled, conversation, metadata, other_half = [], [], [], []
    unchanged = 0
    moves: Counter[tuple[str | None, str | None]] = Counter()
    for old, new in pairing.pairs:
        if old.half != new.half:
            other_half.append(new)
        if old.label != new.label:
            relabelled.append(new)
            moves[(old.label, new.label)] += 1
        elif old.content != new.content:
            conversation.append(new)
        elif old.metadata != new.metadata:
            metadata.append(new)
        else:
            unchanged += 1
    often = sorted(moves.items(), key=lambda each: (-each[1], str(each[0])))
    return Changes(
        added=_rows(pairing.after),
        removed=_rows(pairing.before),
        relabelled=_rows(relabelled),
        conversation=_rows(conversation),
        metadata=_rows(metadata),
        unchanged=unchanged,
        other_half=_rows(other_half),
        moves=tuple(Move(named(a), named(b), count) for (a, b), count in often[:MOST_MOVES]),
        moves_total=len(often),
    )


def _rows(found: Sequence[Item]) -> Rows:
    first = sorted(found, key=lambda item: (item.path, item.row.line))[:MOST_PLACES]
    return Rows(len(found), tuple(item.place for item in first))


def _label(item: Item) -> str | None:
    return item.label


def _locale(item: Item) -> str | None:
    return item.row.locale


def _origin(item: Item) -> tuple[str | None, bool]:
    return item.row.source, item.row.reviewed


def _count(side: Iterable[Item], key: Callable[[Item], Any]) -> Counter[Any]:
    return Counter(map(key, side))


def _counted(side: Iterable[Item] | None, key: Callable[[Item], Any]) -> Counter[Any] | None:
    return None if side is None else _count(side, key)


def _namer(
    what: str, found: Sequence[Item], key: Callable[[Item], str | None]
) -> Callable[[str | None], str | None]:
    """How a value is told: itself when it is one plain word, else by the first row that has it."""
    first: dict[str | None, Item] = {}
    for item in found:
        first.setdefault(key(item), item)

    def named(value: str | None) -> str | None:
        if value is None or is_identifier(value):
            return value
        return f"the {what} at {first[value].place}"

    return named


def _locales(
    old: Sequence[Item] | None, new: Sequence[Item], named: Callable[[str | None], str | None]
) -> list[Locale]:
    tell = _namer("locale", [*new, *(old or [])], _locale)
    found = ranked(_counted(old, _locale), _count(new, _locale), tell)
    wanted = {locale for locale, _ in found[:MOST_LOCALES]}
    before = None if old is None else _by_locale(old, wanted)
    after = _by_locale(new, wanted)
    return [
        Locale(
            entry.name,
            entry.before,
            entry.after,
            mix(None if before is None else before[locale], after[locale], named, MOST_IN_A_LOCALE),
        )
        for locale, entry in found
    ]


def _by_locale(side: Iterable[Item], wanted: set[str | None]) -> dict[str | None, Counter[str | None]]:
    counts: dict[str | None, Counter[str | None]] = defaultdict(Counter)
    for item in side:
        if (locale := item.row.locale) in wanted:
            counts[locale][item.label] += 1
    return counts


def _provenance(old: Sequence[Item] | None, new: Sequence[Item]) -> list[Origin]:
    tell = _namer("source", [*new, *(old or [])], lambda item: item.row.source)
    found = ranked(_counted(old, _origin), _count(new, _origin), lambda origin: tell(origin[0]))
    return [Origin(entry.name, entry.before, entry.after, reviewed) for (_, reviewed), entry in found]


def _tokens(found: Sequence[Item], encoding: str) -> dict[bytes, int]:
    """Tokens by content: a row that stands on both sides is counted once."""
    rows = {item.content: item.row for item in found}
    counts = count_conversations(((row.messages, row.tools) for row in rows.values()), encoding)
    return dict(zip(rows, counts, strict=True))


def _system_prompts(side: Iterable[Item]) -> set[str]:
    return {
        text_of(message)
        for item in side
        for message in item.row.messages
        if message.get("role") in ("system", "developer")
    }


def _prompts(old: Sequence[Item] | None, new: Sequence[Item]) -> Prompts:
    after = _system_prompts(new)
    if old is None:
        return Prompts(None, len(after), None)
    before = _system_prompts(old)
    return Prompts(len(before), len(after), len(after - before))


def _with_tools(side: Iterable[Item]) -> int:
    return sum(bool(item.row.tools) for item in side)
