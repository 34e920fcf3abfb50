"""Files into a repository, all or none, and never over a file that is there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from liftgate.errors import InputError


def there(root: Path, path: str) -> bool:
    """True when anything stands at a path, a dangling link too."""
    return os.path.lexists(root / path)


def place(root: Path, files: Mapping[str, bytes], extended: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Write new files, and give files that are there (`extended`: before, after) their longer text. All or nothing.

    Raises `InputError` when a path is taken by now, or the disk refuses; then everything is as it was.
    """
    root.mkdir(parents=True, exist_ok=True)
    try:
        staging = Path(tempfile.mkdtemp(prefix=".liftgate-init-", dir=root))
    except OSError as error:
        raise InputError(
            f"{root}: nothing can be written here: {error.strerror}", hint="check its permissions"
        ) from None
    placed: list[Path] = []
    folders: list[Path] = []
    changed: list[tuple[Path, bytes]] = []
    try:
        for number, data in enumerate([*files.values(), *(after for _, after in extended.values())]):
            with (staging / str(number)).open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        for number, path in enumerate(files):
            _make_folders((root / path).parent, folders)
            _link(staging / str(number), root / path)
            placed.append(root / path)
        for number, (path, (before, _)) in enumerate(extended.items(), start=len(files)):
            target = root / path
            if target.read_bytes() != before:
                raise FileExistsError(0, "it was changed meanwhile", path)
            shutil.copymode(target, staging / str(number))
            (staging / str(number)).replace(target)
            changed.append((target, before))
    except BaseException as error:
        with contextlib.suppress(OSError):
            for target, before in changed:
                target.write_bytes(before)
        for path_ in reversed(placed):
            path_.unlink(missing_ok=True)
        for folder in reversed(folders):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            what = os.path.relpath(str(error.filename2 or error.filename or root), root)
            raise InputError(
                f"{what}: cannot be written: {error.strerror}; nothing was changed",
                hint="free the place and run the same command again",
            ) from None
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _link(staged: Path, target: Path) -> None:
    """Give a staged file its name, unless the name is taken."""
    try:
        os.link(staged, target)
        staged.unlink()
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: created exclusively, which is as safe against a second writer.
        with target.open("xb") as handle:
            handle.write(staged.read_bytes())
    target.chmod(0o644)


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir()
        made.append(each)
