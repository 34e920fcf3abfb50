"""A variant put into models.yaml: every other line stays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.config import parse_yaml
from liftgate.errors import InputError
from liftgate.registry.proposal import patch, with_variant

ENTRY: dict[str, Any] = {
    "model_id": "ft:gpt-4.1-nano:org::abc",
    "provider": "openai",
    "dataset": {"version": "1.1.0", "train_sha256": "a" * 64},
    "hyperparameters": {"epochs": "auto", "batch_size": 4},
    "flag": "toy-tuned",
    "rollout_percent": 0,
}
BEFORE = """\
# The registry.
version: 1
models:
  toy:   # the first
    default: {model_id: m, provider: local}
    variants:
      v1.0.0:
        model_id: old
        provider: local
        dataset: {version: 1.0.0}
        flag: toy-tuned
        rollout_percent: 5   # carefully
  # the second
  other:
    default: {model_id: n, provider: local}
"""


def test_the_variant_follows_its_siblings_and_comments_stay() -> None:
    after = with_variant(BEFORE, "toy", "v1.1.0", ENTRY)
    assert patch(BEFORE, after) == (
        "--- a/models.yaml\n"
        "+++ b/models.yaml\n"
        "@@ -10,6 +10,17 @@\n"
        "         dataset: {version: 1.0.0}\n"
        "         flag: toy-tuned\n"
        "         rollout_percent: 5   # carefully\n"
        "+      v1.1.0:\n"
        '+        model_id: "ft:gpt-4.1-nano:org::abc"\n'
        "+        provider: openai\n"
        "+        dataset:\n"
        "+          version: 1.1.0\n"
        f"+          train_sha256: {'a' * 64}\n"
        "+        hyperparameters:\n"
        "+          epochs: auto\n"
        "+          batch_size: 4\n"
        "+        flag: toy-tuned\n"
        "+        rollout_percent: 0\n"
        "   # the second\n"
        "   other:\n"
        "     default: {model_id: n, provider: local}\n"
    )


def test_the_first_variant_of_an_alias_gets_its_key() -> None:
    after = with_variant(BEFORE.rstrip("\n"), "other", "v1.1.0", ENTRY)
    assert parse_yaml(after, "m").data["models"]["other"]["variants"] == {"v1.1.0": ENTRY}
    assert after.startswith(BEFORE)


def test_the_patch_applies_with_git(tmp_path: Path) -> None:
    after = with_variant(BEFORE, "other", "v1.1.0", ENTRY)
    (tmp_path / "models.yaml").write_text(BEFORE)
    (tmp_path / "models.patch").write_text(patch(BEFORE, after))
    subprocess.run(["git", "-C", str(tmp_path), "apply", "models.patch"], check=True)
    assert (tmp_path / "models.yaml").read_text() == after


@pytest.mark.parametrize(
    ("text", "alias", "sentence"),
    [
        (BEFORE, "nobody", "models.yaml: 'nobody' is not an alias"),
        (BEFORE.replace("v1.0.0:", "v1.1.0:"), "toy", "variant 'v1.1.0' of toy stands there already"),
        ("version: 1\nmodels: {toy: {default: {model_id: m, provider: local}}}\n", "toy", "one key a line"),
        (
            BEFORE.split("    variants", maxsplit=1)[0] + "    variants: {v1: {a: 1}}\n",
            "toy",
            "one key a line",
        ),
    ],
)
def test_what_has_no_place_is_refused(text: str, alias: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        with_variant(text, alias, "v1.1.0", ENTRY)
    assert sentence in str(refused.value)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30))
def test_any_text_survives_being_written(text: str) -> None:
    after = with_variant(BEFORE, "toy", "v2", {**ENTRY, "owner": text})
    assert parse_yaml(after, "m").data["models"]["toy"]["variants"]["v2"]["owner"] == text
