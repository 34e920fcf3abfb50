"""decision.yaml held against the matrix: what its paths were measured at, and what stands against a training. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

import orjson

from liftgate.config import Document, schema
from liftgate.data.text import is_identifier, shown
from liftgate.digests import digest, sha256_bytes
from liftgate.errors import InputError
from liftgate.findings import Finding, Severity, with_policy
from liftgate.policy import JSON_VALID, Policy
from liftgate.verdict.decide import IN_WORDS, Advice, Road, Thresholds, Tried, advise
from liftgate.verdict.decision_questions import OpenQuestion, read_document, unstated

Reader = Callable[[str], bytes | None]
_SEAL: Final = "report_sha256"
_MOST_REPORT_BYTES: Final = 50_000_000
_MOST_NAMED: Final = 5
_MOST_PROBLEMS: Final = 5
DECISION_RULES: Final = frozenset({"no-decision", "against-decision", "decision-incomplete"})
"""What `decision_findings` may find."""
_ROAD_OF_KIND: Final = {"base": "prompt", "prompt": "prompt", "rag": "rag"}


@dataclass(frozen=True)
class Path:
    """One of `paths_tried`: what its report measured, what the people say of it, and why no report bears it out."""

    tried: Tried
    outcome: str = ""
    report: str | None = None
    why: str | None = None

    @property
    def name(self) -> str:
        """`a better prompt (prompt-v2)`."""
        arm = self.tried.arm
        told = "" if arm is None else f" ({arm if is_identifier(arm) else 'an arm with an odd name'})"
        return IN_WORDS[self.tried.road] + told


@dataclass(frozen=True)
class Paper:
    """A decision document and what the matrix says of it.

    `open` are the questions that nobody has answered yet: such a document approves nothing. `asked` are requirements
    that are not stated; whether one decides is for the matrix to say. `beside` is what reports measured that the
    document does not name.
    """

    path: str
    sha256: str
    document: Document
    advice: Advice
    limits: Thresholds
    paths: tuple[Path, ...] = ()
    open: tuple[OpenQuestion, ...] = ()
    asked: tuple[OpenQuestion, ...] = ()
    beside: tuple[Tried, ...] = field(default=(), repr=False)

    @property
    def recommendation(self) -> Road | None:
        """What the people who wrote it decided; None where they have not yet."""
        road: Road | None = self.document.data.get("recommendation")
        return road

    @property
    def state(self) -> Literal["agrees", "differs", "incomplete"]:
        """Whether document and matrix say the same."""
        if self.open or not self.advice.decided:
            return "incomplete"
        return "agrees" if self.advice.recommendation == self.recommendation else "differs"

    @property
    def tried(self) -> tuple[Tried, ...]:
        """What was tried, in the order of trying."""
        return (*(each.tried for each in self.paths), *self.beside)

    @property
    def silent(self) -> tuple[Finding, ...]:
        """The paths that no usable report bears out."""
        return tuple(
            Finding(
                "path-not-measured",
                Severity.WARNING,
                f"{each.name}: {each.why}",
                self.path,
                self.document.line(("paths_tried", number)),
            )
            for number, each in enumerate(self.paths)
            if each.why is not None
        )

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` carries."""
        return {
            "path": self.path,
            "document": self.recommendation,
            "open": [each.to_dict() for each in self.open],
            **self.advice.to_dict(),
        }


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
    document, open_ = read_document(data, path)
    if document.data["alias"] != alias:
        raise InputError(
            f"{path}:{document.line(('alias',))}: the decision document is of another alias",
            hint=f"alias: {alias}",
        )
    reports = _Reports(alias, read)
    paths = tuple(_path(reports, item) for item in document.data.get("paths_tried", ()))
    beside: list[Tried] = []
    for name, given in (more or {}).items():
        report, why = _report(alias, given)
        if report is None:
            raise InputError(f"{name}: {why}", hint="a report.json that liftgate run left for this alias")
        beside += untrained(report)
    limits = limits_of(policy)
    tried = [*(each.tried for each in paths), *beside]
    advice = advise(document.data.get("requirements", {}), tried, limits)
    asked = unstated(document, data)
    return Paper(path, sha256_bytes(data), document, advice, limits, paths, open_, asked, tuple(beside))


