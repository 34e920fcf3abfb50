"""The repository that is judged, read from disk: the subject from the work tree, the ruler from the base.

Ruler: policy, prices, golden and safety sets, scorers and buckets. Subject: datasets, models.yaml, arm prompts.
At a desk, without a base, both come from the work tree and the report says so.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.config import Document, did_you_mean, load, parse_yaml
from liftgate.data.card import Card, Release, ReleasedFile, read_card
from liftgate.data.s3 import SCHEME
from liftgate.data.storage import fill_pointers, released_path
from liftgate.data.text import shown
from liftgate.errors import InputError, LiftgateError
from liftgate.evaluation.suite import Suite
from liftgate.evaluation.suite_folder import SuiteFolder, read_suite
from liftgate.files import exclusively, read_bytes, read_json, same_files, sha256_bytes, sha256_file
from liftgate.findings import Finding, Severity
from liftgate.plan import Plan, make_plan
from liftgate.policy import Policy
from liftgate.registry.history import State, of_alias, states
from liftgate.registry.models import Alias, Model, Models, Variant, read_models
from liftgate.registry.transitions import transition
from liftgate.repository import Change, changes, commit_of, git, materialise, show, versions
from liftgate.training.cost import Price, read_prices
from liftgate.training.manifest import Manifest, hosted_hyperparameters, local_hyperparameters

if TYPE_CHECKING:
    from liftgate.training.sunset import Row
    from liftgate.verdict.judge import Calibration

CALIBRATION = "calibration.json"
HISTORY_LIMIT = 100
"""Changes of models.yaml that are looked at; a step that lasts longer than so many is long enough."""


@dataclass(frozen=True)
class Subject:
    """One alias' dataset release and what is trained on it."""

    root: Path
    card: Card
    release: Release

    @property
    def train_path(self) -> Path:
        """The training rows, relative to nothing: as the person can open it."""
        return self._path(self.release.train)

    @property
    def validation_path(self) -> Path | None:
        """The validation rows, when the release has some."""
        return None if self.release.validation is None else self._path(self.release.validation)

    def data(self, path: Path) -> Path:
        """The local file whose bytes are validated and trained on: `path`, its LFS object, or a fetched copy.

        Raises `InputError` when there is none, and `ProviderError` or `MissingExtra` for an s3:// address.
        """
        files = {self._path(file): file for _, file in self.release.halves}
        return _existing(released_path(path.parent, files[path]), path)

    def _path(self, file: ReleasedFile) -> Path:
        if file.file.startswith(SCHEME):
            return Path(file.file)
        return self.root / "datasets" / self.card.alias / file.file

    @cached_property
    def _sha256(self) -> tuple[str, str | None]:
        """Of the training and the validation file; a run asks for its manifest six times."""
        validation = self.validation_path
        return (
            sha256_file(self.data(self.train_path)),
            sha256_file(self.data(validation)) if validation else None,
        )

    def unpinned(self) -> list[Finding]:
        """An error for each file of the release whose bytes are not those that the card names."""
        return [
            Finding(
                "card-mismatch",
                Severity.ERROR,
                f"{file.file} has sha256 {found}, the card says another",
                self.card.path,
                self.card.document.line(("releases", self.card.releases.index(self.release), half, "sha256")),
            )
            for (half, file), found in zip(self.release.halves, self._sha256, strict=False)
            if found != file.sha256
        ]

    @property
    def training(self) -> Mapping[str, Any]:
        """The card's training section. Raises `InputError` when it has none."""
        training: Mapping[str, Any] | None = self.card.document.data.get("training")
        if not training:
            raise InputError(
                f"{self.card.path}: the card has no training section",
                hint="see datasets/support-intent/card.yaml",
            )
        return training

    @property
    def is_hosted(self) -> bool:
        """True when the rows leave this machine to be trained on."""
        return bool(self.training["provider"] != "local")

    def manifest(self, base_revision: str | None = None) -> Manifest:
        """What would be trained; a hosted base is its own revision, since providers date their models.

        Raises `InputError` when the card says nothing about training.
        """
        training, hosted = self.training, self.is_hosted
        if base_revision is None and not hosted:
            raise InputError(f"{self.card.path}: a local base has a revision", hint="resolve the base first")
        train_sha256, validation_sha256 = self._sha256
        return Manifest(
            alias=self.card.alias,
            provider=training["provider"],
            base=training["base"],
            base_revision=training["base"] if hosted else str(base_revision),
            method=training.get("method", "supervised" if hosted else "lora"),
            seed=training.get("seed", 0),
            dataset_version=self.release.version,
            train_sha256=train_sha256,
            validation_sha256=validation_sha256,
            hyperparameters=hosted_hyperparameters(training) if hosted else local_hyperparameters(training),
        )


def _existing(path: Path, named: Path) -> Path:
    if not path.is_file():
        raise InputError(
            f"{named}: no such dataset file", hint="the card's release names it; check its spelling"
        )
    return path


