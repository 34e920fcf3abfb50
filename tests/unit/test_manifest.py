"""The manifest: one digest for everything that decides the weights."""

from __future__ import annotations

import dataclasses

import pytest

from liftgate.training.manifest import Manifest, hosted_hyperparameters

MANIFEST = Manifest(
    alias="toy",
    provider="openai",
    base="gpt-4.1-nano-2025-04-14",
    base_revision="gpt-4.1-nano-2025-04-14",
    method="supervised",
    seed=0,
    dataset_version="1.0.0",
    train_sha256="a" * 64,
    validation_sha256=None,
    hyperparameters={"epochs": "auto"},
)


def test_what_a_card_leaves_open_is_written_out_as_auto() -> None:
    assert hosted_hyperparameters({"provider": "openai", "base": "b", "epochs": 2, "seed": 4}) == {
        "epochs": 2,
        "batch_size": "auto",
        "learning_rate_multiplier": "auto",
    }
    assert hosted_hyperparameters({"provider": "bedrock", "base": "b", "learning_rate": 0.001}) == {
        "epochs": "auto",
        "batch_size": "auto",
        "learning_rate": 0.001,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "azure"},
        {"base": "other"},
        {"base_revision": "other"},
        {"method": "dpo"},
        {"seed": 1},
        {"train_sha256": "b" * 64},
        {"validation_sha256": "b" * 64},
        {"hyperparameters": {"epochs": 1}},
    ],
)
def test_whatever_decides_the_weights_changes_the_digest(change: dict[str, object]) -> None:
    assert dataclasses.replace(MANIFEST, **change).digest != MANIFEST.digest  # type: ignore[arg-type]


def test_names_do_not_change_the_digest() -> None:
    renamed = dataclasses.replace(MANIFEST, alias="other", dataset_version="2.0.0")
    assert renamed.digest == MANIFEST.digest
