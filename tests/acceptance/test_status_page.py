"""The status page in a real browser: everybody can use it, no width makes it scroll sideways, and it loads nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from browser import CHROMIUM, Tab, browser
from liftgate.report.status import Status
from liftgate.report.status_html import render_status_html
from status_world import world

AXE = Path(sys.prefix) / "share" / "page" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def new_tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Tab]]:
    with browser(tmp_path_factory.mktemp("profile")) as one:
        yield one.tab


def page_of(status: Status, folder: Path) -> Path:
    path = folder / "status.html"
    path.write_text(render_status_html(status), "utf-8")
    return path


def with_long_names(status: Status) -> Status:
    long = "x" * 300
    aliases = [
        replace(
            alias,
            name=long,
            default_model=long,
            variants=[replace(v, name=long, model_id=long, on_call=long) for v in alias.variants],
            history=[replace(point, variant=long, metric=long) for point in alias.history],
        )
        for alias in status.aliases
    ]
    return replace(status, aliases=aliases, notes=[long])


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
def test_no_width_makes_the_page_scroll_sideways(
    new_tab: Callable[[], Tab], tmp_path: Path, width: int
) -> None:
    tab = new_tab()
    tab.shape(width, 800)
    for status in (world(), with_long_names(world())):
        tab.open(page_of(status, tmp_path))
        tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        assert tab.run("document.documentElement.scrollWidth") == width


def test_nothing_is_loaded_and_nothing_is_complained_of(new_tab: Callable[[], Tab], tmp_path: Path) -> None:
    tab = new_tab()
    page = page_of(world(), tmp_path)
    tab.open(page)
    sent = [event["request"]["url"] for event in tab.events("Network.requestWillBeSent")]
    assert sent == [page.resolve().as_uri()]
    assert tab.events("Log.entryAdded") == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (make acceptance installs it)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1400, 900), (390, 844)], ids=["wide", "narrow"])
def test_axe_finds_nothing_that_keeps_somebody_out(
    new_tab: Callable[[], Tab], tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    tab = new_tab()
    tab.shape(*size, scheme)
    tab.open(page_of(world(), tmp_path))
    tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    tab.run(AXE.read_text("utf-8") + "; 0")
    found = {
        problem["id"]: [node["html"] for node in problem["nodes"]][:3]
        for problem in tab.run("axe.run().then(({violations}) => violations)")
    }
    assert found == {}
