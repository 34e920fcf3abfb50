"""The registry in a running application: read again when the file changes, never worse than the last good one."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import liftgate
from liftgate import Registry
from liftgate.errors import InputError

ALIAS = "support-intent"


class Clock:
    """Monotonic seconds that a test moves; files are old unless it says otherwise."""

    def __init__(self) -> None:
        self.seconds, self.unix = 0.0, 4e9

    def options(self, env: dict[str, str] | None = None) -> dict[str, Any]:
        return {"env": env or {}, "now": lambda: self.seconds, "unix_time": lambda: self.unix}


def text(percent: int, flag: str = "tuned", more: str = "") -> str:
    variant = {
        "model_id": "tuned",
        "provider": "openai",
        "dataset": {"version": "1.0.0"},
        "flag": flag,
        "rollout_percent": percent,
    }
    entry = {"default": {"model_id": "base", "provider": "openai"}, "variants": {"v1.0.0": variant}}
    return json.dumps({"version": 1, "models": {ALIAS: entry}}) + more


def replace_file(path: Path, content: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(content)
    new.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "models.yaml"
    made.write_text(text(0))
    return made


def test_a_merged_change_is_served_at_the_next_look_and_not_before(path: Path) -> None:
    clock = Clock()
    registry = Registry.load(path, refresh_s=1.0, **clock.options())
    replace_file(path, text(100))
    clock.seconds = 0.9
    assert registry.resolve(ALIAS, key="u").model_id == "base"
    clock.seconds = 1.0
    assert registry.resolve(ALIAS, key="u").model_id == "tuned"
    replace_file(path, text(0))
    clock.seconds = 2.5
    assert registry.resolve(ALIAS, key="u").model_id == "base"


def test_between_two_looks_no_file_is_touched(path: Path) -> None:
    clock = Clock()
    registry = Registry.load(path, **clock.options())
    path.unlink()
    assert [registry.resolve(ALIAS, key=f"{n}").variant for n in range(100)] == [None] * 100
    assert registry.problem is None


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("version: 1\nmodels: {", "not valid YAML"),
        ("", "the file is empty"),
        ("version: 1\nmodels: {support-intent: {}}\n", "nothing stands here"),
        ("version: 1\nmodels: &a {b: *a}\n", "anchors and aliases"),
        ("\x00", "not valid YAML"),
        ("[" * 5000, "nesting depth"),
        (None, "No such file"),
    ],
)
def test_a_broken_file_keeps_the_last_good_one_and_says_so_once(
    path: Path, broken: str | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    path.write_text(text(100))
    registry = Registry.load(path, **clock.options())
    if broken is None:
        path.unlink()
    else:
        replace_file(path, broken)
    with caplog.at_level(logging.WARNING, logger="liftgate"):
        for second in range(1, 6):
            clock.seconds = float(second)
            assert registry.resolve(ALIAS, key="u").model_id == "tuned"
    assert registry.stale
    assert said in str(registry.problem)
    assert str(registry.problem).endswith("the last good registry stays in force")
    assert [record.getMessage() for record in caplog.records] == [registry.problem]
    replace_file(path, text(0))
    clock.seconds = 7.0
    assert registry.resolve(ALIAS, key="u").model_id == "base"
    assert (registry.problem, registry.stale) == (None, False)


def test_the_first_file_must_be_good(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Registry.load(tmp_path / "models.yaml")
    with pytest.raises(InputError, match="Is a directory"):
        Registry.load(tmp_path)
    (tmp_path / "models.yaml").write_text("version: 1\nmodels: 5\n")
    with pytest.raises(InputError, match="expected keys and values"):
        Registry.load(tmp_path / "models.yaml")


def test_a_change_of_the_same_size_in_the_same_tick_of_the_clock_is_seen(path: Path) -> None:
    clock = Clock()
    path.write_text(text(10))
    os.utime(path, ns=(10**18, 10**18))
    clock.unix = 10**9 + 0.5
    registry = Registry.load(path, **clock.options())
    # Written in place: inode, size and time are what they were.
    path.write_text(text(99))
    os.utime(path, ns=(10**18, 10**18))
    clock.seconds, clock.unix = 1.0, 10**9 + 1.5
    in_force = [registry.resolve(ALIAS, key=f"{n}").variant for n in range(100)]
    assert in_force.count("v1.0.0") > 90


def test_a_listener_hears_of_flags_that_changed_and_of_problems(path: Path) -> None:
    clock = Clock()
    registry = Registry.load(path, **clock.options())
    heard: list[tuple[frozenset[str], bool]] = []

    def failing(*_: object) -> None:
        raise RuntimeError

    registry.on_change(failing)
    registry.on_change(lambda which, flags: heard.append((flags, which.stale)))
    for second, content in enumerate([text(0), text(5), text(5, "other"), "{", text(5, "other")], 1):
        replace_file(path, content)
        clock.seconds = float(second)
        registry.resolve(ALIAS, key="u")
    assert heard == [
        (frozenset({"tuned"}), False),
        (frozenset({"tuned", "other"}), False),
        (frozenset(), True),
        (frozenset(), False),
    ]


@pytest.mark.parametrize("words", ["tuned", ALIAS, "*", " nothing,tuned "])
def test_the_environment_switches_off_flags_aliases_or_everything(path: Path, words: str) -> None:
    clock, env = Clock(), {"LIFTGATE_OFF": ""}
    path.write_text(text(100))
    registry = Registry.load(path, **clock.options(env))
    assert registry.resolve(ALIAS, key="u").reason == "rollout"
    env["LIFTGATE_OFF"] = words
    clock.seconds = 1.0
    answer = registry.resolve(ALIAS, key="u", flags={"tuned": True})
    assert (answer.model_id, answer.reason, answer.flag) == ("base", "switched-off", "tuned")


def test_a_misspelt_word_of_the_kill_switch_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    env = {"LIFTGATE_OFF": "tunned"}
    registry = Registry.load(path, **Clock().options(env))
    assert [record.getMessage() for record in caplog.records] == [registry.problem]
    assert registry.problem == "LIFTGATE_OFF: 'tunned' is neither a flag nor an alias; did you mean 'tuned'?"
    assert not registry.stale


def test_a_switch_holds_when_the_flag_it_names_comes_with_a_later_file(path: Path) -> None:
    clock = Clock()
    registry = Registry.load(path, **clock.options({"LIFTGATE_OFF": "other"}))
    assert "neither a flag nor an alias" in str(registry.problem)
    replace_file(path, text(100, "other"))
    clock.seconds = 1.0
    assert registry.resolve(ALIAS, key="u").reason == "switched-off"
    assert registry.problem is None


def test_threads_see_the_old_registry_or_the_new_one_and_never_a_mixture(path: Path) -> None:
    def whole(percent: int) -> str:
        entry = json.loads(text(percent))
        other = json.loads(json.dumps(entry["models"][ALIAS]))
        other["variants"]["v1.0.0"]["flag"] = "other"
        entry["models"]["other"] = other
        return json.dumps(entry)

    replace_file(path, whole(0))
    registry = Registry.load(path, refresh_s=0.0, env={})
    stop = threading.Event()
    failures: list[object] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                table = registry.state.table
                answers = {table.resolve(alias, "u").model_id for alias in (ALIAS, "other")}
                answers |= {registry.resolve(ALIAS, key="u").model_id} - {"base", "tuned"}
            except Exception as error:
                answers = {repr(error), ""}
            if len(answers) > 1:
                failures.append(answers)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(12):
        replace_file(path, "{" if turn % 3 == 2 else whole(100 * (turn % 2)))
        registry.reload()
    replace_file(path, whole(100))
    registry.reload()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert registry.resolve(ALIAS, key="u").model_id == "tuned"
    assert registry.problem is None


def test_importing_and_resolving_brings_nothing_but_pyyaml(path: Path) -> None:
    code = (
        "import sys, yaml; before = set(sys.modules)\n"
        "from liftgate import Registry\n"
        "registry = Registry.load(sys.argv[1]); registry.resolve('support-intent', key='u')\n"
        "try: registry.resolve('suport-intent')\n"
        "except KeyError: pass\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))\n"
        "print(sorted(new & {'asyncio', 'ssl', 'subprocess', 'logging', 'socket'}))"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["['liftgate']", "[]"]


def test_the_names_of_the_package_are_those_that_it_says(path: Path) -> None:
    assert {"Registry", "Resolution"} < set(liftgate.__all__)
    assert isinstance(Registry.load(path).resolve(ALIAS, key="u"), liftgate.Resolution)
    assert Registry.load(path).aliases == (ALIAS,)
