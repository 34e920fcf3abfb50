"""Disk: reads that explain themselves, writes that are whole or absent."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from liftgate.digests import canonical, digest, pretty, sha256_bytes
from liftgate.errors import InputError

__all__ = [
    "cache_folder",
    "canonical",
    "digest",
    "exclusively",
    "pretty",
    "read_bytes",
    "read_json",
    "replacing",
    "same_files",
    "sha256_bytes",
    "sha256_file",
    "write_bytes",
    "write_json",
    "write_jsonl",
]


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """What may be fetched again is kept here: `$LIFTGATE_CACHE`, `$XDG_CACHE_HOME/liftgate` or `~/.cache/liftgate`."""
    if own := environment.get("LIFTGATE_CACHE"):
        return Path(own)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "liftgate"


def sha256_file(path: Path) -> str:
    """Full lowercase sha256 of a file, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_bytes(path: Path, what: str = "file") -> bytes:
    """Read a file that a person named. Raises `InputError` with the place when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such {what}", hint="check the path, or the command that should write it"
        ) from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, expected a {what}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def read_json(path: Path, *, schema_version: int = 1) -> dict[str, Any]:
    """Read a file of the run folder; refuses unknown schema versions."""
    try:
        data = orjson.loads(read_bytes(path))
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not valid JSON: {error.msg}", hint=_REBUILD) from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected a JSON object", hint=_REBUILD)
    if data.get("schema_version") != schema_version:
        raise InputError(
            f"{path}: schema_version is {data.get('schema_version')!r}, this Liftgate reads {schema_version}",
            hint="run the step that wrote it again with this version, or install the version that wrote it",
        )
    return data


_REBUILD = "the file was cut short or edited; run the step that writes it again"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; renamed over it at the end, removed when anything fails.

    A device or a pipe is refused: whoever runs as root, as in a container, would put a file in its place.
    """
    if path.absolute().parent == Path("/dev") or (path.exists() and not (path.is_file() or path.is_dir())):
        raise InputError(
            f"{path}: no plain file, and nothing is written in its place",
            hint="name a file; --json prints on stdout",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise _unwritable(path, error) from None
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold a lock file, one process at a time; it is let go when the process ends, however it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:
                    continue  # it waits ten seconds by itself, then says that another process still has it
            try:
                yield
            finally:
                handle.seek(0)
                msvcrt.locking(handle.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole, or leave what was there."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def same_files(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files with the same bytes."""
    names, others = (
        sorted(each.relative_to(folder) for each in folder.rglob("*") if not each.is_dir())
        for folder in (one, other)
    )
    if names != others:
        return False
    return all(filecmp.cmp(one / name, other / name, shallow=False) for name in names)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write one JSON object in the pretty form."""
    write_bytes(path, pretty(data))


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON Lines: UTF-8, LF, final newline."""
    with replacing(path) as temporary, temporary.open("wb") as handle:
        for row in rows:
            handle.write(orjson.dumps(row) + b"\n")


def _unwritable(path: Path, error: OSError) -> InputError:
    hint = "free some space and run the same command again; finished work is kept"
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        hint = "check the folder's permissions"
    return InputError(f"{path}: cannot be written: {error.strerror}", hint=hint)
