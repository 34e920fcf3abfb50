"""The data diff in comment, page and terminal.

To write the snapshots anew: `LIFTGATE_REFRESH=1 pytest tests/unit/test_data_diff_report.py`, then read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

import data_diff_examples
import report_examples as examples
from liftgate.config import schema
from liftgate.report.comment import fits, render_comment
from liftgate.report.data_diff import data_diff_sentence, data_diff_tables, render_data_diff
from liftgate.report.escape import clean
from liftgate.report.html import render_html

SNAPSHOTS = Path(__file__).parent.parent / "snapshots" / "data-diff"
DIFFS = {name: make() for name, make in data_diff_examples.DIFFS.items()}
MANY = data_diff_examples.many_labels()
GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = [
    "</details></summary><details><summary>fine</summary>",
    "![x](https://evil.example/a.png) [y](javascript:alert(1)) <https://evil.example>",
    "@octo-org/team fixes #1 https://evil.example www.evil.example",
    "a | b\n|---|---|\n| c | d |\n\n# heading\n\n```\n````",
    "`` ` ``` **bold** _it_ ~~no~~ $x$",
    "<script>alert(1)</script><img src=x onerror=y>",
    "\u202eevil\u2066\x1b[31m\x00",
    "https://evil.example/a",
    "x" * 1_000_000,
    "`",
    "|",
]


def report(diff: dict[str, Any] | None) -> dict[str, Any]:
    return {**examples.bad_data(), "data_diff": diff}


def section(comment: str) -> str:
    opening = "<details><summary>Data diff</summary>"
    return opening + comment.partition(opening)[2].partition("</details>")[0] + "</details>\n"


@pytest.mark.parametrize("name", sorted(DIFFS))
def test_every_example_fits_its_schema_and_that_of_the_report(name: str) -> None:
    assert list(Draft202012Validator(schema("data-diff")).iter_errors(DIFFS[name])) == []
    assert list(Draft202012Validator(schema("report")).iter_errors(report(DIFFS[name]))) == []


@pytest.mark.parametrize("name", sorted(DIFFS))
@pytest.mark.parametrize(("render", "ending"), [("comment", "md"), ("terminal", "txt")])
def test_the_whole_of_it_is_as_agreed(name: str, render: str, ending: str) -> None:
    path = SNAPSHOTS / f"{name}.{ending}"
    shown = (
        section(render_comment(report(DIFFS[name]))) if render == "comment" else render_data_diff(DIFFS[name])
    )
    if os.environ.get("LIFTGATE_REFRESH"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown, "utf-8", newline="\n")
    assert shown == path.read_text("utf-8")


def test_every_snapshot_belongs_to_an_example() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(DIFFS)


def test_a_report_without_a_diff_has_no_section_of_it() -> None:
    for without in (report(None), examples.bad_data()):
        assert "Data diff" not in render_comment(without) + render_html(without)


def test_every_number_and_every_place_of_the_tables_is_on_the_page() -> None:
    page = re.sub(r"<[^>]+>", " ", render_html(report(DIFFS["changed"])))
    assert data_diff_sentence(DIFFS["changed"]) in page
    for table in data_diff_tables(DIFFS["changed"]):
        for cell in [cell for row in table.rows for cell in row] + [table.name, table.note]:
            assert cell in page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_change_nothing_but_the_words(text: str) -> None:
    shown = examples.with_text(report(DIFFS["changed"]), text)
    word = examples.with_text(report(DIFFS["changed"]), "word")
    comment = render_comment(shown)
    assert structure(comment) == structure(render_comment(word))
    assert tags(render_html(shown)) == tags(render_html(word))
    assert fits(comment)
    assert prose_is_inert(comment)
    assert "\x1b" not in render_data_diff(shown["data_diff"])
    assert len(render_data_diff(shown["data_diff"])) < 30_000


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("`|\\<>/!-[](){}*_~#@&;:$ \n\tadetils0123.w\u202e\ud800"), max_size=50))
def test_any_name_changes_nothing_but_the_words(text: str) -> None:
    comment = render_comment(examples.with_text(report(DIFFS["changed"]), text))
    assert prose_is_inert(comment)
    if clean(text):
        assert structure(comment) == WITH_A_WORD


def structure(markdown: str) -> list[str]:
    return [f"{t.type}{t.tag}" for t in GFM.parse(markdown)]


WITH_A_WORD = structure(render_comment(examples.with_text(report(DIFFS["changed"]), "word")))


def tags(html: str) -> list[str]:
    body = html.partition("<main")[2].partition('<script type="application/json"')[0]
    return re.findall(r"<(/?[a-z0-9]+)", body)


def prose_is_inert(comment: str) -> bool:
    spans = [child for token in GFM.parse(comment) for child in token.children or []]
    prose = "\n".join(span.content for span in spans if span.type.startswith("text"))
    links = [span for span in spans if span.type in {"link_open", "image"}]
    return not links and not re.search(r"@\w|#\d|://|\bwww\.|[\u202a-\u202e\u2066-\u2069\x1b\x00]", prose)


def test_ten_thousand_labels_stay_a_small_table() -> None:
    comment = render_comment(report(MANY))
    assert "label number" not in comment
    assert "and 9,998 more classes\n" in comment
    assert len(comment) < 20_000
    assert prose_is_inert(comment)
    for table in data_diff_tables(MANY):
        assert len(table.rows) <= 10
