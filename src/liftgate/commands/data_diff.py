"""The sides of a data diff: files, the newest release of a card, the release before it, the base commit's newest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from liftgate.commands import surroundings
from liftgate.config import did_you_mean
from liftgate.data.card import Card, Release, ReleasedFile, read_card
from liftgate.data.dataset import Dataset, read_rows
from liftgate.data.diff import Side, diff
from liftgate.errors import InputError, LiftgateError, Problem
from liftgate.files import read_bytes, sha256_bytes, sha256_file
from liftgate.findings import Severity
from liftgate.repository import commit_of, git, show

_RELEASED = re.compile(r"v(\d+\.\d+\.\d+)\.(train|validation)\.jsonl")
_CARD = "card.yaml"


def release_diff(card: Card, root: Path, base: str | None) -> dict[str, Any]:
    """The card's newest release against the base commit's newest, else the release before it; places as in `root`."""
    before = (base_side(card, base) if base else None) or previous_side(card)
    made = diff(
        None if before is None else _below(before, root), _below(release_side(card, newest(card)), root)
    )
    return made.to_dict()


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
    return max(card.releases, key=_order)


def previous_side(card: Card) -> Side | None:
    """The release before the newest, as it lies on disk; None when there is none."""
    earlier = [release for release in card.releases if release is not newest(card)]
    return release_side(card, max(earlier, key=_order)) if earlier else None


def release_side(card: Card, release: Release) -> Side:
    """A release as it lies on disk."""
    return _side(release.version, [_released(card, part) for part in _parts(release)])


def base_side(card: Card, base: str) -> Side | None:
    """The newest release of the card in a commit; None when the commit holds no such card.

    Released files never change, so what still lies on disk with the hash that the base's card pins is read there.
    """
    folder = Path(card.path).absolute().parent
    try:
        root = Path(git(folder, "rev-parse", "--show-toplevel").decode().removesuffix("\n"))
    except LiftgateError:
        raise InputError(
            f"--base {base}: {card.path} lies in no git repository", hint="leave --base out"
        ) from None
    commit = commit_of(root, base)
    inside = folder.resolve().relative_to(root.resolve()).as_posix()
    raw = show(root, commit, f"{inside}/{Path(card.path).name}")
    if raw is None:
        return None
    before = read_card(raw, f"{card.path} at {base}")
    release = newest(before)
    datasets = []
    for part in _parts(release):
        place = Path(card.path).parent / part.file
        if "://" in part.file or _is_here(place, part):
            datasets.append(_released(replace(before, path=card.path), part))
            continue
        data = show(root, commit, f"{inside}/{part.file}")
        if data is None or sha256_bytes(data) != part.sha256:
            why = "not there" if data is None else "not what its card pins, or a Git LFS pointer to it"
            raise InputError(
                f"{place} at {base} is {why}",
                hint="keep the files of earlier releases in the work tree (git lfs pull)",
            )
        datasets.append(read_rows(data, str(place)))
    name = release.version
    return _side(f"{name} in the base" if name == newest(card).version else name, datasets)


def _is_here(place: Path, part: ReleasedFile) -> bool:
    return place.is_file() and sha256_file(place) == part.sha256


def _released(card: Card, part: ReleasedFile) -> Dataset:
    if "://" in part.file:
        return surroundings.read_dataset(Path(part.file), card)
    place = Path(card.path).parent / part.file
    if not place.is_file():
        raise InputError(f"{place}: no such dataset file", hint=f"{card.path} names it; check its spelling")
    return surroundings.read_dataset(place)


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
        broken = [finding for finding in dataset.findings if finding.severity is Severity.ERROR]
        if broken and not dataset.rows:
            problems = [Problem(finding.place, finding.message) for finding in broken[:10]]
            raise InputError(f"{dataset.path} holds no row that can be read", problems=problems)
    return side


def _parts(release: Release) -> list[ReleasedFile]:
    return [part for part in (release.train, release.validation) if part is not None]


def _order(release: Release) -> tuple[int, ...]:
    return _numbers(release.version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
