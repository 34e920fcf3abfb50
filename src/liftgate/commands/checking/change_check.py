"""The datasets of a change: each alias' newest release and every changed file, by the ruler of the base."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.checking.file_check import FileCheck, about_waivers, check_file, read_policy
from liftgate.commands.checking.golden_check import GoldenCheck, check_golden
from liftgate.commands.sources.places import Places
from liftgate.data import s3, storage
from liftgate.data.beside import dataset_deleted, missing_card, missing_dataset_file, uncommitted_change
from liftgate.data.card import Card, Release, read_card
from liftgate.data.waivers import Waived, read_waivers
from liftgate.errors import InputError, InputErrors, Problem, Together
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.files import read_bytes
from liftgate.findings import Finding, Severity, blocks, ordered, with_policy
from liftgate.plan import Plan
from liftgate.policy import Policy
from liftgate.project import Ruler, desk_plan, plan_of, read_subject, ruler_of
from liftgate.registry.models import read_models
from liftgate.repository import uncommitted
from liftgate.verdict.decisions import read_decisions

if TYPE_CHECKING:
    from liftgate.verdict.golden_power import GoldenPower


@dataclass(frozen=True)
class AliasCheck:
    """The files of one alias that were validated, and findings about the alias as a whole."""

    alias: str
    release: str | None
    files: tuple[FileCheck, ...] = ()
    findings: tuple[Finding, ...] = ()
    power: GoldenPower | None = None

    @property
    def everything(self) -> list[Finding]:
        """Findings about the alias and about its files."""
        return [*self.findings, *(finding for file in self.files for finding in file.findings)]

    @property
    def waived(self) -> list[Waived]:
        """What waivers turned into notices."""
        return [waived for file in self.files for waived in file.waived]


@dataclass(frozen=True)
class ChangeCheck:
    """What `liftgate validate` found in a pull request, or at a desk without `base`."""

    base: str | None
    head: str | None
    aliases: tuple[AliasCheck, ...]
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The form of validation.schema.json."""
        found = [*self.findings, *(finding for each in self.aliases for finding in each.everything)]
        waived = sum(len(each.waived) for each in self.aliases)
        whole = [*self.findings, *(finding for each in self.aliases for finding in each.findings)]
        return {
            "schema_version": 1,
            "base": self.base,
            "head": self.head,
            "outcome": "block" if blocks(found) else "pass",
            "counts": {
                **{f"{level}s": sum(f.severity is level for f in found) for level in Severity},
                "waived": waived,
            },
            "aliases": {
                each.alias: {"release": each.release, "power": each.power.to_dict() if each.power else None}
                for each in self.aliases
            },
            "findings": [finding.to_dict() for finding in ordered(whole)],
            "files": [_file(each, file) for each in self.aliases for file in each.files],
        }


def _file(alias: AliasCheck, file: FileCheck) -> dict[str, Any]:
    contract = {key: value for key, value in file.to_dict().items() if key != "schema_version"}
    waived = [each.to_dict() for each in file.waived]
    return {"alias": alias.alias, "path": file.path, **contract, "waived": waived}


def check_change(
    root: Path,
    *,
    base: str | None,
    aliases: Sequence[str] = (),
    target: str | None = None,
    today: datetime.date,
) -> ChangeCheck:
    """Validate what a change touches, and the aliases that are named, whether it touches them or not.

    Without a base the ruler is the work tree. Raises one `InputError` that tells every file that cannot be used.
    """
    together = Together()
    checked: list[AliasCheck] = []
    found: list[Finding] = []
    base_id = head_id = None
    if base is None:
        plan = desk_plan(root, aliases)
    else:
        plan, base_id, head_id = plan_of(root, base, "HEAD")
        found += [*plan.findings, *uncommitted_change(uncommitted(root, "datasets"))]
    chosen = [alias for alias in plan.aliases if "validate" in plan.steps(alias)]
    with tempfile.TemporaryDirectory(prefix="liftgate-") as folder:
        for number, alias in enumerate(dict.fromkeys([*aliases, *chosen])):
            run = Path(folder) / str(number)
            with together, _named_as_in(base_id, run / "ruler"):
                ruler = ruler_of(root, run, base_id, plan, alias)
                checked.append(check_alias(root, alias, ruler, plan, today, target))
        together.raise_all()
    return ChangeCheck(base_id, head_id, tuple(checked), tuple(found))


