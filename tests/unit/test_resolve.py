"""Shares of callers: exact, sticky, the same everywhere; and a resolver that nothing a caller passes can break."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from liftgate.errors import InputError
from liftgate.registry.buckets import SPAN, key_bytes, number, salt, threshold
from liftgate.registry.compiled import read_table
from liftgate.registry.resolve import Resolution, Table, UnknownAlias

VECTORS = Path(__file__).parent.parent / "vectors" / "buckets.json"
KEYS = [f"user-{n}" for n in range(10_000)]
STEPS = (0, 1, 5, 25, 50, 75, 100)


def registry(
    percents: dict[str, int], shadows: dict[str, int] | None = None, alias: str = "support-intent"
) -> Table:
    variants = {
        name: {
            "model_id": f"tuned-{name}",
            "provider": "openai",
            "base_url": "http://127.0.0.1:9/v1",
            "dataset": {"version": name.removeprefix("v")},
            "flag": f"{alias}-{name}",
            "rollout_percent": percent,
            "shadow_percent": (shadows or {}).get(name, 0),
        }
        for name, percent in percents.items()
    }
    entry = {"default": {"model_id": "base", "provider": "openai"}, "variants": variants}
    return read_table(json.dumps({"version": 1, "models": {alias: entry}}))


def callers(table: Table, variant: str | None, alias: str = "support-intent", **said: Any) -> set[str]:
    return {key for key in KEYS if table.resolve(alias, key, **said).variant == variant}


def fits(counts: dict[str | None, int], percents: dict[str, int]) -> bool:
    """Whether the counts are what the percentages say, by Pearson's test at one in a million."""
    shares: dict[str | None, int] = {None: 100 - sum(percents.values())}
    shares.update(percents.items())
    total = sum(counts.values())
    expected = {name: share * total / 100 for name, share in shares.items() if share > 0}
    assert counts.keys() <= expected.keys()
    statistic = sum((counts.get(name, 0) - each) ** 2 / each for name, each in expected.items())
    return len(expected) < 2 or float(chi2.sf(statistic, len(expected) - 1)) > 1e-6


@pytest.mark.parametrize("percent", STEPS)
def test_ten_thousand_callers_are_shared_out_by_the_percentage(percent: int) -> None:
    inside = len(callers(registry({"v1.0.0": percent}), "v1.0.0"))
    counts: dict[str | None, int] = {"v1.0.0": inside, None: len(KEYS) - inside}
    assert fits({name: count for name, count in counts.items() if count}, {"v1.0.0": percent})


@pytest.mark.parametrize(
    "percents",
    [
        {"v1.0.0": 75, "v1.1.0": 25},
        {"v1.0.0": 50, "v1.1.0": 25, "v1.2.0": 5},
        {"v1.0.0": 1, "v1.1.0": 1, "v1.2.0": 98},
        {"v1.0.0": 33, "v1.1.0": 33, "v1.2.0": 34},
    ],
)
def test_several_variants_at_once_each_get_their_own_percentage(percents: dict[str, int]) -> None:
    table = registry(percents)
    served = [table.resolve("support-intent", key).variant for key in KEYS]
    assert fits({name: served.count(name) for name in set(served)}, percents)


def test_whoever_is_in_at_five_percent_stays_in_at_every_larger_step() -> None:
    inside: set[str] = set()
    for percent in STEPS:
        wider = callers(registry({"v1.0.0": percent}), "v1.0.0")
        assert inside <= wider
        inside = wider


def test_a_new_variant_takes_callers_from_the_old_one_and_trades_none() -> None:
    before = registry({"v1.0.0": 100, "v1.1.0": 0})
    for percent in (5, 25, 100):
        after = registry({"v1.0.0": 100 - percent, "v1.1.0": percent})
        assert callers(before, "v1.1.0") <= callers(after, "v1.1.0")
        assert callers(after, "v1.0.0") <= callers(before, "v1.0.0")
        before = after


def test_the_callers_of_a_variant_do_not_move_when_an_older_one_changes_or_an_idle_one_goes() -> None:
    reference = callers(registry({"v1.0.0": 0, "v1.1.0": 5, "v1.2.0": 25}), "v1.2.0")
    for others in ({"v1.1.0": 50}, {"v1.1.0": 0, "v0.9.0": 75}, {}, {"v1.3.0": 0}):
        assert callers(registry({**others, "v1.2.0": 25}), "v1.2.0") == reference


