"""A callable of the repository that answers as an arm: the files it may read, and where they may lie.

Everything comes from the suite's own folder, which on pull requests is that of the base branch. `prompts` and
`documents` are not: a change brings its own, so no code is taken from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from liftgate.digests import digest
from liftgate.errors import InputError, Problem
from liftgate.evaluation.arms import Provider
from liftgate.evaluation.own_code import check_function
from liftgate.files import read_bytes, sha256_bytes

_OF_THE_CHANGE: Final = frozenset({"prompts", "documents"})
_MOST_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True)
class Program:
    """A function, and every file that it may find beside it, by path in the suite's folder."""

    file: str
    function: str
    files: Mapping[str, bytes]
    environment: tuple[str, ...] = ()
    deterministic: bool = False
    concurrency: int | None = None
    timeout_s: float | None = None

    def identity(self) -> dict[str, Any]:
        """What decides the answers: the function and the bytes of all its files."""
        return {
            "model": f"{self.file}:{self.function}",
            "program_sha256": digest({name: sha256_bytes(data) for name, data in self.files.items()}),
        }

    def unpack(self, folder: Path) -> Path:
        """Write the files, and no other, below a folder of their own; returns the one with the function."""
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder / self.file


def read_program(folder: Path, provider: Provider) -> Program:
    """Read what a provider of kind `python` names. Raises `InputError` with every file that cannot be used."""
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for name in dict.fromkeys([provider.file or "", *provider.files]):
        place = f"{folder}/{name}"
        if (why := _refused(folder, name)) is not None:
            problems.append(Problem(place, why))
            continue
        for path in _plain_files(folder / name, problems):
            inside = path.relative_to(folder).as_posix()
            if _is_code(inside) and _top(inside) in _OF_THE_CHANGE:
                problems.append(Problem(place, _NOT_FROM_THERE))
            else:
                files[inside] = read_bytes(path, "file of a program")
    if sum(map(len, files.values())) > _MOST_BYTES:
        problems.append(Problem(str(folder), f"the program's files are larger than {_MOST_BYTES:,} bytes"))
    if problems:
        raise InputError(f"{folder}: a python endpoint names files that cannot be used", problems=problems)
    check_function(
        files[str(provider.file)],
        f"{folder}/{provider.file}",
        provider.function,
        takes=3,
        example=f"def {provider.function}(messages, tools, sampling)",
    )
    return Program(
        str(provider.file),
        provider.function,
        dict(sorted(files.items())),
        tuple(provider.env),
        provider.deterministic,
        provider.concurrency,
        provider.timeout_s,
    )


_NOT_FROM_THERE: Final = "a pull request brings its own prompts and documents, so code must lie elsewhere"


def _refused(folder: Path, name: str) -> str | None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        return "must be a file inside the suite's own folder"
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            return "is a symlink, or lies behind one; put the file itself there"
    if not path.resolve().is_relative_to(folder.resolve()):
        return "must be a file inside the suite's own folder"
    return None if path.exists() else "no such file"


def _plain_files(path: Path, problems: list[Problem]) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for each in sorted(path.rglob("*")):
        if each.is_symlink() or not (each.is_file() or each.is_dir()):
            problems.append(Problem(str(each), "is not a plain file; put the file itself there"))
        elif each.is_file() and "__pycache__" not in each.parts:
            yield each


def _is_code(name: str) -> bool:
    return PurePosixPath(name).suffix in {".py", ".pyc", ".so", ".pth", ".pyd"}


def _top(name: str) -> str:
    return PurePosixPath(name).parts[0]
