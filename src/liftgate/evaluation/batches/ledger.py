"""Which batches are under way, in a folder beside the response store: one file each, written before it is paid for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.files import exclusively, read_json, write_json

_SCHEMA_VERSION: Final = 1
Stage = Literal["creating", "running", "closed"]


@dataclass(frozen=True)
class Entry:
    """One batch. `keys` are those of the store that it still owes an answer to.

    `creating` means that a request to create it may have been sent; `closed` that nothing more is to come.
    """

    digest: str
    endpoint: str
    identity_sha256: str
    keys: tuple[str, ...]
    stage: Stage = "creating"
    id: str | None = None


class Ledger:
    """The batches of one store.

    A `cycle` gives the same requests batches of their own: to ask again after a month must not find last month's.
    """

    def __init__(self, store: Path, cycle: str | None = None) -> None:
        self.folder = store.with_name(store.name + ".batches")
        self._cycle = {} if cycle is None else {"cycle": cycle}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time decides what to create, or two would create the same batch."""
        with exclusively(self.folder / "lock"):
            yield

    def open_entries(self, endpoint: str, identity_sha256: str) -> list[Entry]:
        """What is under way for one model, in a steady order."""
        return [
            entry
            for entry in self._entries()
            if entry.stage != "closed"
            and (entry.endpoint, entry.identity_sha256) == (endpoint, identity_sha256)
        ]

    def new(self, endpoint: str, identity_sha256: str, keys: Iterable[str]) -> Entry:
        """An entry for these keys, written down. The same keys again, after a batch that is closed, are another."""
        listed = tuple(sorted(keys))
        attempt = 0
        while True:
            name = digest(
                {
                    "endpoint": endpoint,
                    "identity": identity_sha256,
                    "keys": listed,
                    "attempt": attempt,
                    **self._cycle,
                }
            )
            if not self._path(name).exists():
                entry = Entry(name, endpoint, identity_sha256, listed)
                self.write(entry)
                return entry
            attempt += 1

    def write(self, entry: Entry) -> None:
        """Keep what is known now."""
        write_json(self._path(entry.digest), {"schema_version": _SCHEMA_VERSION, **asdict(entry)})

    def close(self, entry: Entry) -> None:
        """Nothing more is to come of this batch."""
        self.write(replace(entry, stage="closed", keys=()))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _entries(self) -> Iterator[Entry]:
        for path in sorted(self.folder.glob("*.json")):
            data = read_json(path)
            data.pop("schema_version", None)
            with contextlib.suppress(TypeError, KeyError):
                entry = Entry(**{**data, "keys": tuple(data["keys"])})
                if entry.digest == path.stem:
                    yield entry
                    continue
            raise InputError(
                f"{path}: not a record of a batch",
                hint="a batch may be under way that it speaks of: look at the provider's list before you delete it",
            )
