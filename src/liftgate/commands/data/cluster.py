"""`liftgate data cluster`: golden cases that nearly repeat one another get one `cluster_id`."""

from __future__ import annotations

import argparse
from pathlib import Path

from liftgate.commands.data.reading import answer
from liftgate.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The cases, and where the result goes."""
    parser.add_argument("cases", type=Path, metavar="CASES.jsonl", help="golden or safety cases")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, metavar="FILE")
    where.add_argument("--write", action="store_true", help="change the file itself")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Write the cases with cluster ids; every byte but those of new ids stays."""
    from liftgate.data.cluster import Clustering, clustered
    from liftgate.data.golden import read_cases
    from liftgate.files import read_bytes, sha256_bytes, write_bytes

    data = read_bytes(arguments.cases, "golden set")
    found: Clustering = clustered(data, read_cases(data, str(arguments.cases)))
    target: Path = arguments.out or arguments.cases
    write_bytes(target, found.data)
    sizes = sorted(map(len, found.clusters.values()), reverse=True)
    machine = {
        "schema_version": 1,
        "file": str(target),
        "sha256": sha256_bytes(found.data),
        "clusters": [{"size": len(lines), "lines": list(lines)} for lines in sorted(found.clusters.values())],
        "cases_given_an_id": len(found.assigned),
        "across_clusters": [list(lines) for lines in found.across],
    }
    human = [
        f"{target}: {_count(len(sizes), 'cluster')}"
        + (
            f" of {', '.join(map(str, sizes[:10]))}{' and fewer' if len(sizes) > 10 else ''} cases"
            if sizes
            else ""
        )
        + f", {_count(len(found.assigned), 'case')} given an id\n"
    ]
    human += [
        f"{target}:{lines[0]}: nearly repeated on {_lines(lines[1:])} under another cluster_id; left so\n"
        for lines in found.across
    ]
    answer(arguments, machine, "".join(human))
    return ExitCode.PASS


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _lines(lines: tuple[int, ...]) -> str:
    return f"line{'' if len(lines) == 1 else 's'} {', '.join(map(str, lines[:10]))}"
