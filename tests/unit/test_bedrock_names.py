"""Names, tags and failure messages of Bedrock: everything follows from the digest, nothing quotes a row."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.training.bedrock import names
from liftgate.training.bedrock.bucket import losses_in
from liftgate.training.bedrock.reading import kind_of_failure, lines_in

DIGEST = "0123456789abcdef" * 4


@given(st.text(max_size=200), st.integers(1, 999))
def test_every_name_has_the_form_that_bedrock_asks_for(suffix: str, attempt: int) -> None:
    assert re.fullmatch(r"([0-9a-zA-Z][_-]?){1,63}", names.model_name(suffix, DIGEST, attempt))
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9\+\-\.])*", names.job_name(DIGEST, attempt))
    token = names.client_token(DIGEST, attempt, "deployment")
    assert re.fullmatch(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,254}[a-zA-Z0-9])?", token)
    assert len(names.model_name(suffix, DIGEST, attempt)) <= 63
    assert names.digest_of_token(token) == DIGEST
    assert names.attempt_in(names.job_name(DIGEST, attempt)) == attempt


@given(st.dictionaries(st.text(min_size=1, max_size=200), st.text(max_size=400), max_size=10))
def test_every_tag_has_the_form_that_bedrock_asks_for(metadata: dict[str, str]) -> None:
    made = names.tags({**metadata, "liftgate_digest": DIGEST})
    for tag in made:
        assert re.fullmatch(r"[a-zA-Z0-9\s._:/=+@-]*", tag["key"])
        assert re.fullmatch(r"[a-zA-Z0-9\s._:/=+@-]*", tag["value"])
        assert 1 <= len(tag["key"]) <= 128
        assert len(tag["value"]) <= 256
    assert names.digest_in(made) == DIGEST


def test_two_manifests_share_no_name() -> None:
    other = "f" + DIGEST[1:]
    assert names.job_name(DIGEST) != names.job_name(other)
    assert (
        names.client_token(DIGEST) != names.client_token(DIGEST, 2) != names.client_token(DIGEST, 1, "import")
    )


@pytest.mark.parametrize("metadata", [{}, {"liftgate_digest": ""}, {"liftgate_digest": "abc"}])
def test_metadata_without_a_digest_are_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(InputError, match="never found again"):
        names.tags(metadata)


@pytest.mark.parametrize("attempt", ["0", "-1", "two", "1000", "1\n"])
def test_an_odd_number_of_an_attempt_is_refused(attempt: str) -> None:
    with pytest.raises(InputError, match="a number from 1 to 999"):
        names.attempt_of({"liftgate_attempt": attempt})


def test_hyperparameters_are_text_without_an_exponent_and_auto_is_left_to_bedrock() -> None:
    chosen = {"epochs": 3, "batch_size": "auto", "learning_rate": 1e-06, "trainer_version": 1}
    assert names.hyperparameters(chosen) == {"epochCount": "3", "learningRate": "0.000001"}


@pytest.mark.parametrize(
    ("message", "code", "lines"),
    [
        (
            "Unable to parse Amazon S3 file: x.jsonl. Data files must conform to JSONL format.",
            "invalid-row",
            (),
        ),
        ("Invalid data in line 17.", "invalid-row", (17,)),
        ("Rows 3, 5 and 9 exceed the maximum token count", "row-too-long", (3, 5, 9)),
        ("lines 4-6: reserved keyword", "reserved-word", (4, 5, 6)),
        ("Sample #12 has an invalid role", "invalid-row", (12,)),
        ("malformed record at index 0", "invalid-row", (1,)),
        ("indices [2, 7] malformed", "invalid-row", (3, 8)),
        ("The dataset needs at least 8 records", "too-few-rows", ()),
        ("Could not validate GetObject permissions to access Amazon S3 bucket: b at key k", "s3-denied", ()),
        ("Amazon S3 perms missing (PutObject)", "s3-denied", ()),
        ("User is not authorized to perform: kms:Decrypt", "key-denied", ()),
        ("epochCount must be between 1 and 5", "hyperparameter", ()),
        ("Internal error. Please try again.", "provider-error", ()),
        ("", "failed", ()),
        ("my password is hunter2", "failed", ()),
    ],
)
def test_a_failure_message_becomes_a_kind_and_lines(message: str, code: str, lines: tuple[int, ...]) -> None:
    assert kind_of_failure(message)[0] == code
    assert lines_in(message) == lines
    assert "hunter2" not in kind_of_failure(message)[1]


@given(st.text(max_size=2048))
def test_any_failure_message_is_read_without_a_crash_and_without_an_endless_list(message: str) -> None:
    kind_of_failure(message)
    assert len(lines_in(message)) <= 1_000


def test_a_range_without_end_is_cut() -> None:
    assert len(lines_in("lines 1-999999999")) == 1_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"step_number,epoch_number,training_loss\n0,0,1.5\n", [{"step": 0, "epoch": 0, "train_loss": 1.5}]),
        (b"step_number,epoch_number,training_loss\n0,0,nan\n1,0,\nx,y,z\n2.0,0.0,1\n", [
            {"step": 2, "epoch": 0, "train_loss": 1.0}
        ]),
        (b"\xff\xfe,\n\x00", []),
        (b"other,columns\n1,2\n", []),
    ],
)  # fmt: skip
def test_losses_are_read_from_what_is_there(text: bytes, expected: list[Any]) -> None:
    assert losses_in(text, "training_loss", "train_loss") == expected
