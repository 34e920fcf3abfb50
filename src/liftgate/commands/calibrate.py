"""`liftgate calibrate`: hold a judge against answers that people labelled, and write how far they agree."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from liftgate.commands.asking.cases import add_store
from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The labels, the judge, and where its calibration goes."""
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="FILE.jsonl", help="answers that people graded"
    )
    parser.add_argument(
        "--judge", type=Path, required=True, metavar="FILE", help="evals/<alias>/judges/<name>.yaml"
    )
    parser.add_argument(
        "--metric", metavar="NAME", help="the judge's metric (default: the judge file's name)"
    )
    parser.add_argument("--suite", type=Path, metavar="FILE", help="the suite whose case ids the labels name")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the bootstrap (default: 0)")
    add_store(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="evals/<alias>/calibration.json"
    )
    parser.add_argument("--json", action="store_true", help="the calibration on stdout as well")


def run(arguments: argparse.Namespace) -> int:
    """Ask the judge about every labelled answer, write the calibration; 0 however well it agrees."""
    from liftgate.commands.asking.graders import open_judge
    from liftgate.evaluation.calibration import calibration, read_labels
    from liftgate.evaluation.later import OpenJudge, judge_all
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.evaluation.suite_folder import read_judge, read_suite
    from liftgate.files import pretty, read_bytes, sha256_bytes, write_json

    judge = read_judge(arguments.judge)
    cases: dict[str, Any] = {}
    if arguments.suite is not None:
        folder = read_suite(arguments.suite)
        cases = {**folder.golden.by_id, **(folder.safety.by_id if folder.safety is not None else {})}
    data = read_bytes(arguments.labels, "label file")
    labelled = read_labels(data, str(arguments.labels), judge, cases)
    opened = OpenJudge(judge, open_judge(judge))
    if arguments.seed < 0:
        raise InputError("--seed must be a number from 0")
    metric = arguments.metric or arguments.judge.stem
    shared = None
    if arguments.shared_store is not None:
        shared = ResponseStore(arguments.shared_store, read_only=True)
    store = shared if arguments.no_store else ResponseStore(arguments.store, shared=shared)
    used: dict[str, Any] = {}
    try:
        readings = judge_all(
            opened,
            [each.shown for each in labelled],
            [each.answers for each in labelled],
            store,
            metric,
            used,
        )
    finally:
        if store is not None:
            store.close()
    found = calibration(
        metric,
        judge,
        opened.about(),
        labelled,
        readings,
        labels_sha256=sha256_bytes(data),
        seed=arguments.seed,
    )
    write_json(arguments.out, found)
    if arguments.json:
        sys.stdout.write(pretty(found).decode())
    sys.stderr.write(_for_people(found, arguments.out))
    return ExitCode.PASS


def _for_people(found: dict[str, Any], out: Path) -> str:
    from liftgate.verdict.judge import Calibration

    lines = [f"{found['metric']}: {Calibration.from_dict(found).told}, equal on {found['equal']:.0%} → {out}"]
    menu = found["categories"]
    width = max(map(len, ["people", *menu]))
    cells = [max(len(name), *(len(str(row[i])) for row in found["confusion"])) for i, name in enumerate(menu)]
    for name, row in [("people", menu), *zip(menu, found["confusion"], strict=True)]:
        told = "  ".join(f"{cell:>{size}}" for cell, size in zip(row, cells, strict=True))
        lines.append(f"  {name:>{width}} | {'judge ' if row is menu else '      '}{told}")
    if found["pairwise"]:
        lines.append(f"  the same in both orders: {found['same_in_both_orders']} of {found['human_pairs']}")
    if found["unscored"]:
        lines.append(f"warning: {found['unscored']} answers got no judgement on the menu and are left out")
    return "\n".join(lines) + "\n"
