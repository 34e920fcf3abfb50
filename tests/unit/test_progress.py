"""Progress: plain lines now and then in a log, a bar on a terminal."""

from __future__ import annotations

import io

from liftgate.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_ten_seconds_with_an_eta() -> None:
    log, now_s = io.StringIO(), 0.0
    with Progress(100, "evaluate", already=10, stream=log, now=lambda: now_s) as shown:
        for _ in range(90):
            now_s += 1
            shown.advance(note="1 error" if now_s >= 80 else "")
    assert log.getvalue().splitlines()[:2] == [
        "evaluate: 20/100 cases (20%), ETA 1m20s",
        "evaluate: 30/100 cases (30%), ETA 1m10s",
    ]
    assert log.getvalue().splitlines()[-1] == "evaluate: 100/100 cases (100%), took 1m30s, 1 error"


def test_short_work_is_silent_in_a_log() -> None:
    log = io.StringIO()
    with Progress(2, "evaluate", stream=log, now=lambda: 0.0) as shown:
        shown.advance(2)
    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar() -> None:
    terminal = Terminal()
    with Progress(3, "train", unit="step", stream=terminal) as shown:
        for _ in range(3):
            shown.advance(note="loss 1.2")
    assert "train: 100%" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "loss 1.2" in terminal.getvalue()


def test_durations_read_as_people_say_them() -> None:
    assert [clock(seconds) for seconds in (0.4, 59, 65, 3725)] == ["0s", "59s", "1m05s", "1h02m"]
