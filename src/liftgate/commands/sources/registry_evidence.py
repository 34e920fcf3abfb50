"""What a promotion rests on, read from git and the ledger. Files of the head are data; nothing is checked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.registry.evidence import Pins, RegistryEvidence
    from liftgate.registry.models import Models
    from liftgate.training.ledger import Ledger

Reader = Callable[[str], bytes | None]
"""Path below the repository's root → bytes of a plain file, or None."""


def gather(
    root: Path, base: str, head: str | None, after: Models | None, *, ledger: Ledger | None = None
) -> RegistryEvidence:
    """Everything that `check_registry` reads for the variants of `after`.

    Golden pins and history are those of the commit `base`; files that variants name are those of the commit `head`, or
    of the work tree when it is None. Without a ledger nothing counts as recorded. Raises `InputError` when the base or
    the ledger cannot be read.
    """
    from liftgate.project import registry_history

    of_head = in_tree(root) if head is None else at_commit(root, head)
    return collect(of_head, at_commit(root, base), after, registry_history(root, base), ledger)


def collect(
    of_head: Reader,
    of_base: Reader,
    after: Models | None,
    history: Iterable[Any] = (),
    ledger: Ledger | None = None,
) -> RegistryEvidence:
    """The same from two readers of files."""
    from liftgate.registry.evidence import RegistryEvidence

    files = {path: data for path in _named(after) if (data := of_head(path)) is not None}
    manifests, models, verdicts = _recorded(ledger)
    return RegistryEvidence(
        files=files,
        golden=_golden(after, of_base),
        history=tuple(history),
        verdicts=verdicts,
        manifests={**_committed(after, files), **manifests},
        model_ids=models,
        ledger=ledger is not None,
    )


def at_commit(root: Path, commit: str) -> Reader:
    """Plain files of one commit."""
    from liftgate.repository import show

    return lambda path: show(root, commit, path) if _inside(path) else None


def in_tree(root: Path) -> Reader:
    """Plain files of the work tree; a symlink is none, nor is what lies behind one."""

    def read(path: str) -> bytes | None:
        place = root.joinpath(path)
        if not _inside(path) or place.resolve() != root.resolve().joinpath(path) or not place.is_file():
            return None
        return place.read_bytes()

    return read


def _inside(path: str) -> bool:
    pure = PurePosixPath(path)
    plain = path == str(pure) and path.isprintable() and "\\" not in path
    return plain and not pure.is_absolute() and ".." not in pure.parts and path != "."


def _named(after: Models | None) -> set[str]:
    """Every path that a variant of the registry names."""
    from liftgate.registry.readiness import decision_path

    paths: set[str] = set()
    for alias in after.aliases.values() if after else ():
        for variant in alias.variants.values():
            paths |= {variant.entry[key] for key in ("runbook", "manifest") if key in variant.entry}
            pinned = ("report", "shadow_report", "load_report")
            paths |= {variant.entry[key]["path"] for key in pinned if key in variant.entry}
            paths.add(decision_path(alias.name, variant))
    return paths


def _golden(after: Models | None, of_base: Reader) -> dict[str, Pins]:
    from liftgate.config import load
    from liftgate.files import sha256_bytes
    from liftgate.registry.evidence import Pins

    found = {}
    for alias in after.aliases if after else ():
        folder = f"evals/{alias}"
        suite = of_base(f"{folder}/suite.yaml")
        if suite is None:
            continue
        try:
            said = load(suite, f"{folder}/suite.yaml", "suite").data
        except InputError:
            continue
        golden = of_base(f"{folder}/{said['golden']}")
        safety = of_base(f"{folder}/{said['safety']}") if said.get("safety") else None
        # A safety suite that is named and is not there pins nothing.
        if golden is not None and (safety is not None) == bool(said.get("safety")):
            found[alias] = Pins(sha256_bytes(golden), None if safety is None else sha256_bytes(safety))
    return found


def _committed(after: Models | None, files: Mapping[str, bytes]) -> dict[str, Mapping[str, Any]]:
    """Manifests that lie beside the reports, under the digest that they really have."""
    from liftgate.registry.manifests import read_manifest

    variants = [v for alias in (after.aliases.values() if after else ()) for v in alias.variants.values()]
    read = [read_manifest(files.get(v.entry.get("manifest", ""), b"")) for v in variants]
    return {each["digest"]: each for each in read if each is not None}


def _recorded(
    ledger: Ledger | None,
) -> tuple[dict[str, Mapping[str, Any]], frozenset[str], tuple[Mapping[str, Any], ...]]:
    if ledger is None:
        return {}, frozenset(), ()
    plans = {entry["digest"]: entry["manifest"] for _, entry in ledger.entries("plans")}
    ended = [entry for _, entry in ledger.entries("jobs") if entry["event"] == "finished"]
    models = {each["model_id"] for each in ended if each["model_id"]}
    models |= {name for each in ended for name in each["checkpoints"]}
    return plans, frozenset(models), tuple(entry for _, entry in ledger.entries("verdicts"))
