"""The configuration of a LiteLLM proxy: aliases, shares as weights, the default model behind them, and mirrors.

LiteLLM draws a deployment of a group by `weight` at each request. A deployment at 0% must not be in the group at all:
it would be drawn once the others rest after failures. A `silent_model` gets a copy of every request of a deployment,
so a share that is mirrored becomes a deployment of its own beside one that mirrors nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Final

import yaml

from liftgate.errors import InputError, Problem
from liftgate.registry.exports.refused import refused
from liftgate.registry.resolve import AliasPlan, Served, Table
from liftgate.training.finetuning_hosts import HOSTS

# Providers that LiteLLM finds by their name alone. Behind an address it speaks OpenAI's protocol, as evaluation does.
_BY_NAME: Final = {"openai": "openai", "together": "together_ai", "fireworks": "fireworks_ai"}
_HEAD: Final = """\
# LiteLLM proxy configuration, made from {path}; do not edit: liftgate registry export litellm
# Shares are drawn anew at each request: a caller may get one model now and another later. Where a caller must stay
# with one model, resolve in the application (from liftgate import Registry) and ask for <alias>@<variant> or
# <alias>@default. Keys are read from the environment.
"""


def export(table: Table) -> str:
    """YAML for `litellm --config`, or for `include:` in a larger one."""
    problems = list(refused(table))
    problems += [problem for plan in table.plans.values() for problem in _problems(table.path, plan)]
    if problems:
        raise InputError("LiteLLM cannot serve this registry", problems=problems)
    plans = table.plans.values()
    models = [deployment for plan in plans for deployment in _deployments(plan)]
    fallbacks = [
        {plan.entry.alias: [_group(plan, plan.entry.default)]}
        for plan in plans
        if _shares(plan)[0][0].variant
    ]
    config = {
        "model_list": models,
        "router_settings": {"routing_strategy": "simple-shuffle", "fallbacks": fallbacks},
    }
    text: str = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=1000)
    return _HEAD.format(path=table.path) + text


def _deployments(plan: AliasPlan) -> Iterator[dict[str, Any]]:
    alias, entry = plan.entry.alias, plan.entry
    weighted = [
        (served, mirrored, weight)
        for served, share in _shares(plan)
        for mirrored, weight in _mirrors(plan, served, share)
    ]
    unit = reduce(math.gcd, (weight for *_, weight in weighted))
    for served, mirrored, weight in weighted:
        params = {**_params(served), "weight": weight // unit}
        name = _group(plan, served)
        if mirrored:
            params["silent_model"] = [_group(plan, each) for each in mirrored]
            name += "".join(f"+{each.variant}" for each in mirrored)
        yield {"model_name": alias, "litellm_params": params, "model_info": {"id": f"{name}/weighted"}}
    for served in (entry.default, *entry.variants):
        name = _group(plan, served)
        yield {"model_name": name, "litellm_params": _params(served), "model_info": {"id": name}}


def _shares(plan: AliasPlan) -> list[tuple[Served, int]]:
    """Who answers how many percent, variants first; nobody with none."""
    shares = [(each, each.rollout_percent) for each in plan.entry.variants if each.rollout_percent > 0]
    left = 100 - sum(percent for _, percent in shares)
    return [*shares, (plan.entry.default, left)] if left > 0 else shares


def _mirrors(plan: AliasPlan, served: Served, share: int) -> Iterator[tuple[Sequence[Served], int]]:
    """Every set of variants that may get a copy, with its part of the share: each is drawn for itself."""
    parts: list[tuple[list[Served], int]] = [([], share)]
    for each in plan.entry.variants:
        if each.shadow_percent > 0:
            percent = 0 if each.variant == served.variant else each.shadow_percent
            parts = [
                part
                for chosen, weight in parts
                for part in (([*chosen, each], weight * percent), (chosen, weight * (100 - percent)))
            ]
    yield from ((chosen, weight) for chosen, weight in parts if weight > 0)


def _params(served: Served) -> dict[str, Any]:
    if served.provider == "bedrock":
        region = served.region or _region(served.model_id)
        where = {"aws_region_name": region} if region else {}
        address = {"aws_bedrock_runtime_endpoint": served.base_url} if served.base_url else {}
        return {"model": f"bedrock/converse/{served.model_id}", **where, **address}
    if served.provider == "local":
        return {"model": f"hosted_vllm/{served.model_id}", "api_base": served.base_url}
    key = {"api_key": f"os.environ/{HOSTS[served.provider].key_env}"}
    if served.base_url:
        return {"model": f"openai/{served.model_id}", "api_base": served.base_url, **key}
    return {"model": f"{_BY_NAME[served.provider]}/{served.model_id}", **key}


def _region(model_id: str) -> str:
    parts = model_id.split(":")
    return parts[3] if len(parts) > 4 and parts[0] == "arn" else ""


def _group(plan: AliasPlan, served: Served) -> str:
    return f"{plan.entry.alias}@{served.variant or 'default'}"


def _problems(path: str, plan: AliasPlan) -> Iterator[Problem]:
    alias = plan.entry.alias
    for served in (plan.entry.default, *plan.entry.variants):
        place = f"{path} {alias} {served.variant or 'default'}"
        if served.provider != "bedrock" and served.provider not in _BY_NAME and not served.base_url:
            yield Problem(
                place, f"a model of {served.provider} needs `base_url`, where a server answers for it"
            )
        if served.provider not in {"bedrock", "local", *HOSTS}:
            yield Problem(place, f"{served.provider!r} is not a provider")
        if served.variant == "default":
            yield Problem(place, "a variant named default cannot be told from the default model")
    total = sum(each.rollout_percent for each in plan.entry.variants)
    if total > 100:
        yield Problem(f"{path} {alias}", f"the shares of its variants sum to {total}%")
