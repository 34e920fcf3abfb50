"""What report.html costs with 5,000 cases: `python benchmarks/report.py`.

Writing the page as `report.show` wants it, its size, and, where Chromium is installed, what a reader waits for: the
first rows, a filter, each letter of a search, and each frame while the cases scroll by at 700 pixels a frame.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from liftgate.report.html import render_html
from liftgate.report.redaction import Show

SHOWN: tuple[Show, ...] = ("ids", "redacted", "full")
TESTS = Path(__file__).parent.parent / "tests"


def main() -> None:
    """Write, weigh, load, filter, search and scroll."""
    sys.path.insert(0, str(TESTS))
    from browser import CHROMIUM, browser
    from page_times import page_times
    from page_world import many_cases

    for words in (40, 400):
        report = many_cases(5_000, words)
        for show in SHOWN:
            started = time.process_time()
            page = render_html(report, show=show).encode()
            took = time.process_time() - started
            print(f"5,000 cases of {words} words, {show}: {took:.2f} s of CPU, {len(page) / 1e6:.1f} MB")
    if CHROMIUM is None:
        return
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder)) as one:
        target = Path(folder) / "report.html"
        target.write_bytes(render_html(many_cases()).encode())
        for _ in range(3):
            print(page_times(one.tab(), target))


if __name__ == "__main__":
    main()
