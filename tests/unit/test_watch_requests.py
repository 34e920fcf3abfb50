from __future__ import annotations

import datetime
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.commands.watching.log_files import parsed
from liftgate.config import Document, check
from liftgate.errors import InputError
from liftgate.findings import Finding
from liftgate.registry.models import read_models
from liftgate.rollout_policy import WatchPolicy
from liftgate.watch import tally
from liftgate.watch.drift import latency_findings, score_findings
from liftgate.watch.error_rate import error_findings
from liftgate.watch.owners import Owner, Owners, Stranger
from liftgate.watch.requests import request_findings
from liftgate.watch.tally import BINS, DAY, LEAST_MS, LOG_STEP, Series, Tallies, minute_of
from log_world import MODELS, NOW, lines

REGISTRY = read_models(MODELS)
POLICY = WatchPolicy()
TUNED, PLAIN = Owner("support", "v1.1.0"), Owner("support", "default")
LINE = {"at": "2026-11-25T09:00:00Z", "alias": "support", "model": "plain-model", "status": "ok"}


def counted(rows: Sequence[Any], policy: WatchPolicy = POLICY) -> Tallies:
    tallies = Tallies.until(Owners(REGISTRY), NOW, policy)
    tallies.add(list(rows), "requests.jsonl", 1)
    tallies.finish()
    return tallies


def rules(tallies: Tallies, policy: WatchPolicy = POLICY) -> list[tuple[str, str]]:
    found = request_findings(REGISTRY, tallies, policy)
    return [(subject, finding.rule) for subject, findings in sorted(found.items()) for finding in findings]


# whose request it is


def test_a_request_belongs_to_who_the_model_id_says_and_a_shared_one_to_nobody_without_an_alias() -> None:
    shared = read_models(MODELS.replace("billing-model", "plain-model"))
    owners = Owners(shared)
    assert owners.of("support", None, "plain-model") == PLAIN
    assert owners.of(None, None, "ft:plain-model:acme:support:a1") == TUNED
    assert owners.of(None, None, "plain-model") is None
    assert owners.of("support", "v1.1.0", "plain-model") == PLAIN
    assert owners.of("billing", None, "ft:plain-model:acme:support:a1") == Stranger(
        "billing", "ft:plain-model:acme:support:a1"
    )
    assert owners.of("nobody", None, "plain-model") == Stranger(None, "plain-model", "nobody")


@pytest.mark.parametrize(
    ("at", "minutes"),
    [
        ("1970-01-01T00:01:59Z", 1),
        ("1970-01-01T01:01:00+01:00", 1),
        ("1969-12-31T19:01:00.999-05:00", 1),
        ("2024-02-29T23:59:59Z", (datetime.date(2024, 3, 1) - datetime.date(1970, 1, 1)).days * DAY - 1),
        (
            "2024-03-01T00:30:00+01:00",
            (datetime.date(2024, 2, 29) - datetime.date(1970, 1, 1)).days * DAY + 1410,
        ),
        ("2026-02-29T00:00:00Z", None),
        ("2026-11-25T09:00:00", None),
        ("20261125T090000Z", None),
        ("2026-11-25", None),
        ("0001-01-01T00:00:00+23:00", -1035593280 - 1380),
        ("", None),
    ],
)
def test_a_time_is_read_with_its_zone_or_not_at_all(at: str, minutes: int | None) -> None:
    assert minute_of(at) == minutes


# what is counted


