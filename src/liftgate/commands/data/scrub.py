"""`liftgate data scrub`: consistent placeholders in place of personal data and credentials."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.data.reading import answer
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.data.rewriting.scrub import Placeholders, Scrubbed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files, where the scrubbed ones go, and the mapping that training and evaluation share."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.jsonl", help="rows or cases")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="files keep their names")
    parser.add_argument(
        "--mapping",
        type=Path,
        required=True,
        metavar="FILE",
        help="which value has which placeholder: read when it exists, then completed. Holds personal data",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Scrub all files together; write the mapping first, so that no placeholder is ever without its value."""
    from liftgate.data.rewriting.scrub import scrub_files
    from liftgate.files import read_bytes, sha256_bytes, write_bytes

    targets = _targets(arguments.files, arguments.out)
    known = _read_mapping(arguments.mapping)
    before = sum(map(len, known.numbers.values()))
    results = scrub_files({str(path): read_bytes(path, "dataset") for path in arguments.files}, known)
    _write_private(arguments.mapping, known)
    for path, result in results.items():
        write_bytes(targets[path], result.data)
    files = [
        {
            "file": str(targets[path]),
            "sha256": sha256_bytes(result.data),
            "replaced": dict(sorted(result.replaced.items())),
            "lines_changed": len(result.changed),
            "lines_naming_a_part": result.mentioned,
        }
        for path, result in results.items()
    ]
    values = sum(map(len, known.numbers.values()))
    machine = {"schema_version": 1, "files": files, "values": values, "new_values": values - before}
    answer(arguments, machine, _sentences(results, targets, values, values - before))
    return ExitCode.PASS


def _targets(files: list[Path], folder: Path) -> dict[str, Path]:
    targets: dict[str, Path] = {}
    for path in files:
        target = folder / path.name
        if target in targets.values():
            raise InputError(f"two files are named {path.name}", hint="scrub them into different folders")
        if target.exists():
            raise InputError(f"{target} exists; nothing is overwritten", hint="choose another --out folder")
        targets[str(path)] = target
    return targets


def _read_mapping(path: Path) -> Placeholders:
    from liftgate.data.rewriting.scrub import Placeholders
    from liftgate.files import read_json
    from liftgate.repository import keeps

    if keeps(path):
        raise InputError(
            f"{path} would be kept by git, and a mapping holds the personal data itself",
            hint="choose a path outside the repository, or add this one to .gitignore (and `git rm --cached` it)",
        )
    return Placeholders.from_dict(read_json(path), str(path)) if path.exists() else Placeholders()


def _write_private(path: Path, known: Placeholders) -> None:
    import os
    import tempfile

    from liftgate.files import pretty

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A temporary file of this kind is readable by its owner only, and stays so under its new name.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(pretty(known.to_dict()))
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _sentences(results: dict[str, Scrubbed], targets: dict[str, Path], values: int, new: int) -> str:
    lines = []
    for path, result in results.items():
        counts: dict[str, Any] = dict(sorted(result.replaced.items()))
        said = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing"
        lines.append(f"{targets[path]}: {said} replaced in {len(result.changed)} lines\n")
        lines += [
            f"{targets[path]}:{line}: still names a part of a replaced value\n"
            for line in result.mentioned[:10]
        ]
        if len(result.mentioned) > 10:
            lines.append(f"{targets[path]}: and {len(result.mentioned) - 10} more such lines\n")
    return "".join((*lines, f"{values} values have placeholders, {new} of them new\n"))