def read_subject(root: Path, alias: str, version: str | None = None) -> Subject:
    """The dataset of an alias; the newest release unless a version is named."""
    folder = root / "datasets" / alias
    if not folder.is_dir():
        known = sorted(p.name for p in (root / "datasets").glob("*") if p.is_dir())
        raise InputError(
            f"{alias!r} has no dataset folder{did_you_mean(alias, known)}",
            hint=f"expected {folder}; datasets here: {', '.join(known) or 'none'}",
        )
    card_path = folder / "card.yaml"
    card = read_card(read_bytes(card_path, "dataset card"), str(card_path))
    if card.alias != alias:
        raise InputError(f"{card_path}: the card says alias {card.alias!r}, the folder says {alias!r}")
    by_version = {release.version: release for release in card.releases}
    if version is None:
        version = max(by_version, key=lambda v: tuple(map(int, v.split("."))))
    if version not in by_version:
        raise InputError(
            f"{card_path}: no release {version}", hint=f"releases: {', '.join(sorted(by_version))}"
        )
    return Subject(root, card, by_version[version])


@dataclass(frozen=True)
class Checked:
    """A calibration, and the bytes of its file."""

    data: bytes
    calibration: Calibration


@dataclass(frozen=True)
class Ruler:
    """What measures, with where it was read. `folder` holds `evals/`; `ref` is a commit or None at a desk."""

    folder: Path
    ref: str | None

    @property
    def source(self) -> str:
        """`base ref` or `working tree`: stands in the report."""
        return "base ref" if self.ref else "working tree"

    @cached_property
    def policy(self) -> Policy:
        """The policy; the built-in one is never a silent stand-in."""
        return Policy.from_document(self._document("policy.yaml", "policy"))

    @cached_property
    def policy_sha256(self) -> str:
        """sha256 of the policy file's bytes."""
        return sha256_bytes(read_bytes(self.folder / "evals" / "policy.yaml", "policy"))

    @cached_property
    def prices(self) -> list[Price]:
        """The price table."""
        data = read_bytes(self.folder / self.prices_path, "price table")
        return read_prices(load(data, self.prices_path, "prices"))

    @property
    def prices_path(self) -> str:
        """Where a missing price belongs."""
        return "evals/prices.yaml"

    @cached_property
    def sunsets(self) -> list[Row] | None:
        """The table of models that end; None where there is none, which is for the caller to judge."""
        from liftgate.training.sunset import PATH, read_sunsets

        path = self.folder / "evals" / "sunsets.yaml"
        return read_sunsets(read_bytes(path, "table of ends"), PATH) if path.is_file() else None

    def suite(self, alias: str) -> SuiteFolder:
        """The suite of an alias with everything it names."""
        path = self.folder / "evals" / alias / "suite.yaml"
        if not path.is_file():
            known = sorted(p.parent.name for p in (self.folder / "evals").glob("*/suite.yaml"))
            raise InputError(
                f"{alias!r} has no suite{did_you_mean(alias, known)}",
                hint=f"expected {path}; suites here: {', '.join(known) or 'none'}",
            )
        return read_suite(path)

    def calibration(self, alias: str) -> Checked | None:
        """How far the alias' judge agrees with people, as measured; None where nobody has measured it."""
        path = self.folder / "evals" / alias / CALIBRATION
        if not path.is_file():
            return None
        # Late, because statistics load scipy, which `plan` and `validate` do without.
        from liftgate.verdict.judge import Calibration

        return Checked(
            read_bytes(path, "calibration"), Calibration.from_dict(read_json(path), path=str(path))
        )

    def golden_paths(self, suite: SuiteFolder, alias: str) -> list[Path]:
        """Golden and safety files, for the leakage rules."""
        folder = self.folder / "evals" / alias
        return [folder / name for name in (suite.suite.golden, suite.suite.safety) if name]

    def _document(self, name: str, schema: str) -> Document:
        path = self.folder / "evals" / name
        return load(read_bytes(path, name), str(path), schema)


def promoted_at(root: Path, base: str | None, registered: Alias) -> Variant | None:
    """The variant that callers get today: by models.yaml of the base, where there is one, not of the change."""
    if base is None:
        return registered.promoted
    before = _registry(root, base)
    alias = None if before is None else before.aliases.get(registered.name)
    return None if alias is None else alias.promoted


def unknown_addresses(root: Path, base: str | None, registered: Alias, suite: Suite) -> list[Finding]:
    """Addresses that neither models.yaml nor the suite of the base names: none of them may be sent a key."""
    if base is None:
        return []
    before = _registry(root, base)
    known = {
        model.base_url for alias in (before.aliases.values() if before else ()) for model in _models(alias)
    }
    known |= {provider.base_url for provider in suite.endpoints.values()}
    return [
        Finding(
            "unknown-address",
            Severity.ERROR,
            f"{shown(model.model_id, 'a model')} would be sent a key at an address that the base branch does not "
            f"name; land it under `endpoints` of evals/{registered.name}/suite.yaml in a change of its own",
            "models.yaml",
        )
        for model in _models(registered)
        if model.base_url is not None and model.base_url not in known
    ]


