"""Bedrock's batch inference: records in S3 (served by moto), a job, answers in S3; paid for once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liftgate.errors import InputError, ProviderError, ReplyLost, StillRunning
from liftgate.evaluation.batches import Places, open_provider
from liftgate.evaluation.batches.bedrock import read_row
from liftgate.evaluation.completion import Completion, Failure, Request, Sampling
from liftgate.evaluation.endpoints import Settings

boto3 = pytest.importorskip("boto3", reason="needs the extra aws")
pytest.importorskip("moto.server", reason="needs moto[server]")

from test_batches import Rig, texts  # noqa: E402

from bedrock_server import NOVA, BedrockServer, environment  # noqa: E402

ROLE = "arn:aws:iam::123456789012:role/batches"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def server(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[BedrockServer]:
    with BedrockServer(s3_url=s3_url) as running:
        for name, value in environment(running).items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_url)
        client = boto3.Session().client("s3")
        try:
            location = {"LocationConstraint": "eu-central-1"}
            client.create_bucket(Bucket="answers", CreateBucketConfiguration=location)
        except client.exceptions.BucketAlreadyOwnedByYou:
            pass
        finally:
            client.close()
        yield running


@pytest.fixture
def rig(server: BedrockServer, tmp_path: Path) -> Rig:
    return Rig(Settings(NOVA), "bedrock", tmp_path, Places(f"s3://answers/{tmp_path.name}", ROLE))


def requests(count: int = 120, **more: Any) -> list[Request]:
    said = {"tools": None, "sampling": Sampling(0.0, 64), **more}
    return [Request([{"role": "user", "content": f"question ({n:03d})"}], **said) for n in range(count)]


ALL = {n: f"question ({n:03d})" for n in range(120)}


def test_records_find_their_answers_in_any_order(rig: Rig, server: BedrockServer) -> None:
    outcomes = rig.ask(requests())
    assert texts(outcomes) == ALL
    first = outcomes[0]
    assert isinstance(first, Completion)
    assert (first.latency_ms, first.input_tokens, first.output_tokens) == (None, 2, 2)
    (job,) = server.jobs.values()
    assert (job["modelInvocationType"], job["roleArn"], job["modelId"]) == ("Converse", ROLE, NOVA)
    assert job["jobName"].startswith("liftgate-") and len(job["clientRequestToken"]) == 64
    assert (server.created, server.count) == (1, 0)


def test_a_record_that_failed_is_an_error_of_its_case(rig: Rig, server: BedrockServer) -> None:
    server.failing = {"(007)"}
    outcomes = rig.ask(requests())
    assert texts(outcomes) == {**ALL, 7: "bad-request"}
    assert isinstance(failure := outcomes[7], Failure)
    assert "question" not in failure.message


def test_too_few_records_are_refused_before_anything_is_sent(rig: Rig, server: BedrockServer) -> None:
    with pytest.raises(InputError, match="takes 100 requests at least, 20 are missing here") as error:
        rig.ask(requests(20))
    assert "drop --batch" in str(error.value.hint)
    assert server.created == 0


def test_too_few_for_a_batch_are_asked_one_by_one_where_that_was_said(
    rig: Rig, server: BedrockServer
) -> None:
    outcomes = rig.ask(requests(20), fewer_live=True)
    assert texts(outcomes) == {n: ALL[n] for n in range(20)}
    assert (server.created, server.count) == (0, 20)


def test_a_lost_reply_is_found_again_by_name_and_token(rig: Rig, server: BedrockServer) -> None:
    import liftgate.evaluation.batches.bedrock as module

    provider = rig.provider()
    assert isinstance(provider, module.BedrockBatches)
    server.lose_reply = True
    assert texts(rig.ask(requests())) == ALL  # boto3 sends the same token again
    assert server.created == 1


def test_a_creation_that_cannot_be_told_is_never_given_up_for_another(
    rig: Rig, server: BedrockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from liftgate.evaluation.batches.bedrock import BedrockBatches

    with monkeypatch.context() as patch:
        patch.setattr(BedrockBatches, "find", lambda self, digest: None)
        rig.provider()
        server.looks = 50
        with pytest.raises(StillRunning):
            rig.ask(requests(), deadline_s=1)
        record = next(rig.store.parent.glob("*.batches/*.json"))
        entry = json.loads(record.read_text())
        record.write_text(json.dumps({**entry, "id": None, "stage": "creating"}))
        for job in server.jobs.values():  # the service has forgotten the token, not the name
            job["clientRequestToken"] = "x"
        with pytest.raises(ReplyLost, match="ConflictException"):
            rig.ask(requests())
    assert server.created == 1
    assert json.loads(record.read_text())["stage"] == "creating"


def test_at_the_deadline_it_still_runs_and_the_next_run_goes_on(rig: Rig, server: BedrockServer) -> None:
    server.looks = 8
    with pytest.raises(StillRunning, match="the deadline of 100 s has passed; batch arn:aws:bedrock"):
        rig.ask(requests(), deadline_s=100)
    assert texts(rig.ask(requests())) == ALL
    assert server.created == 1


@pytest.mark.parametrize("end_as", ["PartiallyCompleted", "Expired", "Stopped"])
def test_what_a_cut_short_job_did_answer_is_kept(rig: Rig, server: BedrockServer, end_as: str) -> None:
    server.end_as = end_as
    found = texts(rig.ask(requests()))
    assert sum(text == "not-in-batch" for text in found.values()) == 60
    assert all(text in {ALL[n], "not-in-batch"} for n, text in found.items())


def test_a_failed_job_stops_the_run_and_the_next_one_creates_another(rig: Rig, server: BedrockServer) -> None:
    server.end_as = "Failed"
    with pytest.raises(ProviderError, match=r"batch arn:aws:bedrock.*: Failed"):
        rig.ask(requests())
    server.end_as = "Completed"
    assert texts(rig.ask(requests())) == ALL
    assert server.created == 2


def test_access_denied_says_which_permission(rig: Rig, server: BedrockServer) -> None:
    server.deny_control = True
    with pytest.raises(ProviderError, match="listing batch jobs: AccessDeniedException") as error:
        rig.ask(requests())
    assert "bedrock:CreateModelInvocationJob" in str(error.value.hint)


@pytest.mark.parametrize(
    ("places", "why"),
    [
        (Places(), "needs an S3 folder and a role"),
        (Places("answers", ROLE), "write s3://bucket/folder"),
        (Places("s3://key:secret@answers/x", ROLE), "holds credentials"),
        (Places("s3://A/x", ROLE), "names no bucket"),
    ],
)
def test_the_places_are_checked_first(server: BedrockServer, places: Places, why: str) -> None:
    with pytest.raises(InputError) as error:
        open_provider("bedrock", Settings(NOVA), places)
    assert why in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"error": {"errorCode": 400, "errorMessage": "bad: question"}}, "bad-request"),
        ({"error": {"errorCode": "429"}}, "throttled"),
        ({"error": "question"}, "server-error"),
        ({"modelOutput": {"stopReason": "content_filtered"}}, "content-filter"),
        ({"modelOutput": {}}, "no-message"),
        ({}, "server-error"),
    ],
)
def test_every_line_has_one_meaning(row: dict[str, Any], kind: str) -> None:
    outcome = read_row(row, tools=False)
    assert isinstance(outcome, Failure)
    assert outcome.kind == kind
    assert "question" not in outcome.message
