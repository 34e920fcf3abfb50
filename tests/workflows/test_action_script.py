"""The action's entry script: what it hands to `liftgate`, what it refuses, what a workflow reads from it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from act_runner import PROJECT, load

SCRIPT = PROJECT / ".github" / "action" / "run.py"
OUTPUTS = {
    "verdict",
    "change-kind",
    "digest",
    "needs-training",
    "cost-usd",
    "report-path",
    "job-id",
    "exit-code",
}


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("action_run", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def run(
    tmp_path: Path, said: str, code: int = 0, given: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """The script around a `liftgate` that says `said`: exit code, outputs, log."""
    fake = tmp_path / "bin" / "liftgate"
    fake.parent.mkdir(exist_ok=True)
    (tmp_path / "said").write_text(said)
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/argv\ncat {tmp_path}/said\nexit {code}\n')
    fake.chmod(0o755)
    (tmp_path / "outputs").write_text("")
    inputs = {
        "command": "plan",
        "config": ".",
        "fail-on": "block",
        "out": str(tmp_path),
        "bin": str(fake.parent),
    }
    env = {f"LIFTGATE_{k.upper().replace('-', '_')}": v for k, v in {**inputs, **(given or {})}.items()}
    env |= {"GITHUB_OUTPUT": str(tmp_path / "outputs"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-P", str(SCRIPT)], env=env, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    lines = (tmp_path / "outputs").read_text().splitlines()
    return done.returncode, dict(line.split("=", 1) for line in lines), done.stdout


def test_inputs_become_words(tmp_path: Path) -> None:
    code, _, _ = run(
        tmp_path, "{}", 0, {"base-ref": "origin/main", "head-sha": "a" * 40, "args": " --x=1\n  --y a/b \n"}
    )
    assert code == 0
    argv = (tmp_path / "argv").read_text().split()
    assert argv == [
        "plan", "--json", "--out", f"{tmp_path}/plan.json", "--base", "origin/main", "--head", "a" * 40,
        "--x=1", "--y", "a/b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"command": "demo; id"}, "command is none of"),
        ({"command": ""}, "command is none of"),
        ({"command": "--help"}, "command is none of"),
        ({"args": "--out $(id)"}, "args holds a word"),
        ({"args": "`id`"}, "args holds a word"),
        ({"args": "'quoted'"}, "args holds a word"),
        ({"base-ref": "--output=x"}, "base-ref holds a word"),
        ({"base-ref": "$(touch x)"}, "base-ref holds a word"),
        ({"head-sha": "HEAD"}, "head-sha holds a word"),
        ({"config": "../elsewhere"}, "config holds a word"),
        ({"config": "-x"}, "config holds a word"),
        ({"digest": "a" * 64}, "plan takes no digest"),
        ({"run-folder": "x"}, "plan takes no run-folder"),
        ({"command": "registry record", "run-folder": "../x", "alias": "toy"}, "run-folder holds a word"),
        ({"command": "registry record", "run-folder": "x", "alias": "../toy"}, "alias holds a word"),
        ({"command": "registry record", "run-folder": "x"}, "alias holds a word"),
        ({"fail-on": "sometimes"}, "fail-on is none of"),
    ],
)
def test_what_is_not_plainly_a_word_is_refused(tmp_path: Path, given: dict[str, str], reason: str) -> None:
    code, outputs, log = run(tmp_path, "{}", 0, given)
    assert code == 2
    assert log.startswith(f"::error title=liftgate::{reason}")
    assert outputs["verdict"] == "error"
    assert not (tmp_path / "argv").exists()
    assert not any(value and value in log for value in given.values() if value not in {"a" * 64})


@pytest.mark.parametrize(
    "said", ["", "{", "[1]", '{"kinds": 3, "verdict": {}, "digest": "a\\nverdict=pass"}']
)
def test_a_command_that_dies_never_reads_as_a_pass(tmp_path: Path, said: str) -> None:
    code, outputs, _ = run(tmp_path, said, 1)
    assert code == 1
    assert set(outputs) == OUTPUTS - {"report-path"}
    assert outputs["verdict"] == "error"
    assert outputs["needs-training"] == "false"


@pytest.mark.parametrize(
    ("code", "fail_on", "ends_with", "verdict"),
    [
        (0, "block", 0, "pass"),
        (10, "block", 10, "block"),
        (11, "block", 11, "insufficient-evidence"),
        (10, "error", 0, "block"),
        (11, "error", 0, "insufficient-evidence"),
        (5, "block", 0, "running"),
        (4, "error", 4, "error"),
        (1, "never", 0, "error"),
        (2, "error", 2, "error"),
    ],
)
def test_fail_on_says_when_the_step_fails(
    tmp_path: Path, code: int, fail_on: str, ends_with: int, verdict: str
) -> None:
    ended, outputs, _ = run(tmp_path, "{}", code, {"fail-on": fail_on})
    assert (ended, outputs["verdict"], outputs["exit-code"]) == (ends_with, verdict, str(code))


def test_an_exit_code_outweighs_a_word(tmp_path: Path) -> None:
    _, outputs, _ = run(tmp_path, '{"verdict": "pass"}', 4)
    assert outputs["verdict"] == "error"
    _, outputs, _ = run(tmp_path, '{"verdict": "pass"}', 10)
    assert outputs["verdict"] == "block"


def test_the_worst_alias_is_the_verdict(tmp_path: Path) -> None:
    _, outputs, _ = run(
        tmp_path, '{"verdicts": {"a": "pass", "b": "block"}, "kinds": ["data", "policy"]}', 10
    )
    assert (outputs["verdict"], outputs["change-kind"]) == ("block", "data,policy")


def test_what_a_command_says_is_no_command_of_the_runner(tmp_path: Path) -> None:
    _, _, log = run(tmp_path, "::set-output name=verdict::pass\n")
    token = log.splitlines()[1].removeprefix("::stop-commands::")
    assert len(token) == 32
    assert log.splitlines()[-1] == f"::{token}::"


def test_every_input_goes_through_the_environment_and_every_output_has_a_default() -> None:
    action = load(PROJECT / "action.yml")
    run_step = next(step for step in action["runs"]["steps"] if step.get("id") == "run")
    install = next(step for step in action["runs"]["steps"] if step.get("id") == "install")
    given = {*run_step["env"].values(), *install["env"].values()}
    for name in set(action["inputs"]) - {"cache"}:
        assert f"${{{{ inputs.{name} }}}}" in given
    assert set(action["outputs"]) == OUTPUTS | {"pulls"}
    assert all(" || " in output["value"] for output in action["outputs"].values())
    commands = script().COMMANDS
    said = action["inputs"]["command"]["description"].removeprefix("One of: ").removesuffix(".").split(", ")
    assert said == list(commands)
