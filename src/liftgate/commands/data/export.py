"""`liftgate data export`: rows in the form of the platform that will train on them, or the reasons why not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.data.reading import answer
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liftgate.data.dataset import Dataset
    from liftgate.data.exporters.pieces import Written
    from liftgate.findings import Finding

TARGETS = ("openai", "azure", "bedrock-nova", "bedrock-claude", "trl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, the target, where to write."""
    parser.add_argument(
        "file", type=Path, metavar="FILE.jsonl", help="rows in our shape or in any target's own"
    )
    parser.add_argument("--target", choices=TARGETS, required=True, help="where the rows will be trained")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help="what to upload")
    parser.add_argument(
        "--ids",
        type=Path,
        metavar="FILE.jsonl",
        help="which row each line of --out is, to find the row that a job complains about (keep it here)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Write every row, or none: 0, or 10 with a finding a line."""
    from liftgate.commands.checking.surroundings import read_dataset
    from liftgate.data.targets import TARGETS as PROFILES
    from liftgate.files import sha256_file, write_jsonl

    target = PROFILES[arguments.target]
    _refuse_own_input(arguments)
    dataset = read_dataset(arguments.file)
    written, findings = export_rows(dataset, target.name)
    if findings:
        return _refuse(arguments, findings)
    write_export(arguments.out, written, target.name)
    if arguments.ids:
        write_jsonl(arguments.ids, _ids(dataset))
    said = {
        "target": target.name,
        "file": str(arguments.out),
        "rows": len(written),
        "bytes": arguments.out.stat().st_size,
        "sha256": sha256_file(arguments.out),
        "ids": str(arguments.ids) if arguments.ids else None,
    }
    human = f"{arguments.out}: {len(written)} rows for {target.name}, sha256 {said['sha256']}\n"
    answer(arguments, {"schema_version": 1, "outcome": "pass", "findings": [], **said}, human)
    return ExitCode.PASS


def export_rows(dataset: Dataset, target: str) -> tuple[Sequence[Written], list[Finding]]:
    """Every row as the target's own files hold it, and a finding for each line that cannot be written so."""
    from liftgate.data.exporters import EXPORTERS
    from liftgate.data.shape import order_problems, shape_problems
    from liftgate.findings import Finding, Severity, ordered

    findings = [finding for finding in dataset.findings if finding.severity is Severity.ERROR]

    def refuse(line: int | None, problems: Sequence[str]) -> None:
        findings.append(Finding("inexpressible-row", Severity.ERROR, "; ".join(problems), dataset.path, line))

    if not dataset.rows and not findings:
        raise InputError(f"{dataset.path} holds no rows")
    usable = []
    for row in dataset.rows:
        # Any target's own shape can be read, so a row is held against its own target's.
        problems = shape_problems(row, row.owner)
        if problems and row.owner is None and not shape_problems(row, "trl"):
            problems = []
        problems = problems or order_problems(row)
        if problems:
            refuse(row.line, problems)
        else:
            usable.append(row)
    if usable and any(row.is_preference != usable[0].is_preference for row in usable):
        odd = next(row for row in usable if row.is_preference != usable[0].is_preference)
        refuse(odd.line, ["chat and preference rows in one file; a job trains on one kind"])
    written = list(EXPORTERS[target](usable))
    for each in written:
        if each.problems:
            refuse(each.row.line, each.problems)
    return written, ordered(findings)


def _refuse_own_input(arguments: argparse.Namespace) -> None:
    for path in (arguments.out, arguments.ids):
        if path and path.exists() and arguments.file.exists() and path.samefile(arguments.file):
            raise InputError(
                f"{path} is the file that is read", hint="choose another name for --out or --ids"
            )
    if arguments.ids and arguments.ids.absolute() == arguments.out.absolute():
        raise InputError("--ids and --out are the same file", hint="the ids stay here, the rows are uploaded")


def _refuse(arguments: argparse.Namespace, findings: Sequence[Finding]) -> int:
    lines = [
        f"{finding.place}: {finding.severity}: {finding.message} [{finding.rule}]" for finding in findings
    ]
    count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
    human = "\n".join([*lines, f"{arguments.out}: not written, {count}"]) + "\n"
    machine: dict[str, Any] = {
        "schema_version": 1,
        "outcome": "block",
        "target": arguments.target,
        "findings": [finding.to_dict() for finding in findings],
    }
    answer(arguments, machine, human)
    return ExitCode.BLOCKED


def write_export(path: Path, rows: Sequence[Written], target: str) -> None:
    """Write rows as the target reads them."""
    import orjson

    from liftgate.data.jsonl import BYTE_ORDER_MARK
    from liftgate.data.targets import TARGETS as PROFILES
    from liftgate.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as out:
        if PROFILES[target].byte_order_mark:
            out.write(BYTE_ORDER_MARK)
        for row in rows:
            out.write(orjson.dumps(row.data) + b"\n")


def _ids(dataset: Dataset) -> list[dict[str, Any]]:
    return [
        {"line": number, "id": row.id, "source": f"{dataset.path}:{row.line}"}
        for number, row in enumerate(dataset.rows, start=1)
    ]
