"""`registry resolve | export` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from liftgate import Registry
from liftgate.cli import main

MODELS = """\
version: 1
models:
  support-intent:
    default: {model_id: base, provider: openai}
    variants:
      v1.0.0:
        model_id: ft:base:acme:si:abc
        provider: openai
        base_url: http://127.0.0.1:9/v1
        dataset: {version: 1.0.0}
        flag: support-intent-tuned
        rollout_percent: 50
      v1.1.0:
        model_id: ft:base:acme:si:abd
        provider: openai
        dataset: {version: 1.1.0}
        flag: support-intent-next
        rollout_percent: 0
        shadow_percent: 100
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.yaml").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIFTGATE_OFF", raising=False)
    return tmp_path


def caller(variant: str | None) -> str:
    registry = Registry.load("models.yaml")
    return next(
        k for k in map(str, range(99)) if registry.resolve("support-intent", key=k).variant == variant
    )


def test_the_model_is_on_stdout_and_the_reason_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registry", "resolve", "support-intent", "--key", caller("v1.0.0")]) == 0
    said = capsys.readouterr()
    assert said.out == "ft:base:acme:si:abc\n"
    assert said.err == (
        "support-intent: v1.0.0, openai at http://127.0.0.1:9/v1; the caller is in its share\n"
        "a copy goes to v1.1.0 (ft:base:acme:si:abd)\n"
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--key", "IN", "--off", "support-intent-tuned"], "switched-off"),
        (["--key", "IN", "--off", "*"], "switched-off"),
        (["--key", "OUT"], "default"),
        ([], "no-key"),
    ],
)
def test_json_says_everything(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {"IN": caller("v1.0.0"), "OUT": caller(None)}
    assert main(["registry", "resolve", "support-intent", *(keys.get(w, w) for w in words), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    mirrored = [{"variant": "v1.1.0", "model_id": "ft:base:acme:si:abd"}]
    assert said == {
        "schema_version": 1,
        "alias": "support-intent",
        "model_id": "base",
        "variant": None,
        "provider": "openai",
        "base_url": None,
        "region": None,
        "reason": reason,
        "flag": "support-intent-tuned" if reason == "switched-off" else None,
        "shadows": [] if "*" in words else mirrored,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resolve", "suport-intent"], "'suport-intent' is not an alias; did you mean 'support-intent'?"),
        (
            ["resolve", "support-intent", "--off", "support-intent-tund"],
            "did you mean 'support-intent-tuned'?",
        ),
        (["resolve", "support-intent", "--registry", "none.yaml"], "none.yaml: no such registry"),
        (["export", "lightllm"], "'lightllm' is nothing to export for; did you mean 'litellm'?"),
    ],
)
def test_words_that_are_not_there_are_bad_input(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["registry", *words]) == 2
    assert said in capsys.readouterr().err


def test_an_export_goes_to_stdout_or_into_a_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("env", "litellm"):
        assert main(["registry", "export", target]) == 0
        shown = capsys.readouterr().out
        assert main(["registry", "export", target, "--out", str(root / "made")]) == 0
        assert (root / "made").read_text() == shown != ""


def test_a_registry_that_the_gate_would_refuse_is_not_exported(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "models.yaml").write_text(
        MODELS.replace("flag: support-intent-next", "flagg: support-intent-next")
    )
    assert main(["registry", "export", "litellm"]) == 2
    assert "'flagg' is not a key here; did you mean 'flag'?" in capsys.readouterr().err
