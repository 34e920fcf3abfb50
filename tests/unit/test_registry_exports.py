"""What gateways and shells get of a registry: whole texts, and everything that may not be in them."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.registry.compiled import read_table
from liftgate.registry.exports import EXPORTS
from liftgate.registry.resolve import Table


def variant(percent: int, shadow: int = 0, **more: Any) -> dict[str, Any]:
    said = {"model_id": "ft:luna:acme:si:abc", "provider": "openai", "dataset": {"version": "1.0.0"}}
    return {**said, "flag": "f", "rollout_percent": percent, "shadow_percent": shadow, **more}


def table(
    variants: dict[str, Any], default: dict[str, Any] | None = None, alias: str = "support-intent"
) -> Table:
    entry = {"default": default or {"model_id": "luna", "provider": "openai"}, "variants": variants}
    return read_table(json.dumps({"version": 1, "models": {alias: entry}}, ensure_ascii=False))


def test_the_litellm_configuration_of_one_alias() -> None:
    made = EXPORTS["litellm"](table({"v1.0.0": variant(25), "v1.1.0": variant(0, 10, flag="g")}))
    assert (
        made
        == """\
# LiteLLM proxy configuration, made from models.yaml; do not edit: liftgate registry export litellm
# Shares are drawn anew at each request: a caller may get one model now and another later. Where a caller must stay
# with one model, resolve in the application (from liftgate import Registry) and ask for <alias>@<variant> or
# <alias>@default. Keys are read from the environment.
model_list:
- model_name: support-intent
  litellm_params:
    model: openai/ft:luna:acme:si:abc
    api_key: os.environ/OPENAI_API_KEY
    weight: 1
    silent_model:
    - support-intent@v1.1.0
  model_info:
    id: support-intent@v1.0.0+v1.1.0/weighted
- model_name: support-intent
  litellm_params:
    model: openai/ft:luna:acme:si:abc
    api_key: os.environ/OPENAI_API_KEY
    weight: 9
  model_info:
    id: support-intent@v1.0.0/weighted
- model_name: support-intent
  litellm_params:
    model: openai/luna
    api_key: os.environ/OPENAI_API_KEY
    weight: 3
    silent_model:
    - support-intent@v1.1.0
  model_info:
    id: support-intent@default+v1.1.0/weighted
- model_name: support-intent
  litellm_params:
    model: openai/luna
    api_key: os.environ/OPENAI_API_KEY
    weight: 27
  model_info:
    id: support-intent@default/weighted
- model_name: support-intent@default
  litellm_params:
    model: openai/luna
    api_key: os.environ/OPENAI_API_KEY
  model_info:
    id: support-intent@default
- model_name: support-intent@v1.0.0
  litellm_params:
    model: openai/ft:luna:acme:si:abc
    api_key: os.environ/OPENAI_API_KEY
  model_info:
    id: support-intent@v1.0.0
- model_name: support-intent@v1.1.0
  litellm_params:
    model: openai/ft:luna:acme:si:abc
    api_key: os.environ/OPENAI_API_KEY
  model_info:
    id: support-intent@v1.1.0
router_settings:
  routing_strategy: simple-shuffle
  fallbacks:
  - support-intent:
    - support-intent@default
