"""The links that are files of their own: the registry's entry, the dataset's rows, the training manifest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from liftgate.config import parse_yaml
from liftgate.data.card import Card, Release, ReleasedFile, read_card
from liftgate.data.lfs import is_pointer, read_pointer
from liftgate.data.s3 import SCHEME
from liftgate.digests import sha256_bytes
from liftgate.errors import InputError, LiftgateError
from liftgate.findings import Finding, Severity
from liftgate.registry.chain import Link, Subject
from liftgate.registry.chain_places import first_parting, partings, told
from liftgate.registry.manifests import read_manifest

_SHORT: Final = 12


def altered(
    rule: str, path: str, data: bytes, expected: bytes | None, why: str, *, quiet: bool = False
) -> Finding:
    """A file that is not what it was: the first place that differs, or the file with `why`."""
    parting = first_parting(path, data, expected) if expected is not None else None
    if parting is None:
        return Finding(rule, Severity.ERROR, why, path)
    return Finding(rule, Severity.ERROR, f"{parting.words(quiet=quiet)} ({why})", path, parting.line)


def uncommitted(subject: Subject, rule: str, path: str, *, quiet: bool = False) -> Iterator[Finding]:
    """Whether a file lies here as the last commit has it."""
    data = subject.source.read(path)
    if data is None or not subject.source.in_git:
        return
    there = subject.source.committed(path)
    if there is None:
        yield Finding(rule, Severity.ERROR, "the last commit has no such file; commit it", path)
    elif there != data:
        yield altered(rule, path, data, there, "the last commit has it otherwise", quiet=quiet)


def registry_link(subject: Subject) -> Link:
    """The variant's entry as the last commit has it."""
    source, name, variant = subject.source, subject.alias.name, subject.variant.name
    if not source.in_git:
        why = "there is no git repository, so nobody can tell whether models.yaml is as it was merged"
        return Link("registry", unchecked=(why,))
    there = source.committed(source.models.path)
    key = ("models", name, "variants", variant)
    try:
        then = parse_yaml(there or b"", source.models.path).data["models"][name]
        expected = {"default": then["default"], variant: then["variants"][variant]}
    except (LiftgateError, KeyError, TypeError):
        why = f"{name} {variant} does not stand in the models.yaml of the last commit; commit it"
        return Link("registry", (subject.broken("registry-altered", why),))
    entry = subject.alias.entry
    found = {"default": entry["default"], variant: entry["variants"][variant]}
    findings = []
    for (side, *rest), ours, theirs in partings(found, expected):
        at = ("models", name, "default", *rest) if side == "default" else (*key, *rest)
        said = ".".join(map(str, rest)) or str(side)
        findings.append(
            Finding(
                "registry-altered",
                Severity.ERROR,
                f"`{said}` is {told(ours) or 'another value'}, expected "
                f"{told(theirs) or 'another value'} (the last commit)",
                source.models.path,
                source.models.document.line(at),
            )
        )
    return Link("registry", tuple(findings), f"{subject.place()} is as the last commit has it")


def dataset_link(subject: Subject) -> Link:
    """The release that the variant names: its files' sha256 by card and registry, and its rows."""
    path = f"datasets/{subject.alias.name}/card.yaml"
    data, pinned = subject.source.read(path), subject.variant.entry["dataset"]
    if data is None:
        return Link("dataset", (subject.broken("dataset-missing", f"there is no {path}", "dataset"),))
    findings = list(uncommitted(subject, "dataset-altered", path))
    try:
        card = read_card(data, path)
    except InputError as error:
        findings.append(Finding("dataset-altered", Severity.ERROR, error.sentence, path))
        return Link("dataset", tuple(findings))
    release = next((each for each in card.releases if each.version == pinned["version"]), None)
    if release is None or card.alias != subject.alias.name:
        why = f"{path} has no release {pinned['version']} of {subject.alias.name}"
        return Link("dataset", (*findings, subject.broken("dataset-altered", why, "dataset", "version")))
    unchecked: list[str] = []
    outside: list[str] = []
    sums = []
    for half in ("train", "validation"):
        file: ReleasedFile | None = getattr(release, half)
        found = list(_half(subject, card, release, half, file, unchecked, outside))
        findings += found
        if file is not None:
            sums.append(f"{file.file} {file.sha256[:_SHORT]}…")
    # Of rows that were not read, nothing was made again.
    told_ = "" if outside else ", ".join(sums)
    return Link("dataset", tuple(dict.fromkeys(findings)), told_, (*unchecked, *outside))


