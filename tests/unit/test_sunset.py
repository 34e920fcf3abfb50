"""Models that end: what is built on one too late is refused, with the reason and the nearest other road."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.findings import Finding
from liftgate.training.sunset import Limits, Sunsets, read_sunsets, serving_ends, table_age, training_ends

SHIPPED = Path(__file__).parents[2] / "evals/sunsets.yaml"
TODAY = datetime.date(2026, 12, 20)
LIMITS = Limits()
HOME = "your own weights (provider: local, base: embedded or org/model@<commit>)"


def shipped(**told: str) -> Sunsets:
    days = {("openai", model): datetime.date.fromisoformat(day) for model, day in told.items()}
    return Sunsets(read_sunsets(SHIPPED.read_bytes(), "evals/sunsets.yaml"), days)


def table(text: str) -> Sunsets:
    return Sunsets(read_sunsets(f"version: 1\nsunsets:\n{text}", "evals/sunsets.yaml"))


def row(model: str, fields: str, provider: str = "openai", checked: str = "2026-12-01") -> str:
    return (
        f'  - {{provider: {provider}, model: "{model}", {fields}, source: page, checked_on: "{checked}"}}\n'
    )


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(str(f.severity), f.message) for f in findings]


def test_training_on_gpt_4o_mini_in_december_2026_is_blocked_with_reason_and_alternatives() -> None:
    found = list(training_ends(shipped(), "openai", "gpt-4o-mini", TODAY, LIMITS))
    assert told(found) == [
        (
            "warning",
            "training on openai gpt-4o-mini closes on 2027-01-06, in 17 days: what is trained now cannot be trained "
            "again",
        ),
        (
            "error",
            "openai gpt-4o-mini and what is trained on it ends on 2027-01-14, in 25 days; the policy wants 180 days; "
            f"train instead on bedrock amazon.nova-lite-v1:0 or {HOME}",
        ),
    ]
    assert all(f.rule == "sunset" and f.path == "evals/sunsets.yaml" and f.line for f in found)


def test_training_on_a_base_of_ones_own_passes() -> None:
    for provider in ("local", "python"):
        assert list(training_ends(shipped(), provider, "embedded", TODAY, LIMITS)) == []
        assert list(training_ends(Sunsets(None), provider, "embedded", TODAY, LIMITS)) == []


def test_after_the_last_day_the_training_is_closed_for_every_model_of_the_provider() -> None:
    found = list(training_ends(shipped(), "openai", "gpt-7", datetime.date(2027, 1, 6), LIMITS))
    assert told(found) == [
        (
            "error",
            f"training on openai gpt-7 closed on 2027-01-06; train instead on bedrock amazon.nova-lite-v1:0 or {HOME}",
        ),
        ("notice", "no row of evals/sunsets.yaml speaks of openai gpt-7: nobody has looked when it ends"),
    ]
    before = list(training_ends(shipped(), "openai", "gpt-7", datetime.date(2027, 1, 5), LIMITS))
    assert [str(f.severity) for f in before] == ["warning", "notice"]


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o",
        "gpt-4o-2024-08-06",
        "gpt-4o-mini-2024-07-18",
        "gpt-4.1",
        "gpt-4.1-2025-04-14",
        "gpt-4.1-mini-2025-04-14",
        "ft:gpt-4.1-mini-2025-04-14:acme::abc",
        "ft:gpt-4o-2024-08-06:acme:intent:abc:ckpt-step-40",
    ],
)
def test_every_model_of_the_announcement_and_its_tunes_end_on_that_day(model: str) -> None:
    assert shipped().end_of("openai", model).shutdown_on == datetime.date(2027, 1, 14)


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-tts", "gpt-5.4-mini", "gpt-6-luna"])
def test_models_that_the_announcement_does_not_name_are_not_taken_for_it(model: str) -> None:
    assert shipped().end_of("openai", model).shutdown_on is None


LATE = row("m", 'shutdown_on: "2028-06-01"')


@pytest.mark.parametrize(
    ("today", "pays_back", "severity"),
    [
        ("2026-12-20", None, None),
        ("2026-12-20", "2028-06-01", None),
        ("2026-12-20", "2028-06-02", "error"),
        ("2027-06-01", None, None),  # 366 days
        ("2027-06-02", None, "warning"),  # 365 days
        ("2027-12-04", None, "warning"),  # 180 days
        ("2027-12-05", None, "error"),  # 179 days
        ("2028-06-02", None, "error"),
    ],
)
def test_what_ends_before_its_payback_or_within_so_many_days_is_refused(
    today: str, pays_back: str | None, severity: str | None
) -> None:
    day = datetime.date.fromisoformat(pays_back) if pays_back else None
    found = list(training_ends(table(LATE), "openai", "m", datetime.date.fromisoformat(today), LIMITS, day))
    assert [str(f.severity) for f in found] == ([severity] if severity else [])


def test_the_payback_stands_in_the_sentence() -> None:
    (found,) = training_ends(table(LATE), "openai", "m", TODAY, LIMITS, datetime.date(2029, 1, 1))
    assert found.message == (
        "openai m and what is trained on it ends on 2028-06-01, in 529 days, before it pays back (on 2029-01-01 at the "
        f"policy's traffic); train instead on {HOME}"
    )


def test_the_day_that_a_provider_tells_counts_when_it_is_earlier() -> None:
    assert shipped(**{"gpt-4o": "2026-12-31"}).end_of("openai", "gpt-4o").shutdown_on == datetime.date(
        2026, 12, 31
    )
    assert shipped(**{"gpt-4o": "2028-12-31"}).end_of("openai", "gpt-4o").shutdown_on == datetime.date(
        2027, 1, 14
    )
    unlisted = shipped(**{"gpt-7": "2027-02-01"})
    (closing, ending) = training_ends(unlisted, "openai", "gpt-7", TODAY, LIMITS)
    assert (str(closing.severity), str(ending.severity)) == ("warning", "error")
    assert "ends on 2027-02-01, in 43 days" in ending.message
    tuned = Sunsets(None, {("openai", "gpt-7"): datetime.date(2027, 2, 1)})
    assert tuned.end_of("openai", "ft:gpt-7:acme::1").shutdown_on == datetime.date(2027, 2, 1)


def test_without_a_table_a_hosted_training_is_refused() -> None:
    assert told(list(training_ends(Sunsets(None), "openai", "gpt-4o", TODAY, LIMITS))) == [
        (
            "error",
            "nothing says how long openai gpt-4o lives; add evals/sunsets.yaml with its source and date",
        )
    ]


@pytest.mark.parametrize(
    ("today", "promoting", "severity"),
    [
        ("2026-12-14", False, "warning"),  # 31 days
        ("2026-12-16", False, "error"),  # 29 days
        ("2026-07-18", True, "warning"),  # 180 days
        ("2026-07-19", True, "error"),
        ("2026-01-01", True, None),
    ],
)
def test_what_is_promoted_must_last_longer_than_what_callers_get_today(
    today: str, promoting: bool, severity: str | None
) -> None:
    day = datetime.date.fromisoformat(today)
    found = list(
        serving_ends(
            shipped(), "openai", "gpt-4o", day, LIMITS, named="the default model", promoting=promoting
        )
    )
    assert [str(f.severity) for f in found] == ([severity] if severity else [])


def test_a_default_model_that_ends_names_where_to_go() -> None:
    (found,) = serving_ends(
        shipped(), "openai", "gpt-4.1-mini", TODAY, LIMITS, named="the default model", promoting=False
    )
    assert told([found]) == [
        (
            "error",
            "the default model (openai gpt-4.1-mini) ends on 2027-01-14, in 25 days; the policy wants 30 days; "
            f"go instead to openai gpt-6-luna or bedrock amazon.nova-lite-v1:0 or {HOME}",
        )
    ]


def test_a_tuned_model_with_a_name_of_its_own_ends_with_the_base_of_its_entry() -> None:
    (found,) = serving_ends(
        shipped(),
        "openai",
        "our-deployment",
        TODAY,
        LIMITS,
        named="variant v2",
        promoting=True,
        base="gpt-4.1-mini-2025-04-14",
    )
    assert "variant v2 (openai our-deployment) ends on 2027-01-14" in found.message


def test_an_alternative_that_ends_as_soon_or_is_closed_is_not_proposed() -> None:
    dying = "{provider: openai, model: n, trainable: true}"
    closed = "{provider: azure, model: c, trainable: true}"
    rows = row("m", f'shutdown_on: "2027-01-14", alternatives: [{dying}, {closed}]')
    rows += row("n", 'shutdown_on: "2027-02-14"') + row("c", 'training_closes_on: "2026-12-01"', "azure")
    (found,) = training_ends(table(rows), "openai", "m", TODAY, LIMITS)
    assert found.message.endswith(f"train instead on {HOME}")


def test_a_table_that_nobody_looked_at_for_long_warns_row_by_row() -> None:
    rows = row("m", 'shutdown_on: "2029-01-14"', checked="2026-11-04") + row("n", 'shutdown_on: "2029-01-14"')
    sunsets = table(rows)
    ends = [sunsets.end_of("openai", model) for model in ("m", "n")]
    assert [f.message for f in table_age(sunsets, ends, TODAY, LIMITS)] == [
        "this end of openai m was checked 46 days ago; a nearer one may be announced"
    ]
    assert list(table_age(sunsets, ends, datetime.date(2026, 12, 19), LIMITS)) == []
    (early,) = table_age(sunsets, ends[1:], datetime.date(2026, 11, 1), LIMITS)
    assert early.message == "checked_on 2026-12-01 is still to come; say when the page was read"


@given(days=st.integers(-400, 4000), min_days=st.integers(0, 1000), promoting=st.booleans())
def test_whatever_the_days_what_has_ended_never_passes(days: int, min_days: int, promoting: bool) -> None:
    end = TODAY + datetime.timedelta(days=days)
    limits = Limits(min_days=min_days, default_min_days=0, warn_days=0)
    sunsets = table(row("m", f'shutdown_on: "{end}"'))
    trained = [str(f.severity) for f in training_ends(sunsets, "openai", "m", TODAY, limits)]
    served = serving_ends(sunsets, "openai", "m", TODAY, limits, named="it", promoting=promoting)
    assert ("error" in trained) == (days < min_days or days <= 0)
    assert "error" in [str(f.severity) for f in served] or days > 0


@pytest.mark.parametrize("key", ["shutdown_on", "training_closes_on"])
def test_a_day_that_does_not_exist_is_named_with_its_line(key: str) -> None:
    with pytest.raises(InputError) as caught:
        table(row("m", f'{key}: "2027-02-30"'))
    (problem,) = caught.value.problems
    assert (problem.place, problem.message) == (
        f"evals/sunsets.yaml:3 $.sunsets[0].{key}",
        "2027-02-30 is not a day",
    )
