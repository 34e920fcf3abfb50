"""Policies for Bedrock: exactly what the code calls, on exactly what is its own."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("botocore", reason="needs the extra aws")

import botocore.session
from botocore import xform_name

from liftgate.errors import InputError
from liftgate.training.bedrock import access

SOURCE = Path(__file__).parents[2] / "src" / "liftgate"
PLACE = access.Place(
    account="123456789012",
    region="us-east-1",
    bucket="tickets",
    prefix="liftgate",
    role="liftgate-bedrock",
    repository="octocat/toy",
    environment="training",
)
# Where the name of an operation is not that of its permission.
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "bedrock-runtime:Converse": "bedrock:InvokeModel",
}
# Needs no permission.
FREE = {"sts:GetCallerIdentity"}
# Not calls of their own: tags within a create, the role within a create.
WITHIN = {"bedrock:TagResource", "iam:PassRole"}


def operations() -> dict[str, str]:
    """Every method of the clients that this code opens, with the permission it needs."""
    session = botocore.session.get_session()
    return {
        xform_name(name): ACTIONS.get(f"{service}:{name}", f"{service}:{name}")
        for service in ("s3", "sts", "bedrock", "bedrock-runtime")
        for name in session.get_service_model(service).operation_names
    }


def called() -> set[str]:
    """Permissions for every operation that the sources name, as a method or in a string."""
    files = [
        *(SOURCE / "training" / "bedrock").glob("*.py"),
        SOURCE / "training" / "trainers" / "bedrock.py",
        SOURCE / "commands" / "onboarding" / "doctor_bedrock.py",
        *(path for path in (SOURCE / "evaluation").rglob("bedrock.py")),
    ]
    known = operations()
    words = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                words.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
    return {known[word] for word in words & known.keys()} - FREE


def allowed(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_the_policy_allows_what_the_code_calls_and_nothing_else() -> None:
    calls = called()
    assert "bedrock:CreateModelCustomizationJob" in calls
    assert "s3:GetBucketPublicAccessBlock" in calls
    # The endpoint speaks Converse without the SDK's method.
    assert allowed(access.workflow_policy(PLACE, access.PARTS)) - WITHIN == calls | {"bedrock:InvokeModel"}


def test_each_part_brings_its_own_permissions_only() -> None:
    training = allowed(access.workflow_policy(PLACE, ["train"]))
    assert "bedrock:CreateModelCustomizationJob" in training
    assert not {
        a for a in training if "Deployment" in a or "Provisioned" in a or "Import" in a or "Invo" in a
    }
    assert allowed(access.workflow_policy(PLACE, ["ask"])) == {
        "bedrock:GetCustomModelDeployment",
        "bedrock:GetProvisionedModelThroughput",
        "bedrock:InvokeModel",
    }
    assert "bedrock:CreateProvisionedModelThroughput" not in allowed(access.workflow_policy(PLACE))


def test_no_statement_allows_a_whole_service_or_reaches_outside_bucket_and_account() -> None:
    policy = access.workflow_policy(
        replace(PLACE, kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/ab"), access.PARTS
    )
    for statement in policy["Statement"]:
        assert not any("*" in action for action in statement["Action"])
        if statement["Resource"] == ["*"]:
            # Lists, and the import, which is held by its tag.
            assert statement["Sid"] in {"FindTraining", "FindImports", "FindBatches", "ImportModel"}
            continue
        for resource in statement["Resource"]:
            assert "tickets" in resource or ":123456789012:" in resource or "::foundation-model/" in resource
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)


def test_what_is_created_must_carry_the_digest_and_only_what_carries_it_is_changed() -> None:
    policy = access.workflow_policy(PLACE, ["train", "serve", "provision", "import"])
    for statement in policy["Statement"]:
        verbs = {action.split(":")[1] for action in statement["Action"]}
        if any(verb.startswith("Create") for verb in verbs):
            assert statement["Condition"] == {"Null": {"aws:RequestTag/liftgate_digest": "false"}}
        if any(verb.startswith(("Stop", "Update", "Delete")) for verb in verbs):
            assert statement["Condition"] == {"Null": {"aws:ResourceTag/liftgate_digest": "false"}}
        if "PassRole" in verbs:
            assert statement["Condition"] == {
                "StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}
            }
            assert statement["Resource"] == ["arn:aws:iam::123456789012:role/liftgate-bedrock"]


@pytest.mark.parametrize(
    ("ids", "subject"),
    [
        (None, "repo:octocat/toy:environment:training"),
        ((123456, 456789), "repo:octocat@123456/toy@456789:environment:training"),
    ],
)
def test_only_one_environment_of_one_repository_takes_the_role(
    ids: tuple[int, int] | None, subject: str
) -> None:
    [statement] = access.workflow_trust(replace(PLACE, repository_ids=ids))["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": subject,
        }
    }


def test_bedrock_takes_its_role_for_jobs_of_this_account_only() -> None:
    [statement] = access.service_trust(PLACE)["Statement"]
    assert statement["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert all(
        arn.startswith("arn:aws:bedrock:us-east-1:123456789012:")
        for arn in statement["Condition"]["ArnLike"]["aws:SourceArn"]
    )
    assert allowed(access.service_policy(PLACE)) == {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}


@pytest.mark.parametrize(
    "changed",
    [
        {"account": "*"},
        {"account": ""},
        {"bucket": "*"},
        {"bucket": "a/b"},
        {"prefix": "a/*"},
        {"prefix": "a=b"},
        {"role": "*"},
        {"repository": "octocat/*"},
        {"repository": "octocat/toy:ref:x"},
        {"environment": "*"},
        {"environment": "x:y"},
        {"region": "*"},
        {"kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/*"},
    ],
)
def test_a_value_that_would_widen_a_policy_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(InputError, match="no policy can be written"):
        access.checked(replace(PLACE, **changed))  # type: ignore[arg-type]


def test_a_policy_fits_into_a_managed_policy() -> None:
    text = json.dumps(access.workflow_policy(PLACE, access.PARTS), separators=(",", ":"))
    assert len(text) <= 6_144
