"""The one command of the action: inputs from the environment to argv, its word and its exit code to outputs.

Nothing here is handed to a shell. A word that is not plainly a word is refused, and so is an input that the command
has no use for: a gate that ignores what it was told looks like one that listened.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

BAD_INPUT: Final = 2
# Exit codes of liftgate: 10 and 11 are its "no", 5 is "ask again later".
SAID_NO: Final = frozenset({10, 11})
STILL_RUNNING: Final = 5

INPUTS: Final = ("base-ref", "head-sha", "pull", "alias", "digest")
COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    "plan": {"base-ref": "--base", "head-sha": "--head"},
    "run": {
        "base-ref": "--base",
        "pull": "--pull",
        "alias": "--alias",
        "digest": "--digest",
        "head-sha": "--head-sha",
    },
    "publish": {"base-ref": "--base", "pull": "--pull"},
    "approve": {"pull": "--pull", "alias": "--alias", "digest": "--digest", "head-sha": "--head-sha"},
    "train": {"pull": "--pull", "alias": "--alias", "digest": "--digest", "head-sha": "--head-sha"},
    "registry record": {"base-ref": "--base", "pull": "--pull", "head-sha": "--head-sha"},
    "poll": {},
    "watch": {},
    "watch canary": {},
    "reevaluate": {"base-ref": "--base"},
    "backlog": {},
    "status": {},
}
# These make annotations and write the outputs themselves; the others are heard through --json.
OWN_WORDS: Final = frozenset({"publish"})
# These work on a finished run: its folder is the input run-folder, and the alias' part of it their first word.
OF_A_RUN: Final = frozenset({"registry record"})
# Where each command writes its files.
OUT: Final[Mapping[str, tuple[str, str]]] = {
    "plan": ("--out", "plan.json"),
    "run": ("--out", "."),
    "publish": ("--out", "."),
    "reevaluate": ("--out", "."),
    "status": ("--html", "status.html"),
}
FORMS: Final[Mapping[str, str]] = {
    "base-ref": r"[A-Za-z0-9_][A-Za-z0-9_./-]*",
    "head-sha": r"[0-9a-f]{40}",
    "pull": r"[1-9][0-9]{0,9}",
    "alias": r"[a-z0-9][a-z0-9._-]*",
    "digest": r"[0-9a-f]{64}",
}
CONFIG: Final = r"[A-Za-z0-9_.][A-Za-z0-9_./-]*"
FOLDER: Final = r"/?[A-Za-z0-9_.][A-Za-z0-9_./-]*"
WORD: Final = r"[A-Za-z0-9_./:@=+,-]+"
FAIL_ON: Final = ("block", "error", "never")
# What a command may call itself with each exit code; the first is what it is without a word of its own.
MAY_SAY: Final[Mapping[int, tuple[str, ...]]] = {
    0: ("pass", "nothing"),
    STILL_RUNNING: ("running", "waiting"),
    10: ("block",),
    11: ("insufficient-evidence",),
}
VERDICTS: Final = ("pass", "block", "insufficient-evidence", "waiting", "running", "nothing", "error")


class Refused(Exception):
    """An input that is not taken; the message never repeats it."""


def words(given: Mapping[str, str]) -> list[str]:
    """The argv after `liftgate`. Raises `Refused`."""
    command = given.get("command", "")
    if command not in COMMANDS:
        raise Refused(f"command is none of {', '.join(COMMANDS)}")
    argv = [*command.split(" "), *([] if command in OWN_WORDS else ["--json"])]
    if command in OUT:
        option, name = OUT[command]
        argv += [option, str(Path(given["out"]) / name)]
    if given.get("config", ".") != ".":
        argv += ["--root", _checked("config", given["config"], CONFIG)]
    if command in OF_A_RUN:
        folder = _checked("run-folder", given.get("run-folder", ""), FOLDER)
        argv.append(str(Path(folder) / _checked("alias", given.get("alias", ""), FORMS["alias"])))
    elif given.get("run-folder"):
        raise Refused(f"{command} takes no run-folder")
    for name in INPUTS:
        if not given.get(name) or (name == "alias" and command in OF_A_RUN):
            continue
        option_of = COMMANDS[command]
        if name not in option_of:
            raise Refused(f"{command} takes no {name}")
        argv += [option_of[name], _checked(name, given[name], FORMS[name])]
    return argv + [_checked("args", word, WORD) for word in given.get("args", "").split()]


def _checked(name: str, value: str, form: str) -> str:
    if not re.fullmatch(form, value) or ".." in value.split("/"):
        raise Refused(f"{name} holds a word that is not taken here")
    return value


def outputs(code: int, said: Any) -> dict[str, str]:
    """The step's outputs from the command's exit code and its JSON, None when it said nothing readable."""
    document: Mapping[str, Any] = said if isinstance(said, dict) else {}
    verdicts = document.get("verdicts")
    verdict = document.get("verdict")
    if verdict is None and isinstance(verdicts, dict):
        verdict = max(verdicts.values(), key=_weight, default="nothing")
    allowed = MAY_SAY.get(code, ("error",))
    if verdict not in allowed:
        verdict = allowed[0]
    kinds = document.get("kinds", [])
    return {
        "verdict": verdict,
        "change-kind": ",".join(map(str, kinds)) if isinstance(kinds, list) and kinds else "unknown",
        "digest": _text(document.get("digest")),
        "needs-training": "true" if document.get("needs_training") is True else "false",
        "cost-usd": _text(document.get("usd")),
        "job-id": _text(document.get("job_id")),
        "exit-code": str(code),
    }


def _weight(verdict: object) -> int:
    return VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)


def _text(value: object) -> str:
    # One line of plain characters: an output is read by other people's expressions.
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if re.fullmatch(r"[A-Za-z0-9_.:/@=+,-]{0,512}", text) else ""


def step_code(code: int, fail_on: str) -> int:
    """What the step ends with; a job that still runs is no failure."""
    if fail_on == "never" or code == STILL_RUNNING or (fail_on == "error" and code in SAID_NO):
        return 0
    return code


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run it."""
    given = {
        key.removeprefix("LIFTGATE_").lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("LIFTGATE_")
    }
    # A later line of the same name wins, so these stand only when the command dies.
    _write(environ, outputs(BAD_INPUT, None))
    try:
        argv = words(given)
        if given.get("fail-on") not in FAIL_ON:
            raise Refused(f"fail-on is none of {', '.join(FAIL_ON)}")
    except Refused as refused:
        sys.stdout.write(f"::error title=liftgate::{refused}\n")
        return BAD_INPUT
    sys.stdout.write(f"liftgate {' '.join(argv)}\n")
    sys.stdout.flush()
    command = [str(Path(given["bin"]) / "liftgate"), *argv]
    if given["command"] in OWN_WORDS:
        code = subprocess.run(command, check=False).returncode
        _write(environ, {"exit-code": str(code)})
    else:
        code, said = _heard(command, Path(given["out"]))
        _write(environ, outputs(code, said))
    return step_code(code, given["fail-on"])


def _heard(command: list[str], out: Path) -> tuple[int, Any]:
    # What the command says may hold a model's text, and a line of it must not become a command of the runner.
    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n")
    sys.stdout.flush()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    sys.stdout.write(f"::{token}::\n")
    (out / "stdout.json").write_bytes(done.stdout)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, None


def _write(environ: Mapping[str, str], found: Mapping[str, str]) -> None:
    with Path(environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in found.items())


if __name__ == "__main__":
    sys.exit(main())
