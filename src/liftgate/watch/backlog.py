"""The backlog of an alias: cases that training rows are wanted for, with their reasons. Pure, and it only ever grows.

A row is named by alias, suite and case, so that the same case found on three roads is one row with three sources, and
a second look at the same things changes nothing. It holds no text of a case or a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal

import orjson

from liftgate.config import Document, check, schema
from liftgate.data import jsonl
from liftgate.data.golden import Cases
from liftgate.digests import digest
from liftgate.errors import InputError, Problem
from liftgate.findings import Finding, Severity
from liftgate.verdict.decisions import ReviewDecision
from liftgate.watch.prompt_versions import CONSECUTIVE, Version, stubborn

Suite = Literal["quality", "safety", "production"]
FEWEST_PAIRS: Final = 5
MOST_PAIRS: Final = 10
_ORDER: Final = {"safety": 0, "quality": 1, "production": 2}


@dataclass(frozen=True)
class Row:
    """One line of backlog.jsonl."""

    id: str
    suite: Suite
    case_id: str
    buckets: Mapping[str, str]
    sources: tuple[Mapping[str, Any], ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """`metadata.id` of each pair that a person writes: more where more is at stake or more says so."""
        heavy = self.suite == "safety" or self.buckets.get("risk") == "high" or len(self.sources) > 1
        return tuple(f"{self.id}-{i}" for i in range(1, (MOST_PAIRS if heavy else FEWEST_PAIRS) + 1))

    def to_dict(self) -> dict[str, Any]:
        """The form of the file."""
        return {
            "id": self.id,
            "suite": self.suite,
            "case_id": self.case_id,
            "buckets": dict(self.buckets),
            "sources": [dict(source) for source in self.sources],
            "slots": list(self.slots),
        }


def row_id(alias: str, suite: Suite, case_id: str) -> str:
    """The stable name of a row."""
    return "bl-" + digest({"alias": alias, "suite": suite, "case_id": case_id})[:12]


def read_backlog(data: bytes, path: str) -> list[Row]:
    """Read backlog.jsonl. Raises `InputError` with every line that cannot be used."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for line in jsonl.parse(data):
        place = f"{path}:{line.number}"
        if line.problem is not None:
            problems.append(Problem(place, line.problem))
        elif not _validator().is_valid(line.value):
            found = check(Document(place, line.value), "backlog")
            problems += [Problem(place, "is no row of a backlog")] if not found else found[:1]
        else:
            value = line.value
            rows.append(
                Row(value["id"], value["suite"], value["case_id"], value["buckets"], tuple(value["sources"]))
            )
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        raise InputError(f"{path} has {count}", problems=problems, hint="liftgate backlog writes this file")
    return rows


def write_backlog(rows: Iterable[Row]) -> bytes:
    """The bytes of backlog.jsonl: one order and one form, so that the same rows are the same bytes."""
    placed = sorted(rows, key=lambda row: (_ORDER[row.suite], row.case_id, row.id))
    return b"".join(orjson.dumps(row.to_dict(), option=orjson.OPT_SORT_KEYS) + b"\n" for row in placed)


def merged(known: Iterable[Row], found: Iterable[Row]) -> list[Row]:
    """What stood there, with what was found: a new row, or a new source of one."""
    rows = {row.id: row for row in known}
    for row in found:
        there = rows.get(row.id)
        rows[row.id] = row if there is None else replace(there, sources=_joined(there.sources, row.sources))
    return list(rows.values())


def _joined(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """Each reason once. A failing under prompts is one reason, told by its newest versions."""
    kept = list(old)
    for source in new:
        if source["source"] == "prompts":
            at = next((i for i, each in enumerate(kept) if each["source"] == "prompts"), None)
            if at is not None:
                kept[at] = source
                continue
        if source not in kept:
            kept.append(source)
    return tuple(sorted(kept, key=lambda each: (str(each["source"]), digest(dict(each)))))


def from_prompts(alias: str, versions: Sequence[Version]) -> Iterator[Row]:
    """Golden cases that the newest three prompts all get wrong."""
    newest = versions[-CONSECUTIVE:]
    for case_id in stubborn(versions):
        last = newest[-1]
        source = {
            "source": "prompts",
            "metric": last.metric,
            "golden_sha256": last.golden_sha256,
            "versions": [version.to_dict() for version in newest],
        }
        buckets = last.buckets.get(case_id, {})
        yield Row(row_id(alias, "quality", case_id), "quality", case_id, buckets, (source,))


def from_decisions(
    alias: str, decisions: Iterable[ReviewDecision], cases: Mapping[str, Cases]
) -> tuple[list[Row], list[Finding]]:
    """Regressions that a reviewer wants fixed. `cases` are the golden set and the safety suite by suite."""
    rows: list[Row] = []
    findings: list[Finding] = []
    for each in decisions:
        if each.kind != "fix":
            continue
        known = cases[each.suite].by_id if each.suite in cases else {}
        if each.case_id not in known:
            message = "the decision `fix` is about a case that is not there any more; take it out"
            findings.append(Finding("decision-unknown-case", Severity.WARNING, message, each.path, each.line))
            continue
        suite: Suite = "safety" if each.suite == "safety" else "quality"
        source = {
            "source": "review",
            "owner": each.owner,
            "decided": each.decided.isoformat(),
            "outputs": sorted(each.outputs),
        }
        buckets = known[each.case_id].buckets
        rows.append(Row(row_id(alias, suite, each.case_id), suite, each.case_id, buckets, (source,)))
    return rows, findings


def from_shadow(alias: str, report: Mapping[str, Any], sha256: str) -> Iterator[Row]:
    """Mirrored requests on which a variant did worse than the default model."""
    source = {
        "source": "shadow",
        "variant": report["variant"],
        "model_id": report["model_id"],
        "report_sha256": sha256,
    }
    for each in report.get("regressions", ()):
        case_id = each["request_id"]
        buckets = each.get("buckets", {})
        yield Row(row_id(alias, "production", case_id), "production", case_id, buckets, (source,))


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema("backlog")))
