"""What every action does with its files: read a dataset that must be usable, answer man or machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import InputError, Problem

if TYPE_CHECKING:
    from liftgate.data.dataset import Dataset


def read_dataset(path: Path) -> Dataset:
    """Read a file whose every line must be usable. Raises `InputError` naming the lines that are not."""
    from liftgate.data.dataset import read_rows
    from liftgate.data.storage import read_data
    from liftgate.findings import Severity

    dataset = read_rows(read_data(path, "dataset"), str(path))
    broken = [finding for finding in dataset.findings if finding.severity is Severity.ERROR]
    if broken:
        problems = [Problem(finding.place, finding.message) for finding in broken]
        raise InputError(f"{path} cannot be read", problems=problems, hint=f"liftgate validate {path}")
    if not dataset.rows:
        raise InputError(f"{path} holds no rows")
    return dataset


def answer(arguments: argparse.Namespace, machine: dict[str, Any], human: str) -> None:
    """JSON to stdout for machines, or a sentence to stderr for people."""
    from liftgate.files import pretty

    if arguments.json:
        sys.stdout.write(pretty(machine).decode())
    else:
        sys.stderr.write(human)


def version(text: str) -> str:
    """Argument type: a version such as 1.2.0."""
    import re

    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise argparse.ArgumentTypeError("a version such as 1.2.0 is wanted")
    return text
