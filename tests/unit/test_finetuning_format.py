"""What is sent to OpenAI's fine-tuning API and what its replies mean, as values."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.training import finetuning_format as wire
from liftgate.training.finetuning_hosts import HOSTS
from liftgate.training.finetuning_limits import ModelLimits, limit_findings, limits_of, shutdown_of
from liftgate.training.jobs import JobState
from openai_submissions import BASE, ROW_TEXT, submission

OPENAI = HOSTS["openai"]
DIGEST = "0123456789abcdef" * 4


def job(**more: Any) -> dict[str, Any]:
    return {"id": "ftjob-1", "status": "running", "metadata": {"liftgate_digest": DIGEST}, **more}


def test_the_body_names_the_method_and_carries_digest_and_dataset(tmp_path: Path) -> None:
    sent = submission(tmp_path)
    assert wire.create_body(sent, OPENAI, "file-1", "file-2") == {
        "model": BASE,
        "training_file": "file-1",
        "validation_file": "file-2",
        "method": {
            "type": "supervised",
            "supervised": {
                "hyperparameters": {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": "auto"}
            },
        },
        "suffix": "support-intent-v1-2-0",
        "seed": 7,
        "metadata": {
            "liftgate_dataset": "1.2.0",
            "liftgate_train_sha256": "a" * 64,
            "liftgate_validation_sha256": "b" * 64,
            "liftgate_digest": sent.manifest.digest,
        },
    }


def test_a_grader_stands_beside_the_hyperparameters_of_reinforcement(tmp_path: Path) -> None:
    grader = {"type": "string_check", "name": "same", "input": "a", "reference": "b", "operation": "eq"}
    sent = submission(tmp_path, method="reinforcement", hyperparameters={"epochs": 1, "grader": grader})
    wire.checked(sent, OPENAI)
    assert wire.create_body(sent, OPENAI, "file-1", None)["method"] == {
        "type": "reinforcement",
        "reinforcement": {"hyperparameters": {"n_epochs": 1}, "grader": grader},
    }


def test_a_host_without_metadata_gets_the_digest_in_the_suffix(tmp_path: Path) -> None:
    sent = submission(tmp_path)
    body = wire.create_body(sent, HOSTS["together"], "file-1", None)
    assert "metadata" not in body
    assert body["suffix"] == f"support-intent-v1-2-0-{sent.manifest.digest[:16]}"
    assert len(body["suffix"]) <= 40


@given(st.text(max_size=200), st.sampled_from(sorted(HOSTS)))
def test_a_suffix_always_fits(text: str, name: str) -> None:
    from dataclasses import replace

    from liftgate.training.jobs import Submission
    from liftgate.training.manifest import Manifest

    made = Manifest("a", "openai", BASE, BASE, "supervised", 0, "1.0.0", "a" * 64, None)
    sent = replace(Submission(made, Path("x"), None, ""), suffix=text)
    suffix = wire.suffix(sent, HOSTS[name])
    assert 1 <= len(suffix) <= HOSTS[name].most_suffix
    assert HOSTS[name].metadata or made.digest[:16] in suffix


def test_everything_that_would_be_refused_is_said_at_once(tmp_path: Path) -> None:
    from dataclasses import replace

    sent = submission(tmp_path, method="lora", seed=-1, hyperparameters={"rank": 8})
    sent = replace(sent, metadata={str(n): "x" * 513 for n in range(17)})
    with pytest.raises(InputError) as refused:
        wire.checked(sent, OPENAI)
    messages = [problem.message for problem in refused.value.problems]
    assert messages[:4] == [
        "openai trains by dpo, reinforcement, supervised, not by 'lora'",
        "'rank' is no hyperparameter of lora here",
        "the seed must lie between 0 and 2147483647",
        "21 metadata pairs, the API takes 16",
    ]
    assert len(messages) == 4 + 17


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("validating_files", JobState.RUNNING),
        ("queued", JobState.RUNNING),
        ("running", JobState.RUNNING),
        ("pausing", JobState.RUNNING),
        ("paused", JobState.PAUSED),
        ("failed", JobState.FAILED),
        ("cancelled", JobState.CANCELLED),
        ("compressing", JobState.RUNNING),
        (None, JobState.RUNNING),
        (3, JobState.RUNNING),
    ],
)
def test_a_status_that_nobody_knows_counts_as_running(status: Any, state: JobState) -> None:
    assert wire.read_job(job(status=status), OPENAI).state is state


def test_success_without_a_model_is_not_yet_success() -> None:
    assert wire.read_job(job(status="succeeded"), OPENAI).state is JobState.RUNNING
    done = wire.read_job(job(status="succeeded", fine_tuned_model="ft:a:b::c", trained_tokens=12), OPENAI)
    assert (done.state, done.model_id, done.trained_tokens) == (JobState.SUCCEEDED, "ft:a:b::c", 12)


def test_smaller_hosts_say_it_in_other_words() -> None:
    together = HOSTS["together"]
    assert wire.read_job(job(status="error"), together).state is JobState.FAILED
    assert wire.read_job(job(status="completed", output_name="me/x"), together).model_id == "me/x"


# As the service wrote them, found in public reports.
MESSAGES = [
    ('Invalid file format. Example 1273 cannot be parsed. Error: line contains invalid json: Expecting "," '
     "delimiter: line 1 column 79 (char 78) (line 1273)", (1273,)),
    ("The job failed due to an invalid training file. Invalid file format. Example 100, message 2 Discriminator "
     "'role' is missing in value", (100,)),
    ("Invalid file format. Example 6174 message contains an invalid token: <|fim_suffix|>.", (6174,)),
    ('Expected file to have JSONL format, where every line is a JSON dictionary. Line 1 is not a dictionary (HINT: '
     'line starts with: "Example 7 and Line 9 ...").', (1,)),
    ("Training file has 3 example(s), but must have at least 10 examples", ()),
    ("Examples 3, 17 and 20 were blocked by our moderation system", (3, 17, 20)),
    ("Validation of jsonl file failed on line 4", (4,)),
    (None, ()),
    ({"nested": 1}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("message", "lines"), MESSAGES)
def test_only_line_numbers_come_out_of_a_message(message: Any, lines: tuple[int, ...]) -> None:
    error = {"code": "invalid_file_format", "message": message, "param": "training_file"}
    read = wire.read_job(job(status="failed", error=error), OPENAI)
    assert read.error_lines == lines
    assert read.error_message == "the provider cannot read a file's format"
    assert read.details["error_file"] == "training_file"


def test_a_code_that_may_be_text_is_not_shown() -> None:
    read = wire.read_job(job(status="failed", error={"code": f"bad {ROW_TEXT}", "message": ROW_TEXT}), OPENAI)
    assert (read.error_code, ROW_TEXT in repr(read)) == (None, False)


@pytest.mark.parametrize("raw", [{}, {"id": None}, {"id": "a b"}, {"id": "x" * 300}])
def test_what_is_no_job_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no job"):
        wire.read_job(raw, OPENAI)


def test_losses_come_from_events_and_from_result_files() -> None:
    events: list[dict[str, Any]] = [
        {"type": "metrics", "data": {"step": 2, "train_loss": 0.5, "valid_loss": 0.9}},
        {"type": "message", "data": {"step": 9}},
        {"type": "metrics", "data": {"step": 1, "train_loss": 0.75, "other": "x"}},
        {"type": "metrics", "data": None},
    ]
    assert wire.losses_of_events(events) == [
        {"step": 1, "train_loss": 0.75},
        {"step": 2, "train_loss": 0.5, "valid_loss": 0.9},
    ]
    table = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,0.75,0.5,,\n2,0.5,0.9,nan,0.8\n"
    losses = [
        {"step": 1, "train_loss": 0.75, "train_accuracy": 0.5},
        {"step": 2, "train_loss": 0.5, "train_accuracy": 0.9, "valid_mean_token_accuracy": 0.8},
    ]
    assert wire.losses_of_results(table.encode()) == losses
    assert wire.losses_of_results(base64.b64encode(table.encode())) == losses
    assert wire.losses_of_results(b"\x00\xff no table") == []


@given(st.binary(max_size=200))
def test_no_result_file_breaks_the_reader(content: bytes) -> None:
    wire.losses_of_results(content)


LIMITS = {"object": "list", "data": [
    {"model": "gpt-4o-mini", "max_examples": 50, "max_tokens": 1_000, "max_epochs": 10, "max_active_jobs": 3},
    {"model": "gpt-4o", "max_examples": 5},
]}  # fmt: skip


def test_limits_are_those_of_the_longest_name_that_fits() -> None:
    assert limits_of(LIMITS, BASE) == ModelLimits(rows=50, tokens=1_000, epochs=10, jobs=3)
    assert limits_of({"gpt-4o-mini": {"limits": {"max_rows": 4}}}, BASE).rows == 4
    odd: list[Any] = [None, [], "x", {"data": 3}, {"data": [1, {"model": 3}]}, LIMITS]
    assert all(limits_of(reply, "gpt-9").says_nothing for reply in odd)


def test_each_limit_that_is_passed_is_a_finding() -> None:
    limits = limits_of(LIMITS, BASE)
    found = list(limit_findings(limits, BASE, rows=51, tokens=1_001, epochs=11))
    assert [f.message for f in found] == [
        f"51 rows, and the provider takes 50 for one job on {BASE}",
        f"1,001 training tokens, and the provider takes 1,000 for one job on {BASE}",
        f"11 epochs, and the provider takes 10 for one job on {BASE}",
    ]
    assert list(limit_findings(limits, BASE, rows=50, tokens=1_000, epochs=None)) == []


def test_a_limit_of_nothing_is_an_error_and_no_limit_a_warning() -> None:
    closed = list(limit_findings(ModelLimits(jobs=0), BASE, rows=1, tokens=1, epochs=1))
    silent = list(limit_findings(ModelLimits(), BASE, rows=1, tokens=1, epochs=1))
    assert [(f.rule, str(f.severity)) for f in closed + silent] == [
        ("training-not-offered", "error"),
        ("unknown-model-limit", "warning"),
    ]


def test_the_end_of_a_model_is_a_date_or_not_announced() -> None:
    assert shutdown_of({"shutdown_date": "2027-01-14"}) == datetime.date(2027, 1, 14)
    assert shutdown_of({}) is None
    with pytest.raises(ValueError, match="isoformat"):
        shutdown_of({"shutdown_date": "soon"})
