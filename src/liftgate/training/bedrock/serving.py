"""Serving what was trained: deployments on demand, provisioned throughput, and the way back.

Both are looked up by name before they are created, and created with a token that follows from the digest: a lost
reply, a crash or a second run finds the first one. A deployment bills by the token, throughput by the hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from liftgate.errors import InputError, ProviderError, ReplyLost
from liftgate.training.bedrock import names
from liftgate.training.bedrock.account import Account, Refused


class ServingState(StrEnum):
    """Whether the model can be asked."""

    STARTING = "starting"
    ACTIVE = "active"
    FAILED = "failed"


_STATES: Final[Mapping[str, ServingState]] = {
    "Active": ServingState.ACTIVE,
    "InService": ServingState.ACTIVE,
    "Failed": ServingState.FAILED,
}
COMMITMENTS: Final = ("OneMonth", "SixMonths")


@dataclass(frozen=True)
class Serving:
    """A model that answers under `arn`.

    `coming` is the model of a swap under way, `previous` the one that a roll back would bring back.
    """

    arn: str
    name: str
    model_arn: str
    state: ServingState
    billed: str
    coming: str | None = None
    previous: str | None = None


def deploy(account: Account, model_arn: str, *, suffix: str, metadata: Mapping[str, str]) -> Serving:
    """A deployment of this one model, billed by the token: found, or created once.

    Raises `ReplyLost` when the create got no answer and the deployment is not there yet: run it again.
    """
    digest, attempt = metadata[names.DIGEST_TAG], names.attempt_of(metadata)
    name = names.model_name(suffix, digest, attempt)
    if found := _deployment(account, name):
        return _same(account, found, model_arn, digest)
    try:
        made = account.create(
            "bedrock",
            "create_custom_model_deployment",
            modelDeploymentName=name,
            modelArn=model_arn,
            tags=names.tags(metadata),
            clientRequestToken=names.client_token(digest, attempt, "deployment"),
        )
    except (ReplyLost, Refused) as error:
        if found := _deployment(account, name):
            return _same(account, found, model_arn, digest)
        raise _kept(error, "deployment", name) from None
    return Serving(made["customModelDeploymentArn"], name, model_arn, ServingState.STARTING, "by the token")


def deployment(account: Account, arn: str) -> Serving:
    """The deployment as it is now. While a swap is under way, and when it fails, the old model answers."""
    found = _deployment(account, arn)
    if found is None:
        raise ProviderError("the deployment does not exist", hint="deploy the model again")
    return found


def point(account: Account, arn: str, model_arn: str) -> Serving:
    """Put a model behind a deployment that callers already use; the way forward and the way back.

    Doing it twice changes nothing. `previous` of the answer is the model that stood there before.
    """
    before = deployment(account, arn)
    if (before.coming or before.model_arn) == model_arn:
        return before
    account.ask(
        "bedrock", "update_custom_model_deployment", customModelDeploymentIdentifier=arn, modelArn=model_arn
    )
    return replace(deployment(account, arn), previous=before.model_arn)


def provision(
    account: Account,
    model_arn: str,
    *,
    suffix: str,
    metadata: Mapping[str, str],
    units: int = 1,
    commitment: str | None = None,
) -> Serving:
    """Throughput rented by the hour for one model: found, or bought once. Without a commitment it can be ended.

    The price an hour is `provisioned_usd_per_hour` of the base model's row in prices.yaml, times `units`.
    """
    if units < 1 or (commitment is not None and commitment not in COMMITMENTS):
        raise InputError(
            f"throughput takes 1 unit or more, and no commitment or one of {', '.join(COMMITMENTS)}"
        )
    digest, attempt = metadata[names.DIGEST_TAG], names.attempt_of(metadata)
    name = names.model_name(suffix, digest, attempt)
    if found := _provisioned(account, name):
        return _same(account, found, model_arn, digest)
    try:
        made = account.create(
            "bedrock",
            "create_provisioned_model_throughput",
            provisionedModelName=name,
            modelId=model_arn,
            modelUnits=units,
            tags=names.tags(metadata),
            clientRequestToken=names.client_token(digest, attempt, "throughput"),
            **({"commitmentDuration": commitment} if commitment else {}),
        )
    except (ReplyLost, Refused) as error:
        if found := _provisioned(account, name):
            return _same(account, found, model_arn, digest)
        raise _kept(error, "throughput", name) from None
    return Serving(made["provisionedModelArn"], name, model_arn, ServingState.STARTING, "by the hour")


def throughput(account: Account, arn: str) -> Serving:
    """The provisioned throughput as it is now."""
    found = _provisioned(account, arn)
    if found is None:
        raise ProviderError("the provisioned throughput does not exist", hint="provision it again")
    return found


def look(account: Account, arn: str) -> Serving:
    """A deployment or a throughput as it is now."""
    return throughput(account, arn) if ":provisioned-model/" in arn else deployment(account, arn)


def stop_serving(account: Account, arn: str) -> None:
    """Remove a deployment or end a throughput; one that is gone already is fine."""
    try:
        if ":provisioned-model/" in arn:
            account.ask("bedrock", "delete_provisioned_model_throughput", provisionedModelId=arn)
        else:
            account.ask("bedrock", "delete_custom_model_deployment", customModelDeploymentIdentifier=arn)
    except Refused as error:
        if not error.is_missing:
            raise


def is_served(model_id: str) -> bool:
    """A name that answers, not one that only names weights."""
    return any(
        f":{kind}/" in model_id for kind in ("custom-model-deployment", "provisioned-model", "imported-model")
    )


def ask_once(account: Account, model_id: str) -> None:
    """One short question. Raises `ProviderError` when there is no answer."""
    account.ask(
        "bedrock-runtime",
        "converse",
        modelId=model_id,
        messages=[{"role": "user", "content": [{"text": "Hello"}]}],
        inferenceConfig={"maxTokens": 16},
    )


def _deployment(account: Account, which: str) -> Serving | None:
    told = _found(account, "get_custom_model_deployment", customModelDeploymentIdentifier=which)
    if told is None:
        return None
    state = _STATES.get(str(told.get("status")), ServingState.STARTING)
    update = told.get("updateDetails", {})
    coming = update.get("modelArn") if update.get("updateStatus") == "Updating" else None
    arn, name = told["customModelDeploymentArn"], told["modelDeploymentName"]
    return Serving(arn, name, told["modelArn"], state, "by the token", coming)


def _provisioned(account: Account, which: str) -> Serving | None:
    told = _found(account, "get_provisioned_model_throughput", provisionedModelId=which)
    if told is None:
        return None
    state = _STATES.get(str(told.get("status")), ServingState.STARTING)
    arn, name = told["provisionedModelArn"], told["provisionedModelName"]
    return Serving(arn, name, told["desiredModelArn"], state, "by the hour")


def _found(account: Account, method: str, **which: Any) -> dict[str, Any] | None:
    try:
        return account.ask("bedrock", method, **which)
    except Refused as error:
        if error.is_missing:
            return None
        raise


def _same(account: Account, found: Serving, model_arn: str, digest: str) -> Serving:
    """Adopt what has our name only when our tag says so too."""
    told = account.ask("bedrock", "list_tags_for_resource", resourceARN=found.arn).get("tags", [])
    if found.model_arn != model_arn or names.digest_in(told) != digest:
        raise ProviderError(
            f"{found.name} exists and serves another model",
            hint="nothing was created; remove it, or point it at the model on purpose",
        )
    return found


def _kept(error: ProviderError, what: str, name: str) -> ProviderError:
    if isinstance(error, ReplyLost):
        return ReplyLost(
            f"the {what} {name}: {error.sentence}", hint="run it again: it looks before it creates"
        )
    return error
