"""Opens who answers for an arm: a model of the registry, or an endpoint that the suite describes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from liftgate.errors import InputError
from liftgate.evaluation.arms import Arm
from liftgate.evaluation.endpoints import Endpoint, Settings, open_endpoint
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.registry.models import Model
from liftgate.training.finetuning_hosts import HOSTS


def endpoint_of(model: Model, limits: Limits | None = None) -> Endpoint:
    """Who answers for a model of models.yaml. Nothing is sent. Raises `InputError` for one without an address."""
    return open_endpoint(*settings_of_model(model, limits))


def settings_of_model(model: Model, limits: Limits | None = None) -> tuple[str, Settings]:
    """The kind of endpoint of a registered model, and everything that opens it."""
    if model.provider == "local":
        return "local", Settings(model=model.base or model.model_id)
    if model.provider == "bedrock":
        settings = Settings(model=model.model_id, base_url=model.base_url, region=model.region, limits=limits)
        return "bedrock", settings
    if model.base_url is None:
        raise InputError(
            f"models.yaml: the default model {model.model_id!r} has no base_url",
            hint="give the address of an OpenAI-compatible server",
        )
    # Each host's own key: a key of one is no business of another.
    host = HOSTS.get(model.provider, HOSTS["openai"])
    key = os.environ.get(host.key_env)
    return "openai", Settings(model=model.model_id, base_url=model.base_url, api_key=key, limits=limits)


def kind_of(model: Model) -> str:
    """The kind of endpoint that `endpoint_of` opens."""
    return model.provider if model.provider in ("local", "bedrock") else "openai"


def price_name(model: Model) -> str:
    """The name under which the price table knows a model: for weights of our own that of their base."""
    return model.base or model.model_id if model.provider == "local" else model.model_id


def endpoint_of_suite(suite: SuiteFolder, arm: Arm, limits: Limits | None = None) -> Endpoint:
    """Who answers for an arm with an endpoint of the suite. Nothing is sent."""
    if arm.endpoint is None:
        raise InputError(
            f"{suite.suite.path}: arm {arm.name!r} does not say who answers for {arm.model!r}",
            hint="name one of the suite's `endpoints` with `endpoint:`",
        )
    provider = suite.suite.endpoints[arm.endpoint]
    key = os.environ.get(provider.api_key_env) if provider.api_key_env else ""
    settings = Settings(
        model=arm.model,
        base_url=provider.base_url,
        api_key=key,
        region=provider.region,
        program=suite.programs.get(arm.endpoint),
        limits=limits,
    )
    return open_endpoint(provider.kind, settings)


def in_order(arms: Mapping[str, Arm]) -> list[Arm]:
    """Base first, since everything is held against it, then the candidate, then the other roads."""
    rank = {"base": 0, "candidate": 1}
    return sorted(arms.values(), key=lambda arm: (rank.get(arm.name, 2), arm.name))
