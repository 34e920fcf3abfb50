"""What a training left: an adapter, or a whole model. Found by manifest digest, whole or absent, every byte counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.files import read_json, sha256_file, write_json
from liftgate.training.base_model import HUB_NAME

RECORD: Final = "liftgate-adapter.json"
# What a served adapter needs. Optimizer states and other pickles never leave the work folder.
PUBLISHED: Final = ("adapter_config.json", "adapter_model.safetensors")
_SETS: Final = ("target_modules", "modules_to_save", "exclude_modules")
ADAPTER: Final = "adapter"
MODEL: Final = "model"


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
    def kind(self) -> str:
        """`adapter`, which needs its base, or `model`, which holds every weight itself."""
        return str(self.record.get("kind", ADAPTER))

    @property
    def quantisation(self) -> str | None:
        """`nf4` when the adapter belongs on a base that is quantised so; it is served as it was trained."""
        serving: Mapping[str, Any] = self.record.get("serving", {})
        return serving.get("quantisation")

    @property
    def base(self) -> Mapping[str, Any]:
        """What `Base.pin` says of its only right base."""
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
    """Write the record of a freshly saved folder, after taking paths of this machine out of its config.

    peft writes a path and no revision; here stand the base's name and, for one of the hub, its commit.
    """
    kind = record.get("kind", ADAPTER)
    if kind == ADAPTER:
        config = json.loads((folder / "adapter_config.json").read_bytes())
        of_hub = HUB_NAME.fullmatch(base_name)
        config["base_model_name_or_path"] = of_hub[1] if of_hub else base_name
        config["revision"] = of_hub[2] if of_hub else None
        # peft keeps them as a set, whose order is another one in every process.
        config.update({key: sorted(config[key]) for key in _SETS if isinstance(config.get(key), list)})
        write_json(folder / "adapter_config.json", config)
    names = PUBLISHED if kind == ADAPTER else sorted(file.name for file in folder.iterdir())
    files = [
        {"path": name, "size": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
        for name in names
    ]
    body = {"schema_version": 1, **record, "files": files, "adapter_sha256": digest(files)}
    write_json(folder / RECORD, {**body, "record_sha256": digest(body)})
