"""card.yaml: what a dataset is for, where it comes from, and the hash of every released file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from liftgate.config import Document, load
from liftgate.data import s3
from liftgate.data.training_section import training_problems
from liftgate.errors import InputError, Problem


@dataclass(frozen=True)
class ReleasedFile:
    """One file of a release, pinned by its hash: a name beside the card, or an s3:// address."""

    file: str
    sha256: str
    rows: int | None = None
    version_id: str | None = None


@dataclass(frozen=True)
class Release:
    """One released version: never edited afterwards."""

    version: str
    train: ReleasedFile
    validation: ReleasedFile | None = None

    @property
    def halves(self) -> tuple[tuple[str, ReleasedFile], ...]:
        """The files by their key in the card."""
        both = (("train", self.train), ("validation", self.validation))
        return tuple((half, file) for half, file in both if file is not None)

    @property
    def order(self) -> tuple[int, ...]:
        """What versions are sorted by."""
        return tuple(map(int, self.version.split(".")))


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
    if problems := [*training_problems(document), *_problems(releases, document)]:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        raise InputError(f"{path} has {count}", problems=problems)
    return Card(path, data["alias"], data["task"], releases, document)


def _problems(releases: tuple[Release, ...], document: Document) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, release in enumerate(releases):
        if release.version in seen:
            yield Problem(document.place(("releases", index)), f"version {release.version} stands here twice")
        seen.add(release.version)
        if release.validation and release.validation.file == release.train.file:
            place = document.place(("releases", index, "validation", "file"))
            yield Problem(place, "the file that is trained on; validation rows need a file of their own")
        for half, file in release.halves:
            if sentence := _name_problem(file):
                yield Problem(document.place(("releases", index, half, "file")), sentence)


def _name_problem(file: ReleasedFile) -> str | None:
    """Why a file's name is refused, in words that repeat none of it: it may hold a secret or a control code."""
    if len(file.file) > 1024:
        return "the file's name is longer than 1024 characters"
    if file.file.startswith(s3.SCHEME):
        return s3.address_problem(file.file)
    if file.version_id is not None:
        return "version_id belongs to an s3:// address only"
    if "://" in file.file:
        return "only s3:// addresses are read; put the file beside the card"
    if not file.file.isprintable():
        return "the file's name holds a line end or a control character"
    if {"/", "\\"} & set(file.file) or file.file in {".", ".."}:
        return "a released file lies beside the card; write its name without folders"
    return None


def _file(item: Mapping[str, Any]) -> ReleasedFile:
    return ReleasedFile(item["file"], item["sha256"], item.get("rows"), item.get("version_id"))
