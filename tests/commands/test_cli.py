"""The command line as a user meets it: quick help, exit codes, near misses, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from liftgate.cli import COMMANDS, main
from liftgate.errors import ExitCode

ROOT = Path(__file__).parent.parent.parent
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "openai",
    "boto3",
    "github",
    "aiohttp",
    "scipy",
    "tokenizers",
    "jinja2",
}


def imported_by(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "liftgate", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


def test_help_imports_no_library_at_all() -> None:
    assert not imported_by("--help") & (HEAVY | {"yaml", "jsonschema", "numpy", "orjson"})


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_commands_help_is_light(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert "exit codes:" in capsys.readouterr().out


def test_validate_imports_no_sdk_and_no_torch() -> None:
    dataset = "datasets/support-intent/v1.0.0.validation.jsonl"
    assert not imported_by("validate", dataset, "--policy", "evals/policy.yaml") & HEAVY


def test_plan_imports_no_sdk_and_no_torch(tmp_path: Path) -> None:
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t.invalid", *words],
            check=True,
        )
    # An SDK already met by another import would hide here, so a process of its own asks.
    assert not imported_by("plan", "--root", str(tmp_path), "--base", "HEAD") & HEAVY


@pytest.mark.parametrize(
    ("words", "said"), [(["valdate"], "did you mean 'validate'"), (["frobnicate"], "not a command")]
)
def test_an_unknown_command_names_the_nearest(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == ExitCode.BAD_INPUT
    assert said in capsys.readouterr().err


def test_no_command_prints_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().out.startswith("usage: liftgate COMMAND")


@pytest.mark.parametrize(
    "words",
    [
        ["validate", "no-such-file.jsonl"],
        ["compare", "--base", "nowhere", "--candidate", "nowhere", "--out", "out"],
        ["gate", "--run", "nowhere"],
        ["gate", "--verify", "nowhere.json"],
        ["plan", "--base", "no-such-ref"],
        ["plan", "--base", "--upload-pack=evil"],
        ["estimate", "--alias", "nobody"],
        ["train", "--alias", "nobody"],
        ["run", "--alias", "nobody"],
        ["run"],
        ["evaluate", "--cases", "nowhere", "--scorer", "exact_match", "--endpoint", "local", "--out", "out"],
        ["demo", "--root", "nowhere"],
    ],
)
def test_a_missing_input_is_one_sentence_with_a_way_out(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(words)
    except SystemExit as stopped:
        code = int(str(stopped.code))
    err = capsys.readouterr().err
    assert code == ExitCode.BAD_INPUT
    assert "error: " in err
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_never_a_pass(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = [sys.executable, "-m", "liftgate", "doctor"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    try:
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, stdout=write_end, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_word_that_cannot_be_is_named_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "--endpoint", "openai", "--out", "out", "--shard", "3/2"])
    assert stopped.value.code == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == (
        "error: argument --shard: '3/2' is not a shard such as 2/4\n  hint: liftgate evaluate --help\n"
    )
