"""card.yaml: what a dataset is for, where it comes from, and the hash of every released file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liftgate.config import Document, load
from liftgate.errors import InputError, Problem


@dataclass(frozen=True)
class ReleasedFile:
    """One file of a release, pinned by its hash."""

    file: str
    sha256: str
    rows: int | None = None


@dataclass(frozen=True)
class Release:
    """One released version: never edited afterwards."""

    version: str
    train: ReleasedFile
    validation: ReleasedFile | None = None


@dataclass(frozen=True)
class Card:
    """A dataset card that passed its schema."""

    path: str
    alias: str
    task: str
    releases: tuple[Release, ...]
    document: Document

    def line_of(self, index: int) -> int:
        """The line of a release in the file."""
        return self.document.line(("releases", index))


def read_card(text: str | bytes, path: str) -> Card:
    """Parse and check a card. Raises `InputError` with every problem."""
    document = load(text, path, "card")
    data: Mapping[str, Any] = document.data
    releases = tuple(
        Release(
            item["version"],
            _file(item["train"]),
            _file(item["validation"]) if item.get("validation") else None,
        )
        for item in data["releases"]
    )
    versions = [release.version for release in releases]
    problems = [
        Problem(document.place(("releases", index)), f"version {version} stands here twice")
        for index, version in enumerate(versions)
        if version in versions[:index]
    ]
    if problems:
        raise InputError(f"{path} names a version twice", problems=problems)
    return Card(path, data["alias"], data["task"], releases, document)


def _file(item: Mapping[str, Any]) -> ReleasedFile:
    return ReleasedFile(item["file"], item["sha256"], item.get("rows"))
