"""Our stand-in for Bedrock's control plane refuses what Bedrock refuses, and is as forgetful as a network is."""

from __future__ import annotations

import copy
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

pytest.importorskip("boto3", reason="needs the extra aws")

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from bedrock_control_account import ACCOUNT, BASE, REGION
from bedrock_control_server import BedrockControl, complaints, service_model

DIGEST = "0123456789abcdef" * 4
SOUND: dict[str, Any] = {
    "jobName": "ft-0123456789abcdef",
    "customModelName": "shop-0123456789abcdef",
    "roleArn": f"arn:aws:iam::{ACCOUNT}:role/liftgate-bedrock",
    "clientRequestToken": DIGEST,
    "baseModelIdentifier": BASE,
    "customizationType": "FINE_TUNING",
    "hyperParameters": {"epochCount": "2"},
    "jobTags": [{"key": "liftgate_digest", "value": DIGEST}],
    "trainingDataConfig": {"s3Uri": "s3://tickets/liftgate/data/x.jsonl"},
    "outputDataConfig": {"s3Uri": "s3://tickets/liftgate/output/"},
}


@pytest.fixture
def control() -> Iterator[BedrockControl]:
    with BedrockControl() as server:
        yield server


@pytest.fixture
def client(control: BedrockControl) -> Iterator[Any]:
    # The SDK's own checks are off: what arrives is what the server has to judge.
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    session = boto3.Session("test", "test", region_name=REGION)
    made = session.client("bedrock", endpoint_url=control.url, config=config)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("jobName",), "-ft", "jobName: pattern"),
        (("jobName",), "f" * 64, "jobName: above 63"),
        (("customModelName",), "a--b", "customModelName: pattern"),
        (("roleArn",), "role", "roleArn: pattern"),
        (("clientRequestToken",), "a_b", "clientRequestToken: pattern"),
        (("clientRequestToken",), "a" * 257, "clientRequestToken: above 256"),
        (("customizationType",), "TUNING", "customizationType: not one of FINE_TUNING"),
        (("hyperParameters", "epochCount"), 2, "epochCount: not a string"),
        (("jobTags", 0, "value"), "ö", "value: pattern"),
        (("jobTags", 0, "value"), "x" * 257, "value: above 256"),
        (("trainingDataConfig", "s3Uri"), "s3://tickets/a=b/x.jsonl", "s3Uri: pattern"),
        (("trainingDataConfig", "s3Uri"), "s3://tickets/a+b/x.jsonl", "s3Uri: pattern"),
        (("trainingDataConfig", "s3Uri"), "s3://tickets/a b/x.jsonl", "s3Uri: pattern"),
        (("outputDataConfig",), {}, "outputDataConfig.s3Uri: required"),
        (("baseModelIdentifier",), "amazon.unknown-v1:0", "model identifier is invalid"),
        (("hyperParameters", "epochCount"), "6", "Invalid hyperparameter epochCount"),
        (("hyperParameters",), {"rank": "8"}, "Invalid hyperparameter rank"),
    ],
)
def test_a_job_that_bedrock_would_refuse_is_refused(
    control: BedrockControl, client: Any, path: tuple[Any, ...], value: Any, said: str
) -> None:
    asked = copy.deepcopy(SOUND)
    inner: Any = asked
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(ClientError) as refused:
        client.create_model_customization_job(**asked)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert said in refused.value.response["Error"]["Message"]
    assert not control.jobs


@pytest.mark.parametrize("name", ["jobName", "customModelName", "roleArn", "trainingDataConfig"])
def test_a_job_without_what_it_must_have_is_refused(control: BedrockControl, client: Any, name: str) -> None:
    with pytest.raises(ClientError, match=f"{name}: required"):
        client.create_model_customization_job(**{key: value for key, value in SOUND.items() if key != name})
    assert not control.jobs


