"""Reads a suite with everything it names: golden and safety cases, prompts, answer schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from liftgate import config
from liftgate.data.golden import Cases, read_cases
from liftgate.errors import InputError
from liftgate.evaluation.prompts import Prompt, read_prompt
from liftgate.evaluation.scorers import metric
from liftgate.evaluation.suite import Arm, Suite, schema_files, with_schemas
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

    def prompt(self, arm: Arm) -> Prompt:
        """The arm's prompt; an empty one when it names none."""
        return Prompt() if arm.prompt is None else self.prompts[arm.prompt]


def read_suite(path: Path) -> SuiteFolder:
    """Read `suite.yaml` and all it names. Raises `InputError` with place for whatever cannot be used."""
    raw = read_bytes(path, "suite")
    suite = Suite.from_document(config.load(raw, str(path), "suite"))
    schemas = {
        name: _schema(path.parent / name) for name in schema_files([*suite.metrics, *suite.safety_metrics])
    }
    suite = replace(
        suite,
        metrics=with_schemas(suite.metrics, schemas),
        safety_metrics=with_schemas(suite.safety_metrics, schemas),
    )
    golden = read_bytes(path.parent / suite.golden, "golden set")
    safety = None if suite.safety is None else read_bytes(path.parent / suite.safety, "safety suite")
    names = sorted({arm.prompt for arm in suite.arms.values() if arm.prompt is not None})
    folder = SuiteFolder(
        suite,
        golden=read_cases(golden, str(path.parent / suite.golden), "quality"),
        golden_sha256=sha256_bytes(golden),
        safety=None if safety is None else read_cases(safety, str(path.parent / str(suite.safety)), "safety"),
        safety_sha256=None if safety is None else sha256_bytes(safety),
        suite_sha256=sha256_bytes(raw),
        prompts={name: prompt_file(path.parent / name) for name in names},
    )
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
    raw = read_bytes(path, "case file")
    suite = Suite(path=str(path), alias=None, golden=str(path), metrics=tuple(metrics))
    return SuiteFolder(suite, golden=read_cases(raw, str(path), "quality"), golden_sha256=sha256_bytes(raw))


def prompt_file(path: Path) -> Prompt:
    """Read one prompt file."""
    return read_prompt(read_bytes(path, "prompt"), str(path))


def _schema(path: Path) -> Any:
    data = config.parse_yaml(read_bytes(path, "schema"), str(path)).data
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected a JSON Schema object")
    return data
