"""`liftgate doctor`: topics, and the one for Bedrock over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="needs the extra aws")
pytest.importorskip("moto.server", reason="needs moto[server]")

from bedrock_world import KEY_ID, SECRET, World, moto_server, world
from liftgate.cli import main

PLACE = (
    "--bucket",
    "tickets",
    "--region",
    "us-east-1",
    "--account",
    "123456789012",
    "--repository",
    "octocat/toy",
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def there(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(endpoint, tmp_path, monkeypatch) as built:
        yield built


def test_help_lists_the_topics(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    assert capsys.readouterr().out.splitlines()[:6] == [
        "usage: liftgate doctor [options] | liftgate doctor TOPIC [options]",
        "",
        "Say what is still missing here, or for one topic. Exit 0, or 10 with something to fix.",
        "",
        "topics:",
        "  bedrock  roles and policies for training and serving on Amazon Bedrock; checks identity and bucket",
    ]


def test_an_unknown_topic_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "bedrok"]) == 2
    assert capsys.readouterr().err.startswith("error: 'bedrok' is not a topic; did you mean 'bedrock'?\n")


def test_it_prints_four_documents_and_says_what_it_did_not_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "LIFTGATE_BEDROCK_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    assert main(["doctor", "bedrock", *PLACE, "--offline"]) == 0
    said = capsys.readouterr()
    documents = said.out.split("# ")[1:]
    assert [part.splitlines()[0] for part in documents] == [
        "trust policy of the workflow's role: only this repository's environment takes it",
        "permissions of the workflow's role",
        "trust policy of the role liftgate-bedrock: only Bedrock takes it",
        "permissions of the role liftgate-bedrock",
    ]
    for part in documents:
        assert json.loads(part.split("\n", 1)[1])["Version"] == "2012-10-17"
    assert said.err == (
        "note: repositories created or renamed since 2026-07-15 carry numeric ids in the token's `sub`; if yours "
        "does, add --repository-ids OWNER_ID/REPOSITORY_ID\n"
        "not checked: --offline\n"
    )


def test_with_credentials_it_checks_identity_region_and_bucket(
    there: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "bedrock", *PLACE, "--repository-ids", "12/34", "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["checked"], told["account"], told["problems"]) == (True, "123456789012", [])
    assert "repo:octocat@12/toy@34:environment:training" in said.out
    assert said.err == "account 123456789012: identity, region and bucket are ready\n"
    assert SECRET not in said.out + said.err
    assert KEY_ID not in said.out + said.err
    assert not there.control.created


def test_it_names_everything_that_is_wrong_with_account_and_bucket(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = {"ListModelCustomizationJobs": ["denied"]}
    with world(endpoint, tmp_path, monkeypatch, owner_only=False, faults=faults):
        asked = ["doctor", "bedrock", *PLACE, "--repository-ids", "12/34", "--account", "999999999999"]
        assert main(asked) == 10
    assert capsys.readouterr().err == (
        "these credentials are of the account 123456789012, the policies for 999999999999\n"
        "s3://tickets: public access is not blocked; turn all four blocks on\n"
        "s3://tickets: access lists are on; set object ownership to BucketOwnerEnforced\n"
        "bedrock list-model-customization-jobs: denied (AccessDeniedException); is Bedrock there in us-east-1, "
        "and is the policy attached?\n"
    )


def test_expired_credentials_are_a_problem_and_missing_ones_are_not(
    there: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    assert main(["doctor", "bedrock", *PLACE]) == 10
    assert "sts get-caller-identity: cannot be reached" in capsys.readouterr().err
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert main(["doctor", "bedrock", *PLACE]) == 0
    assert "not checked: no AWS credentials here" in capsys.readouterr().err


def test_everything_that_is_missing_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["doctor", "bedrock", "--offline", "--bucket", "*"]) == 2
    assert capsys.readouterr().err == (
        "error: no policy can be written\n"
        "  --account: is missing\n"
        "  --region: is missing\n"
        "  --bucket: has a form that no policy can name safely\n"
        "  --repository: is missing\n"
    )
    assert main(["doctor", "bedrock", *PLACE, "--parts", "tran", "--offline"]) == 2
    assert "'tran' is not a part; did you mean 'train'?" in capsys.readouterr().err
    assert main(["doctor", "bedrock", *PLACE, "--repository-ids", "toy", "--offline"]) == 2
    assert "takes two numbers" in capsys.readouterr().err
