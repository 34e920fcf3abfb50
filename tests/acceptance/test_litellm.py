"""What `registry export litellm` writes, in the real LiteLLM: its own loader, its own draws, real requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import chi2

from liftgate.cli import main
from openai_server import OpenAIServer

PYTHON = Path(sys.prefix) / "share" / "gateways" / "bin" / "python"
DRIVER = Path(__file__).with_name("litellm_driver.py")
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PYTHON.exists(), reason="litellm is not installed"),
]
SECRET = "sk-" + "never-written"


def registry(default: str, tuned: str, shadowed: str) -> dict[str, Any]:
    def model(name: str, url: str, **more: Any) -> dict[str, Any]:
        return {"model_id": name, "provider": "openai", "base_url": url, **more}

    def variant(name: str, url: str, percent: int, shadow: int = 0) -> dict[str, Any]:
        dials = {"rollout_percent": percent, "shadow_percent": shadow}
        return model(name, url, dataset={"version": "1.0.0"}, flag=f"flag-{name}", **dials)

    arn = "arn:aws:bedrock:eu-central-1:123456789012:custom-model-deployment/abc"
    bedrock = {"model_id": arn, "provider": "bedrock", "dataset": {"version": "1.0.0"}}
    return {
        "version": 1,
        "models": {
            "support-intent": {
                "default": model("base", default),
                "variants": {
                    "v1.0.0": variant("tuned", tuned, 25),
                    "v1.1.0": variant("shadowed", shadowed, 0, 20),
                },
            },
            "router": {
                "default": {"model_id": "qwen", "provider": "local", "base_url": default},
                "variants": {"v1.0.0": {**bedrock, "flag": "r", "rollout_percent": 100}},
            },
            "hosts": {
                "default": {"model_id": "accounts/a/models/m", "provider": "fireworks"},
                "variants": {
                    "v1.0.0": {
                        **bedrock,
                        "model_id": "a/m",
                        "provider": "together",
                        "flag": "h",
                        "rollout_percent": 5,
                    }
                },
            },
        },
    }


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("litellm")
    with (
        OpenAIServer(lambda body: "base") as default,
        OpenAIServer(faults="503", retry_after="") as tuned,
        OpenAIServer(lambda body: "shadowed") as shadowed,
    ):
        path = folder / "models.yaml"
        path.write_text(json.dumps(registry(default.url, tuned.url, shadowed.url)))
        config = folder / "litellm.yaml"
        assert main(["registry", "export", "litellm", "--registry", str(path), "--out", str(config)]) == 0
        names = ("OPENAI_API_KEY", "TOGETHER_API_KEY", "FIREWORKS_API_KEY")
        env = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **dict.fromkeys(names, SECRET),
            # No look-up of prices in the network.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
        }
        words = [str(PYTHON), str(DRIVER), str(config), "support-intent", "20000", "60"]
        ran = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=280)
        assert ran.returncode == 0, ran.stderr[-2000:]
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return {
            **found,
            "text": config.read_text("utf-8"),
            "served": {"base": default.count, "tuned": tuned.count, "shadowed": shadowed.count},
        }


def test_its_own_loader_takes_every_alias_and_every_provider(said: dict[str, Any]) -> None:
    assert set(said["models"]) == {
        *("support-intent", "support-intent@default", "support-intent@v1.0.0", "support-intent@v1.1.0"),
        *("router", "router@default", "router@v1.0.0"),
        *("hosts", "hosts@default", "hosts@v1.0.0"),
    }
    assert said["strategy"] == "simple-shuffle"
    assert said["fallbacks"] == [
        {name: [f"{name}@default"]} for name in ("support-intent", "router", "hosts")
    ]


def test_keys_come_from_the_environment_and_are_nowhere_in_the_file(said: dict[str, Any]) -> None:
    assert SECRET not in said["text"]
    assert SECRET in said["keys"]


def test_it_draws_the_shares_and_the_mirrored_parts_that_the_registry_names(said: dict[str, Any]) -> None:
    # 75 : 25, of which 20 in 100 are mirrored; the variant at 0% is never drawn.
    expected = {
        "support-intent@default/weighted": 0.60,
        "support-intent@default+v1.1.0/weighted": 0.15,
        "support-intent@v1.0.0/weighted": 0.20,
        "support-intent@v1.0.0+v1.1.0/weighted": 0.05,
    }
    assert said["drawn"].keys() == expected.keys()
    statistic = sum((said["drawn"][name] - 20000 * p) ** 2 / (20000 * p) for name, p in expected.items())
    assert chi2.sf(statistic, 3) > 1e-6


def test_a_variant_that_fails_falls_back_to_the_default_and_copies_reach_nobody(said: dict[str, Any]) -> None:
    assert said["answers"] == {"base": 60}
    assert said["served"]["tuned"] > 0
    assert 0 < said["served"]["shadowed"] < 60