ODD: list[Any] = [
    None,
    [],
    3,
    {},
    {**LINE, "at": "yesterday"},
    {**LINE, "at": 3},
    {**LINE, "at": ""},
    {**LINE, "model": ""},
    {**LINE, "model": ["plain-model"]},
    {**LINE, "alias": {"a": 1}},
    {**LINE, "variant": 3},
    {**LINE, "status": "fine"},
    {**LINE, "status": None},
    {"at": LINE["at"], "model": "plain-model", "alias": "support"},
    {**LINE, "latency_ms": "12"},
    {**LINE, "latency_ms": True},
    {**LINE, "latency_ms": -1},
    {**LINE, "latency_ms": float("inf")},
    {**LINE, "latency_ms": float("nan")},
    {**LINE, "scores": {"faithfulness": 2}},
    {**LINE, "scores": [1]},
    {**LINE, "shadow": "no"},
]
GOOD: list[Any] = [
    LINE,
    {**LINE, "at": "2026-11-25T10:00:00.5+01:00"},
    {**LINE, "status": "error"},
    {**LINE, "latency_ms": 12},
    {**LINE, "scores": {"faithfulness": 0.5}, "escalated": True},
    {**LINE, "shadow": True},
    {**LINE, "shadow": False},
    {**LINE, "at": "2020-01-01T00:00:00Z"},
    {**LINE, "model": "who"},
    {"at": LINE["at"], "model": "plain-model", "alias": "support", "scores": {"faithfulness": 1}},
]


def test_lines_that_cannot_be_used_are_counted_and_told_and_none_of_their_text_is() -> None:
    tallies = counted([LINE, *ODD])
    assert sum(each.lines for each in tallies.refused.values()) == len(ODD)
    assert tallies.total() == 1
    told = request_findings(REGISTRY, tallies, POLICY)["request-log"]
    assert [str(finding.severity) for finding in told] == ["warning"] * len(told)
    assert told[0].message == "2 lines: alias or variant is no text; the first is this"
    assert told[0].place == "requests.jsonl:11"
    assert "yesterday" not in str(told)


def test_every_line_that_the_schema_takes_is_counted_and_every_other_is_refused() -> None:
    for row in GOOD:
        assert tally.refusal(row) is None
        assert not check(Document("line", row), "request-log"), row
    for row in ODD[1:]:
        # A schema has no word for a number that is none; JSON cannot hold one either.
        if not (isinstance(row, dict) and str(row.get("latency_ms")) in ("inf", "nan")):
            assert check(Document("line", row), "request-log"), row


def numbers(tallies: Tallies) -> Any:
    kept = {
        owner: (each.requests.tolist(), each.errors.tolist(), each.latency.sum(axis=0).nonzero()[0].tolist(),
                {name: table.tolist() for name, table in each.scores.items()})
        for owner, each in tallies.series.items() if each.requests.any() or each.scores
    }  # fmt: skip
    refused = {why: each.lines for why, each in tallies.refused.items()}
    return kept, refused, tallies.lines, tallies.outside, tallies.unclear, tallies.mirrored, tallies.strangers


@given(st.lists(st.sampled_from([*GOOD, *ODD, LINE, LINE, LINE]), max_size=12), st.integers(1, 5))
def test_a_block_counts_as_its_lines_one_by_one_do(rows: list[Any], size: int) -> None:
    blocks, single = (Tallies.until(Owners(REGISTRY), NOW, POLICY) for _ in range(2))
    for start in range(0, len(rows), size):
        blocks.add(rows[start : start + size], "f", start + 1)
    for number, row in enumerate(rows, start=1):
        single.lines += 1
        single._add_one(row, "f", number)
    blocks.finish()
    single.finish()
    assert numbers(blocks) == numbers(single)


def test_what_is_kept_does_not_grow_with_names_that_nobody_knows() -> None:
    rows = [{**LINE, "model": f"m{n}", "alias": None} for n in range(30_000)]
    for row in rows:
        del row["alias"]
    tallies = counted(rows)
    assert len(tallies.strangers) == 200
    assert tallies.more_strangers == 29_800
    assert len(tallies.owners._cache) <= 10_000
    scored = counted([{**LINE, "scores": {f"s{n}": 1.0}} for n in range(100)])
    assert len(scored.series[PLAIN].scores) == 16


# files


def test_blocks_end_where_lines_do_and_numbers_count_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(json.dumps({"n": n, "pad": "x" * (n % 700)}).encode() for n in range(5_000)))
    seen = [(number + at, row["n"]) for number, rows in parsed(path) for at, row in enumerate(rows)]
    assert seen == [(n + 1, n) for n in range(5_000)]


