"""What is known of a card's releases: what lies on disk, and what the base branch holds."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from liftgate.data.card import Card, Release

FIRST_VERSIONS = ("0.1.0", "1.0.0")


@dataclass(frozen=True)
class Standing:
    """What lies where the card names a file: the sha256 of its data, or why there is none.

    Neither means that nothing lies there. A Git LFS pointer has the sha256 that it names.
    """

    sha256: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Before:
    """The card's folder in the base commit.

    `found` maps a released file to the sha256 of its data there; files whose card entry still fits what lies on
    disk are left out. `unreadable` says why the card there could not be read; then `found` holds every file that
    is named like a release.
    """

    ref: str
    releases: tuple[Release, ...] = ()
    found: Mapping[str, str] = field(default_factory=dict)
    unreadable: str | None = None


@dataclass(frozen=True)
class Releases:
    """A card's releases around the file that is validated.

    `file` is that file as the card writes it; `current` the release it belongs to, None when no release names it.
    `found` has an entry for every file of the card. `before` is None when no base commit was named.
    """

    file: str
    current: Release | None = None
    found: Mapping[str, Standing] = field(default_factory=dict)
    before: Before | None = None

    @property
    def is_validation(self) -> bool:
        """True when the file is the validation half of its release."""
        release = self.current
        return bool(release and release.validation and self.file == release.validation.file)


def release_of(card: Card, file: str) -> Release | None:
    """The newest release that names the file."""
    own = [release for release in card.releases if any(part.file == file for _, part in release.halves)]
    return max(own, key=lambda release: release.order, default=None)


def path_of(card: Card, file: str) -> str:
    """Where a file of the card lies, as findings write it."""
    return file if "://" in file else posixpath.join(posixpath.dirname(card.path), file)


def follows(later: tuple[int, ...], earlier: tuple[int, ...]) -> bool:
    """True when a version is the next patch, minor or major one."""
    return later in nexts(earlier)


def nexts(version: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The three versions that may follow."""
    major, minor, patch = version
    return ((major, minor, patch + 1), (major, minor + 1, 0), (major + 1, 0, 0))