def check_alias(
    root: Path, alias: str, ruler: Ruler, plan: Plan, today: datetime.date, target: str | None = None
) -> AliasCheck:
    """Validate the newest release of an alias and its changed files; places are those of the repository."""
    folder, name = root / "datasets" / alias, f"datasets/{alias}"
    if not folder.is_dir():
        return _without_folder(root, alias, ruler, plan)
    together = Together()
    unreadable = {finding.path for finding in plan.findings if finding.rule == "not-a-plain-file"}
    found: list[Finding] = []
    card: Card | None = None
    suite: SuiteFolder | None = None
    card_path = folder / "card.yaml"
    if card_path.is_file() and f"{name}/card.yaml" not in unreadable:
        with together:
            card = read_card(read_bytes(card_path, "dataset card"), str(card_path))
            if card.alias != alias:
                raise InputError(
                    f"{card_path}: the card says alias {card.alias!r}, the folder says {alias!r}"
                )
    else:
        found += missing_card(name)
    # An alias that is new has no golden set in the base; the plan's finding blocks it and names the way.
    if not any(f.rule == "unknown-alias" and f.path == f"evals/{alias}/suite.yaml" for f in plan.findings):
        with together:
            suite = ruler.suite(alias)
    policy_path = ruler.folder / "evals" / "policy.yaml"
    waivers = ruler.folder / "evals" / alias / "waivers.yaml"
    policy, lowered = Policy(), list[Finding]()
    with together:
        policy, lowered = read_policy(policy_path)
    golden: GoldenCheck | None = None
    with together:
        golden = _golden(root, alias, ruler, plan, suite)
    if waivers.is_file():
        with together:
            read_waivers(read_bytes(waivers), str(waivers))
            # Before money is spent, not when regressions are compared.
            read_decisions(read_bytes(waivers), str(waivers))
    newest = max(card.releases, key=lambda release: release.order) if card else None
    paths, absent = _paths(folder, newest, plan, alias)
    if card and newest and absent and not paths:
        found += missing_dataset_file(str(card_path), card.line_of(card.releases.index(newest)), absent)
    files: list[FileCheck] = []
    for path in paths:
        with together:
            files.append(
                check_file(
                    path,
                    golden=ruler.golden_paths(suite, alias) if suite else (),
                    card=card_path if card else None,
                    target=target,
                    policy=policy_path,
                    suite=Path(suite.suite.path) if suite else None,
                    base=ruler.ref,
                    waivers=waivers if waivers.is_file() else None,
                    today=today,
                )
            )
    together.raise_all()
    found = [*with_policy(found, policy.rules), *about_waivers(files, today), *lowered]
    found += golden.findings if golden else ()
    place = Places(ruler.folder, root)
    return AliasCheck(
        alias,
        newest.version if newest else None,
        tuple(place.check(file) for file in _told_once(files)),
        tuple(map(place.finding, found)),
        golden.power if golden else None,
    )


def _golden(
    root: Path, alias: str, ruler: Ruler, plan: Plan, suite: SuiteFolder | None
) -> GoldenCheck | None:
    """What the golden set can prove: the base's, or the one that this change brings as the next ruler."""
    if any(path.role == "ruler" and path.alias in (alias, None) for path in plan.paths):
        ruler = Ruler(root, None)
        suite = ruler.suite(alias) if (root / "evals" / alias / "suite.yaml").is_file() else None
    if suite is None:
        return None
    return check_golden(suite, ruler.policy, ruler.folder / "evals" / "reports" / alias)


def _told_once(files: Sequence[FileCheck]) -> Iterator[FileCheck]:
    """What concerns the card or the split is found from each file, and told with the first."""
    told: set[Finding] = set()
    for file in files:
        yield replace(file, findings=tuple(f for f in file.findings if f not in told))
        told.update(file.findings)


def _without_folder(root: Path, alias: str, ruler: Ruler, plan: Plan) -> AliasCheck:
    deleted = [p for p in plan.paths if p.alias == alias and p.kind == "data" and p.status == "deleted"]
    if deleted:
        models = root / "models.yaml"
        registered = models.is_file() and alias in read_models(read_bytes(models), "models.yaml").aliases
        found = dataset_deleted(f"datasets/{alias}", alias, registered=registered)
        return AliasCheck(alias, None, (), tuple(with_policy(found, ruler.policy.rules)))
    if ruler.ref is None or alias not in plan.aliases:
        read_subject(root, alias)
    # Its ruler lands before its rows do, so a change without any may concern it.
    return AliasCheck(alias, None)


def _paths(folder: Path, newest: Release | None, plan: Plan, alias: str) -> tuple[list[Path], list[str]]:
    """Files to validate, and the names of the newest release behind which no file lies."""
    prefix = f"datasets/{alias}/"
    unreadable = {finding.path for finding in plan.findings if finding.rule == "not-a-plain-file"}
    released = [part.file for _, part in newest.halves] if newest else []
    changed = [
        path.path.removeprefix(prefix)
        for path in plan.paths
        if path.path.startswith(prefix) and path.path.endswith(".jsonl") and path.status != "deleted"
    ]
    if newest is None and not plan.paths:
        changed = sorted(path.name for path in folder.glob("*.jsonl"))
    paths, absent = [], []
    for name in dict.fromkeys([*released, *changed]):
        path = folder / name
        if name.startswith(s3.SCHEME):
            paths.append(Path(name))
        elif f"{prefix}{name}" in unreadable:
            continue
        elif path.is_file() and storage.placing_problem(path) is None:
            paths.append(path)
        elif name in released:
            absent.append(name)
    return paths, absent


@contextlib.contextmanager
def _named_as_in(commit: str | None, folder: Path) -> Iterator[None]:
    """Errors name the commit that a ruler came from instead of the folder it was unpacked to."""
    try:
        yield
    except InputError as error:
        if commit is None:
            raise
        each = error.errors if isinstance(error, InputErrors) else (error,)
        prefix, shown = f"{folder}/", f"{commit[:12]}:"
        raise InputErrors(
            [
                InputError(
                    one.sentence.replace(prefix, shown),
                    problems=[Problem(p.place.replace(prefix, shown), p.message) for p in one.problems],
                    hint=one.hint and one.hint.replace(prefix, shown),
                )
                for one in each
            ]
        ) from None