def test_a_line_without_an_end_is_given_up_and_the_next_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n":1}\n' + b"x" * (9 << 20) + b'\n{"n":2}\n{"n":')
    assert [row for _, rows in parsed(path) for row in rows] == [{"n": 1}, None, {"n": 2}, None]


def test_two_values_on_a_line_and_half_a_value_on_the_next_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n":1},{"n":2}\n{"n":3}\n')
    assert [row for _, rows in parsed(path) for row in rows] == [None, {"n": 3}]


def test_compressed_logs_are_read_and_damaged_ones_refused(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "log.jsonl.gz"
    data = gzip.compress(b'{"n":1}\n' * 9)
    path.write_bytes(data)
    assert sum(len(rows) for _, rows in parsed(path)) == 9
    path.write_bytes(data[:-12])
    with pytest.raises(InputError, match="cannot be read"):
        list(parsed(path))
    with pytest.raises(InputError, match="no such request log"):
        list(parsed(tmp_path / "none.jsonl"))


# the error rate


def series(**by_minute: tuple[int, int]) -> Series:
    made = Series(
        np.zeros(35 * DAY, dtype=np.int64),
        np.zeros(35 * DAY, dtype=np.int64),
        np.zeros((35, BINS), dtype=np.int64),
    )
    for where, (requests, errors) in by_minute.items():
        first, last = (int(each) for each in where.removeprefix("m").split("_"))
        made.requests[first:last] += requests
        made.errors[first:last] += errors
    return made


def alarms(
    tuned: Series, plain: Series | None = None, policy: WatchPolicy = POLICY
) -> list[tuple[Owner, Finding]]:
    tallies = Tallies.until(Owners(REGISTRY), NOW, policy)
    tallies.series = {TUNED: tuned} if plain is None else {TUNED: tuned, PLAIN: plain}
    return list(error_findings(tallies, policy))


END = 35 * DAY
AT = END - 600


def test_an_error_rate_that_lasts_is_found_with_its_times_and_its_reference() -> None:
    tuned, plain = series(m0_50400=(20, 0)), series(m0_50400=(60, 0))
    plain.errors[::2] += 1
    tuned.errors[::10] += 1
    tuned.errors[AT : AT + 60] += 6
    [(owner, finding)] = alarms(tuned, plain)
    assert owner == TUNED
    assert finding.message == (
        "30.7% (92 of 300) of the requests fail, and 0.8% (7 of 900) of the default model in the same minutes; the "
        "policy allows 2 times that for less than 15 minutes; from 2026-11-25 13:56 UTC to 2026-11-25 15:04 UTC"
    )


def test_three_requests_are_never_an_incident_however_they_end() -> None:
    tuned, plain = series(), series(m0_50400=(100, 0))
    tuned.requests[AT : AT + 3] = tuned.errors[AT : AT + 3] = 1
    assert alarms(tuned, plain) == []


def test_an_outage_that_meets_the_default_model_as_well_is_not_the_variants() -> None:
    tuned, plain = series(m0_50400=(20, 0)), series(m0_50400=(60, 0))
    tuned.errors[AT : AT + 60], plain.errors[AT : AT + 60] = 15, 45
    assert [owner for owner, _ in alarms(tuned, plain)] == [PLAIN]


def test_a_burst_of_one_minute_is_no_fifteen_minutes() -> None:
    tuned, plain = series(m0_50400=(20, 0)), series(m0_50400=(60, 0))
    tuned.errors[AT] = 20
    assert alarms(tuned, plain) == []


def test_where_nobody_gets_the_default_model_the_variant_is_held_against_its_own_week() -> None:
    tuned = series(m0_50400=(20, 0))
    tuned.errors[::20] += 1
    assert alarms(tuned) == []
    tuned.errors[AT : AT + 60] += 6
    [(_, finding)] = alarms(tuned)
    assert "of its own in the seven days before" in finding.message


def test_few_requests_that_fail_all_day_are_found_by_the_day() -> None:
    tuned, plain = series(), series(m0_50400=(60, 0))
    tuned.requests[::10] = 1
    assert alarms(tuned, plain) == []
    tuned.errors[END - DAY :: 40] = 1
    [(_, finding)] = alarms(tuned, plain)
    assert finding.message.startswith(
        "25.0% (36 of 144) of the requests fail, and 0.0% (0 of 86,400) of the default"
    )
    assert "2 times that for less than a day; from 2026-11-" in finding.message


def test_an_incident_of_an_earlier_week_is_no_news() -> None:
    tuned, plain = series(m0_50400=(20, 0)), series(m0_50400=(60, 0))
    tuned.errors[AT - 9 * DAY : AT - 9 * DAY + 60] = 10
    assert alarms(tuned, plain) == []


def test_its_p_values_are_those_of_the_binomial_distribution() -> None:
    from scipy import stats

    from liftgate.watch.error_rate import _p_values, _Windows

    def of(*values: int) -> Any:
        return np.array(values, dtype=np.int64)

    windows = _Windows(TUNED, 15, of(0, 0, 0), of(9, 0, 40), of(60, 50, 60), of(3, 0, 1), of(200, 50, 90), of(1, 1, 1),
                       of(1, 1, 1))  # fmt: skip
    expected = [
        stats.binom.sf(8, 12, 120 / 320),
        1.0,
        stats.binom.sf(39, 41, 120 / 210),
    ]
    assert _p_values(windows, 2.0) == pytest.approx(expected)


def test_an_honest_variant_is_accused_less_often_than_the_policy_says() -> None:
    generator = np.random.default_rng(5)
    accused = 0
    for _ in range(40):
        rate = np.repeat(generator.uniform(0.0, 0.03, 35 * 24), 60)
        made: list[Series] = []
        for load in (8, 25):
            each = series()
            each.requests[:] = generator.poisson(load, END)
            each.errors[:] = generator.binomial(each.requests, rate)
            made.append(each)
        accused += bool(alarms(made[0], made[1]))
    assert accused == 0


# scores


def scored(before: Sequence[float], now: Sequence[float], n: int = 200, sd: float = 0.1) -> list[Finding]:
    tallies = Tallies.until(Owners(REGISTRY), NOW, POLICY)
    table = np.zeros((3, 35))
    for at, mean in enumerate([*before, *now], start=35 - len(before) - len(now)):
        table[:, at] = (n, n * mean, n * (mean * mean + sd * sd))
    made = series()
    made.scores["faithfulness"] = table
    tallies.series = {TUNED: made}
    return [finding for _, finding in score_findings(tallies, POLICY)]


def test_a_score_that_fell_by_more_than_the_policy_allows_is_told_with_its_interval() -> None:
    usual = [0.90, 0.91, 0.89, 0.90] * 7
    assert scored(usual, [0.90, 0.89, 0.91, 0.90, 0.90, 0.89, 0.91]) == []
    assert scored(usual, [0.86] * 7) == []
    [found] = scored(usual, [0.80] * 7)
    assert found.message == (
        "'faithfulness' fell by 0.100 (at least 0.092) to 0.800 in the last 7 days, n = 1,400; before it was 0.900, "
        "n = 5,600; the policy allows 0.05"
    )


def test_a_drop_that_may_be_chance_is_none() -> None:
    swinging = [0.70, 0.95, 0.80, 0.99] * 7
    assert scored(swinging, [0.75] * 7, n=20) == []
    assert scored([0.9] * 28, [0.8] * 7, n=3) == []
    assert scored([0.9] * 2, [0.5] * 7) == []


# latency


def slow(tuned_ms: float, plain_ms: float | None, n: int = 2_000, seed: int = 3) -> list[Finding]:
    chance = random.Random(seed)  # noqa: S311
    tallies = Tallies.until(Owners(REGISTRY), NOW, POLICY)
    for owner, median in ((TUNED, tuned_ms), (PLAIN, plain_ms)):
        made = series()
        for day in range(20, 35):
            ms = (plain_ms or 200.0) if owner == TUNED and day < 33 else median
            for _ in range(n if ms else 0):
                where = int(np.log((ms or 1.0) * chance.lognormvariate(0, 0.4) / LEAST_MS) / LOG_STEP)
                made.latency[day, where] += 1
        tallies.series[owner] = made
    return [finding for _, finding in latency_findings(tallies, POLICY)]


def test_a_slow_day_is_told_against_the_default_model_or_its_own_week() -> None:
    assert slow(200, 200) == []
    assert slow(230, 200) == []
    [beside] = slow(400, 200)
    assert "the default model's on the same day" in beside.message
    assert beside.message.endswith("the policy allows 1.25 times that; 2 such days")
    [own] = slow(400, None)
    assert "its own on the seven days before" in own.message
    assert slow(400, 200, n=40) == []


def test_the_bounds_of_a_percentile_hold_as_often_as_they_say() -> None:
    from liftgate.watch.drift import _p95_high, _p95_low

    generator = np.random.default_rng(1)
    true = float(np.exp(1.6448536 * 0.4)) * 200
    below = above = 0
    for _ in range(400):
        ms = 200 * np.exp(0.4 * generator.standard_normal(300))
        bins = np.bincount((np.log(ms / LEAST_MS) / LOG_STEP).astype(int), minlength=BINS).astype(np.int64)
        below += _p95_low(bins, 0.05) > true
        above += _p95_high(bins, 0.05) < true
    assert below <= 20 + 9 and above <= 20 + 9


# the whole log


def test_spans_and_lines_may_stand_in_one_file_and_nothing_of_either_breaks_it() -> None:
    said = [{"key": "gen_ai.request.model", "value": {"stringValue": "plain-model"}},
            {"key": "liftgate.alias", "value": {"stringValue": "support"}}]  # fmt: skip
    times = {"startTimeUnixNano": "1795597200000000000", "endTimeUnixNano": "1795597200300000000"}
    span = {**times, "attributes": said, "status": {"code": 2}}
    line = {"resourceSpans": [{"scopeSpans": [{"spans": [span, {**span, "startTimeUnixNano": None}, span]}]}]}
    tallies = counted([LINE, line, LINE])
    assert (tallies.total(), int(tallies.series[PLAIN].errors.sum()), tallies.lines) == (4, 2, 3)
    assert {why: (each.lines, each.line) for why, each in tallies.refused.items()} == {
        "not JSON, or too long a line": (1, 2)
    }


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from(GOOD).map(lambda row: json.dumps(row).encode()), max_size=9
    )
)
def test_whatever_bytes_a_log_holds_each_line_is_counted_once(
    tmp_path_factory: Any, pieces: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    data = b"\n".join(pieces)
    path.write_bytes(data)
    tallies = Tallies.until(Owners(REGISTRY), NOW, POLICY)
    for number, rows in parsed(path):
        tallies.add(rows, "f", number)
    tallies.finish()
    request_findings(REGISTRY, tallies, POLICY)
    assert tallies.lines == len(data.split(b"\n")) - (data.endswith(b"\n") or not data)


@pytest.mark.parametrize(
    ("incident", "subject", "rule"),
    [
        ("unknown-model", "support/requests", "unknown-model"),
        ("score-drop", "support/v1.1.0/requests", "score-drop"),
        ("slow-answers", "support/v1.1.0/requests", "slow-answers"),
        ("silent", "support/v1.1.0/requests", "no-requests"),
    ],
)
def test_an_incident_in_a_log_is_found_and_nothing_else(incident: str, subject: str, rule: str) -> None:
    assert rules(counted([json.loads(line) for line in lines(30_000, 8, incident)])) == [(subject, rule)]


def test_a_clean_log_says_nothing() -> None:
    assert rules(counted([json.loads(line) for line in lines(20_000, 4)])) == []


def test_a_log_without_a_request_is_no_clean_log() -> None:
    assert ("request-log", "no-requests") in rules(counted([]))
    assert ("support/v1.1.0/requests", "no-requests") in rules(counted([LINE]))


def test_what_is_no_plain_id_is_told_by_its_hash() -> None:
    [finding] = request_findings(REGISTRY, counted([{**LINE, "model": "call me: +49 170 1234567"}]), POLICY)[
        "support/requests"
    ]
    assert finding.message == (
        "1 request to a model id of sha256 e4032258c2af, no model of support; register it, or find who sends them"
    )
    assert finding.place == "requests.jsonl:1"
