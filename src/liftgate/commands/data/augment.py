"""`liftgate data augment`: the same rows about other orders, amounts, dates, names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from liftgate.commands.data.reading import answer, read_dataset
from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, how many variants, and what they must not give away."""
    parser.add_argument("file", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help="the new rows alone")
    parser.add_argument("--per-row", type=_count, default=1, metavar="N", help="variants a row, default 1")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument(
        "--without",
        type=Path,
        action="append",
        default=[],
        metavar="CASES",
        help="drop variants that give these cases away",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Write the variants; say which lines have none, and why."""
    from liftgate.data.golden import read_cases
    from liftgate.data.rewriting.adopt import leaking
    from liftgate.data.rewriting.augment import augmented
    from liftgate.files import read_bytes, sha256_file, write_jsonl

    if arguments.out.exists():
        raise InputError(f"{arguments.out} exists; nothing is overwritten", hint="choose another --out")
    rows = read_dataset(arguments.file).rows
    golden = [read_cases(read_bytes(path, "golden set"), str(path)) for path in arguments.without]
    found = augmented(rows, per_row=arguments.per_row, seed=arguments.seed)
    leaks = leaking(found.rows, golden) if golden and found.rows else frozenset()
    kept = [row for index, row in enumerate(found.rows) if index not in leaks]
    refused = {str(reason): lines for reason, lines in sorted(found.refused.items())}
    if not kept:
        reasons = ", ".join(f"{reason} {len(lines)}" for reason, lines in refused.items())
        raise InputError(
            f"{arguments.file}: no row could be augmented ({reasons or 'all would give a case away'})"
        )
    write_jsonl(arguments.out, kept)
    synthetic = len(kept) + sum(row.source == "synthetic" for row in rows)
    machine = {
        "schema_version": 1,
        "file": str(arguments.out),
        "rows": len(kept),
        "sha256": sha256_file(arguments.out),
        "seed": arguments.seed,
        "refused": refused,
        "left_out_as_leaks": len(leaks),
        "synthetic_share_with_source": round(synthetic / (len(rows) + len(kept)), 4),
    }
    answer(arguments, machine, _sentences(machine, str(arguments.file)))
    return ExitCode.PASS


def _sentences(machine: dict[str, Any], source: str) -> str:
    lines = [
        f"{machine['file']}: {machine['rows']} new rows, synthetic and unreviewed; beside {source} "
        f"{machine['synthetic_share_with_source']:.1%} of all rows would be synthetic\n"
    ]
    for reason, refused in machine["refused"].items():
        some = ", ".join(map(str, refused[:10])) + (", ..." if len(refused) > 10 else "")
        lines.append(f"{source}: {len(refused)} refused: {reason} (lines {some})\n")
    if machine["left_out_as_leaks"]:
        lines.append(f"{machine['left_out_as_leaks']} left out: they would give a golden case away\n")
    return "".join(lines)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError("a number from 1 to 100 is wanted")
    return int(text)
