"""What `doctor` says of each matter: ok, a note, or the fix."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from liftgate.github.protection import Wanted, rulesets
from liftgate.onboarding import diagnosis
from liftgate.onboarding.diagnosis import Line, text_of

TODAY = datetime.date(2026, 11, 26)
IDS = {"id": 456, "owner": {"id": 123}}


def test_the_subject_has_numbers_since_the_day_they_came() -> None:
    (new,) = diagnosis.subjects("octo/toy", {**IDS, "created_at": "2026-07-15T00:00:00Z"}, ["training"])
    assert (new.state, new.said) == ("ok", "repo:octo@123/toy@456:environment:training")
    (old,) = diagnosis.subjects("octo/toy", {**IDS, "created_at": "2026-07-14T23:59:59Z"}, ["training"])
    assert (old.state, old.said) == ("note", "repo:octo/toy:environment:training")
    assert old.fix == "was it renamed since 2026-07-15? Then repo:octo@123/toy@456:environment:training"
    (unknown,) = diagnosis.subjects("octo/toy", IDS, ["training"])
    assert (unknown.state, unknown.said) == ("note", "repo:octo@123/toy@456:environment:training")


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("sk-0123456789", "ok"),
        ("sk-0123456789\n", "fix"),
        ("'sk-0123456789'", "fix"),
        ("short", "fix"),
        ("ключ-ключ", "fix"),
    ],
)
def test_a_key_is_there_or_odd_and_never_shown(value: str, state: str) -> None:
    (line,) = diagnosis.keys({"OPENAI_API_KEY": value}, {"OPENAI_API_KEY": None})
    assert line.state == state
    assert value.strip() not in str(line)


def test_a_key_that_nobody_needs_is_not_missed() -> None:
    assert list(diagnosis.keys({}, {"OPENAI_API_KEY": None})) == []
    (line,) = diagnosis.keys({}, {"OPENAI_API_KEY": "openai"})
    assert (line.state, line.said) == ("note", "OPENAI_API_KEY is not set, and openai asks for it")


@pytest.mark.parametrize(
    ("skew", "state", "said"),
    [(0, "ok", "as the server's"), (-12, "ok", "12 s behind the server's"), (61, "fix", "61 s ahead of the server's")],
)  # fmt: skip
def test_a_clock_may_be_a_minute_off(skew: float, state: str, said: str) -> None:
    line = diagnosis.clock(skew)
    assert (line.state, line.said) == (state, said)


def test_tables_age() -> None:
    days = {"openai *": datetime.date(2026, 10, 12), "local *": datetime.date(2026, 11, 25)}
    fresh = diagnosis.table("evals/prices.yaml", days, TODAY)
    assert (fresh.state, fresh.said) == ("ok", "evals/prices.yaml: 2 rows, the oldest checked 45 days ago")
    stale = diagnosis.table("evals/prices.yaml", days, TODAY + datetime.timedelta(1))
    assert (stale.state, stale.said) == (
        "fix", "evals/prices.yaml: 1 of 2 rows are older than 45 days (openai *: 46)",
    )  # fmt: skip
    future = diagnosis.table("evals/prices.yaml", days, datetime.date(2026, 11, 24))
    assert future.state == "fix"


def test_a_ruleset_has_to_ask_for_enough() -> None:
    wanted = Wanted()
    both: list[dict[str, Any]] = [dict(each) for each in rulesets(wanted)]
    assert [line.state for line in diagnosis.protection(both, wanted)] == ["ok", "ok"]
    assert [line.state for line in diagnosis.protection([], wanted)] == ["fix", "fix"]
    idle = [{**both[0], "enforcement": "disabled"}, both[1]]
    assert [line.state for line in diagnosis.protection(idle, wanted)] == ["fix", "ok"]
    passed = [{**both[0], "bypass_actors": [{"actor_type": "Team", "actor_id": 1}]}, both[1]]
    assert [line.state for line in diagnosis.protection(passed, wanted)] == ["note", "ok"]


def test_a_runner_takes_the_job_when_it_has_all_labels_and_is_online() -> None:
    labels = [{"name": name} for name in ("self-hosted", "Linux", "GPU", "liftgate", "X64")]
    assert diagnosis.runners([{"status": "online", "labels": labels}]).state == "ok"
    assert diagnosis.runners([{"status": "offline", "labels": labels}]).state == "fix"
    assert diagnosis.runners([{"status": "online", "labels": labels[:3]}]).state == "fix"
    assert diagnosis.runners(None).state == "note"


def test_extras_disk_versions_and_gpu() -> None:
    there = {"aws": False, "local": True}
    lines = list(diagnosis.extras(there, {"aws": "models at bedrock need it"}))
    assert [(line.state, line.fix) for line in lines] == [
        ("ok", None),
        ("fix", "pip install 'liftgate[aws]'"),
    ]
    assert diagnosis.disk(4_999_999_999).state == "fix"
    assert diagnosis.versions("1.0", (3, 10), "Linux").state == "fix"
    assert diagnosis.gpu([], trains_here=True).state == "note"
    assert diagnosis.gpu(["NVIDIA T4, 15360 MiB"], trains_here=True).said == "NVIDIA T4, 15360 MiB"


def test_what_people_see() -> None:
    lines = [Line("disk", "ok", "65.0 GB free"), Line("ruleset", "fix", "'a' is not there", "make it")]
    assert text_of(lines) == (
        "ok    disk     65.0 GB free\nfix   ruleset  'a' is not there\n               → make it\n\n1 to fix\n"
    )
