"""Where the bytes of a dataset or golden file lie: at its path, among Git LFS's objects, or in S3."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.data import lfs, s3
from liftgate.errors import InputError, LiftgateError
from liftgate.files import cache_folder, read_bytes, sha256_file
from liftgate.repository import git

if TYPE_CHECKING:
    from liftgate.data.card import ReleasedFile

_PULL = "run `git lfs pull`, or commit the data itself"


class PointerOnly(InputError):
    """A Git LFS pointer stands where data should, and its data is not here. `oid` is None when it names none."""

    def __init__(self, path: Path, sentence: str, oid: str | None) -> None:
        super().__init__(f"{path}: {sentence}", hint=_PULL)
        self.finding = f"{sentence}; {_PULL}"
        self.oid = oid


def read_data(path: Path, what: str) -> bytes:
    """The data of a file that a person named, a Git LFS pointer followed. Raises `InputError`."""
    return read_bytes(data_path(path), what)


def data_path(path: Path) -> Path:
    """The file that holds the data of `path`: itself, or the object that its Git LFS pointer names.

    Raises `PointerOnly` when that object is not here whole, `InputError` for a named pipe, which would wait
    for a writer for ever. What cannot be read at all is left to the reader that opens it.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return path
    if stat.S_ISFIFO(mode) and not _is_given(path):
        raise InputError(f"{path} is a pipe, expected a file")
    if not stat.S_ISREG(mode):
        return path
    try:
        with path.open("rb") as file:
            head = file.read(lfs.MAX_BYTES + 1)
    except OSError:
        return path
    return pointed_to(path, head) if lfs.is_pointer(head) else path


def released_path(folder: Path, file: ReleasedFile) -> Path:
    """The local file that holds the data of a card's file. Raises `InputError` and all that `s3.fetch` raises."""
    if file.file.startswith(s3.SCHEME):
        return s3.fetch(file.file, file.sha256, file.version_id, cache_folder())
    path = folder / file.file
    if problem := placing_problem(path):
        raise InputError(f"{path}: {problem}")
    return data_path(path)


def placing_problem(path: Path) -> str | None:
    """Why what lies at a card's file name cannot be a released file; None when it is a plain file or absent."""
    if path.is_symlink() and path.resolve().parent != path.parent.resolve():
        return "a symlink out of the card's folder; put the file itself there"
    if os.path.lexists(path) and not path.is_file():
        return "no plain file stands here"
    return None


def fill_pointers(root: Path, target: Path, names: Iterable[str]) -> None:
    """Put the data in place of each Git LFS pointer among files that were unpacked from a commit of `root`.

    A pointer whose data is not here stays, and whoever reads it refuses it.
    """
    for name in names:
        with (target / name).open("rb") as file:
            head = file.read(lfs.MAX_BYTES + 1)
        if lfs.is_pointer(head):
            with contextlib.suppress(PointerOnly):
                shutil.copyfile(pointed_to(root / name, head), target / name)


def as_written(path: Path) -> str:
    """A path as the user wrote it: `Path` folds the two slashes of an s3:// address into one."""
    text = str(path)
    return s3.SCHEME + text.removeprefix("s3:/").lstrip("/") if text.startswith("s3:/") else text


def pointed_to(path: Path, head: bytes) -> Path:
    """The object that a Git LFS pointer names, among those of the repository of `path`. Raises `PointerOnly`."""
    pointer = lfs.read_pointer(head)
    if pointer is None:
        raise PointerOnly(path, "a broken Git LFS pointer stands here instead of the data", None)
    here = "a Git LFS pointer stands here instead of the data"
    store = _lfs_objects(path)
    kept = store / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid if store else None
    if kept is None or not kept.is_file():
        raise PointerOnly(path, here, pointer.oid)
    if kept.stat().st_size != pointer.size:
        raise PointerOnly(path, f"{here}, and the object it names has another size", pointer.oid)
    if sha256_file(kept) != pointer.oid:
        raise PointerOnly(path, f"{here}, and the object it names is damaged", pointer.oid)
    return kept


def _lfs_objects(path: Path) -> Path | None:
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    try:
        common = git(folder, "rev-parse", "--git-common-dir").decode("utf-8", "surrogateescape")
    except LiftgateError:
        return None
    return folder / common.removesuffix("\n") / "lfs" / "objects"


def _is_given(path: Path) -> bool:
    # `<(command)` and /dev/stdin: whoever wrote the command line has a writer at the other end.
    return path.parts[:2] in {("/", "dev"), ("/", "proc")}
