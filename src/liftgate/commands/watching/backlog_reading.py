"""Everything that a backlog is made of, read from disk: runs of prompts, decisions of reviewers, shadow reports."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.judging.evidence import EVIDENCE, rebuild
from liftgate.config import Document, check
from liftgate.data.golden import Cases
from liftgate.errors import InputError, LiftgateError
from liftgate.evaluation.run_folder import read_run
from liftgate.files import read_bytes, read_json, sha256_bytes
from liftgate.findings import Finding, Severity
from liftgate.project import Ruler
from liftgate.registry.models import read_models
from liftgate.verdict.decisions import ReviewDecision, read_decisions
from liftgate.watch.prompt_versions import Version, natural, version_of

if TYPE_CHECKING:
    from liftgate.evaluation.suite_folder import SuiteFolder
    from liftgate.training.ledger import Ledger

_UNTRAINED = ("base", "prompt")


@dataclass(frozen=True)
class Read:
    """What was found, and what was wrong with some of it."""

    alias: str
    suite: SuiteFolder
    ruler: Ruler
    versions: list[Version]
    decisions: tuple[ReviewDecision, ...]
    shadows: list[tuple[Mapping[str, Any], str]]
    findings: list[Finding] = field(default_factory=list)

    @property
    def cases(self) -> dict[str, Cases]:
        """Golden and safety cases by suite, under their places in the repository."""
        named, found = self.suite.suite, {"quality": self.suite.golden}
        if self.suite.safety is not None:
            found["safety"] = self.suite.safety
        names = {"quality": named.golden, "safety": named.safety}
        return {key: replace(cases, path=f"evals/{self.alias}/{names[key]}") for key, cases in found.items()}


def read_all(
    root: Path,
    alias: str,
    *,
    runs: Sequence[Path],
    shadows: Sequence[Path],
    ledger: Ledger | None,
    remote: str | None,
) -> Read:
    """Read everything. `runs` are oldest first and come after those of the results branch of `remote`."""
    ruler = Ruler(root, None)
    suite = ruler.suite(alias)
    read = Read(alias, suite, ruler, [], _decisions(root, alias), [])
    if remote is not None and ledger is not None:
        read.versions.extend(_of_branch(read, root, remote, ledger))
    for folder in runs:
        read.versions.extend(_of_folder(read, folder))
    read.shadows.extend(_shadows(read, root, shadows))
    return read


def _decisions(root: Path, alias: str) -> tuple[ReviewDecision, ...]:
    name = f"evals/{alias}/waivers.yaml"
    path = root / name
    return read_decisions(read_bytes(path, "waivers"), name) if path.is_file() else ()


def _of_folder(read: Read, folder: Path) -> Iterator[Version]:
    """A run of one prompt, or every untrained arm of a finished run folder."""
    if (folder / EVIDENCE).is_file():
        yield from _of_judged(read, folder)
        return
    run = read_run(folder)
    sha256 = run.meta.get("prompt_sha256")
    arms = read.suite.suite.arms.values()
    name = next((a.prompt for a in arms if a.prompt and read.suite.prompt(a).sha256 == sha256), None)
    version = version_of(run, _metric(read, run.primary_metric), name or folder.name)
    if version is None:
        raise InputError(
            f"{folder}: the run does not say which prompt or golden set it used",
            hint="liftgate evaluate --suite writes both",
        )
    yield version


def _of_judged(read: Read, folder: Path) -> Iterator[Version]:
    judged = rebuild(folder)
    if judged.report["alias"] != read.alias:
        raise InputError(f"{folder}: the run is of another alias")
    prompts = {arm["name"]: arm["prompt"] for arm in judged.report["arms"]}
    found = [
        version
        for arm in judged.arms
        if arm.kind in _UNTRAINED
        and (
            version := version_of(
                arm.run, _metric(read, arm.run.primary_metric), prompts[arm.name] or arm.name
            )
        )
    ]
    yield from sorted(found, key=lambda version: natural(version.prompt))


def _metric(read: Read, of_run: str | None) -> str:
    return of_run or read.suite.suite.primary_metric or read.ruler.policy.primary_metric


def _of_branch(read: Read, root: Path, remote: str, ledger: Ledger) -> Iterator[Version]:
    """Runs that the ledger knows, oldest first; each is made again from its answers before it counts."""
    from liftgate.commands.judging.results_branch import ResultsBranch, results_place, unpack

    branch = ResultsBranch(root, remote).branch
    entries = sorted(
        (e for _, e in ledger.entries("verdicts") if e["alias"] == read.alias),
        key=lambda entry: str(entry["at"]),
    )
    for entry in entries:
        if entry["results"] != results_place(entry["key"]):
            continue
        packed = branch.get(f"{entry['key']}.tar.gz")
        if packed is None:
            read.findings.append(_left_out(entry["key"], "its results are gone from the results branch"))
            continue
        with tempfile.TemporaryDirectory(prefix="liftgate-") as above:
            folder = Path(above) / "run"
            try:
                unpack(packed, folder)
                if rebuild(folder).report["report_sha256"] != entry["report_sha256"]:
                    raise InputError("its answers give another report than the ledger has")
                found = list(_of_judged(read, folder))
            except LiftgateError as error:
                read.findings.append(_left_out(entry["key"], error.sentence.replace(f"{folder}/", "")))
                continue
        yield from found


def _left_out(key: str, why: str) -> Finding:
    message = f"the recorded run {key[:12]}… is left out: {why}"
    return Finding("results-altered", Severity.WARNING, message)


def _shadows(read: Read, root: Path, given: Sequence[Path]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Shadow reports that were named, else those that models.yaml pins."""
    paths = list(given)
    registry = root / "models.yaml"
    if not paths and registry.is_file():
        models = read_models(read_bytes(registry, "registry"), "models.yaml")
        known = models.aliases.get(read.alias)
        for variant in known.variants.values() if known else ():
            if "shadow_report" not in variant.entry:
                continue
            pin = variant.entry["shadow_report"]
            place = root / pin["path"]
            inside = place.resolve().is_relative_to(root.resolve())
            if not inside or not place.is_file() or sha256_bytes(place.read_bytes()) != pin["sha256"]:
                message = f"the shadow report of {variant.name} is not there as models.yaml pins it; left out"
                read.findings.append(Finding("shadow-unfit", Severity.WARNING, message, "models.yaml"))
                continue
            paths.append(place)
    for path in dict.fromkeys(paths):
        report = read_json(path)
        if problems := check(Document(str(path), report), "shadow-report"):
            raise InputError(f"{path} is no shadow report", problems=problems)
        if report["alias"] != read.alias:
            raise InputError(f"{path}: the shadow report is of another alias")
        yield report, sha256_bytes(read_bytes(path))
