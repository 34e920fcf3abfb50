"""Our flags through the real OpenFeature SDK: the same shares as the resolver's, and what the specification asks."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openfeature")

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderFatalError
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.provider import ProviderStatus

from liftgate import Registry
from liftgate.serving.openfeature import LiftgateProvider

ALIAS = "support-intent"
KEYS = [f"user-{n}" for n in range(10_000)]


def text(percents: dict[str, int], flags: dict[str, str] | None = None) -> str:
    variants = {
        name: {
            "model_id": f"tuned-{name}",
            "provider": "openai",
            "base_url": "http://127.0.0.1:9/v1",
            "dataset": {"version": name.removeprefix("v")},
            "flag": (flags or {}).get(name, f"flag-{name}"),
            "rollout_percent": percent,
        }
        for name, percent in percents.items()
    }
    entry = {"default": {"model_id": "base", "provider": "openai"}, "variants": variants}
    return json.dumps({"version": 1, "models": {ALIAS: entry}})


def replace_file(path: Path, content: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(content)
    new.replace(path)


def who(key: str | None) -> EvaluationContext:
    return EvaluationContext(targeting_key=key)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "models.yaml"
    made.write_text(text({"v1.0.0": 50, "v1.1.0": 25, "v1.2.0": 0}))
    yield made
    api.clear_providers()
    api.clear_hooks()


def client(source: Registry | Path) -> Any:
    api.set_provider_and_wait(LiftgateProvider(source), "liftgate")
    return api.get_client("liftgate")


def test_ten_thousand_callers_get_the_same_variant_from_the_resolver_and_through_the_sdk(path: Path) -> None:
    registry, asked = Registry.load(path, env={}), client(path)
    served = {"v1.0.0": 0, "v1.1.0": 0}
    for key in KEYS:
        ours, context = registry.resolve(ALIAS, key=key), who(key)
        theirs = {
            name: asked.get_boolean_value(f"flag-{name}", False, context) for name in ("v1.0.0", "v1.1.0")
        }
        assert theirs == {name: name == ours.variant for name in theirs}
        served = {name: served[name] + said for name, said in theirs.items()}
    assert 4700 < served["v1.0.0"] < 5300
    assert 2250 < served["v1.1.0"] < 2750


def test_a_string_is_the_model_id_and_an_object_all_that_a_call_needs(path: Path) -> None:
    registry, asked = Registry.load(path, env={}), client(path)
    for key in KEYS[:300]:
        ours = registry.resolve(ALIAS, key=key)
        assert asked.get_string_value("flag-v1.0.0", "x", who(key)) == ours.model_id
        said = asked.get_object_value("flag-v1.1.0", {}, who(key))
        assert said == {
            "alias": ALIAS,
            "model_id": ours.model_id,
            "provider": "openai",
            "reason": ours.reason,
            "shadows": [],
            **(
                {"variant": ours.variant, "base_url": ours.base_url, "flag": ours.flag}
                if ours.variant
                else {}
            ),
        }


def test_the_asynchronous_client_gets_the_same(path: Path) -> None:
    asked = client(path)

    async def ask() -> list[bool]:
        return [await asked.get_boolean_value_async("flag-v1.0.0", False, who(key)) for key in KEYS[:100]]

    assert asyncio.run(ask()) == [asked.get_boolean_value("flag-v1.0.0", False, who(k)) for k in KEYS[:100]]


def details(asked: Any, flag: str, key: str | None) -> FlagEvaluationDetails[bool]:
    found: FlagEvaluationDetails[bool] = asked.get_boolean_details(flag, True, who(key))
    return found


def test_reasons_and_variants_are_those_of_the_specification(path: Path) -> None:
    asked = client(path)
    split, idle = details(asked, "flag-v1.0.0", "user-1"), details(asked, "flag-v1.2.0", "user-1")
    assert split.reason == Reason.SPLIT
    assert split.variant in {"v1.0.0", "v1.1.0", "default"}
    assert (idle.value, idle.reason) == (False, Reason.STATIC)
    assert dict(idle.flag_metadata)["rollout_percent"] == 0
    path.write_text(text({"v1.0.0": 100}))
    whole = details(client(path), "flag-v1.0.0", None)
    assert (whole.value, whole.reason, whole.variant) == (True, Reason.STATIC, "v1.0.0")


def test_a_flag_that_is_switched_off_is_disabled_for_everybody(path: Path) -> None:
    path.write_text(text({"v1.0.0": 100}))
    asked = client(Registry.load(path, env={"LIFTGATE_OFF": "flag-v1.0.0"}))
    found = details(asked, "flag-v1.0.0", "user-1")
    assert (found.value, found.reason, found.variant) == (False, Reason.DISABLED, "default")


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda c: c.get_boolean_details("flag-v1.0.O", True, who("u")), ErrorCode.FLAG_NOT_FOUND),
        (lambda c: c.get_integer_details("flag-v1.0.0", 7, who("u")), ErrorCode.TYPE_MISMATCH),
        (lambda c: c.get_float_details("flag-v1.0.0", 7.5, who("u")), ErrorCode.TYPE_MISMATCH),
        (lambda c: c.get_integer_details("nothing", 7, who("u")), ErrorCode.FLAG_NOT_FOUND),
        (lambda c: c.get_boolean_details("flag-v1.0.0", True), ErrorCode.TARGETING_KEY_MISSING),
        (lambda c: c.get_boolean_details("flag-v1.0.0", True, who("")), ErrorCode.TARGETING_KEY_MISSING),
        (lambda c: c.get_string_details("flag-v1.2.0", "x", who(None)), ErrorCode.TARGETING_KEY_MISSING),
    ],
)
def test_what_cannot_be_answered_is_the_applications_default_with_its_error_code(
    path: Path, ask: Any, code: ErrorCode
) -> None:
    found = ask(client(path))
    assert (found.error_code, found.reason) == (code, Reason.ERROR)
    assert found.value in {True, 7, 7.5, "x"}


def test_a_flag_of_two_variants_is_an_error_and_not_one_of_them(path: Path) -> None:
    path.write_text(text({"v1.0.0": 100, "v1.1.0": 0}, {"v1.0.0": "same", "v1.1.0": "same"}))
    found = details(client(path), "same", "u")
    assert (found.value, found.error_code) == (True, ErrorCode.GENERAL)
    assert found.error_message == f"{path}: 'same' is the flag of 2 variants"


def test_a_registry_that_cannot_be_read_makes_the_provider_fatal(tmp_path: Path) -> None:
    with pytest.raises(ProviderFatalError):
        client(tmp_path / "models.yaml")
    asked = api.get_client("liftgate")
    assert asked.get_provider_status() == ProviderStatus.FATAL
    found = details(asked, "flag-v1.0.0", "u")
    assert (found.value, found.error_code) == (True, ErrorCode.PROVIDER_FATAL)
    api.clear_providers()


def test_a_provider_that_nobody_initialised_is_not_ready(path: Path) -> None:
    from openfeature.exception import ProviderNotReadyError

    with pytest.raises(ProviderNotReadyError):
        LiftgateProvider(path).resolve_boolean_details("flag-v1.0.0", False)


def test_a_merged_change_and_a_broken_file_reach_the_application_as_events(path: Path) -> None:
    seconds = 0.0
    registry = Registry.load(path, env={}, now=lambda: seconds, unix_time=lambda: 4e9)
    asked = client(registry)
    heard: list[tuple[str, list[str] | None]] = []
    came = threading.Semaphore(0)

    def handler(name: str) -> Any:
        def hear(event: EventDetails) -> None:
            heard.append((name, event.flags_changed))
            came.release()

        return hear

    asked.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, handler("changed"))
    asked.add_handler(ProviderEvent.PROVIDER_STALE, handler("stale"))
    replace_file(path, text({"v1.0.0": 100, "v1.1.0": 0}))
    seconds = 1.0
    assert asked.get_boolean_value("flag-v1.0.0", False, who("u")) is True
    assert came.acquire(timeout=10)
    replace_file(path, "{")
    seconds = 2.0
    found = details(asked, "flag-v1.0.0", "u")
    assert (found.value, found.reason) == (True, Reason.STALE)
    assert came.acquire(timeout=10)
    assert asked.get_provider_status() == ProviderStatus.STALE
    replace_file(path, text({"v1.0.0": 0, "v1.1.0": 0}))
    seconds = 3.0
    assert details(asked, "flag-v1.0.0", "u").reason == Reason.STATIC
    assert came.acquire(timeout=10)
    assert asked.get_provider_status() == ProviderStatus.READY
    every = ["flag-v1.0.0", "flag-v1.1.0"]
    assert heard == [("changed", [*every, "flag-v1.2.0"]), ("stale", None), ("changed", every)]


def test_after_shutdown_nothing_is_heard_any_more(path: Path) -> None:
    registry = Registry.load(path, refresh_s=0.0, env={})
    provider = LiftgateProvider(registry)
    provider.initialize(EvaluationContext())
    provider.shutdown()
    provider.shutdown()
    replace_file(path, text({"v1.0.0": 1}))
    registry.reload()
    assert registry._listeners == []