def test_a_token_makes_one_job_and_answers_again_with_the_same(control: BedrockControl, client: Any) -> None:
    first = client.create_model_customization_job(**SOUND)["jobArn"]
    assert client.create_model_customization_job(**SOUND)["jobArn"] == first
    assert len(control.jobs) == 1
    for changed, code in (
        ({"jobName": "ft-other"}, "ConflictException"),
        ({"clientRequestToken": "f" * 64}, "ConflictException"),
        ({"clientRequestToken": "f" * 64, "jobName": "ft-other"}, "ValidationException"),
    ):
        with pytest.raises(ClientError) as refused:
            client.create_model_customization_job(**{**SOUND, **changed})
        assert refused.value.response["Error"]["Code"] == code
    assert len(control.jobs) == 1


def test_a_role_of_another_account_is_not_passed(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.create_model_customization_job(**{**SOUND, "roleArn": "arn:aws:iam::999999999999:role/x"})
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_lost_reply_is_a_job_that_nobody_was_told_of(control: BedrockControl, client: Any) -> None:
    control.faults["CreateModelCustomizationJob"] = ["lost"]
    with pytest.raises(ConnectionClosedError):
        client.create_model_customization_job(**SOUND)
    assert len(control.jobs) == 1


def test_a_late_job_appears_after_so_many_looks(control: BedrockControl, client: Any) -> None:
    control.late = 2
    client.create_model_customization_job(**SOUND)
    looks = [
        len(client.list_model_customization_jobs(nameContains="ft-")["modelCustomizationJobSummaries"])
        for _ in range(3)
    ]
    assert looks == [0, 0, 1]


def test_what_ended_is_not_stopped_and_what_is_unknown_is_not_found(
    control: BedrockControl, client: Any
) -> None:
    arn = client.create_model_customization_job(**SOUND)["jobArn"]
    control.finish(arn)
    with pytest.raises(ClientError, match="ConflictException"):
        client.stop_model_customization_job(jobIdentifier=arn)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_model_customization_job(jobIdentifier="ft-none")


def test_a_deployment_needs_a_model_that_is_there_and_a_name_that_is_free(
    control: BedrockControl, client: Any
) -> None:
    arn = client.create_model_customization_job(**SOUND)["jobArn"]
    wanted = {
        "modelDeploymentName": "shop",
        "modelArn": f"{arn}".replace("model-customization-job", "custom-model"),
    }
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.create_custom_model_deployment(**wanted)
    control.finish(arn)
    made = client.create_custom_model_deployment(**wanted, clientRequestToken="a")["customModelDeploymentArn"]
    with pytest.raises(ClientError, match="name is in use"):
        client.create_custom_model_deployment(**wanted, clientRequestToken="b")
    with pytest.raises(ClientError, match="not active"):
        client.update_custom_model_deployment(
            customModelDeploymentIdentifier=made, modelArn=wanted["modelArn"]
        )


def test_an_import_job_of_a_taken_name_conflicts(client: Any) -> None:
    wanted = {
        "jobName": "ft-x",
        "importedModelName": "shop",
        "roleArn": SOUND["roleArn"],
        "modelDataSource": {"s3DataSource": {"s3Uri": "s3://tickets/liftgate/models/x/"}},
    }
    client.create_model_import_job(**wanted)
    with pytest.raises(ClientError, match="ConflictException"):
        client.create_model_import_job(**wanted)
    with pytest.raises(ClientError, match="exactly one member of a union"):
        client.create_model_import_job(**{**wanted, "jobName": "ft-y", "modelDataSource": {}})


def test_an_unsigned_request_and_an_unknown_operation_are_refused(control: BedrockControl) -> None:
    for path, status in (("/model-customization-jobs", 403), ("/nothing", 404)):
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(control.url + path)  # noqa: S310
        assert refused.value.code == status
        refused.value.close()


def test_the_rules_are_those_of_botocores_own_model() -> None:
    shape = service_model().operation_model("CreateModelCustomizationJob").input_shape
    assert complaints(shape, SOUND) == []
    assert complaints(shape, {**SOUND, "more": 1}) == [".more: no such member"]