def test_the_order_of_the_entries_in_the_file_changes_nothing() -> None:
    percents = {"v1.0.0": 40, "v1.10.0": 5, "v1.9.0": 30}
    one, other = registry(percents), registry(dict(reversed(percents.items())))
    assert all(one.resolve("support-intent", key) == other.resolve("support-intent", key) for key in KEYS)
    # Versions are numbers: 1.10.0 is the newest, so its callers are those that it would have alone.
    assert callers(one, "v1.10.0") == callers(registry({"v1.10.0": 5}), "v1.10.0")


def test_different_variants_and_aliases_begin_with_different_callers() -> None:
    first = callers(registry({"v1.0.0": 5}), "v1.0.0")
    second = callers(registry({"v1.1.0": 5}), "v1.1.0")
    elsewhere = callers(registry({"v1.0.0": 5}, alias="router"), "v1.0.0", alias="router")
    # A twentieth of a twentieth of 10,000 is 25; the same 500 would be 500.
    assert len(first & second) < 60 > len(first & elsewhere)


@settings(deadline=None)
@given(key=st.text(), percents=st.tuples(*[st.integers(0, 100)] * 3), grown=st.integers(0, 100))
def test_growing_never_sends_a_caller_of_a_variant_elsewhere(
    key: str, percents: tuple[int, int, int], grown: int
) -> None:
    names = ("v1.0.0", "v1.1.0", "v1.2.0")
    before = registry(dict(zip(names, percents, strict=True)))
    for place, name in enumerate(names):
        if before.resolve("support-intent", key).variant == name:
            larger = list(percents)
            larger[place] = max(grown, percents[place])
            after = registry(dict(zip(names, larger, strict=True)))
            assert after.resolve("support-intent", key).variant == name


def test_the_numbers_are_those_that_sha256sum_gives() -> None:
    vectors = json.loads(VECTORS.read_text("utf-8"))["vectors"]
    assert len(vectors) == 72
    for vector in vectors:
        salted = salt(vector["purpose"], vector["alias"], vector["variant"])
        drawn = number(salted, key_bytes(vector["key"] * vector.get("times", 1)))
        assert f"{drawn:016x}" == vector["number"]
        first = vector["first_percent"]
        assert threshold(first - 1) <= drawn < threshold(first)


@pytest.mark.parametrize(
    "vector", json.loads(VECTORS.read_text("utf-8"))["vectors"], ids=lambda v: v["number"]
)
def test_the_resolver_lets_a_key_in_at_the_percentage_of_its_vector(vector: dict[str, Any]) -> None:
    key, first = vector["key"] * vector.get("times", 1), vector["first_percent"]
    alias, variant = vector["alias"], vector["variant"]
    for percent in {max(0, first - 1), first, 100}:
        expected = percent >= first and (key != "" or percent == 100)
        if vector["purpose"] == "rollout":
            table = registry({variant: percent}, alias=alias)
            assert (table.resolve(alias, key).variant == variant) is expected
        else:
            table = registry({variant: 0}, {variant: percent}, alias=alias)
            assert bool(table.resolve(alias, key).shadows) is expected


def test_several_variants_and_a_shadow_are_resolved_as_the_vectors_say() -> None:
    several = json.loads(VECTORS.read_text("utf-8"))["several"]
    table = registry({**several["rollout_percent"], "v1.3.0": 0}, several["shadow_percent"])
    found = {key: table.resolve("support-intent", key) for key in several["served"]}
    assert {key: each.variant for key, each in found.items()} == several["served"]
    assert [key for key, each in found.items() if each.shadows] == several["shadowed"]


