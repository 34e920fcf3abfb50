"""How long a page with many cases takes: to load, to filter, to search and to scroll, told by the browser itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from browser import Tab

_AFTER_PAINT = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
_FILTER = f"""(async () => {{
  const radios = [...document.querySelectorAll('input[name=outcome]')], times = [];
  for (const radio of [radios.at(-1), radios[0], radios.at(-1), radios[4], radios.at(-1)]) {{
    const start = performance.now();
    radio.click();
    await {_AFTER_PAINT};
    times.push(performance.now() - start);
  }}
  return Math.max(...times);
}})()"""
_SEARCH = f"""(async () => {{
  const query = document.getElementById('query'), times = [];
  for (const letter of 'refund of your') {{
    const start = performance.now();
    query.value += letter;
    query.dispatchEvent(new Event('input', {{bubbles: true}}));
    await {_AFTER_PAINT};
    times.push(performance.now() - start);
  }}
  query.value = '';
  query.dispatchEvent(new Event('input', {{bubbles: true}}));
  return Math.max(...times);
}})()"""
_DRAWN = """new Promise((done) => {
  const look = () => document.getElementById('answers').dataset.drawn === 'all' ? done() : setTimeout(look, 5);
  look();
})"""
_SCROLL = """(async () => {
  const view = document.getElementById('answers'), times = [];
  view.scrollIntoView();
  const frame = () => new Promise(requestAnimationFrame);
  let last = await frame();
  for (let step = 0; step < 180; step++) {
    view.scrollTop += 700;
    const now = await frame();
    times.push(now - last);
    last = now;
  }
  times.sort((a, b) => a - b);
  return [times[Math.floor(times.length * 0.5)], times[Math.floor(times.length * 0.95)], times.at(-1), view.scrollTop];
})()"""


@dataclass(frozen=True)
class PageTimes:
    """Milliseconds, each the worst of its kind but for the frames."""

    first_rows_ms: float
    all_rows_ms: float
    filter_ms: float
    search_ms: float
    frame_p50_ms: float
    frame_p95_ms: float
    frame_worst_ms: float
    scrolled_px: float

    def within(self, limits: PageTimes) -> bool:
        """Whether nothing that a reader waits for takes longer."""
        waited = set(asdict(self)) - {"scrolled_px"}
        return all(getattr(self, name) <= getattr(limits, name) for name in waited)


def page_times(tab: Tab, page: Path) -> PageTimes:
    """Load a page and do what a reader does."""
    tab.shape(1400, 900)
    tab.open(page)
    first = tab.run("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    tab.run(_DRAWN)
    filtered = tab.run(_FILTER)
    searched = tab.run(_SEARCH)
    tab.run("[...document.querySelectorAll('input[name=outcome]')].at(-1).click()")
    started = tab.run("performance.now()")
    tab.run(_DRAWN)
    drawn = tab.run("performance.now()") - started
    frames = tab.run(_SCROLL)
    # Now with every row there, to be taken away again.
    return PageTimes(first, drawn, max(filtered, tab.run(_FILTER)), searched, *frames)
