"""decision.yaml held against the matrix: what its paths were measured at, and what stands against a training. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import orjson

from liftgate.config import Document, load, schema
from liftgate.data.text import shown
from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.findings import Finding, Severity, with_policy
from liftgate.policy import JSON_VALID, Policy
from liftgate.verdict.decide import IN_WORDS, Advice, Thresholds, Tried, advise

Reader = Callable[[str], bytes | None]
_SEAL: Final = "report_sha256"
_ROAD_OF_KIND: Final = {"base": "prompt", "prompt": "prompt", "rag": "rag"}


@dataclass(frozen=True)
class Paper:
    """A decision document and what the matrix says of it. `silent` are the paths that no usable report bears out."""

    path: str
    document: Document
    advice: Advice
    silent: tuple[Finding, ...] = ()
    tried: tuple[Tried, ...] = field(default=(), repr=False)

    @property
    def recommendation(self) -> str:
        """What the people who wrote it decided."""
        return str(self.document.data["recommendation"])

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` and the report carry."""
        return {"path": self.path, "document": self.recommendation, **self.advice.to_dict()}


def paper_path(alias: str) -> str:
    """Where the decision document of an alias lies."""
    return f"evals/{alias}/decision.yaml"


def limits_of(policy: Policy) -> Thresholds:
    """The matrix' thresholds, as far as the policy has a word on them."""
    return Thresholds(
        min_rows=policy.trigger.min_reviewed_rows,
        min_lift=policy.min_lift,
        min_valid_json=policy.json_valid.and_candidate_at_least,
    )


def read_paper(
    alias: str, read: Reader, policy: Policy, more: Mapping[str, bytes] | None = None
) -> Paper | None:
    """The document of an alias with what its reports say; None where there is none.

    `more` are further reports by name, whose untrained arms count as tried. Raises `InputError` for a document that
    cannot be used, or that is of another alias.
    """
    path = paper_path(alias)
    data = read(path)
    if data is None:
        return None
    document = load(data, path, "decision")
    if document.data["alias"] != alias:
        raise InputError(
            f"{path}:{document.line(('alias',))}: the decision document is of another alias",
            hint=f"alias: {alias}",
        )
    silent: list[Finding] = []
    tried = [
        _tried(alias, document, number, item, read, silent)
        for number, item in enumerate(document.data["paths_tried"])
    ]
    for name, given in (more or {}).items():
        report, why = _report(alias, given)
        if report is None:
            raise InputError(f"{name}: {why}")
        tried += _untrained(report)
    advice = advise(document.data["requirements"], tried, limits_of(policy))
    return Paper(path, document, advice, tuple(silent), tuple(tried))


def _tried(
    alias: str, document: Document, number: int, item: Mapping[str, Any], read: Reader, silent: list[Finding]
) -> Tried:
    bare = Tried(item["path"], item.get("arm"))
    if bare.road == "fine-tune":
        return bare
    why: str | None
    if "report" not in item or bare.arm is None:
        why = "name the report that measured it, and its arm in there"
    else:
        data = read(item["report"])
        report, why = (None, "there is no such report") if data is None else _report(alias, data)
        found = None if report is None else _measured(bare, report)
        if found is not None:
            return found
        why = why or "the report has no such arm"
    line = document.line(("paths_tried", number))
    silent.append(
        Finding("path-not-measured", Severity.WARNING, f"{IN_WORDS[bare.road]}: {why}", document.path, line)
    )
    return bare


def _report(alias: str, data: bytes) -> tuple[Mapping[str, Any] | None, str | None]:
    try:
        report = orjson.loads(data)
    except orjson.JSONDecodeError:
        report = None
    if not isinstance(report, dict) or not _validator().is_valid(report):
        return None, "the file is no report.json of this version"
    if report[_SEAL] != digest({key: value for key, value in report.items() if key != _SEAL}):
        return None, "the report was altered after Liftgate wrote it"
    if report["alias"] != alias:
        return None, f"the report is of {shown(report['alias'], 'another alias')}"
    return report, None


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema("report")))


def _measured(bare: Tried, report: Mapping[str, Any]) -> Tried | None:
    arm = next((each for each in report["arms"] if each["name"] == bare.arm), None)
    if arm is None:
        return None
    lift = (report["comparison"] or {}).get("lift") or {}
    metric = lift.get("metric") or next(iter(arm["metrics"]), None)
    return Tried(
        bare.road,
        bare.arm,
        # The base has no bar to clear: it is what the bar is measured from.
        bool(arm["clears_bar"]),
        arm["metrics"].get(metric),
        arm["metrics"].get(JSON_VALID),
        f"{metric} {report['lineage']['golden_sha256']}",
    )


def _untrained(report: Mapping[str, Any]) -> Iterator[Tried]:
    for arm in report["arms"]:
        road = _ROAD_OF_KIND.get(arm["kind"])
        if road is not None:
            found = _measured(Tried(road, arm["name"]), report)  # type: ignore[arg-type]
            if found is not None:
                yield found


def decision_findings(
    alias: str, read: Reader, policy: Policy, *, paid: bool
) -> tuple[list[Finding], Paper | None]:
    """What the decision document says against training this alias now, by the policy's severities.

    `paid` says that the training costs money, or that nobody knows what it costs: then there has to be a document.
    """
    path = paper_path(alias)
    try:
        paper = read_paper(alias, read, policy)
    except InputError as error:
        severity = Severity.ERROR if paid else Severity.WARNING
        why = f"the decision document cannot be used: {error.sentence}"
        return with_policy([Finding("no-decision", severity, why, path)], policy.rules), None
    if paper is None:
        found = []
        if paid:
            why = (
                "a training that costs money needs a decision document, and there is none; write it, and try it with "
                f"liftgate decide {alias}"
            )
            found.append(Finding("no-decision", Severity.ERROR, why, path))
        return with_policy(found, policy.rules), None
    return with_policy(_against(paper, paid=paid), policy.rules), paper


def _against(paper: Paper, *, paid: bool) -> Iterator[Finding]:
    advice, document = paper.advice, paper.document
    line = document.line(("recommendation",))
    if paper.recommendation != "fine-tune":
        why = f"the decision document recommends {paper.recommendation}, and this change would train"
        yield Finding("against-decision", Severity.ERROR, why, paper.path, line)
    if advice.decided and advice.recommendation != "fine-tune":
        road = IN_WORDS[advice.recommendation] if advice.recommendation else "none of the roads"
        why = (
            f"the decision matrix recommends {road}, and this change would train: {'; '.join(advice.reasons)}"
        )
        yield Finding("against-decision", Severity.ERROR, why, paper.path, line)
    elif not advice.decided and paid:
        why = f"the decision matrix cannot tell yet; missing: {'; '.join(advice.missing)}"
        yield Finding("decision-incomplete", Severity.WARNING, why, paper.path, line)
