"""Who may do what: the least policy for what this code calls, and the two trusts around it. Values only.

A test holds the actions here against every call that the code makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from liftgate.errors import InputError, Problem
from liftgate.training.bedrock.names import DIGEST_TAG, SAFE_PREFIX

PARTS: Final[Mapping[str, str]] = {
    "train": "upload rows, start, follow and stop jobs, read metrics",
    "serve": "deploy a trained model, billed by the token; point a deployment at another model",
    "provision": "rent throughput by the hour",
    "import": "upload a merged model and import it",
    "ask": "evaluate: ask base, deployed and imported models",
    "batch": "evaluate --batch, with s3://<bucket>/<prefix>/batch as its folder",
}
USUAL_PARTS: Final = ("train", "serve", "ask")
_ISSUER: Final = "token.actions.githubusercontent.com"
_NEW: Final = {"Null": {f"aws:RequestTag/{DIGEST_TAG}": "false"}}
_OURS: Final = {"Null": {f"aws:ResourceTag/{DIGEST_TAG}": "false"}}


@dataclass(frozen=True)
class Place:
    """What the documents are for; `repository_ids` are those of owner and repository."""

    account: str
    region: str
    bucket: str
    prefix: str
    role: str
    repository: str
    environment: str
    repository_ids: tuple[int, int] | None = None
    kms_key_arn: str | None = None
    partition: str = "aws"

    def problems(self) -> Iterator[Problem]:
        """Every value that would make a policy wider than it reads, such as a `*`."""
        for name, value, form in (
            ("--account", self.account, r"[0-9]{12}"),
            ("--region", self.region, r"[a-z]{2}(-[a-z]+)+-[0-9]"),
            ("--bucket", self.bucket, r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
            ("--prefix", self.prefix, SAFE_PREFIX.pattern),
            ("--role", self.role, r"[\w+=,.@-]{1,64}"),
            ("--repository", self.repository, r"[A-Za-z0-9-]+/[\w.-]+"),
            ("--environment", self.environment, r"[\w.-]{1,255}"),
            ("--kms-key-arn", self.kms_key_arn or "", r"|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[\w-]+"),
        ):
            if not re.fullmatch(form, value, re.ASCII):
                yield Problem(
                    name, "is missing" if not value else "has a form that no policy can name safely"
                )

    def bedrock(self, *kinds: str) -> list[str]:
        """Every resource of these kinds in the account and region."""
        return [f"arn:{self.partition}:bedrock:{self.region}:{self.account}:{kind}/*" for kind in kinds]

    @property
    def bases(self) -> str:
        """Every foundation model of the region: they belong to no account."""
        return f"arn:{self.partition}:bedrock:{self.region}::foundation-model/*"

    @property
    def bucket_arn(self) -> str:
        """The bucket itself."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    def objects(self, *folders: str) -> list[str]:
        """Objects in these folders under the prefix."""
        return [f"{self.bucket_arn}/{self.prefix}/{folder}/*" for folder in folders]

    @property
    def role_arn(self) -> str:
        """The role that Bedrock takes."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.role}"

    @property
    def subject(self) -> str:
        """The `sub` of the workflow's token. Repositories created or renamed since 2026-07-15 carry their ids."""
        owner, name = self.repository.split("/")
        if self.repository_ids:
            owner, name = f"{owner}@{self.repository_ids[0]}", f"{name}@{self.repository_ids[1]}"
        return f"repo:{owner}/{name}:environment:{self.environment}"


def checked(place: Place) -> Place:
    """The place itself. Raises `InputError` naming everything that no policy can be written for."""
    if problems := list(place.problems()):
        raise InputError("no policy can be written", problems=problems)
    return place


def workflow_policy(place: Place, parts: Iterable[str] = USUAL_PARTS) -> dict[str, Any]:
    """What the workflow's role may do, for the parts that are used."""
    wanted = set(parts)
    statements = [s for part, statement in _statements(place) if part & wanted for s in [statement]]
    return {"Version": "2012-10-17", "Statement": statements}


def workflow_trust(place: Place) -> dict[str, Any]:
    """Who may take the workflow's role: jobs of one environment of one repository."""
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:{place.partition}:iam::{place.account}:oidc-provider/{_ISSUER}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{_ISSUER}:aud": "sts.amazonaws.com", f"{_ISSUER}:sub": place.subject}
            },
        }
    )


def service_policy(place: Place) -> dict[str, Any]:
    """What Bedrock may do with the role that it is handed: read rows, weights and questions, write results."""
    owned = {"StringEquals": {"aws:ResourceAccount": place.account}}
    statements = [
        _allow("ListData", ["s3:ListBucket"], [place.bucket_arn], owned),
        _allow("ReadData", ["s3:GetObject"], place.objects("batch", "data", "models"), owned),
        _allow("WriteResults", ["s3:PutObject"], place.objects("batch", "output"), owned),
    ]
    if place.kms_key_arn:
        statements.append(_allow("UseKey", ["kms:Decrypt", "kms:GenerateDataKey"], [place.kms_key_arn]))
    return _document(*statements)