def _models(alias: Alias) -> list[Model]:
    return [alias.default, *(variant.model for variant in alias.variants.values())]


def ruler_of(root: Path, run: Path, base: str | None, plan: Plan, alias: str) -> Ruler:
    """The ruler of a run: unpacked from the base commit under `run`, or the work tree itself."""
    if base is None:
        return Ruler(root, None)
    target = run / "ruler"
    # Two commands at once in one run folder read the same ruler: neither takes it away under the other.
    with exclusively(run / ".ruler.lock"), tempfile.TemporaryDirectory(prefix=".ruler-", dir=run) as folder:
        fresh = Path(folder) / "ruler"
        _unpack(root, fresh, base, plan, alias)
        if not same_files(fresh, target):
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
    return Ruler(target, base)


def _unpack(root: Path, target: Path, base: str, plan: Plan, alias: str) -> None:
    target.mkdir()
    fill_pointers(root, target, materialise(root, base, "evals", target))
    for path in plan.paths:
        # Arm prompts, and a suite that changed in nothing but its arms, are the subject: they come from the head.
        if path.role == "subject" and path.alias == alias and path.path.startswith("evals/"):
            (target / path.path).unlink(missing_ok=True)
            if path.status != "deleted" and (root / path.path).is_file():
                if not (root / path.path).resolve().is_relative_to(root.resolve()):
                    raise InputError(
                        f"{path.path}: leads out of the repository", hint="commit the file itself"
                    )
                (target / path.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / path.path, target / path.path)


def plan_of(root: Path, base: str, head: str) -> tuple[Plan, str, str]:
    """Plan the change between two commits; returns it with both full commit ids."""
    base_id, head_id = commit_of(root, base), commit_of(root, head)
    changed = changes(root, base_id, head_id)
    plan = make_plan(
        changed,
        known_aliases=_suites_at(root, base_id),
        transitions=_transitions(root, base_id, head_id, changed),
        arms_only=_arms_only(root, base_id, head_id, changed),
    )
    return plan, base_id, head_id


def desk_plan(root: Path, aliases: Sequence[str]) -> Plan:
    """Every step for the named aliases, or for every alias that has a suite."""
    chosen = list(aliases) or sorted(p.parent.name for p in (root / "evals").glob("*/suite.yaml"))
    return Plan((), dict.fromkeys(chosen, ("data",)), ())


def _suites_at(root: Path, commit: str) -> list[str]:
    listed = git(
        root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, "--", ":(top,literal)evals"
    )
    paths = listed.decode("utf-8", "surrogateescape").split("\0")
    return [p.split("/")[1] for p in paths if p.count("/") == 2 and p.endswith("/suite.yaml")]


def _transitions(root: Path, base: str, head: str, changed: Sequence[Change]) -> Mapping[str, str]:
    if not any(change.path == "models.yaml" for change in changed):
        return {}
    before, after = _registry(root, base), _registry(root, head)
    old = before.aliases if before else {}
    new = after.aliases if after else {}
    names = sorted(old.keys() | new.keys())
    found = {name: transition(old.get(name), new.get(name)) for name in names}
    if "promotion" in found.values() and len(changed) == 1:
        # Only history tells a promotion from going back to what was; beside another file it would be none.
        history = registry_history(root, base)
        found = {name: transition(old.get(name), new.get(name), of_alias(history, name)) for name in names}
    return {name: kind for name, kind in found.items() if kind}


def registry_history(root: Path, base: str) -> tuple[State, ...]:
    """models.yaml as the newest first-parent commits of the base branch had it, oldest first."""
    found = versions(root, base, "models.yaml", HISTORY_LIMIT)
    shallow = git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
    return states(found, cut=shallow or len(found) == HISTORY_LIMIT)


def _registry(root: Path, commit: str) -> Models | None:
    raw = show(root, commit, "models.yaml")
    return None if raw is None else read_models(raw, "models.yaml")


def _arms_only(root: Path, base: str, head: str, changed: Sequence[Change]) -> list[str]:
    """Aliases whose suite.yaml differs in its arms and in nothing else."""
    found = []
    for change in changed:
        parts = change.path.split("/")
        if len(parts) != 3 or parts[0] != "evals" or parts[2] != "suite.yaml" or change.status != "modified":
            continue
        sides = [_without_arms(show(root, commit, change.path), change.path) for commit in (base, head)]
        if None not in sides and sides[0] == sides[1]:
            found.append(parts[1])
    return found


def _without_arms(raw: bytes | None, path: str) -> Any:
    if raw is None:
        return None
    try:
        data = copy.deepcopy(parse_yaml(raw, path).data)
    except LiftgateError:
        return None
    if isinstance(data, dict):
        data.pop("arms", None)
    return data
