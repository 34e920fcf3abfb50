"""What a change of models.yaml does to callers, in words."""

from __future__ import annotations

import pytest

from liftgate.registry.models import Alias, read_models
from liftgate.registry.moves import moves, raised


def alias(*variants: str, default: str = "m") -> Alias:
    """Each variant as `name percent mirrored model`."""
    lines = ["version: 1", "models:", "  toy:", f"    default: {{model_id: {default}, provider: local}}"]
    lines += ["    variants:" if variants else "    variants: {}"]
    for each in variants:
        name, percent, mirrored, model = each.split()
        lines.append(
            f"      {name}: {{model_id: {model}, provider: local, dataset: {{version: 1.0.0}}, flag: f-{name}, "
            f"rollout_percent: {percent}, shadow_percent: {mirrored}}}"
        )
    return read_models("\n".join(lines) + "\n").aliases["toy"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), ("v1 0 0 a",), "v1 is added at 0% of the callers"),
        ((), ("v1 0 10 a",), "v1 is added at 0% of the callers, and 10% of the requests are mirrored to it"),
        (("v1 5 0 a",), ("v1 25 0 a",), "v1 goes from 5% to 25% of the callers"),
        (
            ("v1 100 0 a", "v2 0 0 b"),
            ("v1 95 0 a", "v2 5 0 b"),
            "v1 goes from 100% to 95% of the callers; v2 goes from 0% to 5% of the callers",
        ),
        (("v1 0 0 a",), ("v1 0 50 a",), "v1 gets 50% of the requests mirrored, not 0%"),
        (("v1 0 0 a",), ("v1 0 0 b",), "v1 becomes another model or flag"),
        (("v1 0 0 a",), (), "v1 is removed"),
        (("v1 0 0 a",), ("v1 0 0 a",), "who answers for a variant, or what was measured of it, changes"),
    ],
)
def test_it_is_told_by_variant(before: tuple[str, ...], after: tuple[str, ...], told: str) -> None:
    assert moves(alias(*before), alias(*after)) == told


def test_the_default_model_and_the_alias_itself_are_told() -> None:
    assert moves(alias(), alias(default="n")) == "the default model changes"
    assert moves(None, alias()) == "the alias is added"
    assert moves(alias(), None) == "the alias is removed"


def test_one_variant_gets_more_callers_or_none_is_named() -> None:
    assert raised(alias("v1 95 0 a", "v2 0 0 b"), alias("v1 95 0 a", "v2 5 0 b")) == "v2"
    assert raised(alias("v1 95 0 a"), alias("v1 0 0 a")) is None
    assert raised(alias("v1 0 0 a", "v2 0 0 b"), alias("v1 5 0 a", "v2 5 0 b")) is None
    assert raised(None, alias("v1 5 0 a")) == "v1"
