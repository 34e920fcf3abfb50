"""`liftgate data split`: training and validation halves of one file."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.data.reading import answer, read_dataset, version
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.data.dataset import Row


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
    """Write `vX.Y.Z.train.jsonl` and `vX.Y.Z.validation.jsonl`; near-duplicates stay on one side."""
    from liftgate.data.split import split_rows
    from liftgate.files import sha256_file, write_jsonl

    dataset = read_dataset(arguments.file)
    clusters = _near_clusters(dataset.rows)
    train, validation = split_rows(
        dataset.rows, validation_share=arguments.validation_share, seed=arguments.seed, same_side=clusters
    )
    if not train or not validation:
        raise InputError(
            f"{arguments.file}: {len(dataset.rows)} rows cannot be halved at this share",
            hint="add rows, or choose another --validation-share; near-duplicates stay on one side",
        )
    halves = {}
    for name, rows in (("train", train), ("validation", validation)):
        path = arguments.out / f"v{arguments.version}.{name}.jsonl"
        if path.exists():
            raise InputError(
                f"{path} exists; a released file is never overwritten", hint="choose another --version"
            )
        write_jsonl(path, (row.data for row in rows))
        halves[name] = {
            "file": str(path),
            "rows": len(rows),
            "share": round(len(rows) / len(dataset.rows), 4),
            "sha256": sha256_file(path),
            "labels": _counts(row.label for row in rows),
            "locales": _counts(row.locale for row in rows),
        }
    kept = len(set(clusters.values()))
    machine = {"schema_version": 1, "seed": arguments.seed, "near_clusters": kept, **halves}
    answer(arguments, machine, _split_sentence(halves, kept))
    return ExitCode.PASS


def _near_clusters(rows: Sequence[Row]) -> dict[int, int]:
    """Row index → cluster, for the rows that nearly repeat another."""
    from liftgate.data.near import near_clusters
    from liftgate.data.text import unmasked_bytes

    leaders = near_clusters([unmasked_bytes(row.prompt) for row in rows])
    sizes = Counter(leaders)
    return {index: leader for index, leader in enumerate(leaders) if sizes[leader] > 1}


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    """How often each name stands; one that could be a row's text is shown by its hash."""
    from liftgate.data.text import fingerprint, is_identifier

    shown = (name if is_identifier(name) else fingerprint(name).hex()[:12] for name in names if name)
    return dict(sorted(Counter(shown).items()))


def _split_sentence(halves: dict[str, dict[str, Any]], clusters: int) -> str:
    lines = [
        f"{half['file']}: {half['rows']} rows ({half['share']:.1%}), sha256 {half['sha256']}\n"
        for half in halves.values()
    ]
    if clusters:
        lines.append(f"{clusters} cluster{'s' if clusters > 1 else ''} of near-duplicates kept on one side\n")
    return "".join(lines)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("a ratio between 0 and 1 is wanted")
    return value
