"""models.yaml, typed: alias → default model and variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from liftgate.config import Document, did_you_mean, load
from liftgate.errors import InputError


@dataclass(frozen=True)
class Model:
    """A servable model: what callers send to which provider."""

    model_id: str
    provider: str
    base: str | None = None
    base_url: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class Variant:
    """One model under an alias, with its lineage as written (`entry`)."""

    name: str
    model: Model
    dataset_version: str
    rollout_percent: int
    flag: str
    entry: Mapping[str, Any] = field(compare=True)


@dataclass(frozen=True)
class Alias:
    """The name callers use, its default model and its variants. `source` is its text in the file, with comments."""

    name: str
    default: Model
    variants: Mapping[str, Variant]
    entry: Mapping[str, Any]
    source: str = field(default="", compare=False, repr=False)

    @property
    def promoted(self) -> Variant | None:
        """The variant that most callers get: the highest rollout above 0, the newest dataset among equals."""
        rolled_out = [variant for variant in self.variants.values() if variant.rollout_percent > 0]
        return max(rolled_out, key=lambda v: (v.rollout_percent, _numbers(v.dataset_version)), default=None)


@dataclass(frozen=True)
class Models:
    """A registry that passed its schema."""

    path: str
    aliases: Mapping[str, Alias]
    document: Document

    def alias(self, name: str) -> Alias:
        """The alias called `name`. Raises `InputError` with the nearest name."""
        if name not in self.aliases:
            raise InputError(
                f"{self.path}: {name!r} is not an alias{did_you_mean(name, list(self.aliases))}",
                hint=f"aliases: {', '.join(self.aliases) or 'none yet'}",
            )
        return self.aliases[name]


def read_models(text: str | bytes, path: str = "models.yaml") -> Models:
    """Parse and check a registry. Raises `InputError` with every problem."""
    return models_of(load(text, path, "models"), text)


def models_of(document: Document, text: str | bytes) -> Models:
    """The registry of a document that fits its schema; `text` is what it was parsed from."""
    lines = (text.decode("utf-8-sig") if isinstance(text, bytes) else text).split("\n")
    entries = document.data["models"]
    starts = sorted({document.line(("models", name)) for name in entries})
    ends = dict(zip(starts, [*(start - 1 for start in starts[1:]), len(lines)], strict=False))
    aliases = {}
    for name, entry in entries.items():
        start = document.line(("models", name))
        aliases[name] = _alias(name, entry, _source(lines[start - 1 : ends[start]]))
    return Models(document.path, aliases, document)


def _source(lines: list[str]) -> str:
    """The text of an entry; blank lines and comments after it belong to what follows."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return "\n".join(lines[:end]).removesuffix("\r")


def _alias(name: str, entry: Mapping[str, Any], source: str) -> Alias:
    variants = {
        variant: Variant(
            variant,
            _model(item),
            item["dataset"]["version"],
            item["rollout_percent"],
            item["flag"],
            item,
        )
        for variant, item in (entry.get("variants") or {}).items()
    }
    return Alias(name, _model(entry["default"]), variants, entry, source)


def _model(entry: Mapping[str, Any]) -> Model:
    return Model(
        entry["model_id"], entry["provider"], entry.get("base"), entry.get("base_url"), entry.get("region")
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
