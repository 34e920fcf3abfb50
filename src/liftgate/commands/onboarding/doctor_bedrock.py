"""`liftgate doctor bedrock`: the policies to attach, and whether the account is ready for rows."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.training.bedrock.access import Place
    from liftgate.training.bedrock.account import Account

_IDS_NEEDED: Final = (
    "note: repositories created or renamed since 2026-07-15 carry numeric ids in the token's `sub`; if yours does, "
    "add --repository-ids OWNER_ID/REPOSITORY_ID"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the policies are for; what is left out comes from the environment of the training workflow."""
    from liftgate.training.bedrock.access import PARTS, USUAL_PARTS

    parser.add_argument(
        "--bucket", metavar="NAME", help="bucket for rows and metrics (LIFTGATE_BEDROCK_BUCKET)"
    )
    parser.add_argument("--prefix", metavar="FOLDER", help="folder in it (LIFTGATE_BEDROCK_PREFIX, liftgate)")
    parser.add_argument("--region", metavar="REGION", help="where training happens (AWS_REGION)")
    parser.add_argument("--account", metavar="ID", help="twelve digits (from LIFTGATE_BEDROCK_ROLE_ARN)")
    parser.add_argument(
        "--role", metavar="NAME", help="role that Bedrock takes (LIFTGATE_BEDROCK_ROLE_ARN, liftgate-bedrock)"
    )
    parser.add_argument(
        "--kms-key-arn", metavar="ARN", help="key for data and models (LIFTGATE_BEDROCK_KMS_KEY_ARN)"
    )
    parser.add_argument("--repository", metavar="OWNER/NAME", help="who trains (GITHUB_REPOSITORY)")
    parser.add_argument(
        "--repository-ids",
        metavar="N/N",
        help="ids of owner and repository, if the token's `sub` carries them",
    )
    parser.add_argument(
        "--environment", metavar="NAME", default="training", help="of GitHub (default: training)"
    )
    parser.add_argument(
        "--parts",
        metavar="PART,...",
        default=",".join(USUAL_PARTS),
        help="; ".join(f"{name}: {text}" for name, text in PARTS.items())
        + f" (default: {','.join(USUAL_PARTS)})",
    )
    parser.add_argument("--offline", action="store_true", help="print the policies, ask AWS nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Print the four documents; check the account when credentials are there. Answers 0, or 10 for a problem."""
    from liftgate.files import pretty
    from liftgate.training.bedrock import access

    place, parts = _place(arguments), _parts(arguments.parts)
    documents = {
        "workflow_trust": access.workflow_trust(place),
        "workflow_policy": access.workflow_policy(place, parts),
        "service_trust": access.service_trust(place),
        "service_policy": access.service_policy(place),
    }
    checks = {"checked": False, "problems": []} if arguments.offline else _checked(place)
    if arguments.json:
        sys.stdout.write(pretty({"schema_version": 1, **documents, **checks}).decode())
    else:
        for name, title in _TITLES.items():
            sys.stdout.write(f"# {title.format(role=place.role)}\n{pretty(documents[name]).decode()}\n")
    if not place.repository_ids:
        sys.stderr.write(_IDS_NEEDED + "\n")
    sys.stderr.write(_spoken(checks, arguments.offline))
    return ExitCode.BLOCKED if checks["problems"] else ExitCode.PASS


_TITLES: Final = {
    "workflow_trust": "trust policy of the workflow's role: only this repository's environment takes it",
    "workflow_policy": "permissions of the workflow's role",
    "service_trust": "trust policy of the role {role}: only Bedrock takes it",
    "service_policy": "permissions of the role {role}",
}


def _spoken(checks: dict[str, Any], offline: bool) -> str:
    if offline:
        return "not checked: --offline\n"
    if not checks["checked"]:
        return f"not checked: {checks['reason']}\n"
    if not checks["problems"]:
        return f"account {checks['account']}: identity, region and bucket are ready\n"
    return "".join(f"{problem}\n" for problem in checks["problems"])


def _place(arguments: argparse.Namespace) -> Place:
    import re

    from liftgate.errors import InputError
    from liftgate.training.bedrock import access
    from liftgate.training.bedrock.account import BUCKET, DEFAULT_PREFIX, KMS_KEY, PREFIX, ROLE

    environment = os.environ
    arn = re.fullmatch(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/(.+)", environment.get(ROLE, ""))
    ids = arguments.repository_ids
    if ids is not None and not re.fullmatch(r"[0-9]+/[0-9]+", ids):
        raise InputError(
            "--repository-ids takes two numbers, such as 123/456",
            hint="gh api repos/OWNER/NAME --jq '\"\\(.owner.id)/\\(.id)\"'",
        )
    owner, repository = (int(part) for part in ids.split("/")) if ids else (0, 0)
    region = arguments.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
    return access.checked(
        access.Place(
            account=arguments.account or (arn[2] if arn else ""),
            region=region,
            bucket=arguments.bucket or environment.get(BUCKET, ""),
            prefix=(arguments.prefix or environment.get(PREFIX) or DEFAULT_PREFIX).strip("/"),
            role=arguments.role or (arn[3] if arn else "liftgate-bedrock"),
            repository=arguments.repository or environment.get("GITHUB_REPOSITORY", ""),
            environment=arguments.environment,
            repository_ids=(owner, repository) if ids else None,
            kms_key_arn=arguments.kms_key_arn or environment.get(KMS_KEY) or None,
            partition=_partition(region),
        )
    )


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _parts(written: str) -> list[str]:
    from liftgate.config import did_you_mean
    from liftgate.errors import InputError
    from liftgate.training.bedrock.access import PARTS

    parts = [part.strip() for part in written.split(",") if part.strip()]
    for part in parts:
        if part not in PARTS:
            raise InputError(
                f"--parts: {part!r} is not a part{did_you_mean(part, list(PARTS))}",
                hint=f"one of {', '.join(PARTS)}",
            )
    return parts


def _checked(place: Place) -> dict[str, Any]:
    """What AWS says of identity, region and bucket; without credentials nothing is asked of anybody."""
    from liftgate.errors import MissingExtra, ProviderError
    from liftgate.training.bedrock.account import Account, Refused
    from liftgate.training.bedrock.bucket import bucket_problems

    account = Account(place.region, place.bucket, place.prefix, place.role_arn, place.kms_key_arn)
    try:
        identity = account.ask("sts", "get_caller_identity")
        problems = [str(problem) for problem in (*_identity(identity, place), *bucket_problems(account))]
        return {"checked": True, "account": identity["Account"], "problems": [*problems, *_reach(account)]}
    except MissingExtra as error:
        return {"checked": False, "reason": f"{error.sentence}; {error.hint}", "problems": []}
    except ProviderError as error:
        if isinstance(error, Refused) and error.code == "NoCredentials":
            return {"checked": False, "reason": "no AWS credentials here", "problems": []}
        return {"checked": True, "account": None, "problems": [error.sentence]}
    finally:
        account.close()


def _identity(identity: dict[str, Any], place: Place) -> list[str]:
    if identity.get("Account") != place.account:
        return [
            f"these credentials are of the account {identity.get('Account')}, the policies for {place.account}"
        ]
    return []


def _reach(account: Account) -> list[str]:
    """Whether Bedrock answers in the region; a denied list is a policy that is not attached yet."""
    from liftgate.errors import ProviderError

    try:
        account.ask("bedrock", "list_model_customization_jobs", maxResults=1)
    except ProviderError as error:
        return [f"{error.sentence}; is Bedrock there in {account.region}, and is the policy attached?"]
    return []
