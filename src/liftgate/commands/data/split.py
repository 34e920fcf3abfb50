"""`liftgate data split`: training and validation halves of one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from liftgate.commands.data.reading import answer, read_dataset, version
from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, the share, and the version that names the halves."""
    parser.add_argument("file", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--validation-share", type=_share, default=0.17, metavar="RATIO", help="default 0.17")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument(
        "--version", type=version, default="1.0.0", metavar="X.Y.Z", help="names the two files"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Write `vX.Y.Z.train.jsonl` and `vX.Y.Z.validation.jsonl`."""
    from liftgate.data.split import split_rows
    from liftgate.files import sha256_file, write_jsonl

    dataset = read_dataset(arguments.file)
    train, validation = split_rows(
        dataset.rows, validation_share=arguments.validation_share, seed=arguments.seed
    )
    halves = {}
    for name, rows in (("train", train), ("validation", validation)):
        path = arguments.out / f"v{arguments.version}.{name}.jsonl"
        if path.exists():
            raise InputError(
                f"{path} exists; a released file is never overwritten", hint="choose another --version"
            )
        write_jsonl(path, (row.data for row in rows))
        halves[name] = {"file": str(path), "rows": len(rows), "sha256": sha256_file(path)}
    answer(arguments, {"schema_version": 1, "seed": arguments.seed, **halves}, _split_sentence(halves))
    return ExitCode.PASS


def _split_sentence(halves: dict[str, dict[str, Any]]) -> str:
    return "".join(
        f"{half['file']}: {half['rows']} rows, sha256 {half['sha256']}\n" for half in halves.values()
    )


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("a ratio between 0 and 1 is wanted")
    return value
