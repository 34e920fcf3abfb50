"""The sides of a data diff: files, the newest release of a card, the release before it, the base commit's newest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from liftgate.commands.checking import surroundings
from liftgate.commands.checking.collector import paused_collector
from liftgate.config import did_you_mean
from liftgate.data import lfs, storage
from liftgate.data.card import Card, Release, ReleasedFile, read_card
from liftgate.data.dataset import Dataset, read_rows
from liftgate.data.diff import Side, diff
from liftgate.data.s3 import SCHEME
from liftgate.errors import InputError, LiftgateError, Problem
from liftgate.files import read_bytes, sha256_bytes, sha256_file
from liftgate.findings import Severity
from liftgate.repository import commit_of, show

_RELEASED = re.compile(r"v(\d+\.\d+\.\d+)\.(train|validation)\.jsonl")
_CARD = "card.yaml"


def release_diff(card: Card, root: Path, base: str | None) -> dict[str, Any]:
    """The card's newest release against the base commit's newest, else the release before it; places as in `root`."""
    try:
        with paused_collector():
            before = (base_side(card, base) if base else None) or previous_side(card)
            after = release_side(card, newest(card))
            return diff(before and _below(before, root), _below(after, root)).to_dict()
    except LiftgateError as error:
        # The sentence goes into the report, which names no folder of this machine.
        raise InputError(error.sentence.replace(f"{root}/", "")) from error


def _below(side: Side, root: Path) -> Side:
    prefix = f"{root}/"
    return replace(
        side, datasets=tuple(replace(each, path=each.path.removeprefix(prefix)) for each in side.datasets)
    )


def side_of(path: Path) -> Side:
    """One operand of a diff: a JSONL file, or the newest release of a card or of a folder."""
    if path.is_dir():
        if not (path / _CARD).is_file():
            return _loose_side(path)
        path /= _CARD
    if path.suffix in {".yaml", ".yml"}:
        card = card_at(path)
        side = release_side(card, newest(card))
        return replace(side, name=f"{side.name} of {path}")
    return _side(str(path), [surroundings.read_dataset(path)])


def card_at(path: Path) -> Card:
    """The card that a person means: the file itself, its folder, or an alias in `datasets/`."""
    if path.suffix == ".jsonl":
        raise InputError(
            f"{path} stands alone", hint="liftgate data diff A B: name the file to hold it against"
        )
    for place in (path, path / _CARD, Path("datasets") / path / _CARD):
        if place.is_file():
            return read_card(read_bytes(place, "dataset card"), str(place))
    known = sorted(found.parent.name for found in Path("datasets").glob(f"*/{_CARD}"))
    raise InputError(
        f"{path} is neither a card nor an alias{did_you_mean(str(path), known)}",
        hint=f"datasets here: {', '.join(known) or 'none'}",
    )


def newest(card: Card) -> Release:
    """The release with the highest version."""
    return max(card.releases, key=lambda release: release.order)


def previous_side(card: Card) -> Side | None:
    """The release before the newest, as it lies on disk; None when there is none."""
    earlier = [release for release in card.releases if release is not newest(card)]
    return release_side(card, max(earlier, key=lambda release: release.order)) if earlier else None


def release_side(card: Card, release: Release) -> Side:
    """A release as it lies on disk."""
    return _side(release.version, [_released(card, part) for _, part in release.halves])


def base_side(card: Card, base: str) -> Side | None:
    """The newest release of the card in a commit; None when the commit holds no such card.

    Released files never change, so what still lies on disk with the hash that the base's card pins is read there.
    """
    folder = Path(card.path).absolute().parent
    root = surroundings.repository_of(card, base)
    commit = commit_of(root, base)
    inside = folder.resolve().relative_to(root.resolve()).as_posix()
    raw = show(root, commit, f"{inside}/{Path(card.path).name}")
    if raw is None:
        return None
    before = read_card(raw, f"{card.path} at {base}")
    release = newest(before)
    datasets = [_in_commit(root, commit, inside, base, card, part) for _, part in release.halves]
    name = release.version
    return _side(f"{name} in the base" if name == newest(card).version else name, datasets)


def _in_commit(root: Path, commit: str, inside: str, base: str, card: Card, part: ReleasedFile) -> Dataset:
    place = Path(card.path).parent / part.file
    if part.file.startswith(SCHEME) or _is_here(place, part):
        return _released(card, part)
    data = show(root, commit, f"{inside}/{part.file}")
    if data is not None and lfs.is_pointer(data):
        data = read_bytes(storage.pointed_to(place, data), "dataset")
    if data is None or sha256_bytes(data) != part.sha256:
        why = "not there" if data is None else "not what its card pins"
        raise InputError(f"{place} at {base} is {why}", hint="a released file is never edited: put it back")
    return read_rows(data, str(place))


def _is_here(place: Path, part: ReleasedFile) -> bool:
    try:
        data = storage.data_path(place)
    except storage.PointerOnly:
        return False
    return data.is_file() and sha256_file(data) == part.sha256


def _released(card: Card, part: ReleasedFile) -> Dataset:
    folder = Path(card.path).parent
    name = part.file if part.file.startswith(SCHEME) else str(folder / part.file)
    place = storage.released_path(folder, part)
    if not place.is_file():
        raise InputError(f"{name}: no such dataset file", hint=f"{card.path} names it; check its spelling")
    with place.open("rb") as stream:
        return read_rows(stream, name)


def _loose_side(folder: Path) -> Side:
    """The newest files in a folder without a card, as `liftgate data split` writes them."""
    found = [(match[1], path) for path in folder.iterdir() if (match := _RELEASED.fullmatch(path.name))]
    if not found:
        raise InputError(
            f"{folder} holds neither {_CARD} nor vX.Y.Z.train.jsonl", hint="name a file, or such a folder"
        )
    version = max((version for version, _ in found), key=_numbers)
    paths = sorted(path for each, path in found if each == version)
    return _side(f"{version} of {folder}", map(surroundings.read_dataset, paths))


def _side(name: str, datasets: Iterable[Dataset]) -> Side:
    """Lines that cannot be read are counted; a file without any that can be read is refused."""
    side = Side(name, tuple(datasets))
    for dataset in side.datasets:
        # Absent data has a finding, or is refused where its card is read; neither is a file without rows.
        broken = [finding for finding in dataset.findings if finding.severity is Severity.ERROR]
        if dataset.absent or (broken and not dataset.rows):
            problems = [Problem(finding.place, finding.message) for finding in broken[:10]]
            raise InputError(f"{dataset.path} holds no row that can be read", problems=problems)
    return side


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
