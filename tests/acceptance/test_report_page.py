"""report.html in a real browser: what others wrote stays text, everybody can use it, and 5,000 cases do not lag."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import page_world
import report_examples as examples
from browser import CHROMIUM, Tab, browser
from liftgate.report.html import render_html
from page_times import PageTimes, page_times

AXE = Path(sys.prefix) / "share" / "page" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
WIDE, NARROW = (1400, 900), (390, 844)
EVERYTHING = "[...document.querySelectorAll('input[name=outcome]')].at(-1).click()"
DRAWN = """new Promise((done) => {
  const look = () => document.getElementById('answers').dataset.drawn === 'all' ? done() : setTimeout(look, 5);
  look();
})"""


@pytest.fixture(scope="module")
def new_tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Tab]]:
    with browser(tmp_path_factory.mktemp("profile")) as one:
        yield one.tab


@pytest.fixture
def tab(new_tab: Callable[[], Tab]) -> Tab:
    made = new_tab()
    made.shape(*WIDE)
    return made


def page_of(report: dict[str, Any], folder: Path, **show: Any) -> Path:
    page = folder / "report.html"
    page.write_text(render_html(report, **show), "utf-8")
    return page


def looked_at_everywhere(tab: Tab, page: Path) -> dict[str, int]:
    """How many elements of each name there are once every part of the page was used."""
    tab.open(page)
    for step in range(1, 5):
        tab.run(f"document.getElementById('bucket').selectedIndex = {step % 3}")
        tab.run(f"document.getElementById('left').selectedIndex = {step % 2}")
        tab.run(EVERYTHING)
        tab.run(DRAWN)
    tab.run("document.getElementById('clear').click()")
    tab.run(EVERYTHING)
    tab.run(DRAWN)
    tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    found: dict[str, int] = tab.run(
        "[...document.querySelectorAll('*')].reduce((n, e) => ({...n, [e.localName]: (n[e.localName] || 0) + 1}), {})"
    )
    return found


def test_what_others_wrote_makes_no_element_runs_nothing_and_asks_nobody(tab: Tab, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page_of(page_world.hostile(page_world.HARMLESS), tmp_path, show="full")
    harmless = looked_at_everywhere(tab, page)
    page_of(page_world.hostile(), tmp_path, show="full")
    assert looked_at_everywhere(tab, page) == harmless
    assert tab.run("document.querySelectorAll('.owned').length + Number(typeof owned !== 'undefined')") == 0
    assert tab.run(
        "document.getElementById('rows').textContent.includes('<img class=owned src=https://evil')"
    )
    assert tab.run("[...document.querySelectorAll('a')].every((a) => a.getAttribute('href').startsWith('#'))")
    asked = {event["request"]["url"] for event in tab.events("Network.requestWillBeSent")}
    assert asked == {page.as_uri()}
    assert tab.events("Log.entryAdded") == []
    assert tab.events("Runtime.exceptionThrown") == []
    assert len(tab.events("Page.frameNavigated")) == 2


def test_no_sign_that_cannot_be_seen_turns_the_text_around(tab: Tab, tmp_path: Path) -> None:
    tab.open(page_of(page_world.hostile(), tmp_path, show="full"))
    tab.run(EVERYTHING)
    tab.run(DRAWN)
    assert not tab.run(
        r"/[\u202a-\u202e\u2066-\u2069\u2028\u2029\u0000\u001b]/u.test(document.body.innerText)"
    )


def test_even_an_element_that_somebody_smuggled_in_runs_nothing_and_asks_nobody(
    tab: Tab, tmp_path: Path
) -> None:
    page = page_of(examples.insufficient(), tmp_path)
    smuggled = (
        "<img src=https://evil.example/a><script>owned = 1</script><form action=https://evil.example/b>"
        "<i onclick=owned=1 style=color:red></i></form><link rel=stylesheet href=https://evil.example/c>"
    )
    page.write_text(page.read_text("utf-8").replace("<main", f"{smuggled}<main", 1), "utf-8")
    tab.open(page)
    tab.run("document.querySelector('i').click(); document.forms[0].submit()")
    assert tab.run("typeof owned") == "undefined"
    assert tab.run("location.href") == page.as_uri()
    refused = {event["requestId"] for event in tab.events("Network.loadingFailed")}
    answered = [
        event["request"]["url"]
        for event in tab.events("Network.requestWillBeSent")
        if event["requestId"] not in refused
    ]
    assert answered == [page.as_uri()]
    violations = [event["entry"]["text"] for event in tab.events("Log.entryAdded")]
    assert len([text for text in violations if "Content Security Policy" in text]) >= 5


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (make acceptance installs it)")
# Colours do not depend on the width, nor roles on the colours: two corners of the square hold all of it.
@pytest.mark.parametrize(
    ("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide-light", "narrow-dark"]
)
def test_axe_finds_nothing_that_keeps_somebody_out(
    tab: Tab, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    tab.shape(*size, scheme)
    found: dict[str, Any] = {}
    for name in ("block-by-safety", "unproven-bucket", "waived", "to-fix", "bad-data", "pass", "errors"):
        tab.open(page_of(examples.EXAMPLES[name](), tmp_path))
        tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        tab.run(AXE.read_text("utf-8") + "; 0")
        for problem in tab.run("axe.run().then(({violations}) => violations)"):
            found[f"{name}: {problem['id']}"] = (
                problem["impact"],
                [node["html"] for node in problem["nodes"]][:3],
            )
    assert found == {}


def test_a_page_is_of_use_without_its_script(tab: Tab, tmp_path: Path) -> None:
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(page_of(examples.blocked_by_bucket(), tmp_path))
    tab.ask("Emulation.setScriptExecutionDisabled", value=False)
    shown = tab.run("document.body.innerText")
    assert "Blocked, do not merge" in shown
    assert "bucket intent=refund drops 32.5 points on 40 cases" in shown
    assert "This table needs JavaScript. Every answer is also in report.json." in shown
    assert tab.run("document.getElementById('filters').offsetHeight") == 0


def test_the_keyboard_alone_leads_through_the_page(tab: Tab, tmp_path: Path) -> None:
    tab.open(page_of(examples.blocked_by_bucket(), tmp_path))
    visited = []
    for _ in range(80):
        tab.press("Tab", 9)
        visited.append(
            tab.run("document.activeElement.id || document.activeElement.textContent.slice(0, 25)")
        )
        assert tab.run("""(() => {
          const at = document.activeElement.getBoundingClientRect();
          const style = getComputedStyle(document.activeElement);
          const around = getComputedStyle(document.activeElement.closest('label') || document.body);
          return at.width > 0 && (style.outlineStyle !== 'none' || around.outlineStyle !== 'none');
        })()"""), visited[-1]
        if visited[-1] == "answers":
            break
    assert visited[:2] == ["Skip to the verdict by pa", "Skip to the cases"]
    assert visited[-6:] == ["bucket", "left", "right", "query", "clear", "answers"]
    tab.press("PageDown", 34)
    tab.run("new Promise((done) => setTimeout(done, 400))")
    assert tab.run("document.getElementById('answers').scrollTop") > 100


def test_a_skip_link_leads_past_everything_above_the_cases(tab: Tab, tmp_path: Path) -> None:
    tab.open(page_of(examples.blocked_by_bucket(), tmp_path))
    for key in (("Tab", 9), ("Tab", 9), ("Enter", 13, "\r"), ("Tab", 9)):
        tab.press(*key)
    assert tab.run("document.activeElement.name") == "outcome"


def test_bucket_outcome_and_words_narrow_the_cases_down(tab: Tab, tmp_path: Path) -> None:
    report = examples.blocked_by_bucket()
    tab.open(page_of(report, tmp_path))
    rows = "[...document.querySelectorAll('#rows [role=row]')].map((row) => row.firstChild.firstChild.data)"
    by_hand = [
        case["case_id"]
        for case in report["cases"]
        if case["buckets"]["intent"] == "refund" and case["scores"]["base"] != case["scores"]["candidate"]
    ]
    assert len(by_hand) == 17
    tab.run(
        "[...document.querySelectorAll('a[data-bucket]')].find((a) => a.textContent === 'intent=refund').click()"
    )
    assert tab.run(rows) == by_hand
    assert tab.run("document.getElementById('count').textContent") == "17 of 320 cases"
    tab.run("document.querySelector('a[data-case]').click()")
    assert tab.run(rows) == [report["regressions"][0]["case_id"]]
    tab.run("document.getElementById('query').focus()")
    tab.run("document.getElementById('clear').click()")
    assert tab.run("document.activeElement.id") == "query"
    tab.ask("Input.insertText", text="ORDER_status")
    found = tab.run(rows)
    assert found
    said = {case["case_id"]: str([case["expected"], *case["outputs"].values()]) for case in report["cases"]}
    assert all("order_status" in said[case_id] for case_id in found)
    tab.ask("Input.insertText", text=" no such words")
    assert tab.run("document.getElementById('count').textContent") == "0 of 320 cases"
    assert tab.run("document.getElementById('answers').offsetHeight") == 0


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
def test_no_width_makes_the_page_scroll_sideways(tab: Tab, tmp_path: Path, width: int) -> None:
    tab.shape(width, 800)
    long = "x" * 400
    for report in (examples.blocked_by_safety(), examples.with_text(examples.blocked_by_safety(), long)):
        tab.open(page_of(report, tmp_path))
        tab.run(EVERYTHING)
        assert tab.run("document.documentElement.scrollWidth") == width


def test_paper_gets_the_first_fifty_cases_and_no_controls(tab: Tab, tmp_path: Path) -> None:
    tab.shape(*WIDE, "dark", "print")
    tab.open(page_of(examples.blocked_by_bucket(), tmp_path))
    tab.run(EVERYTHING)
    tab.run(DRAWN)
    rows = "[...document.querySelectorAll('#rows [role=row]')].filter((row) => row.offsetHeight).length"
    assert tab.run(rows) == 50
    assert (
        tab.run(
            "document.querySelector('nav').offsetHeight + document.getElementById('filters').offsetHeight"
        )
        == 0
    )
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(250, 249, 246)"


def test_five_thousand_cases_load_filter_and_scroll_without_lag(
    new_tab: Callable[[], Tab], tmp_path: Path
) -> None:
    page = page_of(page_world.many_cases(), tmp_path)
    assert page.stat().st_size < 6_000_000
    limits = PageTimes(1_500, 10_000, 500, 500, 50, 100, 400, 0)
    # Three tries: a machine that others use, too, is slow now and then; code that is slow always is.
    tries = []
    for _ in range(3):
        tries.append(page_times(new_tab(), page))
        if tries[-1].within(limits):
            break
    assert tries[-1].within(limits), tries
    assert tries[-1].scrolled_px > 100_000
