"""What a comment remembers for the next push, and what of it is believed."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import change_examples as changes
from liftgate.report.comment_digest import (
    PreviousDigest,
    _checksum,
    alias_digest,
    digest_of,
    find_digest,
    first_line,
    marker,
)


def line(data: Any) -> str:
    """A first line as somebody would forge it, checksum and all."""
    text = base64.b64encode(json.dumps(data).encode()).decode()
    return f"{marker('gate')}<!-- liftgate-digest:{_checksum(text)}:{text} -->\n**Pass**"


def held(**about: Any) -> dict[str, Any]:
    alias = ["pass", 0.1, 0, 1, "0" * 12]
    return {"head": changes.HEAD, "aliases": {"a" * 12: alias}, **about}


def test_what_is_written_is_read_again_with_what_was_before_it() -> None:
    first = digest_of(replace(changes.bad_data(), head_sha=changes.EARLIER), None)
    second = digest_of(changes.two_aliases(), first)
    assert second is not None and second.before == first
    assert find_digest(first_line("gate", second) + "\n**x**") == second
    told = alias_digest(second, changes.ALIAS)
    assert told is not None
    assert (told.state, told.errors, round(told.lift or 0, 3)) == ("block", 1, 0.066)
    assert alias_digest(second, "another") is None


def test_of_many_pushes_only_the_last_two_are_remembered() -> None:
    digest: PreviousDigest | None = None
    aliases = tuple(replace(changes.passing().outcomes[0], alias="🙂" * 500 + str(i)) for i in range(300))
    for number in range(5):
        whole = replace(changes.change(*aliases), head_sha=f"{number:040x}")
        digest = find_digest(first_line("gate", digest_of(whole, digest)))
    assert digest is not None and digest.before is not None and digest.before.before is None
    assert len(digest.aliases) == 20
    assert len(first_line("gate", digest)) < 5_000


def test_a_forger_with_the_checksum_gets_numbers_in_and_nothing_else() -> None:
    assert find_digest(line(held())) is not None


@pytest.mark.parametrize(
    "data",
    [
        [],
        None,
        "x",
        {},
        held(head="<b>"),
        held(head=7),
        held(aliases=[]),
        held(aliases={"<script>": ["pass", 0.1, 0, 1, None]}),
        held(aliases={f"{i:012x}": ["pass", 0.1, 0, 1, None] for i in range(21)}),
        held(before={"head": "x", "aliases": {}}),
        *(
            held(aliases={"a" * 12: alias})
            for alias in (
                ["merge me", 0.1, 0, 1, None],
                ["pass", 7, 0, 1, None],
                ["pass", True, 0, 1, None],
                ["pass", float("nan"), 0, 1, None],
                ["pass", float("inf"), 0, 1, None],
                ["pass", 0.1, -1, 1, None],
                ["pass", 0.1, 10**30, 1, None],
                ["pass", 0.1, "0", 1, None],
                ["pass", 0.1, 0, 1, "@ana"],
                ["pass", 0.1, 0, 1],
                [["pass"], 0.1, 0, 1, None],
                None,
            )
        ),
    ],
)
def test_what_is_not_whole_or_not_of_the_form_is_ignored(data: Any) -> None:
    assert find_digest(line(data)) is None


def test_a_digest_that_was_altered_or_stands_elsewhere_is_ignored() -> None:
    whole = line(held())
    assert find_digest(None) is None and find_digest("") is None and find_digest("hello") is None
    assert find_digest(whole.replace("liftgate-digest:", "liftgate-digest:0")) is None
    assert find_digest(whole[:120] + "A" + whole[121:]) is None
    assert find_digest("I like this\n" + whole) is None
    assert find_digest(whole.replace(marker("gate"), "")) is None
    assert find_digest("\ufeff\r\n" + whole.replace("\n", "\r\n")) is not None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=30))
def test_no_bytes_at_all_are_more_than_ignored(data: bytes, workflow: str) -> None:
    text = base64.b64encode(data).decode()
    found = find_digest(f"{marker(workflow)}<!-- liftgate-digest:{_checksum(text)}:{text} -->")
    assert found is None
    assert "--" not in marker(workflow)[4:-3] and "\n" not in marker(workflow)