def test_another_process_with_another_hash_seed_gives_the_same_answers(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    table = registry({"v1.0.0": 40, "v1.1.0": 20}, {"v1.1.0": 30})
    path.write_text(json.dumps(_written({"v1.0.0": 40, "v1.1.0": 20}, {"v1.1.0": 30})))
    code = (
        "import sys; from liftgate import Registry; r = Registry.load(sys.argv[1])\n"
        "for n in range(2000):\n"
        "    a = r.resolve('support-intent', key=f'user-{n}'); print(a.variant, len(a.shadows))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={"PYTHONHASHSEED": "4242"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = [table.resolve("support-intent", key) for key in KEYS[:2000]]
    assert said.splitlines() == [f"{each.variant} {len(each.shadows)}" for each in here]


def _written(percents: dict[str, int], shadows: dict[str, int]) -> dict[str, Any]:
    variants = {
        name: {
            "model_id": f"tuned-{name}",
            "provider": "openai",
            "dataset": {"version": name.removeprefix("v")},
            "flag": f"support-intent-{name}",
            "rollout_percent": percent,
            "shadow_percent": shadows.get(name, 0),
        }
        for name, percent in percents.items()
    }
    return {
        "version": 1,
        "models": {
            "support-intent": {"default": {"model_id": "base", "provider": "openai"}, "variants": variants}
        },
    }


def test_an_answer_says_who_answers_where_and_why() -> None:
    assert registry({"v1.0.0": 100}).resolve("support-intent", "u") == Resolution(
        alias="support-intent",
        model_id="tuned-v1.0.0",
        variant="v1.0.0",
        provider="openai",
        base_url="http://127.0.0.1:9/v1",
        region=None,
        reason="rollout",
        flag="support-intent-v1.0.0",
        shadows=(),
    )
    assert registry({"v1.0.0": 0}).resolve("support-intent", "u") == Resolution(
        "support-intent", "base", None, "openai", None, None, "default", None
    )


@pytest.mark.parametrize("key", [None, "", b""])
def test_nobody_in_particular_gets_the_default_model_until_a_variant_has_everybody(key: object) -> None:
    partly, wholly = registry({"v1.0.0": 99}), registry({"v1.0.0": 100})
    assert (partly.resolve("support-intent", key).variant, partly.resolve("support-intent", key).reason) == (
        None,
        "no-key",
    )
    assert wholly.resolve("support-intent", key).variant == "v1.0.0"
    # The older one has everybody who is left, but who is left depends on the key.
    assert registry({"v1.0.0": 75, "v1.1.0": 25}).resolve("support-intent", key).variant is None


def test_a_number_counts_as_its_digits_and_bytes_as_their_text() -> None:
    table = registry({"v1.0.0": 50})
    for n in range(200):
        answers = {table.resolve("support-intent", key) for key in (n, str(n), str(n).encode())}
        assert len(answers) == 1


def test_a_variant_that_is_switched_off_sends_its_callers_to_the_default_model_and_moves_nobody_else() -> (
    None
):
    table = registry({"v1.0.0": 75, "v1.1.0": 25})
    flags = {"support-intent-v1.1.0": False}
    for key in KEYS:
        on, off = table.resolve("support-intent", key), table.resolve("support-intent", key, flags)
        if on.variant == "v1.1.0":
            assert (off.variant, off.model_id, off.reason) == (None, "base", "switched-off")
            assert off.flag == "support-intent-v1.1.0"
        else:
            assert off == on


class Hostile:
    def __bool__(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError

    def get(self, *_: object) -> object:
        raise RuntimeError


@pytest.mark.parametrize(
    "said",
    [False, 0, None, "off", "false", "no", "", "perhaps", Hostile()],
    ids=lambda said: type(said).__name__ + repr(said)[:9],
)
def test_anything_but_a_yes_switches_a_flag_off(said: object) -> None:
    flags = {"support-intent-v1.0.0": said}
    assert registry({"v1.0.0": 100}).resolve("support-intent", "u", flags).reason == "switched-off"


@pytest.mark.parametrize("said", [True, 1, "on", "TRUE", " yes "])
def test_a_yes_only_lets_the_rollout_decide(said: object) -> None:
    flags = {"support-intent-v1.0.0": said}
    assert registry({"v1.0.0": 100}).resolve("support-intent", "u", flags).reason == "rollout"
    assert registry({"v1.0.0": 0}).resolve("support-intent", "u", flags).reason == "default"


@pytest.mark.parametrize("flags", [Hostile(), "off", 7, ["x"]], ids=["raising", "text", "number", "list"])
def test_flags_that_cannot_be_read_switch_everything_off(flags: Any) -> None:
    assert registry({"v1.0.0": 100}).resolve("support-intent", "u", flags).reason == "switched-off"


def test_a_share_of_the_requests_is_mirrored_by_request_or_by_caller_and_never_to_who_answers() -> None:
    table = registry({"v1.0.0": 0, "v1.1.0": 100}, {"v1.0.0": 10, "v1.1.0": 50})
    by_key = [table.resolve("support-intent", key).shadows for key in KEYS]
    by_request = [table.resolve("support-intent", "u", request=key).shadows for key in KEYS]
    for drawn in (by_key, by_request):
        assert {each.variant for shadows in drawn for each in shadows} == {"v1.0.0"}
        mirrored = sum(map(bool, drawn))
        assert fits({"v": mirrored, None: len(KEYS) - mirrored}, {"v": 10})
    off = {"support-intent-v1.0.0": False}
    assert not any(table.resolve("support-intent", key, off).shadows for key in KEYS)
    assert not table.resolve("support-intent", None).shadows


def test_more_shadow_only_adds_mirrored_callers() -> None:
    def mirrored(percent: int) -> set[str]:
        table = registry({"v1.0.0": 0}, {"v1.0.0": percent})
        return {key for key in KEYS if table.resolve("support-intent", key).shadows}

    assert mirrored(5) < mirrored(25) < mirrored(100) == set(KEYS)


def test_percentages_beyond_a_hundred_are_cut_for_the_oldest() -> None:
    table = registry({"v1.0.0": 80, "v1.1.0": 80})
    served = [table.resolve("support-intent", key).variant for key in KEYS]
    assert fits({name: served.count(name) for name in set(served)}, {"v1.0.0": 20, "v1.1.0": 80})


def test_an_unknown_alias_is_the_one_thing_that_raises_and_names_the_nearest() -> None:
    with pytest.raises(UnknownAlias) as caught:
        registry({}).resolve("suport-intent", "u")
    assert str(caught.value) == (
        "models.yaml: 'suport-intent' is not an alias; did you mean 'support-intent'?\n"
        "  hint: aliases: support-intent"
    )
    odd: Any = ["support-intent"]
    with pytest.raises(KeyError):
        registry({}).resolve(odd, "u")


@settings(deadline=None)
@given(
    key=st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.lists(st.integers())),
    flags=st.one_of(
        st.none(),
        st.text(),
        st.dictionaries(st.just("support-intent-v1.0.0"), st.one_of(st.none(), st.text())),
    ),
    request=st.one_of(st.none(), st.text(), st.binary(), st.booleans()),
)
def test_nothing_that_a_caller_passes_raises(key: Any, flags: Any, request: Any) -> None:
    table = registry({"v1.0.0": 50}, {"v1.0.0": 50})
    assert table.resolve("support-intent", key, flags, request=request).alias == "support-intent"
    assert table.resolve("support-intent", Hostile(), flags).variant is None


def test_strict_refuses_what_is_forgiven_otherwise() -> None:
    table = registry({"v1.0.0": 50})
    bad: list[tuple[Any, Any]] = [(None, None), ("", None), (1.5, None), ("u", "off")]
    bad += [("u", {"support-intent-v1.0.0": "off"})]
    for key, flags in bad:
        with pytest.raises(InputError, match="support-intent: "):
            table.resolve("support-intent", key, flags, strict=True)
    assert table.resolve("support-intent", 7, {"other": "x"}, strict=True)
    assert registry({"v1.0.0": 0}).resolve("support-intent", strict=True).variant is None


def test_half_a_hash_space_is_half_of_it() -> None:
    assert [threshold(percent) for percent in (0, 50, 100)] == [0, SPAN // 2, SPAN]
    assert [threshold(1, 3), threshold(2, 3), threshold(3, 3), threshold(1, 0)] == [
        SPAN // 3 + 1,
        2 * SPAN // 3 + 1,
        SPAN,
        0,
    ]


def test_a_registry_that_cannot_be_served_says_every_reason_at_once() -> None:
    text = """\
version: 1
models:
  one: {default: {model_id: base}}
  two:
    default: {model_id: base, provider: openai, base_url: 7}
    variants:
      v1: {model_id: x, provider: openai, dataset: {version: new}, flag: f, rollout_percent: 2.5}
      v2: {model_id: x, provider: openai, dataset: {version: 1.0.0}, rollout_percent: 101, shadow_percent: -1}
      v3: 5
  three:
"""
    with pytest.raises(InputError) as caught:
        read_table(text)
    assert str(caught.value).splitlines() == [
        "models.yaml has 9 problems",
        "  models.yaml:3 $.models.one.default.provider: the key is missing",
        "  models.yaml:5 $.models.two.default.base_url: expected text, found 7",
        "  models.yaml:7 $.models.two.variants.v1.dataset.version: expected a version such as 1.2.0, found 'new'",
        "  models.yaml:7 $.models.two.variants.v1.rollout_percent: expected a whole number from 0 to 100, found 2.5",
        "  models.yaml:8 $.models.two.variants.v2.flag: the key is missing",
        "  models.yaml:8 $.models.two.variants.v2.rollout_percent: expected a whole number from 0 to 100, found 101",
        "  models.yaml:8 $.models.two.variants.v2.shadow_percent: expected a whole number from 0 to 100, found -1",
        "  models.yaml:9 $.models.two.variants.v3: expected keys and values",
        "  models.yaml:10 $.models.three: nothing stands here",
    ]


def test_keys_of_a_newer_liftgate_are_no_reason_to_stop_serving() -> None:
    text = "version: 1\nnew: 1\nmodels: {a: {default: {model_id: m, provider: p, new: 2}, new: 3}}\n"
    assert read_table(text).resolve("a", "u").model_id == "m"
    with pytest.raises(InputError, match="expected version 1"):
        read_table("version: 2\nmodels: {}\n")
