"""A verdict is found again by content: everything that decides it is in the key, and nothing else is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.publishing.content_key import DIALS, content_key, is_ruler, is_subject

WORDS = st.text("abcdef", min_size=1, max_size=8)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
ENTRY: dict[str, Any] = {
    "default": {"model_id": "tiny", "provider": "local", "base": "embedded"},
    "variants": {
        "v1": {
            "model_id": "m",
            "provider": "local",
            "dataset": {"version": "1.0.0"},
            "flag": "f",
            "rollout_percent": 5,
            "shadow_percent": 0,
            "owner": "us",
            "on_call": "them",
        }
    },
}


def key(**changes: Any) -> str:
    given: dict[str, Any] = {
        "alias": "toy",
        "tool_version": "1",
        "subject": {"datasets/toy/card.yaml": "a", "datasets/toy/v1.0.0.train.jsonl": "b"},
        "ruler": {"evals/policy.yaml": "c", "evals/toy/golden.jsonl": "d"},
        "entry": ENTRY,
    }
    given |= changes
    return content_key(given.pop("alias"), **given)


def test_the_key_is_fixed_while_its_version_is() -> None:
    assert key() == "cfca7dd1cb689e1b2ce94656ba203e81e788b637e7083ba4e737fa7d1d161890"


@pytest.mark.parametrize(
    "changes",
    [
        {"alias": "toy2"},
        {"tool_version": "2"},
        {"subject": {"datasets/toy/card.yaml": "a"}},
        {"ruler": {"evals/policy.yaml": "c"}},
        {"ruler": {}},
        {"entry": None},
        {"entry": {**ENTRY, "default": {**ENTRY["default"], "base": "other"}}},
        {"entry": {**ENTRY, "prompt": "x"}},
    ],
)
def test_whatever_decides_changes_the_key(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


@given(st.dictionaries(WORDS, HASHES, min_size=1), st.data())
def test_one_other_byte_in_any_file_changes_the_key(files: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    other = {**files, name: data.draw(HASHES.filter(lambda new: new != files[name]))}
    gone = {path: sha256 for path, sha256 in files.items() if path != name}
    renamed = {**gone, f"{name}-": files[name]}
    for part in ("subject", "ruler"):
        keys = {key(**{part: each}) for each in (files, other, gone, renamed)}
        assert len(keys) == 4
    assert key(subject=files, ruler={}) != key(subject={}, ruler=files)


@given(st.permutations(["a", "b", "c", "d"]))
def test_order_does_not_matter(names: list[str]) -> None:
    assert key(subject=dict.fromkeys(names, "x")) == key(subject=dict.fromkeys("abcd", "x"))


@given(st.sampled_from(sorted(DIALS - {"variants"})), st.integers(0, 100))
def test_dials_and_papers_of_variants_do_not_matter(dial: str, value: int) -> None:
    entry = copy.deepcopy(ENTRY)
    entry["variants"]["v1"][dial] = value
    assert key(entry=entry) == key()
    assert key(entry={**ENTRY, dial: value}) == key()


def test_the_files_that_are_read_are_chosen_by_alias() -> None:
    paths = [
        "datasets/toy/card.yaml",
        "datasets/toy-2/card.yaml",
        "evals/policy.yaml",
        "evals/prices.yaml",
        "evals/sunsets.yaml",
        "evals/toy/golden.jsonl",
        "evals/toy/waivers.yaml",
        "evals/toy/prompts/v1.yaml",
        "evals/toy/decision.yaml",
        "evals/toy-2/golden.jsonl",
        "evals/reports/toy/v1.json",
        "models.yaml",
        "README.md",
    ]
    assert [path for path in paths if is_subject(path, "toy")] == paths[:1]
    assert [path for path in paths if is_ruler(path, "toy")] == paths[2:8]


def test_who_is_asked_as_the_promoted_variant_is_part_of_it() -> None:
    (variant,) = ENTRY["variants"].values()
    asked = key(promoted=variant)
    assert asked != key()
    assert asked == key(promoted={**variant, "rollout_percent": 25, "owner": "others"})
    assert asked != key(promoted={**variant, "model_id": "n"})
