"""A headless Chromium driven over a pair of pipes by its devtools protocol: enough to prove what a page does."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
PATIENCE_S = 60.0
_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)

# Chromium reads from descriptor 3 and writes to 4.
_MOVED = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])"""

Message = dict[str, Any]


class Tab:
    """One tab: commands, their answers, and every event that came in between."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> Message:
        """One command and its answer."""
        return self._browser.ask(method, params, self._session)

    def events(self, method: str) -> list[Message]:
        """The parameters of all events of this name so far."""
        return [
            event["params"]
            for event in self._browser.events
            if event.get("sessionId") == self._session and event["method"] == method
        ]

    def open(self, page: Path) -> None:
        """Load a file and wait until its load event."""
        before = len(self.events("Page.loadEventFired"))
        self.ask("Page.navigate", url=page.resolve().as_uri())
        self._browser.until(lambda: len(self.events("Page.loadEventFired")) > before)

    def run(self, script: str) -> Any:
        """The value of an expression, or of the promise that it gives."""
        said = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            raise AssertionError(json.dumps(said["exceptionDetails"])[:2_000])
        return said["result"].get("value")

    def shape(self, width: int, height: int, scheme: str = "light", media: str = "screen") -> None:
        """The size of the window, and what the reader's system prefers."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=wanted)

    def press(self, key: str, code: int, text: str = "") -> None:
        """One key of the keyboard, as a reader presses it."""
        named = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **named)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    def picture(self, target: Path, *, whole: bool = False) -> None:
        """A screenshot, of all of the page or of what the window shows."""
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        target.write_bytes(base64.b64decode(data))


class Browser:
    """The process and its two pipes; messages are JSON with a zero byte behind each."""

    def __init__(self, out: int, back: int) -> None:
        self._out, self._back = out, back
        self._rest, self._last = b"", 0
        self._answers: dict[int, Message] = {}
        self.events: list[Message] = []

    def tab(self) -> Tab:
        """A new empty tab."""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return Tab(self, session)

    def ask(self, method: str, params: Message | None = None, session: str | None = None) -> Message:
        """One command and its answer; an error of the browser is a failed test."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        self.until(lambda: number in self._answers)
        answer = self._answers.pop(number)
        assert "error" not in answer, (method, answer)
        result: Message = answer["result"]
        return result

    def until(self, reached: Any, patience_s: float = PATIENCE_S) -> None:
        """Read what the browser says until something holds."""
        deadline = time.monotonic() + patience_s
        while not reached():
            left = deadline - time.monotonic()
            assert left > 0, "the browser said nothing for too long"
            if select.select([self._back], [], [], min(left, 1.0))[0]:
                self._read()

    def _read(self) -> None:
        piece = os.read(self._back, 1 << 20)
        assert piece, "the browser went away"
        *whole, self._rest = (self._rest + piece).split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A Chromium of its own with its profile in `folder`, gone afterwards."""
    assert CHROMIUM is not None
    theirs_in, ours_out = os.pipe()
    ours_back, theirs_out = os.pipe()
    options = [*_OPTIONS, f"--user-data-dir={folder}"]
    # A container's root has no user namespaces to build a sandbox of.
    options += ["--no-sandbox"] if os.geteuid() == 0 else []
    # Above the two that they shall become, so that neither becomes the other.
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (theirs_in, theirs_out)]
    process = subprocess.Popen(
        [sys.executable, "-c", _MOVED, *map(str, high), CHROMIUM, *options, "about:blank"],
        pass_fds=high,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )
    for each in (theirs_in, theirs_out, *high):
        os.close(each)
    one = Browser(ours_out, ours_back)
    try:
        yield one
        one.ask("Browser.close")
    finally:
        os.close(ours_out)
        os.close(ours_back)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
