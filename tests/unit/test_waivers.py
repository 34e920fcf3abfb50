"""Waivers: what they reach, what they never reach, and when they end."""

from __future__ import annotations

import datetime

import pytest

from liftgate.data.dataset import Row
from liftgate.data.waivers import Waiver, apply_waivers, read_waivers, waiver_expired, waiver_unused
from liftgate.errors import InputError
from liftgate.findings import Finding, Severity

TODAY = datetime.date(2026, 11, 25)


def waivers(*entries: str) -> tuple[Waiver, ...]:
    return read_waivers(
        "version: 1\nwaivers:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries), "w.yaml"
    )


def entry(rule: str = "pii", rows: str = "[a]", expires: str = "2026-12-31") -> str:
    return f"rule: {rule}, rows: {rows}, owner: ana, reason: public, expires: {expires}"


def rows(*ids: str | None) -> list[Row]:
    return [Row(line, {"metadata": {"id": id_} if id_ else {}}) for line, id_ in enumerate(ids, 1)]


def found(line: int | None = 1, rule: str = "pii") -> Finding:
    return Finding(rule, Severity.ERROR, "holds an IBAN", "x.jsonl", line)


def test_a_waived_finding_becomes_a_notice_that_says_who_and_until_when() -> None:
    kept, waived = apply_waivers([found()], waivers(entry()), rows("a"), TODAY)
    said = "holds an IBAN (waived by ana until 2026-12-31: public)"
    assert kept == [Finding("pii", Severity.NOTICE, said, "x.jsonl", 1)]
    assert [each.to_dict() for each in waived] == [
        {
            "rule": "pii",
            "severity": "error",
            "message": "holds an IBAN",
            "path": "x.jsonl",
            "line": 1,
            "owner": "ana",
            "reason": "public",
            "expires": "2026-12-31",
        }
    ]


@pytest.mark.parametrize(
    ("finding", "ids"),
    [
        (found(2), ["a", "b"]),
        (found(rule="schema"), ["a"]),
        (found(None), ["a"]),
        (found(1), ["a", "a"]),
        (found(1), [None]),
        (found(1), []),
    ],
    ids=["another row", "another rule", "a whole file", "an id that stands twice", "no id", "no such line"],
)
def test_a_waiver_reaches_nothing_else(finding: Finding, ids: list[str | None]) -> None:
    assert apply_waivers([finding], waivers(entry()), rows(*ids), TODAY) == ([finding], [])


def test_an_id_that_the_other_half_of_the_split_has_too_waives_neither() -> None:
    assert apply_waivers([found()], waivers(entry()), rows("a"), TODAY, rows("a")) == ([found()], [])


def test_a_waiver_counts_on_its_last_day_and_not_on_the_next() -> None:
    last = datetime.date(2026, 12, 31)
    entries = waivers(entry())
    assert len(apply_waivers([found()], entries, rows("a"), last)[1]) == 1
    assert list(waiver_expired(entries, last)) == []
    after = last + datetime.timedelta(days=1)
    assert apply_waivers([found()], entries, rows("a"), after) == ([found()], [])
    assert [(f.rule, f.severity, f.message, f.place) for f in waiver_expired(entries, after)] == [
        (
            "waiver-expired",
            "warning",
            "the waiver of pii expired on 2026-12-31 and no longer counts",
            "w.yaml:3",
        )
    ]


def test_of_two_waivers_for_a_row_the_later_one_is_shown() -> None:
    entries = waivers(entry(expires="2027-03-01"), entry(expires="2026-12-01"))
    _, waived = apply_waivers([found()], entries, rows("a"), TODAY)
    assert waived[0].waiver.expires == datetime.date(2027, 3, 1)


@pytest.mark.parametrize("rule", ["secret", "golden-leak"])
def test_what_can_never_be_waived_is_refused_in_words(rule: str) -> None:
    with pytest.raises(InputError) as error:
        waivers(entry(rule))
    assert str(error.value) == (
        "w.yaml has 1 problem\n"
        f'  w.yaml:3 $.waivers[0].rule: "{rule}" is refused here: '
        "a rule id; secret and golden-leak cannot be waived"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry(rows="[]"), "must not be empty"),
        ("rule: pii, owner: ana, reason: x, expires: 2026-12-31", "the key 'rows' is missing"),
        ("rule: pii, rows: [a], reason: x, expires: 2026-12-31", "the key 'owner' is missing"),
        (entry(rows="[a, 7]"), "expected string, found 7"),
        (entry(expires="2026-02-30"), "2026-02-30 is not a day"),
        (entry(expires="soon"), "does not have the form"),
        (entry() + ", row: b", "did you mean 'rows'"),
    ],
)
def test_a_waiver_that_cannot_be_meant_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"w\.yaml:3") as error:
        waivers(text)
    assert said in str(error.value)


def test_a_file_without_waivers_is_a_file() -> None:
    assert read_waivers("version: 1\n", "w.yaml") == ()


def test_waivers_that_waive_nothing_are_told_apart() -> None:
    entries = waivers(
        entry("pi"), entry(rows="[a, zz, 'the heron sleeps']"), entry(rows="[b]"), entry("schema")
    )
    used = {entries[3]}
    said = [
        (f.severity, f.message, f.line) for f in waiver_unused(entries, used, {"a", "b"}, ["pii", "schema"])
    ]
    assert said == [
        ("warning", "'pi' is not a rule; did you mean 'pii'?", 3),
        ("notice", "waives pii for rows that the dataset does not hold: an id in words, 'zz'", 4),
        ("notice", "waives pii for rows in which nothing is found; it can go", 5),
    ]
