import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from liftgate.report.escape import clean, code, escape, fence

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])

HOSTILE = [
    "</details><details><summary>all good</summary>",
    "<!-- liftgate:support-intent digest=forged -->",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "![tracker](https://evil.example/p.png)",
    "[click](javascript:alert(1)) [ref][1]\n\n[1]: https://evil.example",
    "<https://evil.example> https://evil.example www.evil.example a@evil.example",
    "@octo-org/everyone please @octocat",
    "Fixes #1, octo/repo#12, GH-7, GHSA-aaaa-bbbb-cccc, deadbeef00",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "a | b \\| c \\\\| d",
    "```\nfence\n```\n````\n",
    "`tick` ``two`` ```three",
    "# heading\n## two\nsetext\n===\nsetext\n---\n***\n___",
    "- list\n+ list\n* list\n1. one\n2) two\n> quote\n    code",
    "**bold** __bold__ *it* _it_ ~~gone~~ $x^2$ $`y`$",
    "EOF\n::set-output name=verdict::pass\n${{ secrets.TOKEN }}",
    "safe\u202egnp.exe\u2066\u2069\u200b\ufeff",
    "\x1b[31mred\x1b[0m\x00\x07",
    "\ud800 lone \U000e0041\U000e0042 tags",
    "&lt;b&gt; &amp;#60; &#60;img&#62;",
    "-", "---", "+", "=", "===", "1.", "1234567. x", "#", "#12", ":--", ">", "\\", "`", "|", "", " ", "\n\n",
]  # fmt: skip


def inline_tokens(markdown: str) -> list[Token]:
    blocks = GFM.parse(markdown)
    assert [b.type for b in blocks] in ([], ["paragraph_open", "inline", "paragraph_close"])
    return list(blocks[1].children or []) if blocks else []


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_one_paragraph_of_plain_text_that_reads_as_written(text: str) -> None:
    tokens = inline_tokens(escape(text))
    assert {t.type for t in tokens} <= {"text", "text_special"}
    assert "".join(t.content for t in tokens).replace("\u200b", "") == clean(text)


@given(st.text(st.characters(exclude_categories=[]), max_size=80))
def test_any_text_is_one_paragraph_of_plain_text(text: str) -> None:
    tokens = inline_tokens(escape(text))
    assert {t.type for t in tokens} <= {"text", "text_special"}
    assert "".join(t.content for t in tokens).replace("\u200b", "") == clean(text)


@given(
    st.text(st.sampled_from("|\\`<>*_[]()!#@-+:=~$& \n\t1aw.h/"), max_size=60),
    st.sampled_from([escape, code]),
)
def test_a_table_cell_stays_one_cell(text: str, shape: object) -> None:
    assert callable(shape)
    blocks = GFM.parse(f"| a | b |\n|---|---|\n| {shape(text)} | end |\n")
    assert [b.type for b in blocks].count("td_open") == 2
    assert [b.type for b in blocks].count("table_open") == 1
    assert blocks[-5].content == "end"


@pytest.mark.parametrize("text", HOSTILE)
def test_what_github_links_after_rendering_is_broken_by_a_gap(text: str) -> None:
    rendered = html.unescape(escape(text))
    for link in (r"@\w", r"#\d", r"\bGH(SA)?-\w", r"\b[0-9a-f]{7,40}\b", r"://", r"\bwww\.", r"\w@\w"):
        assert not re.search(link, rendered, re.IGNORECASE), link


def test_invisible_and_bidi_characters_are_removed_but_scripts_stay_readable() -> None:
    assert clean("safe\u202egnp.exe\u2066\u200b\ufeff") == "safegnp.exe"
    assert (
        clean("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 naïve 日本語")
        == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 naïve 日本語"
    )
    assert clean("a\tb\r\nc\u2028d\x85e") == "a b c d e"


def test_length_is_capped_before_any_work_is_done() -> None:
    assert clean("x" * 10_000_000, 10) == "xxxxxxxxx…"
    assert len(escape("|" * 10_000_000, 100)) <= 300
    assert clean("exactly10!", 10) == "exactly10!"


@given(st.text(st.sampled_from("@|<&*ab _"), max_size=400), st.integers(5, 300))
def test_what_is_escaped_grows_at_most_threefold(text: str, limit: int) -> None:
    escaped = escape(text, limit)
    assert len(escaped) <= 3 * limit
    shown = html.unescape(escaped).replace("\u200b", "").removesuffix("…").rstrip()
    assert clean(text, limit).startswith(shown)


def test_ordinary_words_are_left_alone() -> None:
    assert escape("bucket intent=billing drops 12.5 points (p = 0.004): +3.0") == (
        "bucket intent=billing drops 12.5 points (p = 0.004): +3.0"
    )
    assert escape("+6.3 points on field_match.intent") == "+6.3 points on field_match.intent"
    assert escape("_not_ emphasis_") == "&#95;not&#95; emphasis&#95;"


def test_a_name_stands_in_a_code_span_unless_it_could_leave_it() -> None:
    assert code("billing-0041") == "`billing-0041`"
    assert code('{"intent":"billing"}') == '`{"intent":"billing"}`'
    assert code("a`b|c") == "a&#96;b&#124;c"
    assert code("") == ""


@given(st.text(st.sampled_from("`|\\<>a \n@#"), max_size=40))
def test_a_code_span_holds_its_text_and_nothing_else(text: str) -> None:
    assert {t.type for t in inline_tokens(code(text))} <= {"text", "text_special", "code_inline"}


@given(st.text(st.sampled_from("`~ \na<"), max_size=80))
def test_a_fence_is_longer_than_any_it_contains(text: str) -> None:
    blocks = GFM.parse(fence(text, "bash"))
    assert [b.type for b in blocks] == ["fence"]
    assert blocks[0].info == "bash"


def test_a_fence_keeps_lines_and_drops_controls() -> None:
    assert (
        fence("liftgate gate\x00\n  --run .liftgate\n", "bash")
        == "```bash\nliftgate gate\n  --run .liftgate\n```"
    )
    assert fence("a ```` b") == "`````\na ```` b\n`````"
