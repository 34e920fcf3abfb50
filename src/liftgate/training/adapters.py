"""Trained adapters on disk: found by manifest digest, whole or absent, every byte accounted for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.files import read_json, sha256_file, write_json

RECORD: Final = "liftgate-adapter.json"
# What a served adapter needs. Optimizer states and other pickles never leave the work folder.
PUBLISHED: Final = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True)
class Adapter:
    """An adapter folder with its record: files and hashes, manifest, base pin, evidence of the training."""

    folder: Path
    record: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest over the list of files: the adapter's identity in stores and registries."""
        return str(self.record["adapter_sha256"])

    @property
    def manifest_digest(self) -> str:
        """Digest of the manifest that trained it."""
        return str(self.record["manifest"]["digest"])

    @property
    def base(self) -> Mapping[str, Any]:
        """`name`, `revision`, `base_sha256`, `weights_sha256`, `tokenizer_sha256` of its only right base."""
        pinned: Mapping[str, Any] = self.record["base"]
        return pinned

    @property
    def evidence(self) -> Mapping[str, Any]:
        """Losses, steps, seconds, number of trained modules."""
        found: Mapping[str, Any] = self.record["evidence"]
        return found

    def verify(self) -> None:
        """Hash every file again; raises `InputError` naming what changed."""
        changed = [
            file["path"]
            for file in self.record["files"]
            if not (self.folder / file["path"]).is_file()
            or sha256_file(self.folder / file["path"]) != file["sha256"]
        ]
        sealed = {k: v for k, v in self.record.items() if k != "record_sha256"}
        if (
            digest(list(self.record["files"])) != self.sha256
            or digest(sealed) != self.record["record_sha256"]
        ):
            changed.append(RECORD)
        if changed:
            raise InputError(
                f"adapter {self.folder}: {', '.join(changed)} changed since the training wrote it",
                hint=f"remove {self.folder} and train again, or restore the folder from where it was copied",
            )


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter's record. Raises `InputError` when the folder is not one of ours or was altered."""
    try:
        record = read_json(folder / RECORD)
        adapter = Adapter(folder, record)
        _ = (adapter.sha256, adapter.manifest_digest, adapter.base["base_sha256"], record["record_sha256"])
    except KeyError as error:
        raise InputError(f"{folder / RECORD}: the key {error} is missing", hint="train again") from None
    adapter.verify()
    return adapter


def find_adapter(store: Path, manifest_digest: str) -> Adapter | None:
    """The adapter that this manifest trained, or None. A damaged one raises, it is never silently retrained."""
    folder = store / "adapters" / manifest_digest
    return read_adapter(folder) if (folder / RECORD).is_file() else None


def seal(folder: Path, record: Mapping[str, Any], base_name: str) -> None:
    """Write the record of a freshly saved adapter, after removing paths of this machine from its config."""
    config_file = folder / "adapter_config.json"
    config = json.loads(config_file.read_bytes())
    config["base_model_name_or_path"] = base_name
    write_json(config_file, config)
    files = [
        {"path": name, "size": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
        for name in PUBLISHED
    ]
    body = {"schema_version": 1, **record, "files": files, "adapter_sha256": digest(files)}
    write_json(folder / RECORD, {**body, "record_sha256": digest(body)})
