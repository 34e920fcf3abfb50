"""The manifest: one digest for everything that decides the weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from liftgate.data.card import read_card
from liftgate.training.manifest import (
    METHOD_DEFAULTS,
    Manifest,
    hosted_hyperparameters,
    local_hyperparameters,
    settings_of,
)

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


def test_the_digest_of_the_templates_card_is_the_one_that_it_had_before_there_were_other_methods() -> None:
    path = Path(__file__).parents[2] / "datasets/support-intent/card.yaml"
    card = read_card(path.read_bytes(), str(path))
    training, release = card.document.data["training"], card.releases[0]
    assert release.validation
    manifest = Manifest(
        alias=card.alias,
        provider="local",
        base="embedded",
        base_revision="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        method="lora",
        seed=0,
        dataset_version=release.version,
        train_sha256="1c92d78f0360320c4fe9be7ce4f051fd544c02595089418bcad2c245e88ae201",
        validation_sha256="68edd8d438ada265dcf64fb2fff91ddb69e57783432e1e49134fc68b7ce9c127",
        hyperparameters=local_hyperparameters(training),
    )
    assert manifest.digest == "d25227576312abbe68b6415273fcbd5940dd7e3294b1d983685940a3f44cd9b6"


def test_a_setting_written_as_its_default_changes_no_digest_and_another_value_does() -> None:
    silent = local_hyperparameters({})
    for written in (
        {"precision": "auto"},
        {"checkpoints": {"steps": 20}},
        {"gradient_checkpointing": False},
        {"packing": False},
    ):
        assert local_hyperparameters(written) == silent
    assert local_hyperparameters({"checkpoints": {"steps": 5}}) != silent
    assert local_hyperparameters({"early_stopping": {"patience": 2}}) != silent
    assert settings_of(silent)["checkpoints"] == {"steps": 20, "keep": 2}
    assert settings_of(local_hyperparameters({"checkpoints": {"keep": 9}}))["checkpoints"]["steps"] == 20


@pytest.mark.parametrize("method", sorted(METHOD_DEFAULTS))
def test_every_method_writes_out_what_it_trains_with(method: str) -> None:
    found = local_hyperparameters({"method": method, "epochs": 3, "learning_rate": 0.5})
    assert found["epochs"] == 3
    assert found["learning_rate"] == 0.5
    assert ("rank" in found) == (method not in {"full", "command"})
    assert ("beta" in found) == (method == "dpo")
    assert ("quantisation" in found) == (method == "qlora")


def test_another_tool_is_told_what_the_card_says_and_nothing_else() -> None:
    written = {"method": "command", "command": "axolotl", "rank": 8, "provider": "local", "base": "b"}
    assert local_hyperparameters(written) == {
        "command": "axolotl",
        "rank": 8,
        "epochs": 1,
        "max_length": 512,
        "trainer_version": 1,
    }