def _half(
    subject: Subject,
    card: Card,
    release: Release,
    half: str,
    file: ReleasedFile | None,
    unchecked: list[str],
    outside: list[str],
) -> Iterator[Finding]:
    pinned = subject.variant.entry["dataset"].get(f"{half}_sha256")
    key = ("releases", card.releases.index(release), half)
    line = card.document.line((*key, "sha256"))
    if file is None:
        if pinned is not None:
            why = f"{card.path} has no {half} rows of {release.version}, and their sha256 is pinned"
            yield subject.broken("dataset-altered", why, "dataset", f"{half}_sha256")
        return
    if pinned is None:
        unchecked.append(
            f"{subject.place('dataset')} pins no sha256 of the {half} rows; the card's was taken"
        )
    elif pinned != file.sha256:
        why = f"{half} sha256 is {told(file.sha256)}, expected {told(pinned)} ({subject.place('dataset')})"
        yield Finding("dataset-altered", Severity.ERROR, why, card.path, line)
    if file.file.startswith(SCHEME):
        outside.append(f"the {half} rows lie outside the repository, at the address that the card names")
        return
    path = f"datasets/{card.alias}/{file.file}"
    data = subject.source.read(path)
    if data is None:
        yield Finding("dataset-missing", Severity.ERROR, f"there is no {path}", card.path, line)
        return
    expected = pinned or file.sha256
    if is_pointer(data):
        pointer = read_pointer(data)
        if pointer is None or pointer.oid != expected:
            yield Finding(
                "dataset-altered", Severity.ERROR, f"its pointer is not to {told(expected)}", path, 2
            )
        outside.append(f"the {half} rows were not fetched (git lfs pull); only their pointer was compared")
        return
    found = sha256_bytes(data)
    if found != expected:
        why = f"sha256 is {told(found)}, expected {told(expected)}"
        then = subject.source.earlier(path, lambda earlier: sha256_bytes(earlier) == expected)
        yield altered("dataset-altered", path, data, then, why)
    rows = data.count(b"\n") + (not data.endswith(b"\n") if data else 0)
    if file.rows is not None and file.rows != rows:
        line = card.document.line((*key, "rows"))
        yield Finding(
            "dataset-altered",
            Severity.ERROR,
            f"rows is {file.rows}, expected {rows} ({path})",
            card.path,
            line,
        )


class ManifestMade(NamedTuple):
    """The link, and the manifest where it holds."""

    link: Link
    manifest: Mapping[str, Any] | None = None


def manifest_link(subject: Subject) -> ManifestMade:
    """The manifest under the digest that the registry names, and what both say of the training."""
    entry = subject.variant.entry
    named, path = entry.get("manifest_digest"), entry.get("manifest")
    if named is None:
        why = "`manifest_digest` is not set: nothing says what trained it"
        return ManifestMade(Link("manifest", (subject.broken("manifest-missing", why),), missing=True))
    if path is None:
        return _recorded_manifest(subject, named)
    data = subject.source.read(path)
    if data is None:
        why = "`manifest` names a file that is not there"
        return ManifestMade(Link("manifest", (subject.broken("manifest-missing", why, "manifest"),)))
    findings = list(uncommitted(subject, "manifest-altered", path))
    manifest = read_manifest(data)
    if manifest is None:
        if not findings:
            findings.append(_unlike_registry(subject, path, data))
        return ManifestMade(Link("manifest", tuple(findings)))
    if manifest["digest"] != named:
        why = f"digest is {told(manifest['digest'])}, expected {told(named)} ({subject.place('manifest_digest')})"
        findings.append(_at(path, data, ("digest",), why))
    findings += _agree(subject, path, data, manifest)
    return ManifestMade(
        Link("manifest", tuple(dict.fromkeys(findings)), f"{path} has the digest {named[:_SHORT]}…"),
        manifest if not findings else None,
    )


