"""Whether a pass verdict stands for exactly this model, these rows, the base's golden set and its policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from liftgate.config import schema
from liftgate.digests import digest, pretty
from liftgate.findings import Finding
from liftgate.registry.evidence import Candidate, at, days

_SEAL: Final = "report_sha256"


def signed_off(candidate: Candidate) -> Iterator[Finding]:
    """Every reason why the report of a variant does not carry it. Without a usable report, that alone."""
    yield from _manifest(candidate)
    if "report" not in candidate.variant.entry:
        yield candidate.refuse(
            "report-missing", "`report` is not set: nothing says that it passed; liftgate run makes one"
        )
        return
    report, wrong = _unaltered(candidate)
    if report is None:
        rule = (
            "report-missing" if candidate.evidence.files.get(_path(candidate)) is None else "report-altered"
        )
        yield candidate.refuse(rule, str(wrong), "report")
        return
    yield from _recorded(candidate, report)
    yield from _verdict(candidate, report)
    yield from _subject(candidate, report)
    yield from _ruler(candidate, report)


def _path(candidate: Candidate) -> str:
    return str(candidate.variant.entry["report"]["path"])


def _unaltered(candidate: Candidate) -> tuple[Mapping[str, Any] | None, str | None]:
    report, wrong = candidate.pinned("report")
    if report is None:
        return None, wrong
    if not _validator().is_valid(dict(report)):
        return None, "the file of `report` is no report.json of this version"
    body = {key: value for key, value in report.items() if key != _SEAL}
    if report.get(_SEAL) != digest(body) or pretty(report) != candidate.evidence.files[_path(candidate)]:
        return None, "the report was altered after Liftgate wrote it"
    return report, None


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema("report")))


def recorded(candidate: Candidate, report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The ledger's newest entry of this very report with this very verdict, or None.

    A re-evaluation stands under a key of its own, and names the one that its answers have. One that gave the very same
    answers gave the very same report, which is as fresh as its newest entry.
    """
    wanted = (report["verdict_key"], report["report_sha256"], candidate.alias, report["verdict"])
    found = [
        entry
        for entry in candidate.evidence.verdicts
        if (entry.get("verdict_key", entry["key"]), entry["report_sha256"], entry["alias"], entry["verdict"])
        == wanted
    ]
    return max(found, key=lambda entry: str(entry["at"]), default=None)


def _recorded(candidate: Candidate, report: Mapping[str, Any]) -> Iterator[Finding]:
    entry = recorded(candidate, report)
    if entry is None:
        why = "the ledger holds no verdict with the report's key and digest"
        if not candidate.evidence.ledger:
            why = (
                "no ledger was read, so nothing says that the report is not hand-written (--ledger names one)"
            )
        yield candidate.refuse(
            "report-not-recorded", f"{why}; liftgate registry record does, from its stored answers", "report"
        )
        return
    judged, most = at(entry["at"]), candidate.policy.max_report_age_days
    age = None if judged is None else days(judged, candidate.now)
    if age is None or age < 0:
        yield candidate.refuse("report-too-old", "its verdict has a time that cannot be", "report")
    elif age > most:
        yield candidate.refuse(
            "report-too-old",
            f"its verdict is {int(age)} days old; the policy allows {most} (max_report_age_days); evaluate again",
            "report",
        )
    claimed = at(candidate.variant.entry.get("evaluated_at"))
    if judged is not None and claimed is not None and days(judged, claimed) > 1:
        yield candidate.refuse(
            "report-too-old",
            f"`evaluated_at` is later than the verdict in the ledger ({entry['at']}); take that",
            "evaluated_at",
        )


def _verdict(candidate: Candidate, report: Mapping[str, Any]) -> Iterator[Finding]:
    comparison = report["comparison"]
    if report["verdict"] != "pass" or comparison is None or comparison["verdict"] != "pass":
        said = (
            "and the policy waved it through"
            if report.get("waved_through")
            else "what it found must be mended"
        )
        yield candidate.refuse("verdict-not-pass", f"its report says {report['verdict']}; {said}", "report")
    parts = comparison["parts"] if comparison else []
    safety = [part for part in parts if part["name"] == "safety"]
    found = sorted({each["rule"] for each in report["findings"] if each["rule"].startswith("safety-")})
    if not safety or any(part["state"] != "ok" or not part["gates"] for part in safety) or found:
        what = safety[0]["state"] if safety else "not measured"
        why = f"{what} ({', '.join(found)})" if found else what
        yield candidate.refuse("safety-not-clean", f"the safety part of its report is {why}", "report")


