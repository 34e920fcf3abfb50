"""What the verdict of one alias rests on, read from the two commits of a change: its content key, and its hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate import __version__
from liftgate.commands.sources.pull_tree import PullTree
from liftgate.config import parse_yaml
from liftgate.errors import LiftgateError
from liftgate.files import sha256_file
from liftgate.findings import Finding, Severity
from liftgate.plan import Plan
from liftgate.project import CALIBRATION, Ruler, read_subject
from liftgate.publishing.content_key import content_key, is_ruler, is_subject
from liftgate.registry.models import Models
from liftgate.repository import blobs, show, tree

_OF_ANOTHER: Final = "results-of-another-change"


def hashes_at(root: Path, commit: str, *folders: str) -> dict[str, str]:
    """Path → sha256 of every plain file under these folders at a commit."""
    plain = [entry for entry in tree(root, commit, *folders) if entry.special is None]
    ids = [entry.blob for entry in plain]
    return {
        entry.path: hashlib.sha256(data).hexdigest()
        for entry, data in zip(plain, blobs(root, ids), strict=True)
    }


def key_of(
    alias: str,
    plan: Plan,
    head: Mapping[str, str],
    base: Mapping[str, str],
    registry: Models | None,
    *,
    asks_promoted: bool,
) -> str:
    """The content key of an alias. `head` and `base` map paths at the two commits to the sha256 of their bytes.

    `base` holds at least `evals/`; `registry` is models.yaml at the head; `asks_promoted` says whether an arm asks the
    variant that callers get today.
    """
    ruler = {path: sha256 for path, sha256 in base.items() if is_ruler(path, alias)}
    for path in plan.paths:
        # As `project.ruler_of` does it: the arms of a change that brings some are its own.
        if path.role == "subject" and path.alias == alias and path.path.startswith("evals/"):
            ruler.pop(path.path, None)
            if path.status != "deleted" and path.path in head:
                ruler[path.path] = head[path.path]
    entry = registry.aliases.get(alias) if registry else None
    promoted = entry.promoted if entry is not None and asks_promoted else None
    return content_key(
        alias,
        tool_version=__version__,
        subject={path: sha256 for path, sha256 in head.items() if is_subject(path, alias)},
        ruler=ruler,
        entry=None if entry is None else entry.entry,
        promoted=None if promoted is None else promoted.entry,
    )


def asks_promoted(root: Path, base: str, head: str, plan: Plan, alias: str) -> bool:
    """Whether an arm of the suite that judges asks the promoted variant. A suite that cannot be read asks nobody."""
    path = f"evals/{alias}/suite.yaml"
    brought = any(each.path == path and each.role == "subject" and each.alias == alias for each in plan.paths)
    raw = show(root, head if brought else base, path)
    try:
        data = None if raw is None else parse_yaml(raw, path).data
    except LiftgateError:
        return False
    arms = data.get("arms") if isinstance(data, dict) else None
    models = (
        [arm.get("model") for arm in arms.values() if isinstance(arm, dict)] if isinstance(arms, dict) else []
    )
    return "promoted" in models


@dataclass(frozen=True)
class Hashes:
    """What a report must say of itself to be the report of this change. A manifest that is not known is not held."""

    alias: str
    golden_sha256: str
    safety_sha256: str | None
    suite_sha256: str | None
    policy_sha256: str
    calibration_sha256: str | None
    waivers_sha256: str | None
    train_sha256: str
    validation_sha256: str | None
    prompts: Mapping[str, str]
    manifest_digest: str | None

    @classmethod
    def of(cls, pull: PullTree, ruler: Ruler, alias: str, manifest_digest: str | None) -> Hashes:
        """Of this subject under this ruler. Raises `InputError` for whatever cannot be read."""
        # Late, because it loads what compares, which a rollback is told without.
        from liftgate.commands.judging.evidence import WAIVERS

        suite, release = ruler.suite(alias), read_subject(pull.root, alias).release
        folder = ruler.folder / "evals" / alias
        return cls(
            alias,
            suite.golden_sha256,
            suite.safety_sha256,
            suite.suite_sha256,
            ruler.policy_sha256,
            _sha256(folder / CALIBRATION),
            _sha256(folder / WAIVERS),
            release.train.sha256,
            None if release.validation is None else release.validation.sha256,
            {name: suite.prompt(arm).sha256 for name, arm in suite.suite.arms.items()},
            manifest_digest,
        )

    def differences(self, report: Mapping[str, Any]) -> Iterator[Finding]:
        """An error for each part of a report that is of another change. `report` has the form of report.json."""
        lineage, dataset = report["lineage"], report["dataset"] or {}
        said = {
            "alias": report["alias"],
            **{name: lineage[name] for name in _LINEAGE},
            "train_sha256": dataset.get("train_sha256"),
            "validation_sha256": dataset.get("validation_sha256"),
        }
        if self.manifest_digest is not None:
            said["manifest_digest"] = (report["training"] or {}).get("manifest_digest")
        for name, value in said.items():
            if value != getattr(self, name):
                yield _refused(
                    f"the stored results were measured with another {_WORDS[name]} than this change has"
                )
        asked = {name: sha256 for name, sha256 in lineage["prompts"].items() if sha256 is not None}
        if any(self.prompts.get(name) != sha256 for name, sha256 in asked.items()):
            yield _refused("the stored results were asked for with another prompt than this change has")
        if report["ruler"]["source"] != "base ref":
            yield _refused("the stored results were measured by a ruler that is not a commit's")


_LINEAGE: Final = (
    "golden_sha256",
    "safety_sha256",
    "suite_sha256",
    "policy_sha256",
    "calibration_sha256",
    "waivers_sha256",
)
_WORDS: Final = {
    "alias": "alias",
    "golden_sha256": "golden set",
    "safety_sha256": "safety suite",
    "suite_sha256": "suite",
    "policy_sha256": "policy",
    "calibration_sha256": "calibration of the judge",
    "waivers_sha256": "list of waivers",
    "train_sha256": "training file",
    "validation_sha256": "validation file",
    "manifest_digest": "training manifest",
}


def _refused(message: str) -> Finding:
    return Finding(_OF_ANOTHER, Severity.ERROR, f"{message}; they count for nothing here")


def _sha256(path: Path) -> str | None:
    return sha256_file(path) if path.is_file() else None
