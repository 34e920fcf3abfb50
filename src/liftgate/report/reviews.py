"""Decisions about single regressions as plain text: what was decided, and lines to paste for what was not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liftgate.report.tables import Report

MOST_PASTED = 25
# A longer id is nobody's to copy, and spelling it out would take longer than the verdict.
LONGEST_ID = 1_000
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_LIVE = ("accepted", "to-fix", "noted")
_SHORT = {"accept": "accepted", "fix": "to be fixed", "bad-label": "bad label", "judge-wrong": "wrong grade"}
_STATUS = {
    "accepted": "settles a doubt, never the lift",
    "to-fix": "blocks",
    "noted": "nothing until it is mended",
    "expired": "nothing, it is over",
    "unused": "nothing, it is not needed",
}
_BLANKS = ("decision", "owner", "reason")
# Words that YAML would not read as text.
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

TO_FILL_IN = "decision is accept, fix, bad-label or judge-wrong"


@dataclass(frozen=True)
class DecisionRow:
    """One entry of waivers.yaml and what became of it."""

    case: str
    decision: str
    owner: str
    until: str
    reason: str
    status: str


def decision_rows(report: Report) -> list[DecisionRow]:
    """Every decision, in the order of the file."""
    return [
        DecisionRow(
            case=each["case_id"],
            decision=_SHORT[each["decision"]],
            owner=each["owner"],
            until=each["expires"],
            reason=each["reason"],
            status=_STATUS.get(each["status"]) or f"nothing: {each['why']}",
        )
        for each in _decisions(report)
    ]


def decided(report: Report, suite: str, case_id: str) -> str:
    """`accepted by @ana`, or an empty string: what reviewers said about the answers that are given now."""
    said = [each for each in _live(report) if (each["suite"], each["case_id"]) == (suite, case_id)]
    return ", ".join(dict.fromkeys(f"{_SHORT[each['decision']]}, {each['owner']}" for each in said))


def accepted_safety(report: Report) -> list[Mapping[str, Any]]:
    """Decisions without which a newly unsafe answer would wait for a person."""
    return [each for each in _decisions(report) if (each["suite"], each["status"]) == ("safety", "accepted")]


def to_decide(report: Report, decided: str | None = None) -> str | None:
    """Entries for evals/<alias>/waivers.yaml, ready but for what only a person can say; None without any."""
    entries = list(_undecided(report))[:MOST_PASTED]
    return (
        "\n".join(["decisions:", *(line for entry in entries for line in _lines(*entry, decided))])
        if entries
        else None
    )


def _undecided(report: Report) -> Iterator[tuple[str, str, Sequence[str]]]:
    comparison = report["comparison"]
    if comparison is None:
        return
    known = {(each["suite"], each["case_id"], output) for each in _live(report) for output in each["outputs"]}
    unsafe = (comparison["safety"] or {}).get("newly_unsafe", ())
    listed = [("safety", case["case_id"], case["outputs"]) for case in unsafe if case["state"] == "unclear"]
    listed += [("quality", case["case_id"], case["outputs"]) for case in report["regressions"]]
    for suite, case, outputs in listed:
        if len(case) > LONGEST_ID:
            continue
        if new := [output for output in outputs if (suite, case, output) not in known]:
            yield suite, case, new


def _lines(suite: str, case: str, outputs: Sequence[str], decided: str | None) -> Iterator[str]:
    yield f"  - case: {_text(case)}"
    if suite == "safety":
        yield "    suite: safety"
    yield f"    outputs: [{', '.join(map(_class, outputs))}]"
    yield from (f"    {blank}:" for blank in _BLANKS)
    yield f"    decided: {decided}" if decided else "    decided:"
    yield "    expires:"


def _class(output: str) -> str:
    # An output class of digits only, or like 1e10, is a number to YAML.
    return output if _PLAIN.fullmatch(output) else f'"{output}"'


def _text(case: str) -> str:
    plain = _PLAIN.fullmatch(case) and case.lower() not in _NOT_TEXT
    return case if plain else f'"{"".join(map(_escaped, case))}"'


def _escaped(character: str) -> str:
    # ASCII only: what cannot be seen would not survive being copied. YAML knows no surrogate pairs.
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else json.dumps(character)[1:-1]


def _decisions(report: Report) -> Sequence[Mapping[str, Any]]:
    comparison = report["comparison"]
    return comparison.get("decisions", ()) if comparison else ()


def _live(report: Report) -> list[Mapping[str, Any]]:
    return [each for each in _decisions(report) if each["status"] in _LIVE]
