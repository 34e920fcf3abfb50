"""docs/registry-transitions.md says what the check does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_check_says_now() -> None:
    spec = importlib.util.spec_from_file_location(
        "write_registry_doc", ROOT / "tools" / "write_registry_doc.py"
    )
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (ROOT / "docs" / "registry-transitions.md").read_text("utf-8") == tool.document()
