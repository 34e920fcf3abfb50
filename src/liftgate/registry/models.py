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
    """The name callers use, its default model and its variants."""

    name: str
    default: Model
    variants: Mapping[str, Variant]
    entry: Mapping[str, Any]

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
    document = load(text, path, "models")
    return Models(
        path, {name: _alias(name, entry) for name, entry in document.data["models"].items()}, document
    )


def _alias(name: str, entry: Mapping[str, Any]) -> Alias:
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
    return Alias(name, _model(entry["default"]), variants, entry)


def _model(entry: Mapping[str, Any]) -> Model:
    return Model(
        entry["model_id"], entry["provider"], entry.get("base"), entry.get("base_url"), entry.get("region")
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
