"""Reads a suite with everything it names: golden and safety cases, prompts, answer schemas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from liftgate import config
from liftgate.data.golden import Case, Cases, read_cases
from liftgate.data.storage import read_data
from liftgate.errors import InputError, Problem
from liftgate.evaluation.arms import Arm
from liftgate.evaluation.judges import Judge
from liftgate.evaluation.own_scorers import OwnScorer
from liftgate.evaluation.programs import Program, read_program
from liftgate.evaluation.prompts import Prompt, read_prompt
from liftgate.evaluation.retrieval import (
    RETRIEVAL_VERSION,
    SUFFIXES,
    Documents,
    Passage,
    passages_for,
    passages_in,
)
from liftgate.evaluation.scorers import Metric, metric
from liftgate.evaluation.suite import Suite, schema_files, with_schemas
from liftgate.files import read_bytes, sha256_bytes


@dataclass(frozen=True)
class SuiteFolder:
    """A suite whose files are read. The sha256 are over the files' bytes."""

    suite: Suite
    golden: Cases
    golden_sha256: str
    safety: Cases | None = None
    safety_sha256: str | None = None
    suite_sha256: str | None = None
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    judges: Mapping[str, Judge] = field(default_factory=dict)
    """By metric."""
    own_scorers: Mapping[str, OwnScorer] = field(default_factory=dict)
    """By metric."""
    documents: Mapping[str, Documents] = field(default_factory=dict)
    """By the path that arms give."""
    programs: Mapping[str, Program] = field(default_factory=dict)
    """By the name under `endpoints`."""

    def prompt(self, arm: Arm) -> Prompt:
        """The arm's prompt; an empty one when it names none."""
        return Prompt() if arm.prompt is None else self.prompts[arm.prompt]

    def retriever_identity(self, arm: Arm) -> dict[str, Any] | None:
        """What decides the arm's passages: kind, version, number, and the digest of the documents."""
        if arm.retriever is None:
            return None
        documents = self.documents.get(arm.retriever.documents or "")
        return {
            "kind": arm.retriever.kind,
            "version": RETRIEVAL_VERSION,
            "passages": arm.retriever.passages,
            "documents_sha256": None if documents is None else documents.sha256,
        }

    def passages(self, arm: Arm, case: Case) -> list[Passage]:
        """What the arm's retriever finds for a case; nothing without one."""
        if arm.retriever is None:
            return []
        return passages_for(case, arm.retriever, self.documents.get(arm.retriever.documents or ""))


def read_suite(path: Path) -> SuiteFolder:
    """Read `suite.yaml` and all it names. Raises `InputError` with place for whatever cannot be used."""
    raw = read_bytes(path, "suite")
    suite = Suite.from_document(config.load(raw, str(path), "suite"))
    schemas = {
        name: _schema(path.parent / name) for name in schema_files([*suite.metrics, *suite.safety_metrics])
    }
    both = [*suite.metrics, *suite.safety_metrics]
    judges = {
        item.name: read_judge(path.parent / item.options["judge"]) for item in both if item.scorer == "judge"
    }
    own = {
        item.name: OwnScorer.read(path.parent / item.options["file"], item.options.get("function", "score"))
        for item in both
        if item.scorer == "python"
    }
    behind = {name: judge.sha256 for name, judge in judges.items()}
    behind |= {name: scorer.sha256 for name, scorer in own.items()}
    suite = replace(
        suite,
        metrics=_dated(with_schemas(suite.metrics, schemas), behind),
        safety_metrics=_dated(with_schemas(suite.safety_metrics, schemas), behind),
    )
    golden = read_data(path.parent / suite.golden, "golden set")
    safety = None if suite.safety is None else read_data(path.parent / suite.safety, "safety suite")
    names = sorted({arm.prompt for arm in suite.arms.values() if arm.prompt is not None})
    retrievers = [arm.retriever for arm in suite.arms.values() if arm.retriever is not None]
    searched = {retriever.documents for retriever in retrievers if retriever.documents is not None}
    folder = SuiteFolder(
        suite,
        golden=read_cases(golden, str(path.parent / suite.golden), "quality"),
        golden_sha256=sha256_bytes(golden),
        safety=None if safety is None else read_cases(safety, str(path.parent / str(suite.safety)), "safety"),
        safety_sha256=None if safety is None else sha256_bytes(safety),
        suite_sha256=sha256_bytes(raw),
        prompts={name: prompt_file(path.parent / name) for name in names},
        judges=judges,
        own_scorers=own,
        documents={name: read_documents(path.parent / name) for name in sorted(searched)},
        programs={
            name: read_program(path.parent, provider)
            for name, provider in suite.endpoints.items()
            if provider.kind == "python"
        },
    )
    if problems := list(_places_for_passages(folder)):
        raise InputError(f"{path}: prompts and retrievers do not fit", problems=problems)
    if folder.safety is not None and (twice := folder.golden.by_id.keys() & folder.safety.by_id.keys()):
        raise InputError(
            f"{path}: case ids that stand in both golden and safety: {', '.join(sorted(twice)[:5])}"
        )
    return folder


