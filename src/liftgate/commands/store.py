"""`liftgate store`: carry answers from one response store to another, or look whether they are whole."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.asking.cases import DEFAULT_STORE
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.evaluation.responses import ResponseStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, the file that is written or read, and the store."""
    parser.add_argument(
        "action",
        choices=("export", "import", "verify"),
        help="export answers to FILE; import them from FILE; verify the digest of every answer",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.jsonl", help="for export and import")
    parser.add_argument(
        "--store",
        type=Path,
        default=DEFAULT_STORE,
        metavar="FILE",
        help=f"response store (default: {DEFAULT_STORE})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """0 when every answer is whole; 10 when `verify` finds a damaged one."""
    from liftgate.evaluation.responses import ResponseStore

    if (arguments.file is None) != (arguments.action == "verify"):
        needs = "takes no file" if arguments.action == "verify" else "needs a file"
        raise InputError(f"liftgate store {arguments.action} {needs}", hint="liftgate store --help")
    with ResponseStore(arguments.store, read_only=arguments.action != "import") as store:
        answers, damaged = _done(arguments, store)
    counted = f"{answers:,} answer{'s' if answers != 1 else ''}"
    said = {
        "export": f"{counted} from {arguments.store} → {arguments.file}",
        "import": f"{counted} from {arguments.file} → {arguments.store}",
        "verify": f"{arguments.store}: {counted} whole",
    }[arguments.action]
    said += f", {damaged:,} damaged (left out)" if damaged else ""
    if arguments.json:
        _print(
            {
                "schema_version": 1,
                "action": arguments.action,
                "store": str(arguments.store),
                "answers": answers,
                "damaged": damaged,
            }
        )
    sys.stderr.write(said + "\n")
    return ExitCode.BLOCKED if damaged else ExitCode.PASS


def _done(arguments: argparse.Namespace, store: ResponseStore) -> tuple[int, int]:
    from liftgate.files import read_bytes

    if arguments.action == "import":
        data = read_bytes(arguments.file, "file of exported answers")
        return store.import_lines(data, str(arguments.file)), 0
    damaged = store.damaged()
    if arguments.action == "export":
        return store.export(arguments.file), damaged
    return len(store) - damaged, damaged


def _print(summary: dict[str, Any]) -> None:
    from liftgate.files import pretty

    sys.stdout.write(pretty(summary).decode())
