"""`liftgate data adopt`: chat rows of others become rows with provenance, or golden cases."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from liftgate.commands.data.reading import answer, read_dataset
from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, what it becomes, and what its rows lack."""
    parser.add_argument(
        "file", type=Path, metavar="FILE.jsonl", help="chat rows whose last answer is the label"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--as", dest="form", choices=("rows", "cases"), default="rows", help="default rows")
    parser.add_argument("--source", choices=("human", "synthetic", "prod_sample"), default="human")
    parser.add_argument("--reviewed", action="store_true", help="a person has looked at these rows")
    parser.add_argument("--locale", metavar="NAME", help="language of the rows, such as en")
    parser.add_argument("--labels", metavar="A,B,...", help="keep these labels only")
    parser.add_argument(
        "--system", metavar="TEXT",
        help="system prompt of the rows, the one the model will be asked with (default: that of the rows)",
    )  # fmt: skip
    parser.add_argument(
        "--bucket", default="intent", metavar="NAME",
        help="what the suite calls the label of a case: intent (default), or label where init made the suite",
    )  # fmt: skip
    parser.add_argument("--answer-key", metavar="KEY", help='write answers as JSON, {"KEY": label}')
    parser.add_argument("--id-prefix", default="row", metavar="WORD", help="ids are WORD-00001 and so on")
    parser.add_argument(
        "--without",
        type=Path,
        action="append",
        default=[],
        metavar="CASES",
        help="drop rows that give them away",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Write rows with metadata, or cases with expectations."""
    from liftgate.data.golden import read_cases
    from liftgate.data.rewriting.adopt import (
        LEFT_OUT,
        Adoption,
        adopt_cases,
        adopt_rows,
        leaking,
        prompt_prints,
    )
    from liftgate.files import read_bytes, sha256_file, write_jsonl
    from liftgate.report.numbers import plural

    rows = read_dataset(arguments.file).rows
    adoption = Adoption(
        id_prefix=arguments.id_prefix,
        source=arguments.source,
        reviewed=arguments.reviewed,
        locale=arguments.locale,
        labels=frozenset(arguments.labels.split(",")) if arguments.labels else None,
        answer_key=arguments.answer_key,
        system=arguments.system,
        bucket=arguments.bucket,
    )
    known = [read_cases(read_bytes(path, "golden set"), str(path)) for path in arguments.without]
    without = prompt_prints(case.prompt for cases in known for case in cases)
    left: Counter[str] = Counter()
    taken = list(
        adopt_cases(rows, adoption, left)
        if arguments.form == "cases"
        else adopt_rows(rows, adoption, left, without=without)
    )
    if arguments.form == "rows" and known:
        leaks = leaking(taken, known)
        left["gives-a-case-away"] += len(leaks)
        taken = [row for index, row in enumerate(taken) if index not in leaks]
    if not taken:
        raise InputError(f"{arguments.file}: no row is left", hint="check --labels and --without")
    before = arguments.out.read_bytes().count(b"\n") if arguments.out.is_file() else None
    write_jsonl(arguments.out, taken)
    said = {"file": str(arguments.out), "rows": len(taken), "sha256": sha256_file(arguments.out)}
    why = "".join(
        f"  left out: {count:,} {LEFT_OUT[reason]}\n" for reason, count in left.most_common() if count
    )
    machine = {"schema_version": 1, **said, "left_out": left.total(), "left_out_by_reason": dict(+left)}
    instead = "" if before is None else f", in place of the {before:,} lines that were there"
    answer(arguments, machine, f"{arguments.out}: {plural(len(taken), arguments.form[:-1])}{instead}\n{why}")
    return ExitCode.PASS