@dataclass
class _Reports:
    """Reports of one alias, each read once however many paths name it."""

    alias: str
    read: Reader
    known: dict[str, tuple[Mapping[str, Any] | None, str | None]] = field(default_factory=dict)

    def get(self, path: str) -> tuple[Mapping[str, Any] | None, str | None]:
        """The report, or why there is none."""
        folder = f"evals/reports/{self.alias}/"
        if not path.startswith(folder) or ".." in path.split("/"):
            return None, f"a report lies under {folder}, and this path leads elsewhere"
        if path not in self.known:
            data = self.read(path)
            absent = (None, "there is no such report")
            self.known[path] = absent if data is None else _report(self.alias, data)
        return self.known[path]


def _path(reports: _Reports, item: Mapping[str, Any]) -> Path:
    bare, outcome, named = Tried(item["path"], item.get("arm")), item["outcome"], item.get("report")
    if bare.road == "fine-tune" and named is None:
        return Path(bare, outcome)
    if named is None or bare.arm is None:
        return Path(bare, outcome, named, "name the report that measured it, and its arm in there")
    report, why = reports.get(named)
    if report is None:
        return Path(bare, outcome, named, why)
    found = _measured(bare, report)
    if found is not None:
        return Path(found, outcome, named)
    arms = ", ".join(shown(arm["name"], "one with an odd name") for arm in report["arms"][:_MOST_NAMED])
    return Path(bare, outcome, named, f"the report has no such arm; it has {arms or 'none'}")


def _report(alias: str, data: bytes) -> tuple[Mapping[str, Any] | None, str | None]:
    if len(data) > _MOST_REPORT_BYTES:
        return None, f"the report has {len(data):,} bytes, and at most {_MOST_REPORT_BYTES:,} are read"
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
    metric = lift.get("metric") or _primary(report) or next(iter(arm["metrics"]), None)
    return Tried(
        bare.road,
        bare.arm,
        # The base has no bar to clear: it is what the bar is measured from.
        bool(arm["clears_bar"]),
        arm["metrics"].get(metric),
        arm["metrics"].get(JSON_VALID),
        None if metric is None else f"{metric} {report['lineage']['golden_sha256']}",
    )


def _primary(report: Mapping[str, Any]) -> str | None:
    """The metric that untrained arms were compared by, where there is no candidate."""
    compared = (each["comparison"] for each in report["arms"] if each["comparison"] is not None)
    return next((str(each["lift"]["metric"]) for each in compared), None)


def untrained(report: Mapping[str, Any]) -> Iterator[Tried]:
    """What the arms without a training reached, in the report's order."""
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
    severity = Severity.ERROR if paid else Severity.WARNING
    try:
        paper = read_paper(alias, read, policy)
    except InputError as error:
        return with_policy(list(_unusable(error, path, severity)), policy.rules), None
    if paper is None:
        found = []
        if paid:
            why = (
                "a training that costs money needs a decision document, and there is none; write it, and try it with "
                f"liftgate decide {alias}"
            )
            found.append(Finding("no-decision", Severity.ERROR, why, path))
        return with_policy(found, policy.rules), None
    if paper.open:
        why = (
            f"the decision document is not finished: {', '.join(each.key for each in paper.open)}; "
            f"liftgate decide {alias} says what each asks for"
        )
        open_ = [Finding("no-decision", severity, why, path, paper.open[0].line)]
        return with_policy(open_, policy.rules), paper
    return with_policy(_against(paper, paid=paid), policy.rules), paper


def _unusable(error: InputError, path: str, severity: Severity) -> Iterator[Finding]:
    """Each problem on its line."""
    told = [f"{each.place}: {each.message}" for each in error.problems] or [error.sentence]
    prefix = re.compile(rf"{re.escape(path)}(?::(\d+))?:? ")
    for text in told[:_MOST_PROBLEMS]:
        place = prefix.match(text)
        said = text[place.end() :] if place else text
        why = f"the decision document cannot be used: {said}"
        line = int(place[1]) if place and place[1] else None
        yield Finding("no-decision", severity, why, path, line)
    if len(told) > _MOST_PROBLEMS:
        why = f"the decision document cannot be used: {len(told) - _MOST_PROBLEMS} more problems"
        yield Finding("no-decision", severity, why, path)


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
