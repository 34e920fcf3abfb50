"""The per-case results in a report: of the golden set that it names, and the numbers made of them again. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from liftgate.config import load
from liftgate.digests import sha256_bytes
from liftgate.errors import LiftgateError
from liftgate.findings import Finding, Severity
from liftgate.registry.chain import Link, Subject
from liftgate.registry.chain_road import road_differences

_ANSWERS: Final = (
    "answers are scored where they are stored; `registry verify --report` makes the report again from them"
)


def results_link(subject: Subject, report: Mapping[str, Any] | None) -> Link:
    """Hold every case against the golden set, and count the lift again from the cases."""
    if report is None:
        return Link("results", unchecked=("the report holds them, and there is no usable one",))
    cases, comparison = report["cases"], report["comparison"]
    path = subject.variant.entry["report"]["path"]
    unchecked = [_ANSWERS]
    findings = [Finding("results-differ", Severity.ERROR, why, path) for why in _shape(report)]
    golden, where = _golden(subject, report, unchecked)
    if golden is not None:
        findings += [
            Finding("results-differ", Severity.ERROR, why, path) for why in _of_golden(cases, golden, where)
        ]
    findings += [
        Finding("results-differ", Severity.ERROR, why, path)
        for why in road_differences(subject, report, unchecked)
    ]
    if comparison is not None:
        found, why = _numbers(report)
        findings += [Finding("results-differ", Severity.ERROR, each, path) for each in found]
        unchecked += [why] if why else []
    told = f"{len(cases)} cases" + (f" of {where}" if golden is not None else "")
    return Link("results", tuple(findings), told if cases else "", tuple(unchecked))


def _shape(report: Mapping[str, Any]) -> Iterator[str]:
    ids = [case["case_id"] for case in report["cases"]]
    if len(set(ids)) != len(ids):
        yield "a case stands twice in $.cases"
    if report["comparison"] is not None and not ids:
        yield "$.cases is empty, and a comparison was made of them"
    known = set(ids)
    strange = [each["case_id"] for each in report["regressions"] if each["case_id"] not in known]
    if strange:
        yield f"$.regressions names {len(strange)} cases that $.cases does not hold"


def _golden(
    subject: Subject, report: Mapping[str, Any], unchecked: list[str]
) -> tuple[dict[str, Any] | None, str]:
    """Case id → what is expected, of the golden set that the report was measured on."""
    wanted, folder = report["lineage"]["golden_sha256"], f"evals/{subject.alias.name}"
    name = "golden.jsonl"
    try:
        suite = subject.source.read(f"{folder}/suite.yaml")
        name = load(suite or b"", f"{folder}/suite.yaml", "suite").data["golden"]
    except LiftgateError:
        pass
    path = f"{folder}/{name}"
    now = subject.source.read(path)
    data = now if now is not None and sha256_bytes(now) == wanted else None
    if data is None:
        data = subject.source.earlier(path, lambda earlier: sha256_bytes(earlier) == wanted)
    if data is None:
        unchecked.append(
            f"no committed version of {path} has the sha256 that the report names ({wanted[:12]}…)"
        )
        return None, path
    try:
        read = [orjson.loads(line) for line in data.splitlines() if line.strip()]
        return {str(case["id"]): case.get("expected") for case in read}, path
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        unchecked.append(f"{path} cannot be read")
        return None, path


def _of_golden(cases: Sequence[Mapping[str, Any]], golden: Mapping[str, Any], where: str) -> Iterator[str]:
    ids = {case["case_id"] for case in cases}
    if strange := sorted(ids - golden.keys()):
        yield f"{len(strange)} cases of $.cases are not in {where}"
    if absent := sorted(golden.keys() - ids):
        yield f"{len(absent)} cases of {where} are not in $.cases"
    for number, case in enumerate(cases):
        if case["case_id"] in golden and case["expected"] != _shown(golden[case["case_id"]]):
            yield f"$.cases[{number}].expected is not what {where} expects of that case"


def _shown(expected: Any) -> str | None:
    if expected is None or isinstance(expected, str):
        return expected
    return json.dumps(expected, ensure_ascii=False)


def _numbers(report: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """What the cases give otherwise than the report says, or why it cannot be counted."""
    comparison, base, candidate = report["comparison"], report["base_arm"], report["candidate_arm"]
    if base is None or candidate is None:
        return ["there is a comparison, and no two arms to compare"], None
    pairs = [(case["scores"].get(base), case["scores"].get(candidate)) for case in report["cases"]]
    if any(None in pair or not set(pair) <= {0, 1} for pair in pairs):
        return [], "a score is missing or graded, so the lift cannot be counted from single answers"
    counts = comparison.get("counts")
    if counts is None:
        return [], "the arms were asked more than once, so the lift cannot be counted from single answers"
    made = {
        "both": sum(pair == (1, 1) for pair in pairs),
        "fixes": sum(pair == (0, 1) for pair in pairs),
        "regressions": sum(pair == (1, 0) for pair in pairs),
        "neither": sum(pair == (0, 0) for pair in pairs),
    }
    lift, n = comparison["lift"], len(pairs)
    mean = (made["fixes"] - made["regressions"]) / n if n else None
    found = [
        f"$.comparison.counts.{key} is {counts[key]}, expected {value} by the cases"
        for key, value in made.items()
        if counts[key] != value
    ]
    if lift["n"] != n:
        found.append(f"$.comparison.lift.n is {lift['n']}, expected {n} by the cases")
    if lift["mean"] is not None and mean is not None and abs(lift["mean"] - mean) > 1e-6:
        found.append(f"$.comparison.lift.mean is {lift['mean']}, expected {mean:.10g} by the cases")
    return found, None
