"""A ledger in a folder: for a desk, for tests, and for a shared disk."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from liftgate.training.ledger import LedgerRefused


class Folder:
    """Each entry a file. A file appears whole under its name or not at all, and only once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, or None."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(error) from None

    def names(self, folder: str) -> list[str]:
        """Every file below a folder; what a crash left half written is hidden and has no name yet."""
        files = [
            path
            for above, _, names in os.walk(self.root / folder, onerror=self._unlisted)
            for path in (Path(above, name) for name in names if not name.startswith("."))
            if path.is_file()
        ]
        return sorted(path.relative_to(self.root).as_posix() for path in files)

    def all_in(self, folder: str) -> list[tuple[str, bytes]]:
        """Every file below a folder with its bytes; nothing is ever taken out of it."""
        found = ((name, self.get(name)) for name in self.names(folder))
        return [(name, data) for name, data in found if data is not None]

    def _unlisted(self, error: OSError) -> None:
        # What cannot be listed is not empty: a job in it would be paid for again.
        if not isinstance(error, FileNotFoundError):
            raise self._refused(error)

    def put_new(self, name: str, data: bytes) -> bool:
        """Write a name that does not exist; False when it does."""
        target = self.root / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".", dir=target.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).chmod(0o644)
                # A hard link is the one call that both names a whole file and fails when the name is taken.
                os.link(temporary, target)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    Path(temporary).unlink()
            self._settle(target.parent)
        except FileExistsError:
            return False
        except OSError as error:
            raise self._refused(error) from None
        return True

    def _settle(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _refused(self, error: OSError) -> LedgerRefused:
        return LedgerRefused(
            f"the ledger in {self.root} cannot be used: {error.strerror}",
            hint="it needs a disk with hard links and room, and a folder that may be written",
        )
