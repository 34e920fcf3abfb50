"""Where trained adapters are kept beyond the machine that trained them: a folder that others see, or a bucket.

One folder a manifest, named by its digest. The record comes last, so what has one is whole; nothing is believed on the
way back either: every file is hashed again before the adapter is used. Pickles are neither sent nor taken.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from liftgate.data import s3
from liftgate.errors import InputError
from liftgate.files import read_json
from liftgate.training.adapters import RECORD, Adapter, read_adapter

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_KINDS: Final = (".safetensors", ".json", ".jinja")


@dataclass(frozen=True)
class Place:
    """A folder, or `s3://bucket/prefix`."""

    address: str

    @property
    def is_bucket(self) -> bool:
        """Whether it lies in S3."""
        return self.address.startswith(s3.SCHEME)

    def at(self, digest: str, name: str) -> str:
        """The address of one file."""
        return f"{self.address.rstrip('/')}/{digest}/{name}"

    def get(self, digest: str, name: str, target: Path) -> bool:
        """Copy one file from there; False when there is none."""
        source = self.at(digest, name)
        if self.is_bucket:
            return s3.download(source, target)
        if not Path(source).is_file():
            return False
        shutil.copyfile(source, target)
        return True

    def put(self, digest: str, name: str, source: Path) -> None:
        """Copy one file there, in one piece."""
        target = self.at(digest, name)
        if self.is_bucket:
            s3.upload(target, source)
            return
        final = Path(target)
        final.parent.mkdir(parents=True, exist_ok=True)
        half = final.with_name(f".{name}.half")
        shutil.copyfile(source, half)
        half.replace(final)


def open_place(address: str) -> Place:
    """Raises `InputError` for an address that names no bucket and prefix, repeating nothing of a secret in it."""
    if address.startswith(s3.SCHEME):
        if problem := s3.address_problem(address.rstrip("/") + "/adapters"):
            raise InputError(f"--adapters: {problem}", hint="s3://bucket/folder")
    elif "://" in address:
        raise InputError("--adapters takes a folder or s3://bucket/folder")
    return Place(address)


def bring(place: Place, store: Path, digest: str) -> Adapter | None:
    """The adapter of this manifest from there into the store, verified; None when it is not there.

    Raises `InputError` when what lies there is not whole or is another one: it is never trained over silently.
    """
    final = store / "adapters" / digest
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".brought-", dir=final.parent) as folder:
            fresh = Path(folder) / digest
            fresh.mkdir()
            if not place.get(digest, RECORD, fresh / RECORD):
                return None
            for name in _names(fresh / RECORD, place.at(digest, RECORD)):
                if not place.get(digest, name, fresh / name):
                    raise _refused(place.at(digest, name), "it is missing")
            adapter = read_adapter(fresh)
            if adapter.manifest_digest != digest:
                raise _refused(place.at(digest, RECORD), "it is of another manifest")
            fresh.replace(final)
    except OSError as error:
        if not (final / RECORD).is_file():  # of several processes, another was first
            raise InputError(f"{final}: cannot be written: {error.strerror}") from None
    return read_adapter(final)


def send(place: Place, adapter: Adapter) -> list[str]:
    """Put every file of the adapter there, its record last; returns their addresses."""
    adapter.verify()
    digest = adapter.manifest_digest
    names = [*_names(adapter.folder / RECORD, str(adapter.folder / RECORD)), RECORD]
    try:
        for name in names:
            place.put(digest, name, adapter.folder / name)
    except OSError as error:
        raise InputError(f"{place.address}: cannot be written: {error.strerror}") from None
    return [place.at(digest, name) for name in names]


def _names(record: Path, shown: str) -> list[str]:
    """The files that a record lists: plain names of kinds that run nothing when they are read."""
    listed = read_json(record).get("files")
    names = [each.get("path") if isinstance(each, dict) else None for each in listed or [None]]
    found = [
        name for name in names if isinstance(name, str) and _NAME.fullmatch(name) and name.endswith(_KINDS)
    ]
    if len(found) != len(names):
        raise _refused(shown, "it lists files that no adapter has")
    return found


def _refused(address: str, why: str) -> InputError:
    return InputError(
        f"{address} cannot be used: {why}",
        hint="remove that folder and train again, or restore it from where it came",
    )
