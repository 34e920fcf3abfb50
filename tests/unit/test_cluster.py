"""Near-duplicate golden cases: one cluster, ids that stay, bytes that stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.data.cluster import Clustering, clustered
from liftgate.data.golden import read_cases
from liftgate.data.near import THRESHOLD, near_clusters, near_pairs, similarity
from liftgate.errors import InputError

LONG = "my card has still not arrived although it was sent two weeks ago by express mail from berlin"


def case(name: str, prompt: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "input": prompt, "expected": "x", **more}


def cluster(*cases: dict[str, Any]) -> Clustering:
    data = "".join(json.dumps(each) + "\n" for each in cases).encode()
    return clustered(data, read_cases(data, "golden.jsonl"))


def ids(found: Clustering) -> list[str | None]:
    return [json.loads(line).get("cluster_id") for line in found.data.splitlines()]


def test_near_repeats_get_an_id_made_from_the_first_case_and_others_none() -> None:
    found = cluster(case("a", LONG), case("b", "Where is my parcel?"), case("c", f"{LONG} please"))
    assert ids(found) == ["near-a", None, "near-a"]
    assert found.clusters == {"near-a": (1, 3)}
    assert found.assigned == (1, 3)


def test_a_hand_written_id_is_taken_over_by_its_near_repeats() -> None:
    found = cluster(
        case("a", LONG), case("b", f"{LONG} please", cluster_id="cards"), case("c", f"please {LONG}")
    )
    assert ids(found) == ["cards"] * 3


def test_near_repeats_that_a_person_put_into_two_clusters_stay_there_and_are_named() -> None:
    found = cluster(case("a", LONG, cluster_id="one"), case("b", f"{LONG} please", cluster_id="two"))
    assert ids(found) == ["one", "two"]
    assert found.across == ((1, 2),)


def test_a_new_id_never_joins_a_cluster_that_has_that_name_already() -> None:
    found = cluster(
        case("x", "Where is it?", cluster_id="near-a"), case("a", LONG), case("b", f"{LONG} please")
    )
    assert ids(found) == ["near-a", "near-a-2", "near-a-2"]


def test_every_other_byte_stays_and_a_second_time_changes_nothing() -> None:
    lines = [
        b'\xef\xbb\xbf{"id":"a","input":"' + LONG.encode() + b'","expected":{"a": 1.50}}\r\n',
        b"\n",
        b'{ "id": "b" , "input": "'
        + LONG.encode()
        + b' caf\\u00e9", "expected": "x", "cluster_id": null }\n',
        b'{"id":"c","input":"' + LONG.encode() + b' now","expected":"}"}  ',
    ]
    data = b"".join(lines)
    found = clustered(data, read_cases(data, "g"))
    assert found.data == b"".join(
        [
            lines[0]
            .replace(b"}}\r", b'},"cluster_id": "near-a"}\r')
            .replace(b',"cluster_id"', b', "cluster_id"'),
            b"\n",
            lines[2].replace(b"null", b'"near-a"'),
            lines[3].replace(b'"}"}', b'"}","cluster_id":"near-a"}'),
        ]
    )
    again = clustered(found.data, read_cases(found.data, "g"))
    assert again.data == found.data
    assert again.assigned == ()


def test_chat_rows_among_the_near_repeats_are_refused_by_line() -> None:
    row = {"messages": [{"role": "user", "content": LONG}, {"role": "assistant", "content": "x"}]}
    with pytest.raises(InputError) as refusal:
        cluster(row, row)
    assert [problem.place for problem in refusal.value.problems] == ["golden.jsonl:1", "golden.jsonl:2"]
    assert LONG not in str(refusal.value)


few_words = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7).map(
    lambda words: " ".join(words).encode()
)


@settings(deadline=None)
@given(st.lists(few_words, min_size=1, max_size=12))
def test_clusters_are_what_chains_of_near_repeats_join(texts: list[bytes]) -> None:
    leader = list(range(len(texts)))
    for a in range(len(texts)):
        for b in range(a):
            if similarity(texts[a], texts[b]) >= THRESHOLD and leader[a] != leader[b]:
                low, high = sorted((leader[a], leader[b]))
                leader = [low if each == high else each for each in leader]
    assert near_clusters(texts) == leader
    assert all(leader[earlier] == leader[later] for earlier, later in near_pairs(texts))
