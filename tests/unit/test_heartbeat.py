"""The sign of life of a training: what it says to whoever looks, and what it has cost by then."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from liftgate.errors import InputError
from liftgate.training.heartbeat import Heartbeat, moment, read_heartbeat, report

START = datetime.datetime(2026, 11, 26, 2, 0, tzinfo=datetime.UTC)


def after(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def beat(**changes: Any) -> Heartbeat:
    fields: dict[str, Any] = {
        "manifest_digest": "0" * 64,
        "alias": "toy",
        "state": "running",
        "step": 41,
        "steps": 60,
        "started_at": moment(START),
        "at": moment(after(1800)),
        "process": 7,
        "loss": 0.5,
        "seconds_per_step": 40.0,
        "usd_per_hour": "3.20",
        "resume": "liftgate train --alias toy",
    }
    return Heartbeat(**{**fields, **changes})


def test_a_running_training_says_that_it_bills_until_now_not_until_its_last_word() -> None:
    assert beat().told(after(1812)) == (
        "still running and billing: step 41 of 60, $1.62 so far, last sign of life 12 s ago"
    )
    assert beat().usd(after(3600)) == Decimal("1.60"), "silent by then: nobody knows what came later"


def test_a_slow_step_is_not_taken_for_silence() -> None:
    slow = beat(seconds_per_step=120.0)
    assert not slow.is_silent(after(1800 + 1200))
    assert slow.is_silent(after(1800 + 1201))


def test_silence_is_no_sign_of_life() -> None:
    assert beat().told(after(1800 + 500)) == (
        "no sign of life since 2026-11-26T02:30:00Z, at step 41 of 60, $1.60 so far; "
        "go on with: liftgate train --alias toy"
    )


def test_what_ended_says_how_and_bills_no_more() -> None:
    assert beat(state="stopped").told(after(9999)) == (
        "stopped at step 41 of 60, $1.60 so far; go on with: liftgate train --alias toy"
    )
    assert beat(state="failed", usd_per_hour=None).told(after(9999)) == (
        "failed at step 41 of 60; the last checkpoint is kept"
    )


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    beat().write(tmp_path)
    assert read_heartbeat(tmp_path) == beat()
    assert read_heartbeat(tmp_path / "elsewhere") is None
    assert report(beat(), after(1812))["usd"] == "1.62"


@pytest.mark.parametrize(
    "broken",
    [
        '{"schema_version": 1}',
        '{"schema_version": 2}',
        "[]",
        "{",
        '{"schema_version": 1, "surprise": 1}',
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path: Path, broken: str) -> None:
    (tmp_path / "heartbeat.json").write_text(broken)
    with pytest.raises(InputError):
        read_heartbeat(tmp_path)


@pytest.mark.parametrize("field", ["at", "started_at", "usd_per_hour", "state"])
def test_words_that_mean_nothing_are_refused(tmp_path: Path, field: str) -> None:
    beat(**{field: "soon"}).write(tmp_path)
    with pytest.raises(InputError, match="not a heartbeat"):
        read_heartbeat(tmp_path)
