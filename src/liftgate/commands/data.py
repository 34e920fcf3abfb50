"""`liftgate data`: make, split and compare dataset files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from liftgate.data.dataset import Dataset
    from liftgate.data.golden import Cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-parser for each thing to do with a dataset."""
    actions = parser.add_subparsers(dest="data_command", required=True, metavar="ACTION")
    split = actions.add_parser("split", help="halve a file into training and validation rows")
    split.add_argument("file", type=Path, metavar="FILE.jsonl")
    split.add_argument("--validation-share", type=_share, default=0.17, metavar="RATIO", help="default 0.17")
    split.add_argument("--seed", type=int, default=0, help="default 0")
    split.add_argument(
        "--version", type=_version, default="1.0.0", metavar="X.Y.Z", help="names the two files"
    )
    split.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    split.add_argument("--json", action="store_true", help="one JSON object on stdout")

    adopt = actions.add_parser(
        "adopt", help="take over chat rows of others: add provenance, or make golden cases"
    )
    adopt.add_argument(
        "file", type=Path, metavar="FILE.jsonl", help="chat rows whose last answer is the label"
    )
    adopt.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    adopt.add_argument("--as", dest="form", choices=("rows", "cases"), default="rows", help="default rows")
    adopt.add_argument("--source", choices=("human", "synthetic", "prod_sample"), default="human")
    adopt.add_argument("--reviewed", action="store_true", help="a person has looked at these rows")
    adopt.add_argument("--locale", metavar="NAME", help="language of the rows, such as en")
    adopt.add_argument("--labels", metavar="A,B,...", help="keep these labels only")
    adopt.add_argument(
        "--system", metavar="TEXT", help="system prompt of the rows, the one the model will be asked with"
    )
    adopt.add_argument("--answer-key", metavar="KEY", help='write answers as JSON, {"KEY": label}')
    adopt.add_argument("--id-prefix", default="row", metavar="WORD", help="ids are WORD-00001 and so on")
    adopt.add_argument(
        "--without",
        type=Path,
        action="append",
        default=[],
        metavar="CASES",
        help="drop rows that give them away",
    )
    adopt.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    return ACTIONS[arguments.data_command](arguments)


def run_split(arguments: argparse.Namespace) -> int:
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


def run_adopt(arguments: argparse.Namespace) -> int:
    """Write rows with metadata, or cases with expectations."""
    from liftgate.data.adopt import Adoption, adopt_cases, adopt_rows, prompt_prints
    from liftgate.data.golden import read_cases
    from liftgate.files import read_bytes, sha256_file, write_jsonl

    rows = read_dataset(arguments.file).rows
    adoption = Adoption(
        id_prefix=arguments.id_prefix,
        source=arguments.source,
        reviewed=arguments.reviewed,
        locale=arguments.locale,
        labels=frozenset(arguments.labels.split(",")) if arguments.labels else None,
        answer_key=arguments.answer_key,
        system=arguments.system,
    )
    known = [read_cases(read_bytes(path, "golden set"), str(path)) for path in arguments.without]
    without = prompt_prints(case.prompt for cases in known for case in cases)
    taken = list(
        adopt_cases(rows, adoption)
        if arguments.form == "cases"
        else adopt_rows(rows, adoption, without=without)
    )
    if arguments.form == "rows" and known:
        taken = _without_leaks(taken, known)
    if not taken:
        raise InputError(f"{arguments.file}: no row is left", hint="check --labels and --without")
    write_jsonl(arguments.out, taken)
    said = {"file": str(arguments.out), "rows": len(taken), "sha256": sha256_file(arguments.out)}
    left = f"{arguments.out}: {len(taken)} {arguments.form}, {len(rows) - len(taken)} left out\n"
    answer(arguments, {"schema_version": 1, **said, "left_out": len(rows) - len(taken)}, left)
    return ExitCode.PASS


def _without_leaks(rows: list[dict[str, Any]], golden: Sequence[Cases]) -> list[dict[str, Any]]:
    """The rows that none of the leakage rules flags: near copies of golden prompts go as well as exact ones."""
    import orjson

    from liftgate.data.checks.context import Context
    from liftgate.data.checks.leakage import golden_entity_swap, golden_leak, golden_near_leak
    from liftgate.data.dataset import read_rows

    written = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    context = Context(read_rows(written, "adopted rows"), golden=tuple(golden))
    leaked = {f.line for rule in (golden_leak, golden_near_leak, golden_entity_swap) for f in rule(context)}
    return [row for line, row in enumerate(rows, start=1) if line not in leaked]


ACTIONS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {"adopt": run_adopt, "split": run_split}


def read_dataset(path: Path) -> Dataset:
    """Read a file whose every line must be usable. Raises `InputError` naming the lines that are not."""
    from liftgate.data.dataset import read_rows
    from liftgate.files import read_bytes
    from liftgate.findings import Severity

    dataset = read_rows(read_bytes(path, "dataset"), str(path))
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


def _version(text: str) -> str:
    import re

    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise argparse.ArgumentTypeError("a version such as 1.2.0 is wanted")
    return text
