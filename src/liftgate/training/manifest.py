"""What trains a model, as one value with one digest. Whoever approves a digest approves exactly this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from liftgate.data.training_section import ADAPTER_KEYS
from liftgate.digests import digest

# Raise it when the same settings and rows would now train other weights.
TRAINER_VERSION: Final = 1

# Measured on the embedded model and short rows: the upper half of the layers trains in half the time, no worse.
LOCAL_DEFAULTS: Final[Mapping[str, Any]] = {
    "rank": 16,
    "alpha": 32,
    "dropout": 0.0,
    "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "layers": "upper-half",
    "epochs": 1,
    "batch_size": 8,
    "gradient_accumulation": 1,
    "learning_rate": 0.002,
    "scheduler": "cosine",
    "warmup_steps": 5,
    "weight_decay": 0.0,
    "max_length": 512,
}

_ALL: Final[Mapping[str, Any]] = {**LOCAL_DEFAULTS, "layers": "all"}
_FULL: Final[Mapping[str, Any]] = {k: v for k, v in LOCAL_DEFAULTS.items() if k not in ADAPTER_KEYS}
METHOD_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "lora": LOCAL_DEFAULTS,
    "qlora": {
        **_ALL,
        "target_modules": "all-linear",
        "batch_size": 4,
        "gradient_accumulation": 4,
        "learning_rate": 0.0002,
        # How the base is quantised decides the weights as much as its revision does.
        "quantisation": "nf4-double",
    },
    "full": {**_FULL, "learning_rate": 0.00002},
    "dpo": {**_ALL, "batch_size": 4, "gradient_accumulation": 2, "learning_rate": 0.00005, "beta": 0.1},
    "command": {"epochs": 1, "max_length": LOCAL_DEFAULTS["max_length"]},
}
"""What a method takes where the card is silent; every one of them stands in the manifest."""

# These stand in a manifest only where a card departs from them, so that manifests from before they existed hold.
QUIET_DEFAULTS: Final[Mapping[str, Any]] = {
    "precision": "auto",
    "early_stopping": None,
    "checkpoints": {"steps": 20, "keep": 2},
    "gradient_checkpointing": False,
}
# What another tool may be told, in the card's words.
_PASSED_ON: Final = (*LOCAL_DEFAULTS, "command", "precision", "gradient_checkpointing")

HOSTED_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "openai": {"epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"},
    "azure": {"epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"},
    "bedrock": {"epochs": "auto", "batch_size": "auto"},
    "fireworks": {"epochs": "auto", "batch_size": "auto"},
    "together": {"epochs": "auto", "batch_size": "auto"},
}
"""`auto` leaves a value to the provider."""
HOSTED_KEYS: Final = (
    "epochs",
    "batch_size",
    "learning_rate_multiplier",
    "learning_rate",
    "warmup_steps",
    "beta",
    "grader",
)


@dataclass(frozen=True)
class Manifest:
    """Everything that decides the weights. `train_sha256` and `validation_sha256` are of the files' bytes."""

    alias: str
    provider: str
    base: str
    base_revision: str
    method: str
    seed: int
    dataset_version: str
    train_sha256: str
    validation_sha256: str | None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """sha256 over canonical JSON of what decides the weights; the alias and the version's name do not."""
        return digest(
            {
                "provider": self.provider,
                "base": self.base,
                "base_revision": self.base_revision,
                "method": self.method,
                "hyperparameters": dict(self.hyperparameters),
                "seed": self.seed,
                "train_sha256": self.train_sha256,
                "validation_sha256": self.validation_sha256,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """The form that is written to disk, with its digest."""
        return {
            "schema_version": 1,
            "digest": self.digest,
            "alias": self.alias,
            "provider": self.provider,
            "base": self.base,
            "base_revision": self.base_revision,
            "method": self.method,
            "hyperparameters": dict(self.hyperparameters),
            "seed": self.seed,
            "dataset": {
                "version": self.dataset_version,
                "train_sha256": self.train_sha256,
                "validation_sha256": self.validation_sha256,
            },
        }


def local_hyperparameters(written: Mapping[str, Any]) -> dict[str, Any]:
    """The card's training section over the method's defaults: every value that decides the weights."""
    method = written.get("method", "lora")
    defaults = METHOD_DEFAULTS[method]
    known = _PASSED_ON if method == "command" else tuple(defaults)
    chosen = {key: written[key] for key in known if key in written}
    departed = {
        key: written[key]
        for key, default in QUIET_DEFAULTS.items()
        if method != "command" and key in written and _whole(default, written[key]) != default
    }
    return {**defaults, **chosen, **departed, "trainer_version": TRAINER_VERSION}


def settings_of(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """A local manifest's hyperparameters with what it leaves unsaid."""
    return {
        **hyperparameters,
        **{key: _whole(default, hyperparameters.get(key)) for key, default in QUIET_DEFAULTS.items()},
    }


def _whole(default: Any, written: Any) -> Any:
    if written is None:
        return default
    return {**default, **written} if isinstance(default, Mapping) else written


def hosted_hyperparameters(written: Mapping[str, Any]) -> dict[str, Any]:
    """What the card asks a provider for: every value that may decide the weights, `auto` where it is silent."""
    chosen = {key: written[key] for key in HOSTED_KEYS if key in written}
    return {**HOSTED_DEFAULTS[written["provider"]], **chosen}
