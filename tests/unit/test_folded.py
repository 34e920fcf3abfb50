"""A comment as a reader first sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from liftgate.report.folded import folded

COMMENTS = sorted((Path(__file__).parents[1] / "snapshots" / "comment" / "change").glob("*.md"))


def test_open_sections_are_shown_and_closed_ones_are_a_line() -> None:
    comment = (
        "<!-- marker -->\n**Blocked.**\n\n<details open><summary>Findings</summary>\n\n- one\n\n</details>\n\n"
        "<details><summary>Buckets</summary>\n\n| a |\n\n</details>\n\n"
        "<details><summary>Safety</summary>\n\nx\n\n</details>\n"
    )
    assert folded(comment) == "**Blocked.**\n\n▾ Findings\n\n- one\n\n▸ Buckets\n▸ Safety"


@pytest.mark.parametrize("path", COMMENTS, ids=lambda path: path.stem)
def test_of_a_real_comment_the_headline_comes_first_and_no_tag_is_left(path: Path) -> None:
    comment = path.read_text("utf-8")
    shown = folded(comment)
    assert shown.startswith(comment.splitlines()[1])
    assert "<details" not in shown
    assert "</details>" not in shown
    assert "<!--" not in shown
