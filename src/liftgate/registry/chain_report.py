"""The links that the sign-off report carries: job, model, and the report itself under its seal and pin. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from liftgate.config import parse_yaml, schema
from liftgate.digests import digest, pretty, sha256_bytes
from liftgate.errors import LiftgateError
from liftgate.findings import Finding, Severity
from liftgate.registry.chain import Link, Subject
from liftgate.registry.chain_files import altered, uncommitted
from liftgate.registry.chain_places import told

_SEAL: Final = "report_sha256"
_NO_REPORT: Final = "the report tells of it, and there is no usable one"


class Pinned(NamedTuple):
    """The report that a variant names, where it can be read, and what is wrong with it."""

    path: str | None
    data: bytes | None
    report: Mapping[str, Any] | None
    findings: tuple[Finding, ...] = ()
    missing: bool = False


def pinned_report(subject: Subject) -> Pinned:
    """Read the report under `report` and hold it against pin, form, seal and schema."""
    pin = subject.variant.entry.get("report")
    if pin is None:
        why = "`report` is not set: nothing says that it passed"
        return Pinned(None, None, None, (subject.broken("report-missing", why),), missing=True)
    path = pin["path"]
    data = subject.source.read(path)
    if data is None:
        why = "`report` names a file that is not there"
        return Pinned(path, None, None, (subject.broken("report-missing", why, "report", "path"),))
    findings = list(uncommitted(subject, "report-altered", path, quiet=True))
    if not findings:
        findings += _unpinned(subject, path, data, pin["sha256"])
    report = _read(data)
    if report is None:
        if not findings:
            why = "it is no report.json of this version"
            findings.append(Finding("report-altered", Severity.ERROR, why, path))
        return Pinned(path, data, None, tuple(findings))
    body = {key: value for key, value in report.items() if key != _SEAL}
    if report[_SEAL] != digest(body) and not findings:
        why = f"$.{_SEAL} is {told(report[_SEAL])}, expected {told(digest(body))} by its content"
        findings.append(_at(path, data, why, _SEAL))
    return Pinned(path, data, report, tuple(findings))


def _read(data: bytes) -> Mapping[str, Any] | None:
    import jsonschema_rs

    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    holds = isinstance(read, dict) and jsonschema_rs.validator_for(dict(schema("report"))).is_valid(read)
    return read if holds and pretty(read) == data else None


def _unpinned(subject: Subject, path: str, data: bytes, pinned: str) -> Iterator[Finding]:
    found = sha256_bytes(data)
    if found != pinned:
        why = f"sha256 is {told(found)}, expected {told(pinned)} ({subject.place('report', 'sha256')})"
        then = subject.source.earlier(path, lambda earlier: sha256_bytes(earlier) == pinned)
        yield altered("report-altered", path, data, then, why, quiet=True)


def job_link(subject: Subject, pinned: Pinned) -> Link:
    """The job that the registry names against the one that the report names."""
    entry = subject.variant.entry
    training = (pinned.report or {}).get("training")
    if pinned.report is None or training is None:
        return Link("job", unchecked=(_NO_REPORT,))
    pairs = [("provider", entry["provider"], training["provider"])]
    pairs += [("job_id", entry.get("job_id"), training.get("job_id"))]
    pairs += [("training_usd", entry.get("training_usd"), training.get("usd"))]
    if training.get("method") is not None and "method" in entry:
        pairs.append(("method", entry["method"], training["method"]))
    findings = tuple(_differing(subject, "job-differs", pairs))
    job = entry.get("job_id")
    return Link(
        "job", findings, f"job {job} at {entry['provider']}" if job else f"trained at {entry['provider']}"
    )


def model_link(subject: Subject, pinned: Pinned) -> Link:
    """The model that callers are sent to against the one that answered."""
    entry, report = subject.variant.entry, pinned.report
    if report is None or report["training"] is None:
        return Link("model", unchecked=(_NO_REPORT,))
    training = report["training"]
    weights = training["adapter_sha256"]
    pairs = [("adapter_sha256", entry.get("adapter_sha256"), weights)]
    if weights is None:
        # Where the provider holds the weights, its id is all there is.
        pairs.append(("model_id", entry["model_id"], answered(report)))
    findings = tuple(_differing(subject, "model-differs", pairs))
    told_ = f"{told(entry['model_id'])}, weights {told(weights)}" if weights else str(told(entry["model_id"]))
    unchecked = "the provider holds the weights; only their id was compared"
    if weights is not None:
        unchecked = "the weights lie outside the repository; only their sha256 was compared"
    return Link("model", findings, told_, (unchecked,))


def answered(report: Mapping[str, Any]) -> str | None:
    """The id under which the candidate was asked."""
    return next((str(arm["model"]) for arm in report["arms"] if arm["name"] == report["candidate_arm"]), None)


def _differing(subject: Subject, rule: str, pairs: list[tuple[str, Any, Any]]) -> Iterator[Finding]:
    where = subject.variant.entry.get("report", {}).get("path", "the report")
    for key, ours, theirs in pairs:
        if ours != theirs:
            why = f"`{key}` is {told(ours) or 'another value'}, expected {told(theirs) or 'another value'} ({where})"
            yield subject.broken(rule, why, key)


def report_link(subject: Subject, pinned: Pinned, manifest: Mapping[str, Any] | None) -> Link:
    """The report's seal and pin, and whether it passes this very model on these very rows."""
    findings = list(pinned.findings)
    report = pinned.report
    if report is None or pinned.path is None or pinned.data is None:
        return Link("report", tuple(findings), missing=pinned.missing)
    entry, training, dataset = subject.variant.entry, report["training"] or {}, report["dataset"] or {}
    wanted: list[tuple[tuple[str, ...], Any, str]] = [
        (("alias",), subject.alias.name, subject.place()),
        (("training", "manifest_digest"), entry.get("manifest_digest"), subject.place("manifest_digest")),
        (("dataset", "version"), entry["dataset"]["version"], subject.place("dataset", "version")),
    ]
    for key in ("train_sha256", "validation_sha256"):
        pin = entry["dataset"].get(key)
        wanted.append((("dataset", key), pin, subject.place("dataset", key)))
    if manifest is not None:
        where = str(entry.get("manifest", "the ledger's manifest"))
        wanted.append((("training", "provider"), manifest["provider"], where))
    have = {"alias": report["alias"], "training": training, "dataset": dataset}
    for place, expected, source in wanted:
        found: Any = have
        for step in place:
            found = found.get(step)
        if found != expected:
            why = f"$.{'.'.join(place)} is {told(found)}, expected {told(expected)} ({source})"
            findings.append(_at(pinned.path, pinned.data, why, *place))
    findings += _verdict(subject, pinned.path, pinned.data, report)
    said = f"{pinned.path}: {report['verdict']}, sealed {report[_SEAL][:12]}…"
    unchecked = (
        "a seal shows that nobody changed the report, not who wrote it; the ledger (--ledger) and its stored answers "
        "(registry verify --report) do",
    )
    return Link("report", tuple(dict.fromkeys(findings)), said, unchecked)


def _verdict(subject: Subject, path: str, data: bytes, report: Mapping[str, Any]) -> Iterator[Finding]:
    comparison = report["comparison"]
    errors = [each for each in report["findings"] if each["severity"] == "error"]
    states = [part["state"] for part in (comparison or {"parts": []})["parts"] if part["gates"]]
    passes = bool(comparison) and comparison["verdict"] == "pass" and not errors and set(states) <= {"ok"}
    if (report["verdict"] == "pass") != passes:
        why = f"$.verdict is {report['verdict']}, and its parts and findings {'pass' if passes else 'do not pass'}"
        yield _at(path, data, why, "verdict")
    elif not passes and subject.served:
        yield _at(path, data, f"$.verdict is {report['verdict']}, and callers reach the variant", "verdict")


def _at(path: str, data: bytes, message: str, *key: str) -> Finding:
    try:
        line: int | None = parse_yaml(data, path).line(key)
    except LiftgateError:
        line = None
    return Finding("report-altered", Severity.ERROR, message, path, line)
