"""A suite: which cases every arm answers, under which prompt and sampling, and how the answers are graded.

Pure: `suite_folder` reads the files that a suite names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from liftgate import config
from liftgate.config import did_you_mean
from liftgate.data.golden import Case, Cases
from liftgate.data.text import shown
from liftgate.errors import InputError, Problem
from liftgate.evaluation.arms import Arm, Provider, inside, read_arms, read_providers
from liftgate.evaluation.completion import Sampling
from liftgate.evaluation.scorers import Metric, metric

Truncated = Literal["error", "score"]
SAFETY_METRICS = (Metric("safe_output", "safe_output"),)


@dataclass(frozen=True)
class Suite:
    """The typed suite file. Paths are as written, relative to the file."""

    path: str
    alias: str | None
    golden: str
    metrics: Sequence[Metric]
    safety: str | None = None
    safety_metrics: Sequence[Metric] = SAFETY_METRICS
    task: str = "classification"
    sampling: Sampling = field(default_factory=Sampling)
    truncated: Truncated = "error"
    primary_metric: str | None = None
    buckets: Sequence[str] | None = None
    arms: Mapping[str, Arm] = field(default_factory=dict)
    endpoints: Mapping[str, Provider] = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: config.Document) -> Suite:
        """A suite from a document that its schema accepts. Raises `InputError` with every further problem."""
        data, problems = document.data, list[Problem]()
        metrics = _metrics(document, "scorers", problems)
        safety = _metrics(document, "safety_scorers", problems) or list(SAFETY_METRICS)
        primary = data.get("primary_metric")
        names = [item.name for item in metrics]
        if primary is not None and primary not in names and not problems:
            message = f"{primary!r} is not a metric of this suite{did_you_mean(primary, names)}"
            problems.append(Problem(document.place(("primary_metric",)), message))
        problems += _two_meanings(document, metrics, safety)
        endpoints = read_providers(document, problems)
        arms = read_arms(document, problems)
        if problems:
            count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
            raise InputError(f"{document.path} has {count}", problems=problems)
        return cls(
            path=document.path,
            alias=data["alias"],
            golden=data["golden"],
            metrics=tuple(metrics),
            safety=data.get("safety"),
            safety_metrics=tuple(safety),
            task=data.get("task", "classification"),
            sampling=Sampling(**{"temperature": 0.0, **(data.get("sampling") or {})}),
            truncated=data.get("truncated", "error"),
            primary_metric=primary,
            buckets=None if data.get("buckets") is None else tuple(data["buckets"]),
            arms=arms,
            endpoints=endpoints,
        )

    def sampling_of(self, arm: Arm) -> Sampling:
        """The arm's own sampling, or the suite's."""
        return self.sampling if arm.sampling is None else arm.sampling

    def arm(self, name: str | None) -> Arm:
        """The arm called `name`; without a name the candidate's, or the only one, or one without a prompt."""
        if name is None:
            if "candidate" in self.arms:
                return self.arms["candidate"]
            if len(self.arms) > 1:
                raise InputError(
                    f"{self.path} has {len(self.arms)} arms", hint=f"--arm {' | '.join(self.arms)}"
                )
            return next(iter(self.arms.values()), Arm("default", None))
        if name not in self.arms:
            near = did_you_mean(name, list(self.arms))
            known = f"one of {', '.join(self.arms)}" if self.arms else "the suite names no arms"
            raise InputError(f"{self.path}: {name!r} is not an arm of this suite{near}", hint=known)
        return self.arms[name]


@dataclass(frozen=True)
class Question:
    """One case to be answered once, and the metrics that grade the answer."""

    case: Case
    metrics: Sequence[Metric]
    repeat: int = 0
    buckets: Mapping[str, str] = field(default_factory=dict)