def _recorded_manifest(subject: Subject, named: str) -> ManifestMade:
    """Where no file is committed, the ledger's copy counts, and without a ledger nothing can be said."""
    ledger, where = subject.source.ledger, subject.place("manifest_digest")
    if ledger is None:
        why = f"{where} names a digest and no file; the ledger holds the manifest (--ledger)"
        return ManifestMade(Link("manifest", unchecked=(why,)))
    from liftgate.training.ledger import plan_name

    try:
        plan = ledger.read(plan_name(named))
    except LiftgateError:
        plan = None
    read = read_manifest(orjson.dumps(plan["manifest"])) if plan else None
    if read is None or read["digest"] != named:
        why = "the ledger holds no manifest of this digest, and no file is committed under `manifest`"
        return ManifestMade(Link("manifest", (subject.broken("manifest-missing", why, "manifest_digest"),)))
    found = tuple(_agree(subject, None, None, read))
    return ManifestMade(
        Link("manifest", found, f"the ledger holds {named[:_SHORT]}…"), None if found else read
    )


def _said(subject: Subject) -> dict[tuple[str, ...], tuple[Any, tuple[str, ...]]]:
    """What the registry says of the training: key of the manifest → (value, key of the variant)."""
    entry, pinned = subject.variant.entry, subject.variant.entry["dataset"]
    said: dict[tuple[str, ...], tuple[Any, tuple[str, ...]]] = {
        ("alias",): (subject.alias.name, ()),
        ("schema_version",): (1, ()),
        ("dataset", "version"): (pinned["version"], ("dataset", "version")),
    }
    for key in ("provider", "base", "base_revision", "method", "hyperparameters", "adapter_sha256"):
        if key in entry:
            said[(key,)] = (entry[key], (key,))
    for key in ("train_sha256", "validation_sha256"):
        if key in pinned:
            said["dataset", key] = (pinned[key], ("dataset", key))
    return said


def _agree(
    subject: Subject, path: str | None, data: bytes | None, manifest: Mapping[str, Any]
) -> Iterator[Finding]:
    for key, (expected, ours) in _said(subject).items():
        found: Any = manifest
        for step in key:
            found = found.get(step) if isinstance(found, Mapping) else None
        if key == ("adapter_sha256",) and found is None:
            # Only the manifest of a run on one's own machine knows the weights.
            continue
        for rest, is_, should in partings(found, expected):
            name = ".".join(map(str, (*key, *rest)))
            why = f"{name} is {told(is_) or 'another value'}, expected {told(should) or 'another value'}"
            where = f" ({subject.place(*ours)})" if ours else ""
            if path is None or data is None:
                yield subject.broken("manifest-differs", f"the ledger's manifest: {why}{where}", *ours)
            else:
                yield _at(path, data, (*key, *map(str, rest)), f"{why}{where}")


def _unlike_registry(subject: Subject, path: str, data: bytes) -> Finding:
    """A manifest whose digest is not that of its content: the field that the registry has otherwise, if one is."""
    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError:
        read = None
    named = subject.variant.entry["manifest_digest"]
    then = subject.source.earlier(path, lambda earlier: (read_manifest(earlier) or {}).get("digest") == named)
    if then is not None:
        return altered("manifest-altered", path, data, then, "its content does not have its digest")
    if isinstance(read, dict):
        differing = next(_agree(subject, path, data, read), None)
        if differing is not None:
            return differing
    why = f"its content does not have the digest {told(named)} ({subject.place('manifest_digest')})"
    return _at(path, data, ("digest",), why)


def _at(path: str, data: bytes, key: tuple[str, ...], message: str) -> Finding:
    try:
        line: int | None = parse_yaml(data, path).line(key)
    except LiftgateError:
        line = None
    return Finding("manifest-altered", Severity.ERROR, message, path, line)
