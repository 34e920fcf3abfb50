"""`liftgate merge-runs`: the shards of one run become the run that one machine would have written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every shard's folder, in any order, and where the run goes."""
    parser.add_argument(
        "shards", type=Path, nargs="+", metavar="DIR", help="folders of `evaluate --shard K/N`"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets run.json and results.jsonl"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Read, check that they belong together, write."""
    from liftgate.evaluation.run_folder import read_shard, write_merged
    from liftgate.evaluation.shards import merged
    from liftgate.files import pretty

    if arguments.out.resolve() in {folder.resolve() for folder in arguments.shards}:
        raise InputError(f"--out {arguments.out} is one of the shards", hint="name a folder of its own")
    meta, lines = merged([read_shard(folder) for folder in arguments.shards])
    write_merged(arguments.out, meta, lines)
    shards = len(arguments.shards)
    if arguments.json:
        summary = {"schema_version": 1, "shards": shards, "rows": len(lines), "out": str(arguments.out)}
        sys.stdout.write(pretty({**summary, "usage": meta["usage"]}).decode())
    sys.stderr.write(f"{shards} shard{'s' * (shards != 1)}, {len(lines):,} rows → {arguments.out}\n")
    return ExitCode.PASS