"""
    )


@settings(max_examples=40, deadline=None)
@given(
    percents=st.lists(st.integers(0, 33), min_size=1, max_size=3),
    shadows=st.lists(st.integers(0, 100), min_size=3, max_size=3),
)
def test_weights_are_exactly_the_shares_and_the_mirrored_parts(
    percents: list[int], shadows: list[int]
) -> None:
    names = [f"v1.{n}.0" for n in range(len(percents))]
    made = table(
        {
            name: variant(percent, shadow, flag=name, model_id=name)
            for name, percent, shadow in zip(names, percents, shadows, strict=False)
        },
        {"model_id": "base", "provider": "openai"},
    )
    models = yaml.safe_load(EXPORTS["litellm"](made))["model_list"]
    group = [each["litellm_params"] for each in models if each["model_name"] == "support-intent"]
    whole = sum(each["weight"] for each in group)
    shares = {**dict(zip(names, percents, strict=True)), "base": 100 - sum(percents)}
    for name, percent in shares.items():
        own = [each for each in group if each["model"] == f"openai/{name}"]
        assert sum(each["weight"] for each in own) * 100 == percent * whole
        for other, shadow in zip(names, shadows, strict=False):
            mirrored = sum(w["weight"] for w in own if f"support-intent@{other}" in w.get("silent_model", []))
            assert mirrored * 10_000 == (0 if other == name else percent * shadow) * whole
    # A deployment without weight would be drawn once the others rest.
    assert all(each["weight"] > 0 for each in group)
    assert len({each["model_info"]["id"] for each in models}) == len(models)


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (
            {"provider": "openai", "model_id": "m", "base_url": "http://h/v1"},
            {"model": "openai/m", "api_base": "http://h/v1", "api_key": "os.environ/OPENAI_API_KEY"},
        ),
        (
            {
                "provider": "azure",
                "model_id": "d",
                "base_url": "https://r.invalid/openai/v1?api-version=preview",
            },
            {
                "model": "openai/d",
                "api_base": "https://r.invalid/openai/v1?api-version=preview",
                "api_key": "os.environ/AZURE_OPENAI_API_KEY",
            },
        ),
        (
            {"provider": "together", "model_id": "a/m"},
            {"model": "together_ai/a/m", "api_key": "os.environ/TOGETHER_API_KEY"},
        ),
        (
            {"provider": "fireworks", "model_id": "accounts/a/models/m"},
            {"model": "fireworks_ai/accounts/a/models/m", "api_key": "os.environ/FIREWORKS_API_KEY"},
        ),
        (
            {"provider": "local", "model_id": "m", "base_url": "http://127.0.0.1:8000/v1"},
            {"model": "hosted_vllm/m", "api_base": "http://127.0.0.1:8000/v1"},
        ),
        (
            {"provider": "bedrock", "model_id": "arn:aws:bedrock:eu-west-1:1:custom-model-deployment/x"},
            {
                "model": "bedrock/converse/arn:aws:bedrock:eu-west-1:1:custom-model-deployment/x",
                "aws_region_name": "eu-west-1",
            },
        ),
        (
            {"provider": "bedrock", "model_id": "amazon.nova-lite-v1:0", "region": "us-east-1"},
            {"model": "bedrock/converse/amazon.nova-lite-v1:0", "aws_region_name": "us-east-1"},
        ),
    ],
)
def test_each_provider_in_litellms_words(model: dict[str, Any], params: dict[str, Any]) -> None:
    made = yaml.safe_load(EXPORTS["litellm"](table({}, model)))
    assert made["model_list"][-1]["litellm_params"] == params
    assert made["router_settings"]["fallbacks"] == []


def test_what_litellm_cannot_serve_is_told_all_at_once() -> None:
    bad = table(
        {
            "v1": variant(60, base_url="https://user:hunter2@h/v1"),
            "v2": variant(60, flag="a\nb"),
            "default": variant(0, base_url="https://h/v1?api_key=hunter2"),
            "v3": variant(0, provider="azure"),
        },
        {"model_id": "m", "provider": "local", "base": "embedded"},
    )
    with pytest.raises(InputError) as caught:
        EXPORTS["litellm"](bad)
    secret = "`base_url` holds a name, a password or a query; keys belong into the environment"
    assert str(caught.value).splitlines() == [
        "LiteLLM cannot serve this registry",
        f"  models.yaml support-intent v1: {secret}",
        "  models.yaml support-intent v2: `flag` holds a character that cannot be printed",
        f"  models.yaml support-intent default: {secret}",
        "  models.yaml support-intent default: a model of local needs `base_url`, where a server answers for it",
        "  models.yaml support-intent default: a variant named default cannot be told from the default model",
        "  models.yaml support-intent v3: a model of azure needs `base_url`, where a server answers for it",
        "  models.yaml support-intent: the shares of its variants sum to 120%",
    ]


def test_the_lines_for_a_shell() -> None:
    made = EXPORTS["env"](table({"v1.0.0": variant(25, 5, base_url="http://h/v1")}))
    assert (
        made
        == """\
LIFTGATE_SUPPORT_INTENT_ALIAS=support-intent
LIFTGATE_SUPPORT_INTENT_DEFAULT_MODEL_ID=luna
LIFTGATE_SUPPORT_INTENT_DEFAULT_PROVIDER=openai
LIFTGATE_SUPPORT_INTENT_DEFAULT_BASE_URL=''
LIFTGATE_SUPPORT_INTENT_DEFAULT_REGION=''
LIFTGATE_SUPPORT_INTENT_VARIANTS=v1.0.0
LIFTGATE_SUPPORT_INTENT__V1_0_0_MODEL_ID=ft:luna:acme:si:abc
LIFTGATE_SUPPORT_INTENT__V1_0_0_PROVIDER=openai
LIFTGATE_SUPPORT_INTENT__V1_0_0_BASE_URL=http://h/v1
LIFTGATE_SUPPORT_INTENT__V1_0_0_REGION=''
LIFTGATE_SUPPORT_INTENT__V1_0_0_FLAG=f
LIFTGATE_SUPPORT_INTENT__V1_0_0_ROLLOUT_PERCENT=25
LIFTGATE_SUPPORT_INTENT__V1_0_0_SHADOW_PERCENT=5
"""
    )


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40))
def test_a_shell_reads_every_value_as_it_stands_and_runs_none(word: str) -> None:
    for hostile in (word, f"$(touch pwned){word}", f"`id`'{word}", f'";{word}', f"a b*{word}\\"):
        if not hostile.isprintable():
            continue
        made = EXPORTS["env"](table({"v1.0.0": variant(0, model_id=hostile)}))
        script = made + 'printf %s "$LIFTGATE_SUPPORT_INTENT__V1_0_0_MODEL_ID"'
        said = subprocess.run(["sh", "-uc", script], capture_output=True, check=True)
        assert (said.stdout.decode(), said.stderr) == (hostile, b"")


def test_names_that_become_one_variable_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        EXPORTS["env"](table({"v1.0": variant(0), "v1-0": variant(0, flag="g")}))
    assert "two entries would both be LIFTGATE_SUPPORT_INTENT__V1_0_MODEL_ID" in str(caught.value)


@pytest.mark.parametrize("target", sorted(EXPORTS))
def test_a_name_and_password_in_an_address_leave_the_registry_in_no_form(target: str) -> None:
    with pytest.raises(InputError) as caught:
        EXPORTS[target](table({}, {"model_id": "m", "provider": "openai", "base_url": "https://u:hunter2@h"}))
    assert "hunter2" not in str(caught.value)
