"""Every rule against its flagged and its clean examples, and what all findings have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from liftgate.data.checks import RULES
from rule_examples import EXAMPLES, findings_in, flagged_lines


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_its_flagged_example(rule: str, tmp_path: Path) -> None:
    folder = EXAMPLES / rule / "flagged"
    found = findings_in(folder, rule, tmp_path)
    assert found
    if expected := flagged_lines(folder):
        assert sorted({finding["line"] for finding in found}, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_leaves_its_clean_example_alone(rule: str, tmp_path: Path) -> None:
    assert findings_in(EXAMPLES / rule / "clean", rule, tmp_path) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_what_why_and_how_to_fix(rule: str) -> None:
    text = RULES[rule].__doc__ or ""
    assert "Why: " in text
    assert "Fix: " in text


def test_every_example_folder_belongs_to_a_rule() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(RULES)