def questions(
    cases: Cases,
    metrics: Sequence[Metric],
    *,
    repeats: Iterable[int] = (0,),
    buckets: Sequence[str] | None = None,
) -> list[Question]:
    """Every case × every repeat, case by case.

    Raises `InputError` with the place of every case that its metrics cannot grade, and for a bucket that no
    case carries: a slice without cases would pass in silence.
    """
    problems: list[Problem] = []
    asked: list[Question] = []
    numbers = list(repeats)
    for case in cases:
        chosen = _case_metrics(case, metrics, cases.path, problems)
        problems += [Problem(f"{cases.path}:{case.line}", said) for said in _ungradable(case, chosen)]
        kept = (
            {name: case.buckets[name] for name in buckets if name in case.buckets}
            if buckets
            else case.buckets
        )
        asked += [Question(case, chosen, number, kept) for number in numbers]
    for name in buckets or ():
        if not any(name in case.buckets for case in cases):
            known = sorted({dimension for case in cases for dimension in case.buckets})
            near = did_you_mean(name, known)
            have = (
                f"; the cases have {', '.join(shown(each, 'a bucket') for each in known[:5])}"
                if known and not near
                else ""
            )
            problems.append(Problem(cases.path, f"no case has the bucket {name!r}{near}{have}"))
    if problems:
        raise InputError(f"{cases.path} cannot be graded by this suite", problems=problems)
    return asked


def _ungradable(case: Case, metrics: Sequence[Metric]) -> list[str]:
    return [said for item in metrics if (said := item.problem(case.expected))]


def _case_metrics(
    case: Case, metrics: Sequence[Metric], path: str, problems: list[Problem]
) -> Sequence[Metric]:
    if not case.scorers:
        return metrics
    by_name = {item.name: item for item in metrics}
    chosen: list[Metric] = []
    for spec in case.scorers:
        if isinstance(spec, str) and spec in by_name:
            chosen.append(by_name[spec])
            continue
        try:
            chosen.append(item := metric(spec))
        except (ValueError, KeyError, TypeError) as error:
            problems.append(Problem(f"{path}:{case.line}", str(error)))
            continue
        if item.later:
            message = f"{item.scorer} must be a metric of the suite; the case then names it"
            problems.append(Problem(f"{path}:{case.line}", message))
    return chosen


_NAMES_A_FILE: Final = ("schema", "judge", "file")


def _metrics(document: config.Document, key: str, problems: list[Problem]) -> list[Metric]:
    built: list[Metric] = []
    for index, spec in enumerate(document.data.get(key) or []):
        place = document.place((key, index))
        try:
            item = metric(_with_schema_as_text(spec))
        except ValueError as error:
            problems.append(Problem(place, str(error)))
            continue
        if any(item.name == other.name for other in built):
            problems.append(Problem(place, f"the metric {item.name!r} stands here twice; give one a `name`"))
            continue
        for option in _NAMES_A_FILE:
            # A verdict is kept under the files of the suite's folder, so what grades must be one of them.
            if isinstance(spec, dict) and isinstance(spec.get(option), str) and not inside(spec[option]):
                message = "must be a file inside the suite's own folder"
                problems.append(Problem(document.place((key, index, option)), message))
        built.append(item)
    return built


def _two_meanings(
    document: config.Document, metrics: Sequence[Metric], safety: Sequence[Metric]
) -> list[Problem]:
    known = {item.name: item for item in metrics}
    return [
        Problem(
            document.place(("safety_scorers", index)),
            f"the metric {item.name!r} means something else under `scorers`; give one a `name`",
        )
        for index, item in enumerate(safety)
        if "safety_scorers" in document.data and known.get(item.name, item) != item
    ]


def _with_schema_as_text(spec: Any) -> Any:
    # The suite names a schema file; the scorer wants the schema, which `with_schemas` puts there.
    if isinstance(spec, dict) and isinstance(spec.get("schema"), str):
        return {**spec, "schema": {"$file": spec["schema"]}}
    return spec


def schema_files(metrics: Iterable[Metric]) -> list[str]:
    """The schema files that metrics name and that are still to be read."""
    return [item.options["schema"]["$file"] for item in metrics if "$file" in item.options.get("schema", {})]


def with_schemas(metrics: Iterable[Metric], schemas: Mapping[str, Any]) -> tuple[Metric, ...]:
    """The metrics with every schema file replaced by the schema in it."""
    return tuple(
        replace(item, options={**item.options, "schema": schemas[item.options["schema"]["$file"]]})
        if "$file" in item.options.get("schema", {})
        else item
        for item in metrics
    )
