"""The status page: whole snapshots of a small world, days that are counted right, and hostile words that do nothing.

To write the snapshots anew: `LIFTGATE_REFRESH=1 pytest tests/unit/test_status.py`, then read the difference.
"""

from __future__ import annotations

import datetime
import html
import os
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from test_html import HOSTILE, Page

from liftgate.report.status import Due, Status, months_of, opening, render_text, to_dict, why, worst
from liftgate.report.status_chart import MOST_POINTS, timeline
from liftgate.report.status_html import render_status_html
from status_world import TODAY, measured, world

SNAPSHOTS = Path(__file__).parent.parent / "snapshots" / "status"


def held(name: str, said: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("LIFTGATE_REFRESH"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said, "utf-8")
    assert said == path.read_text("utf-8")


def body(page: str) -> str:
    """The page without its style, which has tests of its own, and the digest of it."""
    page = re.sub(r"<style>.*?</style>", "<style></style>", page, flags=re.DOTALL)
    return re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-", page)


def test_the_page_of_a_small_world() -> None:
    held("page.html", body(render_status_html(world())))


def test_the_same_in_words() -> None:
    held("page.txt", render_text(world()))


def test_a_world_without_aliases_is_said_to_be_empty() -> None:
    empty = Status(TODAY, [])
    assert render_text(empty) == "0 aliases, 0 variants live on 2026-12-01. models.yaml holds no alias yet.\n"
    assert "models.yaml holds no alias yet." in render_status_html(empty)


@pytest.mark.parametrize(
    ("days", "state", "told"),
    [
        (91, "ok", "in 91 days"),
        (31, "ok", "in 31 days"),
        (30, "unclear", "in 30 days"),
        (1, "unclear", "in 1 day"),
        (0, "unclear", "today"),
        (-1, "fail", "1 day ago"),
        (None, "not-measured", "not known"),
    ],
)
def test_what_is_near_is_yellow_and_what_is_over_is_red(days: int | None, state: str, told: str) -> None:
    assert (Due(days).state, Due(days).told) == (state, told)


def test_own_weights_never_end() -> None:
    assert (Due(None, never=True).state, Due(None, never=True).told) == ("ok", "never")


def test_only_what_callers_get_needs_somebody() -> None:
    status = world()
    idle = [replace(v, rollout_percent=0) for alias in status.aliases for v in alias.variants]
    quiet = Status(TODAY, [replace(status.aliases[0], variants=idle)])
    assert (worst(quiet), why(quiet), opening(quiet)) == (
        "ok",
        "Nothing needs anybody today.",
        "1 alias, 0 variants live",
    )


def test_a_live_variant_that_nobody_evaluated_is_no_good_news() -> None:
    status = world()
    alias = status.aliases[0]
    bare = replace(alias.variants[0], newest=None, stale=Due(None))
    found = Status(TODAY, [replace(alias, variants=[bare])])
    assert (worst(found), why(found)) == (
        "unclear",
        "support-intent v1.1.0: nothing says when it was evaluated.",
    )


def test_months_add_up_what_was_billed_and_what_was_asked_again() -> None:
    day = datetime.date
    months = months_of(
        [(day(2026, 11, 30), Decimal("1.10")), (day(2026, 11, 1), Decimal("0.05"))],
        [(day(2026, 12, 1), Decimal("0.001")), (day(2026, 11, 30), Decimal("2"))],
    )
    assert [(m.name, m.training, m.evaluation) for m in months] == [
        ("2026-11", Decimal("1.15"), Decimal(2)),
        ("2026-12", Decimal(0), Decimal("0.001")),
    ]
    assert "2026-12: 0.01 USD (0.00 USD + 0.01 USD)" in render_text(Status(TODAY, [], months))


def test_every_mark_lies_inside_the_drawing_whatever_was_measured() -> None:
    points = [measured(ago, f"v{ago}", lift, spread=0.9) for ago, lift in ((0, 1.0), (-5, -1.0), (400, 0.0))]
    drawn = timeline(points, TODAY)
    assert drawn is not None
    for mark in drawn.marks:
        assert 0 <= float(mark.x) <= 100
        assert 0 <= float(mark.high) <= float(mark.y) <= float(mark.low) <= drawn.height


def test_one_verdict_of_today_is_a_drawing_and_none_is_not() -> None:
    drawn = timeline([measured(0, "v1", 0.0, spread=0.0)], TODAY)
    assert drawn is not None
    assert len(drawn.days) == 1
    assert timeline([], TODAY) is None


def test_old_verdicts_are_counted_not_drawn() -> None:
    drawn = timeline([measured(ago, "v1", 0.01) for ago in range(MOST_POINTS + 5)], TODAY)
    assert drawn is not None
    assert (len(drawn.marks), drawn.left_out) == (MOST_POINTS, 5)


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile_words_stay_words(bad: str) -> None:
    plain, status = world(), world()
    alias = status.aliases[0]
    point = replace(alias.history[0], variant=bad, metric=bad)
    variant = replace(
        alias.variants[0], name=bad, model_id=bad, dataset=bad, owner=bad, on_call=bad, newest=point
    )
    changed = replace(
        alias,
        name=bad,
        default_model=bad,
        default_provider=bad,
        variants=[variant, *alias.variants[1:]],
        history=[replace(each, variant=bad, metric=bad) for each in alias.history],
    )
    page = Page(render_status_html(replace(status, aliases=[changed, *status.aliases[1:]], notes=[bad])))
    honest = Page(render_status_html(plain))
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in honest.elements}
    assert {name for _, attrs in page.elements for name in attrs} == {
        name for _, attrs in honest.elements for name in attrs
    }
    said = render_text(replace(status, aliases=[changed]))
    assert "\x1b" not in said and "\u202e" not in said


def test_the_page_has_no_script_and_names_no_address() -> None:
    page = html.unescape(render_status_html(world()))
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert "default-src 'none'; style-src 'sha256-" in page
    parsed = Page(page)
    assert not [
        a for _, attrs in parsed.elements for a in attrs if a in ("src", "style") or a.startswith("on")
    ]
    assert all(link.startswith("#") for link in parsed.attribute("href"))


def test_json_says_the_same() -> None:
    said = to_dict(world())
    assert said["aliases"][1]["variants"][0]["newest"]["verdict"] == "block"
    assert said["aliases"][0]["variants"][0]["stale"] == {"days": 70, "on": "2027-02-09", "never": False}
    assert said["months"][2] == {"month": "2026-11", "training_usd": "88.004", "evaluation_usd": "2.4"}