def suite_of_cases(path: Path, scorers: list[str]) -> SuiteFolder:
    """A suite made of one case file and scorer names (`json_schema:FILE` names a schema file)."""
    metrics = []
    for name in scorers:
        scorer, _, schema = name.partition(":")
        try:
            metrics.append(metric({"scorer": scorer, "schema": _schema(Path(schema))} if schema else name))
        except ValueError as error:
            raise InputError(f"--scorer {name}: {error}") from None
    if twice := sorted({item.name for item in metrics if metrics.count(item) > 1}):
        raise InputError(f"--scorer {twice[0]} is given twice")
    raw = read_data(path, "case file")
    suite = Suite(path=str(path), alias=None, golden=str(path), metrics=tuple(metrics))
    return SuiteFolder(suite, golden=read_cases(raw, str(path), "quality"), golden_sha256=sha256_bytes(raw))


def read_judge(path: Path) -> Judge:
    """Read one judge file. Raises `InputError` with every problem."""
    return Judge.from_document(config.load(read_bytes(path, "judge"), str(path), "judge"))


def read_documents(folder: Path) -> Documents:
    """Read a folder of documents, subfolders included. Raises `InputError` for what cannot be searched."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of documents")
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            problems.append(Problem(f"{folder}/{name}", "is not a plain file; put the document itself there"))
        elif path.is_file() and path.suffix.lower() not in SUFFIXES:
            problems.append(Problem(f"{folder}/{name}", f"is not one of {', '.join(SUFFIXES)}"))
        elif path.is_file():
            files[name] = read_bytes(path, "document")
    if problems:
        raise InputError(f"{folder} holds what cannot be searched", problems=problems)
    return Documents(files, str(folder))


def _places_for_passages(folder: SuiteFolder) -> Iterator[Problem]:
    for arm in folder.suite.arms.values():
        place = f"{folder.suite.path} $.arms.{arm.name}"
        context = folder.prompt(arm).context
        if arm.retriever is not None and context is None:
            yield Problem(place, "has a retriever, but its prompt has no `context` that shows the passages")
        if arm.retriever is None and context is not None:
            yield Problem(place, "its prompt has a `context`, but no retriever fills it")
        if arm.retriever is not None and arm.retriever.kind == "context":
            for case in folder.golden:
                if not passages_in(case.context):
                    yield Problem(
                        f"{folder.golden.path}:{case.line}", f"has no context, which arm {arm.name} shows"
                    )


def _dated(metrics: Iterable[Metric], sha256: Mapping[str, str]) -> tuple[Metric, ...]:
    return tuple(replace(item, sha256=sha256.get(item.name)) for item in metrics)


def prompt_file(path: Path) -> Prompt:
    """Read one prompt file."""
    return read_prompt(read_bytes(path, "prompt"), str(path))


def _schema(path: Path) -> Any:
    data = config.parse_yaml(read_bytes(path, "schema"), str(path)).data
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected a JSON Schema object")
    return data
