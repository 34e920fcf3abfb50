"""Training on Bedrock over HTTP: one job whatever happens, rows kept safe, every refusal in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3", reason="needs the extra aws")
pytest.importorskip("moto.server", reason="needs moto[server]")

from bedrock_control_account import ACCOUNT, BASE, REGION
from bedrock_world import BUCKET, KEY_ID, ROW_TEXT, SECRET, S3Gate, World, moto_server, submission, world
from liftgate.errors import InputError, LiftgateError, ProviderError, ReplyLost
from liftgate.training.jobs import JobState, Submission, Trainer
from liftgate.training.trainers import Settings, open_trainer


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def there(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(endpoint, tmp_path, monkeypatch) as built:
        yield built


def launched(trainer: Trainer, sent: Submission) -> Any:
    """What a launch does with a trainer: look, create, and look again when the reply is lost."""
    if found := trainer.find(sent.manifest.digest):
        return found[0]
    try:
        return trainer.submit(sent)
    except ReplyLost:
        found = trainer.find(sent.manifest.digest)
        return found[0] if found else None


def test_a_submission_becomes_one_job_with_everything_that_names_it(there: World, tmp_path: Path) -> None:
    sent = submission(tmp_path, validation=True)
    digest = sent.manifest.digest
    job = there.trainer.submit(sent)
    [(_, asked)] = [request for request in there.control.requests if request[0].startswith("Create")]
    tags = [
        {"key": "liftgate_dataset", "value": "support-intent 1.2.0"},
        {"key": "liftgate_digest", "value": digest},
    ]
    assert asked == {
        "jobName": f"ft-{digest[:16]}",
        "customModelName": f"support-intent-v1-2-0-{digest[:16]}",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/liftgate-bedrock",
        "clientRequestToken": digest,
        "baseModelIdentifier": BASE,
        "customizationType": "FINE_TUNING",
        "hyperParameters": {"epochCount": "2", "learningRate": "0.00001", "learningRateWarmupSteps": "10"},
        "jobTags": tags,
        "customModelTags": tags,
        "trainingDataConfig": {"s3Uri": f"s3://{BUCKET}/liftgate/data/{sent.manifest.train_sha256}.jsonl"},
        "validationDataConfig": {
            "validators": [{"s3Uri": f"s3://{BUCKET}/liftgate/data/{sent.manifest.validation_sha256}.jsonl"}]
        },
        "outputDataConfig": {"s3Uri": f"s3://{BUCKET}/liftgate/output/{digest}/"},
    }
    assert (job.state, job.digest, job.provider) == (JobState.RUNNING, digest, "bedrock")
    assert [found.id for found in there.trainer.find(digest)] == [job.id]


def test_rows_lie_in_the_bucket_encrypted_checked_and_written_once(there: World, tmp_path: Path) -> None:
    sent = submission(tmp_path)
    there.trainer.submit(sent)
    key = f"liftgate/data/{sent.manifest.train_sha256}.jsonl"
    held = there.s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert held["ServerSideEncryption"] == "AES256"
    assert held["ChecksumSHA256"]
    assert there.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == sent.train.read_bytes()
    there.trainer.submit(sent)
    assert there.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] == held["LastModified"]


def test_another_object_under_the_name_of_the_rows_stops_the_launch(there: World, tmp_path: Path) -> None:
    sent = submission(tmp_path)
    there.s3.put_object(Bucket=BUCKET, Key=f"liftgate/data/{sent.manifest.train_sha256}.jsonl", Body=b"other")
    with pytest.raises(ProviderError, match="another object lies under this name"):
        there.trainer.submit(sent)
    assert not there.control.created


def test_a_bucket_that_is_not_the_owners_only_gets_no_row(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(endpoint, tmp_path, monkeypatch, owner_only=False) as there:
        with pytest.raises(InputError) as refused:
            there.trainer.submit(submission(tmp_path))
        assert str(refused.value) == (
            "no row is sent into this bucket\n"
            "  s3://tickets: public access is not blocked; turn all four blocks on\n"
            "  s3://tickets: access lists are on; set object ownership to BucketOwnerEnforced\n"
            "  hint: liftgate doctor bedrock checks it again"
        )
        assert not there.s3.list_objects_v2(Bucket=BUCKET).get("Contents")


@pytest.mark.parametrize("fault", ["lost", "500-done", "500", "503"])
@pytest.mark.parametrize("late", [0, 1, 3])
def test_a_lost_reply_never_makes_a_second_job(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, late: int
) -> None:
    faults = {"CreateModelCustomizationJob": [fault]}
    with world(endpoint, tmp_path, monkeypatch, faults=faults, late=late) as there:
        sent = submission(tmp_path)
        for _ in range(6):
            job = launched(there.trainer, sent)
        assert job is not None
        assert there.control.created["CreateModelCustomizationJob"] == 1
        assert [found.id for found in there.trainer.find(sent.manifest.digest)] == [job.id]


def test_the_create_is_sent_once_even_where_boto3_would_repeat_it(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {"CreateModelCustomizationJob": ["500"] * 5}
    with world(endpoint, tmp_path, monkeypatch, faults=faults, more={"AWS_MAX_ATTEMPTS": "5"}) as there:
        with pytest.raises(ReplyLost):
            there.trainer.submit(submission(tmp_path))
        assert there.control.calls.count("CreateModelCustomizationJob") == 1


def test_an_unlisted_job_of_the_same_name_is_adopted_or_looked_for_again(
    there: World, tmp_path: Path
) -> None:
    sent = submission(tmp_path)
    first = there.trainer.submit(sent)
    # Another suffix is another request under the same token: Bedrock calls that a conflict.
    again = there.trainer.submit(replace(sent, suffix="renamed"))
    assert again.id == first.id
    there.control._hidden[first.id] = 5
    with pytest.raises(ReplyLost, match="not listed yet"):
        there.trainer.submit(replace(sent, suffix="renamed"))
    assert there.control.created["CreateModelCustomizationJob"] == 1


def test_a_foreign_job_under_our_name_is_not_adopted(there: World, tmp_path: Path) -> None:
    sent = submission(tmp_path)
    first = there.trainer.submit(sent)
    there.control.tags[first.id] = []
    with pytest.raises(ProviderError, match="is not ours"):
        there.trainer.submit(replace(sent, suffix="renamed"))
    assert there.trainer.find(sent.manifest.digest) == []


def test_an_approved_relaunch_is_a_job_of_its_own_and_found_beside_the_first(
    there: World, tmp_path: Path
) -> None:
    sent = submission(tmp_path)
    first = there.trainer.submit(sent)
    there.control.finish(first.id, "Failed", "Internal error, try again")
    second = there.trainer.submit(replace(sent, metadata={**sent.metadata, "liftgate_attempt": "2"}))
    found = there.trainer.find(sent.manifest.digest)
    assert [(job.id, job.state) for job in found] == [
        (first.id, JobState.FAILED),
        (second.id, JobState.RUNNING),
    ]


def test_a_list_is_read_over_all_its_pages_and_names_that_only_look_alike_are_left_out(
    there: World, tmp_path: Path
) -> None:
    sent = submission(tmp_path)
    jobs = [
        there.trainer.submit(replace(sent, metadata={**sent.metadata, "liftgate_attempt": str(n)}))
        for n in range(1, 6)
    ]
    there.control.tags[jobs[2].id] = [{"key": "liftgate_digest", "value": "0" * 64}]
    found = [job.id for job in there.trainer.find(sent.manifest.digest)]
    assert found == [job.id for n, job in enumerate(jobs) if n != 2]


def test_a_job_is_followed_to_its_model_and_its_losses(there: World, tmp_path: Path) -> None:
    sent = submission(tmp_path)
    started = there.trainer.submit(sent)
    running = there.trainer.poll(started.id)
    assert running.state is JobState.RUNNING
    assert running.details["stages"] == {"data_processing": "InProgress"}
    there.control.finish(started.id, losses=[2.5, 1.25, 0.5])
    done = there.trainer.poll(started.id)
    assert done.state is JobState.SUCCEEDED
    assert done.model_id == f"arn:aws:bedrock:{REGION}:{ACCOUNT}:custom-model/{BASE}/{started.id[-12:]}"
    assert done.losses == (
        {"step": 0, "epoch": 0, "train_loss": 2.5},
        {"step": 1, "epoch": 0, "train_loss": 1.25},
        {"step": 2, "epoch": 0, "train_loss": 0.5},
    )
    assert (done.digest, done.details["train_loss"]) == (sent.manifest.digest, 0.5)
    assert done.finished_at and done.finished_at.endswith("Z")
    assert there.trainer.cancel(started.id).state is JobState.SUCCEEDED


def test_metrics_that_are_missing_or_closed_do_not_undo_a_success(
    there: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = there.trainer.submit(submission(tmp_path))
    there.control.finish(started.id)
    assert there.trainer.poll(started.id).losses == ()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    cut_off = open_trainer(Settings("bedrock", there.environment))
    done = cut_off.poll(started.id)
    assert done.state is JobState.SUCCEEDED
    assert "cannot be reached" in done.details["metrics_problem"]


def test_a_job_that_a_person_stops_is_cancelled(there: World, tmp_path: Path) -> None:
    started = there.trainer.submit(submission(tmp_path))
    stopping = there.trainer.cancel(started.id)
    assert (stopping.state, stopping.provider_status) == (JobState.RUNNING, "Stopping")
    assert there.trainer.cancel(started.id).provider_status == "Stopping"
    there.control.finish(started.id, "Stopped")
    assert there.trainer.poll(started.id).state is JobState.CANCELLED


def test_a_failure_names_lines_and_a_kind_and_never_the_row(there: World, tmp_path: Path) -> None:
    started = there.trainer.submit(submission(tmp_path))
    there.control.finish(started.id, "Failed", f"Invalid JSON format in lines 3, 5-7 and 9: '{ROW_TEXT}'")
    failed = there.trainer.poll(started.id)
    assert (failed.state, failed.error_code, failed.error_lines) == (
        JobState.FAILED,
        "invalid-row",
        (3, 5, 6, 7, 9),
    )
    assert "marmalade" not in repr(failed)


@pytest.mark.parametrize(
    ("operation", "fault", "word"),
    [
        ("CreateModelCustomizationJob", "throttle", "too many requests (ThrottlingException)"),
        ("CreateModelCustomizationJob", "denied", "denied (AccessDeniedException)"),
        ("CreateModelCustomizationJob", "expired", "expired or wrong (ExpiredTokenException)"),
        ("CreateModelCustomizationJob", "quota", "refused (ServiceQuotaExceededException)"),
        ("ListModelCustomizationJobs", "throttle", "too many requests"),
        ("ListModelCustomizationJobs", "500", "refused (InternalServerException)"),
        ("ListTagsForResource", "denied", "denied"),
        ("GetModelCustomizationJob", "expired", "expired or wrong"),
    ],
)
def test_after_a_refusal_at_any_call_the_same_launch_ends_with_one_job(
    endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    fault: str,
    word: str,
) -> None:
    with world(endpoint, tmp_path, monkeypatch, faults={operation: [fault]}) as there:
        sent = submission(tmp_path)
        errors = []
        for _ in range(4):
            try:
                launched(there.trainer, sent)
            except LiftgateError as error:
                errors.append(str(error))
        assert len(errors) == 1
        assert word in errors[0]
        for secret in (SECRET, KEY_ID, "row text", ROW_TEXT, "Signature"):
            assert secret not in errors[0]
        assert there.control.created["CreateModelCustomizationJob"] == 1


def test_a_request_that_never_left_is_no_lost_reply(
    there: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="cannot be reached") as unsent:
        open_trainer(Settings("bedrock", there.environment)).submit(submission(tmp_path))
    assert not isinstance(unsent.value, ReplyLost)


@pytest.mark.parametrize(
    ("method", "part", "status", "code", "word"),
    [
        ("HEAD", "/tickets", 403, "", "belongs to another account"),
        ("HEAD", "/tickets", 404, "", "does not exist"),
        ("GET", "publicAccessBlock", 403, "AccessDenied", "get-public-access-block: denied (AccessDenied)"),
        ("GET", "ownershipControls", 403, "AccessDenied", "get-bucket-ownership-controls: denied"),
        ("PUT", "/liftgate/data/", 403, "AccessDenied", "put-object: denied (AccessDenied)"),
        ("PUT", "/liftgate/data/", 400, "ExpiredToken", "expired or wrong (ExpiredToken)"),
        ("PUT", "/liftgate/data/", 503, "SlowDown", "too many requests (SlowDown)"),
        ("PUT", "/liftgate/data/", 500, "InternalError", "refused (InternalError)"),
        ("PUT", "/liftgate/data/", 400, "BadDigest", "refused (BadDigest)"),
    ],
)
def test_a_refusal_of_s3_starts_no_job_and_the_next_launch_starts_one(
    there: World,
    endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    part: str,
    status: int,
    code: str,
    word: str,
) -> None:
    with S3Gate(endpoint, [(method, part, status, code)]) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", gate)
        trainer, sent = open_trainer(Settings("bedrock", there.environment)), submission(tmp_path)
        with pytest.raises(LiftgateError) as refused:
            launched(trainer, sent)
        assert word in str(refused.value)
        assert "liftgate/data" not in str(refused.value)
        assert not there.control.created
        launched(trainer, sent)
        assert there.control.created["CreateModelCustomizationJob"] == 1


def test_without_credentials_the_hint_is_how_to_get_some(
    there: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ProviderError, match="no AWS credentials that can be used"):
        open_trainer(Settings("bedrock", there.environment)).find(submission(tmp_path).manifest.digest)


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(InputError) as refused:
        open_trainer(Settings("bedrock", {"LIFTGATE_BEDROCK_PREFIX": "a=b"}))
    assert str(refused.value) == (
        "training on Bedrock is not configured\n"
        "  AWS_REGION: name the region, such as us-east-1\n"
        "  LIFTGATE_BEDROCK_BUCKET: name the bucket for rows and metrics, without s3://\n"
        "  LIFTGATE_BEDROCK_PREFIX: letters, digits, `.`, `_`, `-`, folders by `/`\n"
        "  LIFTGATE_BEDROCK_ROLE_ARN: the role that Bedrock takes: arn:aws:iam::<account>:role/<name>\n"
        "  hint: set them in the training workflow's environment; liftgate doctor bedrock prints the roles"
    )


def test_what_bedrock_cannot_do_is_refused_before_a_row_leaves(there: World, tmp_path: Path) -> None:
    sent = submission(tmp_path)
    other = replace(sent, manifest=replace(sent.manifest, method="dpo"), metadata={})
    with pytest.raises(InputError, match="by dpo is not built"):
        there.trainer.submit(other)
    odd = replace(sent.manifest, hyperparameters={"epochs": 2, "rank": 16})
    with pytest.raises(InputError, match="rank"):
        there.trainer.submit(replace(sent, manifest=odd, metadata={}))
    with pytest.raises(InputError, match="another digest"):
        there.trainer.submit(replace(sent, metadata={"liftgate_digest": "0" * 64}))
    assert not there.control.calls
    assert not there.s3.list_objects_v2(Bucket=BUCKET).get("Contents")


def test_moto_too_takes_the_job_finds_it_and_stops_it(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(endpoint, tmp_path, monkeypatch) as there:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", endpoint)
        trainer = open_trainer(Settings("bedrock", there.environment))
        sent = submission(tmp_path)
        trainer.submit(sent)
        again = trainer.poll(f"ft-{sent.manifest.digest[:16]}")
        assert (again.state, again.digest) == (JobState.RUNNING, sent.manifest.digest)
        assert trainer.cancel(f"ft-{sent.manifest.digest[:16]}").state is JobState.CANCELLED
