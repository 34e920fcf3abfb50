"""The documents of a new alias say exactly what they were told, whatever letters it has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from liftgate.config import load, parse_yaml
from liftgate.onboarding.documents import Naming, models, models_entry, prompt, with_alias

NAMING = Naming("desk", "local", "embedded", ".github/liftgate/schemas")
FILES = {"train": ("v1.0.0.train.jsonl", 9, "a" * 64), "validation": ("v1.0.0.validation.jsonl", 2, "b" * 64)}
# What init lets into a system prompt or a cell of a prompt: no control characters but tab and line end.
LETTERS = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\x85")
text = st.text(LETTERS, min_size=1, max_size=40)


@given(text, st.lists(st.tuples(text, text), max_size=3))
def test_a_prompt_is_read_back_letter_by_letter(system: str, shots: list[tuple[str, str]]) -> None:
    document = prompt(NAMING, "prompt-v2", "About.", system, shots)
    data = load(document, "prompt-v2.yaml", "prompt").data
    assert data["system"] == system
    assert [(each["input"], each["output"]) for each in data.get("examples", [])] == shots


def test_an_alias_more_leaves_every_byte_that_was_there() -> None:
    entry = models_entry(NAMING, "1.0.0", FILES)
    for ending in ("\n", "\r\n"):
        before = models(Naming("old", "openai", "gpt-x", "schemas"), models_entry(NAMING, "1.0.0", FILES))
        before = before.replace("\n", ending)
        after = with_alias(before, "desk", entry)
        assert after.startswith(before)
        assert list(parse_yaml(after, "models.yaml").data["models"]) == ["old", "desk"]
        assert load(after, "models.yaml", "models").data["models"]["desk"] == entry


def test_a_hosted_alias_has_no_variant_before_its_provider_named_one() -> None:
    naming = Naming("desk", "bedrock", "amazon.nova-lite-v1:0", "schemas", region="us-east-1")
    assert models_entry(naming, "1.0.0", FILES) == {
        "default": {"model_id": "amazon.nova-lite-v1:0", "provider": "bedrock", "region": "us-east-1"}
    }