def service_trust(place: Place) -> dict[str, Any]:
    """Only Bedrock takes that role, and only for jobs of this account and region."""
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": place.account},
                "ArnLike": {
                    "aws:SourceArn": place.bedrock(
                        "model-customization-job", "model-import-job", "model-invocation-job"
                    )
                },
            },
        }
    )


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(
    sid: str, actions: list[str], resources: list[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}
    return {**statement, "Condition": dict(condition)} if condition else statement


def _statements(place: Place) -> Iterator[tuple[set[str], dict[str, Any]]]:
    """Each statement with the parts that need it."""
    jobs = place.bedrock("model-customization-job")
    yield (
        {"train", "import"},
        _allow(
            "LookAtBucket",
            ["s3:GetBucketOwnershipControls", "s3:GetBucketPublicAccessBlock", "s3:ListBucket"],
            [place.bucket_arn],
        ),
    )
    yield {"train"}, _allow("WriteRows", ["s3:GetObject", "s3:PutObject"], place.objects("data"))
    yield {"train"}, _allow("ReadMetrics", ["s3:GetObject"], place.objects("output"))
    yield {"import"}, _allow("WriteWeights", ["s3:GetObject", "s3:PutObject"], place.objects("models"))
    yield {"train"}, _allow("KnowBases", ["bedrock:GetFoundationModel"], [place.bases])
    yield (
        {"train"},
        _allow(
            "StartTraining",
            ["bedrock:CreateModelCustomizationJob", "bedrock:TagResource"],
            [place.bases, *jobs, *place.bedrock("custom-model")],
            _NEW,
        ),
    )
    yield (
        {"train"},
        _allow("FollowTraining", ["bedrock:GetModelCustomizationJob", "bedrock:ListTagsForResource"], jobs),
    )
    yield {"train"}, _allow("StopOwnTraining", ["bedrock:StopModelCustomizationJob"], jobs, _OURS)
    # Lists know no resource: IAM offers no narrower form.
    yield {"train"}, _allow("FindTraining", ["bedrock:ListModelCustomizationJobs"], ["*"])
    yield (
        {"train", "import", "batch"},
        _allow(
            "HandRoleToBedrock",
            ["iam:PassRole"],
            [place.role_arn],
            {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}},
        ),
    )
    yield from _serving(place)
    yield from _importing(place)
    yield from _batching(place)
    yield (
        {"ask"},
        _allow(
            "Ask",
            ["bedrock:InvokeModel"],
            [
                place.bases,
                *place.bedrock(
                    "custom-model-deployment", "imported-model", "inference-profile", "provisioned-model"
                ),
            ],
        ),
    )
    if place.kms_key_arn:
        services = [f"{name}.{place.region}.amazonaws.com" for name in ("bedrock", "s3")]
        yield (
            {"train", "import"},
            _allow(
                "UseKey",
                ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                [place.kms_key_arn],
                {"StringEquals": {"kms:ViaService": services}},
            ),
        )


def _serving(place: Place) -> Iterator[tuple[set[str], dict[str, Any]]]:
    for part, kind, resource in (
        ("serve", "CustomModelDeployment", "custom-model-deployment"),
        ("provision", "ProvisionedModelThroughput", "provisioned-model"),
    ):
        served = place.bedrock(resource)
        started = [*place.bedrock("custom-model"), *served]
        title = part.capitalize()
        create = [f"bedrock:Create{kind}", "bedrock:TagResource"]
        yield {part}, _allow(f"{title}Model", create, started, _NEW)
        yield {part}, _allow(f"{title}Tags", ["bedrock:ListTagsForResource"], served)
        yield {part, "ask"}, _allow(f"{title}State", [f"bedrock:Get{kind}"], served)
        change = [f"bedrock:Delete{kind}"] + ([f"bedrock:Update{kind}"] if part == "serve" else [])
        yield {part}, _allow(f"{title}OwnChanges", change, started, _OURS)


def _importing(place: Place) -> Iterator[tuple[set[str], dict[str, Any]]]:
    jobs = place.bedrock("model-import-job")
    yield (
        {"import"},
        _allow("ImportModel", ["bedrock:CreateModelImportJob", "bedrock:TagResource"], ["*"], _NEW),
    )
    yield (
        {"import"},
        _allow("FollowImport", ["bedrock:GetModelImportJob", "bedrock:ListTagsForResource"], jobs),
    )
    yield {"import"}, _allow("FindImports", ["bedrock:ListModelImportJobs"], ["*"])


def _batching(place: Place) -> Iterator[tuple[set[str], dict[str, Any]]]:
    jobs = place.bedrock("model-invocation-job")
    asked = [place.bases, *place.bedrock("custom-model-deployment", "inference-profile", "provisioned-model")]
    yield {"batch"}, _allow("WriteQuestions", ["s3:GetObject", "s3:PutObject"], place.objects("batch"))
    yield {"batch"}, _allow("StartBatch", ["bedrock:CreateModelInvocationJob"], [*asked, *jobs])
    yield {"batch"}, _allow("FollowBatch", ["bedrock:GetModelInvocationJob"], jobs)
    yield {"batch"}, _allow("FindBatches", ["bedrock:ListModelInvocationJobs"], ["*"])
