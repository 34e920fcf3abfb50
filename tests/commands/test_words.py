"""Words on the command line: examples that parse, near misses that are named, completion for three shells."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from liftgate.cli import COMMANDS, main, parser_for
from liftgate.commands.command_line.actions import action_parsers
from liftgate.commands.command_line.completion_scripts import bash, everything, fish
from liftgate.commands.command_line.examples import EXAMPLES

PATHS = [*COMMANDS, *(f"{command} {name}" for command in COMMANDS for name in action_parsers(command))]


def test_every_command_and_action_shows_itself_at_work() -> None:
    # The topics of doctor take their words from the environment; doctor's own examples show one.
    assert {path for path in PATHS if path not in EXAMPLES and not path.startswith("doctor ")} == set()
    assert set(EXAMPLES) <= set(PATHS)


@pytest.mark.parametrize("path", [path for path in PATHS if path in EXAMPLES])
def test_every_example_parses(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, _, action = path.partition(" ")
    for line in EXAMPLES[path]:
        parser, words = parser_for(command), shlex.split(line.partition(" > ")[0].partition(" | ")[0])
        if action:
            parser = action_parsers(command)[action][1]
        elif words and words[0] in (below := action_parsers(command)):
            parser, words = below[words[0]][1], words[1:]
        parser.parse_args(words)
    with pytest.raises(SystemExit):
        main([*path.split(), "--help"])
    assert f"\nexamples:\n  liftgate {path} {EXAMPLES[path][0]}".rstrip() in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("plan --bse main", "unrecognized arguments: --bse; did you mean '--base'?"),
        ("validate --polcy=x rows.jsonl", "unrecognized arguments: --polcy=x; did you mean '--policy'?"),
        ("registry check --bas3 main", "unrecognized arguments: --bas3; did you mean '--base'?"),
        ("data split rows.jsonl --ouy x", "unrecognized arguments: --ouy; did you mean '--out'?"),
        ("watch shadow a v --lgo x", "unrecognized arguments: --lgo; did you mean '--log'?"),
        ("validate rows.jsonl --target opnai", "; did you mean 'openai'?"),
        ("store verfiy", "; did you mean 'verify'?"),
        ("completion fsh", "; did you mean 'fish'?"),
        ("registry chekc", "'chekc' is not an action; did you mean 'check'?"),
        ("valdate", "'valdate' is not a command; did you mean 'validate'?"),
    ],
)
def test_a_word_that_is_nearly_one_is_named(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(words.split())
    except SystemExit as stopped:
        code = int(str(stopped.code))
    err = capsys.readouterr().err
    assert code == 2
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 2


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers after these words."""
    shell = shutil.which("bash")
    assert shell is not None
    quoted = " ".join(shlex.quote(word) for word in words)
    ask = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _liftgate"
    script = f"{bash()}\n{ask}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    place = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        [shell, "--norc", "-c", script],
        cwd=folder,
        env={"PATH": place},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_actions_options_values_and_aliases(tmp_path: Path) -> None:
    entry = "default: {model_id: m, provider: openai}"
    (tmp_path / "models.yaml").write_text(
        f"version: 1\nmodels:\n  ticket-intent:\n    {entry}\n  tone:\n    {entry}\n"
    )
    assert completed(tmp_path, "liftgate", "va") == ["validate"]
    assert completed(tmp_path, "liftgate", "registry", "re") == ["resolve", "record"]
    assert completed(tmp_path, "liftgate", "validate", "--ta") == ["--target"]
    assert completed(tmp_path, "liftgate", "validate", "--target", "bed") == [
        "bedrock-nova",
        "bedrock-claude",
    ]
    assert completed(tmp_path, "liftgate", "registry", "promote", "--pull") == ["--pull-request"]
    assert completed(tmp_path, "liftgate", "run", "--alias", "ti") == ["ticket-intent"]
    assert completed(tmp_path, "liftgate", "decide", "to") == ["tone"]
    assert completed(tmp_path, "liftgate", "watch", "shadow", "--lo") == ["--log"]


def test_aliases_are_listed_and_a_broken_registry_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["completion", "aliases"]) == 0
    Path("models.yaml").write_text(
        "version: 1\nmodels:\n  '$(touch here)': {default: {model_id: m, provider: openai}}\n"
    )
    assert main(["completion", "aliases"]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_scripts_know_every_option_of_every_parser() -> None:
    table = {words.path: words for words in everything()}
    for command in COMMANDS:
        for action in parser_for(command)._actions:
            if not isinstance(action, argparse._SubParsersAction):
                assert {o for o in action.option_strings if o.startswith("--")} <= set(table[command].options)
    script = fish()
    assert (
        "complete -c liftgate -f -n __fish_use_subcommand -a plan -d 'which aliases a change touches"
        in script
    )
    for words in table.values():
        assert all(f" -l {option.removeprefix('--')} " in script for option in words.options)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_read_their_script(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    done = subprocess.run([program, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered", "not_offered"),
    [
        ("liftgate reg", ["registry"], ["promote"]),
        ("liftgate registry pro", ["promote"], ["registry"]),
        ("liftgate registry promote ", ["toy"], ["promote", "add"]),
        ("liftgate run --alias ", ["toy"], ["run"]),
        ("liftgate validate --target ", ["openai", "trl"], ["toy"]),
    ],
)
def test_fish_offers_what_may_come_next(
    typed: str, offered: list[str], not_offered: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("fish")
    if program is None:
        pytest.skip("no fish here")
    (tmp_path / "models.yaml").write_text(
        "version: 1\nmodels:\n  toy:\n    default: {model_id: m, provider: openai}\n"
    )
    script = tmp_path / "liftgate.fish"
    script.write_text(fish())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    command = [program, "--no-config", "-c", f"source {script}; complete -C '{typed}'"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    words = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert [word for word in words if word in {*offered, *not_offered}] == offered, done