def _subject(candidate: Candidate, report: Mapping[str, Any]) -> Iterator[Finding]:
    entry = candidate.variant.entry
    training, dataset = report["training"] or {}, report["dataset"] or {}
    pairs: list[tuple[str, Any, Any]] = [("alias", candidate.alias, report["alias"])]
    pairs.append(("manifest_digest", entry.get("manifest_digest"), training.get("manifest_digest")))
    pairs.append(("provider", entry["provider"], training.get("provider")))
    if training.get("adapter_sha256") is not None:
        pairs.append(("adapter_sha256", entry.get("adapter_sha256"), training["adapter_sha256"]))
    else:
        # Where the provider holds the weights, its id is all there is: of the deployment that answered, too.
        pairs.append(("model_id", entry["model_id"], _answered(report)))
    other = [key for key, ours, theirs in pairs if ours is None or ours != theirs]
    if other:
        yield candidate.refuse(
            "report-of-another-model",
            f"{', '.join(other)} {'is' if len(other) == 1 else 'are'} not what its report judged",
            other[0] if other[0] != "alias" else "report",
        )
    keys = ("version", "train_sha256", "validation_sha256")
    pinned = entry["dataset"]
    rows = [key for key in keys if pinned.get(key) != dataset.get(key)]
    if rows:
        yield candidate.refuse(
            "report-of-another-dataset",
            f"dataset.{', dataset.'.join(rows)} {'is' if len(rows) == 1 else 'are'} not what its report names",
            "dataset",
        )


def _answered(report: Mapping[str, Any]) -> str | None:
    """The id under which the candidate was asked."""
    asked = (arm["model"] for arm in report["arms"] if arm["name"] == report["candidate_arm"])
    return next((str(model) for model in asked), None)


def _ruler(candidate: Candidate, report: Mapping[str, Any]) -> Iterator[Finding]:
    lineage, pins = report["lineage"], candidate.evidence.golden.get(candidate.alias)
    if pins is None:
        yield candidate.refuse(
            "report-by-another-golden", "the base branch has no golden set of this alias; land it first"
        )
    else:
        ours = (pins.golden_sha256, pins.safety_sha256)
        if (lineage["golden_sha256"], lineage["safety_sha256"]) != ours:
            yield candidate.refuse(
                "report-by-another-golden",
                "its report rests on another golden set or safety suite than the base branch holds; evaluate again",
                "report",
            )
    if lineage["policy_fingerprint"] != candidate.policy.fingerprint:
        yield candidate.refuse(
            "report-by-another-policy",
            "its report rests on other thresholds than the base branch's policy; "
            "liftgate gate --run judges the stored answers again",
            "report",
        )


def _manifest(candidate: Candidate) -> Iterator[Finding]:
    entry = candidate.variant.entry
    named = entry.get("manifest_digest")
    if named is None:
        yield candidate.refuse("manifest-missing", "`manifest_digest` is not set")
        return
    manifest = candidate.evidence.manifests.get(named)
    if manifest is None:
        yield candidate.refuse(
            "manifest-missing",
            "neither the ledger nor a file under `manifest` holds the manifest of this digest",
            "manifest_digest",
        )
        return
    said = {"provider": entry["provider"], "base": entry.get("base")}
    said |= {key: entry["dataset"].get(key) for key in ("train_sha256", "validation_sha256")}
    holds = {**manifest, **manifest["dataset"]}
    other = [key for key, value in said.items() if value != holds[key]]
    if other:
        yield candidate.refuse(
            "manifest-differs", f"{', '.join(other)} {'is' if len(other) == 1 else 'are'} not the manifest's"
        )
    if entry.get("base_revision") != manifest["base_revision"]:
        yield candidate.refuse(
            "base-revision-differs",
            "`base_revision` is not the one that it was trained on, by its training manifest",
            "base_revision",
        )
